"""One fact in all its shapes, in every order and through every way: one event a version, the last state last.

Three kinds of pairs cannot be ordered by the normalizer, because nothing in them says which is newer: a copy without a
version behind a newer version (a webhook that came late, or one that tells of a change back?), a numbered version
behind an unnumbered copy of a newer one, and two states under one number (a clock of whole seconds). What is new in the
later of such a pair is published, so that nothing is lost; an older state may then come out again, or stand last until
the next version. `comes_in_order` is false of such orders. Where a tenant is polled the first kind wakes a feed
instead, and a number that is higher than all others is always the last.
"""

import itertools
import math
import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache

import msgspec
import pytest

from headrace.config.tenants import Account, Tenants
from headrace.core.record import ProducerRecord
from headrace.records.event import meaning_of
from headrace.records.raw import identify, to_raw_record
from headrace.sdk.provider import Draft, Identity, RawEvent
from headrace_events import Event, Via
from tests.providers import suite
from tests.providers.kit import RECEIVED, TENANT, Rendering, Twin
from tests.providers.suite import HOMES, Home
from tests.unit.partition import Partition

FEW = 6
"""Up to so many renderings are decided on in every order."""
SAMPLED = 300
"""Of more, so many orders are drawn."""

EACH = pytest.mark.parametrize("home", HOMES, ids=lambda home: home.name)
POLLING = pytest.mark.parametrize("polling", [False, True], ids=["not polled", "polled"])


@dataclass(frozen=True)
class NamedRendering:
    """One rendering as it stands before the normalizer: which version it is, who and what it is about."""

    version: int
    identity: Identity
    meaning: int | None
    out: ProducerRecord

    @property
    def named(self) -> tuple[str, str]:
        """The resource and id."""
        return self.identity.resource, self.identity.id

    @property
    def number(self) -> int | None:
        """The number of its version, None where the shape does not carry one."""
        return None if self.identity.version == "unknown" else self.identity.version or 0


@dataclass(frozen=True)
class Outcome:
    """What came of an order: the events, each with its rendering, and the fate of each rendering."""

    order: Sequence[NamedRendering]
    events: Sequence[tuple[Event, NamedRendering]]
    fates: Sequence[str]

    def fates_of(self, named: tuple[str, str]) -> list[str]:
        """Return the fates of one id's renderings."""
        return [fate for each, fate in zip(self.order, self.fates, strict=True) if each.named == named]


@cache
def twins(home: Home) -> list[Twin]:
    """Return the twins of a provider."""
    return list(suite.kit_of(home).twins())


def named_renderings(home: Home, twin: Twin, via: Via | None = None) -> list[list[NamedRendering]]:
    """Pass each rendering of each version through `identity` and `translate`, as it came or all by one way."""
    return [[_named(home, version, rendering, via) for rendering in all_] for version, all_ in enumerate(twin.versions)]


def _named(home: Home, version: int, rendering: Rendering, via: Via | None) -> NamedRendering:
    provider, piece = suite.provider_of(home), rendering.piece
    raw = RawEvent(
        provider=provider.name,
        tenant=TENANT,
        shape=piece.shape,
        value=piece.value,
        via=via or rendering.via,
        received=RECEIVED,
        hint=piece.hint,
    )
    draft = provider.translate(raw, suite.mapping_of(home))
    meaning = meaning_of(draft) if isinstance(draft, Draft) else None
    return NamedRendering(version, identify(provider, raw), meaning, to_raw_record(provider, raw))


@cache
def tenants(home: Home, *, polling: bool) -> Tenants:
    """Configure the tenant of the samples."""
    settings = msgspec.structs.replace(suite.kit_of(home).settings, polling=polling)
    return Tenants([Account(suite.provider_of(home), TENANT, settings, suite.mapping_of(home))])


def decide_on(home: Home, order: Sequence[NamedRendering], *, polling: bool) -> Outcome:
    """Decide on renderings in an order, and hold what comes out to what holds in every order."""
    here = Partition(tenants(home, polling=polling), now=RECEIVED)
    here.take(*(each.out for each in order))
    events = [(event, order[event.data.provenance.raw.offset]) for event in here.events]
    assert len({event.id for event, _ in events}) == len(events), "an id is there twice"
    assert len(here.fates) == len(order)
    assert not set(here.fates) & ({"dead"} if polling else {"dead", "nudged"})
    return Outcome(order, events, here.fates)


def orders(all_: Sequence[NamedRendering]) -> Iterator[Sequence[NamedRendering]]:
    """Return every order of a few renderings, and a sample of the orders of more."""
    if len(all_) <= FEW:
        yield from itertools.permutations(all_)
        return
    rng = random.Random(len(all_))
    for _ in range(SAMPLED):
        yield rng.sample(all_, len(all_))


def orders_by_version(versions: Sequence[Sequence[NamedRendering]]) -> Iterator[list[NamedRendering]]:
    """Return the orders in which versions follow each other, with a copy of each rendering somewhere behind it."""
    many = math.prod(math.factorial(len(each)) for each in versions)
    rng = random.Random(many)
    if many <= SAMPLED:
        for parts in itertools.product(*(itertools.permutations(each) for each in versions)):
            yield with_copies([list(part) for part in parts], rng)
        return
    for _ in range(SAMPLED):
        yield with_copies([rng.sample(each, len(each)) for each in versions], rng)


def with_copies(parts: Iterable[list[NamedRendering]], rng: random.Random) -> list[NamedRendering]:
    """Repeat each rendering within its version."""
    order: list[NamedRendering] = []
    for part in parts:
        repeated = list(part)
        for each in part:
            repeated.insert(rng.randint(repeated.index(each) + 1, len(repeated)), each)
        order += repeated
    return order


def by_name(order: Sequence[NamedRendering]) -> dict[tuple[str, str], list[NamedRendering]]:
    """Return the renderings of each id, in their order."""
    names: dict[tuple[str, str], list[NamedRendering]] = {}
    for each in order:
        names.setdefault(each.named, []).append(each)
    return names


def newest(same: Sequence[NamedRendering]) -> int:
    """Return the last version that any of them tells."""
    return max(each.version for each in same)


def is_last_last(outcome: Outcome, named: tuple[str, str], same: Sequence[NamedRendering]) -> bool:
    """Return whether the last event of an id says what its last version says (or there is none to say anything)."""
    meanings = [each.meaning for _, each in outcome.events if each.named == named]
    wanted = next(each.meaning for each in same if each.version == newest(same))
    return (meanings[-1] if meanings else None) == wanted


def comes_in_order(same: Sequence[NamedRendering]) -> bool:
    """Return whether no version comes behind a newer one that no number tells from it."""
    return not any(
        before.version > each.version and (None in (before.number, each.number) or before.number == each.number)
        for behind, each in enumerate(same)
        for before in same[:behind]
    )


def is_numbered_last(same: Sequence[NamedRendering]) -> bool:
    """Return whether the last version comes with a number that is higher than all others."""
    last = max((each.number or 0 for each in same if each.version == newest(same)), default=0)
    return last > max((each.number or 0 for each in same if each.version != newest(same)), default=0)


@EACH
def test_a_provider_has_twins(home: Home) -> None:
    """Each provider offers facts that come in several renderings, and versions among them."""
    assert twins(home)
    assert any(len(twin.versions) > 1 for twin in twins(home))


@EACH
def test_renderings_of_one_version_agree(home: Home) -> None:
    """Shapes that tell the same name the same thing, mean the same, and agree on its number where they carry one."""
    for twin in twins(home):
        for all_ in named_renderings(home, twin):
            for named, same in by_name(all_).items():
                assert len({each.meaning for each in same}) == 1, f"{twin.name}: {named} means different things"
                assert len({each.number for each in same} - {None}) <= 1, f"{twin.name}: {named} has two numbers"


@EACH
def test_versions_ascend(home: Home) -> None:
    """A later version never has a lower number."""
    for twin in twins(home):
        numbers: dict[tuple[str, str], int] = {}
        for each in itertools.chain(*named_renderings(home, twin)):
            if each.number is not None:
                assert each.number >= numbers.get(each.named, 0), f"{twin.name}: {each.named}"
                numbers[each.named] = each.number


@EACH
@pytest.mark.parametrize("via", [None, *Via], ids=["as it came", *Via])
def test_promise_2_in_the_order_of_versions(home: Home, via: Via | None) -> None:
    """Whatever the order inside a version, the repetitions and the way: as many events as there are versions."""
    for twin in twins(home):
        for order in orders_by_version(named_renderings(home, twin, via)):
            outcome = decide_on(home, order, polling=False)
            assert len(outcome.events) == twin.expected, f"{twin.name}: {outcome.fates}"
            assert all(is_last_last(outcome, *same) for same in by_name(order).items()), f"{twin.name}: {outcome.fates}"


@EACH
def test_promise_2_in_the_order_of_versions_where_a_feed_helps(home: Home) -> None:
    """Of a polled tenant a version is published, or a feed is woken that will bring it, and none twice."""
    for twin in twins(home):
        for order in orders_by_version(named_renderings(home, twin)):
            outcome = decide_on(home, order, polling=True)
            published = {each.version for _, each in outcome.events}
            nudged = {each.version for each, fate in zip(order, outcome.fates, strict=True) if fate == "nudged"}
            assert len(outcome.events) == len(published) <= twin.expected, twin.name
            assert len(published | nudged) >= twin.expected, twin.name


@EACH
@POLLING
def test_promise_2_in_any_order(home: Home, *, polling: bool) -> None:
    """Where numbers can tell versions apart no version comes out twice, and the last state comes last.

    Nothing comes of it when all of it is repeated. Of a polled tenant the last state comes last in every order, given
    that a feed brings it with its number.
    """
    for twin in twins(home):
        for order in orders(list(itertools.chain(*named_renderings(home, twin)))):
            outcome = decide_on(home, order, polling=polling)
            again = decide_on(home, [*order, *order], polling=polling)
            assert len(again.events) == len(outcome.events), f"{twin.name}, repeated: {again.fates}"
            for named, same in by_name(order).items():
                check_any_order(outcome, named, same, polling=polling)


def check_any_order(outcome: Outcome, named: tuple[str, str], same: Sequence[NamedRendering], *, polling: bool) -> None:
    """Hold one id to what holds in any order."""
    published = [each.version for _, each in outcome.events if each.named == named]
    in_order = comes_in_order(same)
    if in_order:
        assert len(set(published)) == len(published), same
    if polling and set(outcome.fates_of(named)) == {"nudged"}:
        return  # a feed will bring it, under another shape
    if is_numbered_last(same) if polling else in_order:
        assert is_last_last(outcome, named, same), same
