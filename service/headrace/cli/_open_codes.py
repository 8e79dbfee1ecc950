"""Native codes without a row of their own in the events on Kafka: how often, what they are today, what is proposed."""

from collections.abc import Mapping as Dict
from typing import Any, Final

import msgspec
from msgspec import Struct

from headrace.cli._code_names import code_names
from headrace.cli._code_uses import (
    MOST_CODES,
    CodeUse,
    Counted,
    EventFilter,
    UseKey,
    add_example,
    count_codes,
    cut,
)
from headrace.cli._codes_today import OPEN, Today, types_today
from headrace.config import Config
from headrace.core.proposals import Named, Proposal, propose
from headrace_events import RawPosition

_NAMELESS: Final = ""


class OpenCode(Struct, kw_only=True):
    """A native code under all its status words: its events, what it is today, and what is proposed for it.

    `table` and `looked_up` are where its row would have to stand, and for which code: None where that is not known.
    `statuses` are how often each status word was seen; `fields` has an example of each field.
    """

    source: str
    resource: str
    code: str
    name: str
    published_as: str
    today: str
    events: int
    first: str
    last: str
    samples: list[RawPosition]
    table: str | None = None
    looked_up: str | None = None
    statuses: dict[str, int]
    fields: dict[str, str]
    proposal: Proposal | None = None

    @property
    def provider(self) -> str:
        """The provider's name, of the source."""
        return self.source[1:].partition("/")[0]

    @property
    def tenant(self) -> str:
        """The tenant's name, of the source."""
        return self.source[1:].partition("/")[2]

    def row(self) -> dict[str, Any]:
        """Return the code as a JSON object."""
        proposal = None if self.proposal is None else {**self.proposal.words(), "why": self.proposal.why}
        found = {name: getattr(self, name) for name in self.__struct_fields__ if name not in ("looked_up", "proposal")}
        return {"provider": self.provider, "tenant": self.tenant, **found, "proposal": proposal}


class OpenCodes(Struct, frozen=True):
    """All codes that were found, by source and number of events; `left_out` events are of codes beyond the bound."""

    codes: list[OpenCode]
    events: int
    left_out: int

    @property
    def remark(self) -> str | None:
        """What to know beside the codes, None where that is nothing."""
        if not self.left_out:
            return None
        return (
            f"Left out: {self.left_out:,} events of further codes; {MOST_CODES:,} are counted at once. "
            "--provider, --tenant or --since makes it fewer."
        )


async def open_codes(config: Config, wanted: EventFilter, *, places: bool = False) -> OpenCodes:
    """Return the codes without a row of their own in all events that are wanted.

    A code occurs once for each type that it is today. With `places`, it is found out where its row would stand.
    """
    counted = await count_codes(config, wanted)
    today = await types_today(config, counted.uses, places=places)
    found = _merged(counted, today)
    await _add_names(config, found)
    decided = {source: counted.names_of(source) for source in {one.source for one in found}}
    for one in found:
        if one.name and one.today != OPEN:
            decided[one.source].append(Named(one.code, one.name, one.today))
    for one in found:
        if one.today == OPEN:
            name = one.name or (one.code if not one.code.isdigit() else _NAMELESS)
            one.proposal = propose(name, (other for other in decided[one.source] if other.code != one.code))
    found.sort(key=lambda one: (one.source, -one.events, one.code))
    return OpenCodes(found, counted.events, counted.left_out)


async def _add_names(config: Config, found: list[OpenCode]) -> None:
    """Add the names that only the account's own list of codes has: not every record carries them."""
    nameless = [one for one in found if not one.name and one.code.isdigit()]
    accounts = {one.source: config.tenants.by_source.get(one.source) for one in nameless}
    names = await code_names(config, (account for account in accounts.values() if account is not None))
    for one in nameless:
        one.name = cut(names.get(one.source, {}).get(one.code, ""))


def _merged(counted: Counted, today: Dict[UseKey, Today]) -> list[OpenCode]:
    """Return each code once for what it is today; events without its name belong to those with the commonest one."""
    found: dict[tuple[str, ...], OpenCode] = {}
    names: dict[tuple[str, str, str], list[str]] = {}
    for key, use in sorted(counted.uses.items(), key=lambda pair: (pair[0].name == _NAMELESS, -pair[1].events)):
        named = names.setdefault((key.source, key.resource, key.code), [])
        named.append(key.name)
        for name in named if key.name == _NAMELESS else (key.name,):
            where = (key.source, key.resource, key.code, name, key.published_as, today[key].word)
            if where in found or name == key.name:
                _add(found.setdefault(where, _begun(key, use, today[key])), key, use)
                break
    return list(found.values())


def _begun(key: UseKey, use: CodeUse, today: Today) -> OpenCode:
    return OpenCode(
        source=key.source,
        resource=key.resource,
        code=key.code,
        name="" if key.name == key.code else key.name,
        published_as=key.published_as,
        today=today.word,
        events=0,
        first=use.first,
        last=use.last,
        samples=[],
        table=today.table,
        looked_up=today.code,
        statuses={},
        fields={},
    )


def _add(one: OpenCode, key: UseKey, use: CodeUse) -> None:
    one.events += use.events
    one.first, one.last = min(one.first, use.first), max(one.last, use.last)
    one.samples = [*one.samples, *(sample.raw for sample in reversed(use.samples))][:3]
    for name, value in use.fields.items():
        add_example(one.fields, name, value)
    if key.status is not None:
        one.statuses[key.status] = one.statuses.get(key.status, 0) + use.events


def encode(one: OpenCode) -> bytes:
    """Return a code as one line of JSON."""
    return msgspec.json.encode(one.row())
