"""What the normalizer does with webhooks of a tenant: fates, and the nudges that went out."""

from collections.abc import Iterable

from msgspec import Struct
from msgspec.structs import replace

from headrace.config.tenants import Account, Tenants
from headrace.core.mapping import Entry, Mapping, Row
from headrace.records.nudge import AddressedNudge, decode_nudge
from headrace.sdk.provider import Nudge, Provider, RawEvent, Tenant
from tests.providers.kit import RECEIVED
from tests.unit.partition import Partition


class Decided(Struct):
    """The fates of records, and the nudges that they became."""

    fates: list[str]
    nudges: list[Nudge]
    addressed: list[AddressedNudge]


def decide_on(provider: Provider, raws: Iterable[RawEvent], settings: Tenant, mapping: Mapping) -> Decided:
    """Decide on raw events of one tenant, as one batch of a new partition."""
    raws = list(raws)
    here = Partition(Tenants([Account(provider, raws[0].tenant, settings, mapping)]), now=RECEIVED)
    commit = here.hear(provider, *raws)
    addressed = [decode_nudge("nudges", out.key, out.value)[1] for out in commit.nudges]
    nudges = [Nudge(nudge.feed, nudge.lead, nudge.event) for nudge in addressed]
    return Decided(here.fates, nudges, addressed)


def reaching(mapping: Mapping, reach: str) -> Mapping:
    """Return a table with all its rows given a reach, as a tenant's overlay may."""
    return Mapping(_with_reach(entry, reach) for entry in mapping.entries)


def _with_reach(entry: Entry, reach: str) -> Entry:
    words: dict[str, Row] = {word: replace(row, reach=reach) for word, row in entry.words.items()}
    return replace(entry, row=replace(entry.row, reach=reach), words=words)
