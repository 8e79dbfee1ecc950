"""One fact in all its shapes, in every order and through every way: one event a version, the last state last.

Two things that come in cannot be ordered where one of them carries no version: a webhook that says what an older
version said may be late, or may tell of a change back. Where nobody polls, each such copy with something new in it is
published when it comes, and so is a numbered version behind an unnumbered copy of a newer one. These orders, which
`is_told_in_order` describes, may give an event more than there are versions; what holds for them, too, is said by
`test_promise_2_in_any_order`.
"""

import itertools
import math
import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache

import msgspec
import pytest

from headrace.door import admit, name
from headrace.providers.base import Draft, Identity, RawEvent
from headrace.publish import Out, meaning_of
from headrace.tenants import Account, Tenants
from headrace_events import Event, Via
from tests.providers import suite
from tests.providers.kit import RECEIVED, TENANT, Rendering, Twin
from tests.providers.suite import HOMES, Home
from tests.unit.partition import Partition

FEW = 6
"""Up to so many renderings are told in every order."""
SAMPLED = 300
"""Of more, so many orders are drawn."""

EACH = pytest.mark.parametrize("home", HOMES, ids=lambda home: home.name)
POLLING = pytest.mark.parametrize("polling", [False, True], ids=["not polled", "polled"])


@dataclass(frozen=True)
class Told:
    """One rendering as it stands before the normalizer: which version it tells, who and what it is about."""

    version: int
    identity: Identity
    meaning: int | None
    out: Out

    @property
    def named(self) -> tuple[str, str]:
        """The resource and id."""
        return self.identity.resource, self.identity.id

    @property
    def number(self) -> int | None:
        """The number of its version, None where the shape does not carry one."""
        return None if self.identity.version == "unknown" else self.identity.version or 0


@dataclass(frozen=True)
class Heard:
    """What came of an order: the events, each with what told it, and the fate of each rendering."""

    events: Sequence[tuple[Event, Told]]
    fates: Sequence[str]


@cache
def twins(home: Home) -> list[Twin]:
    """Give the twins of a provider."""
    return list(suite.kit_of(home).twins())


def told(home: Home, twin: Twin, via: Via | None = None) -> list[list[Told]]:
    """Pass each rendering of each version through the door, as it came or all by one way."""
    return [[_told(home, version, rendering, via) for rendering in all_] for version, all_ in enumerate(twin.versions)]


def _told(home: Home, version: int, rendering: Rendering, via: Via | None) -> Told:
    provider, piece = suite.provider_of(home), rendering.piece
    raw = RawEvent(provider.name, TENANT, piece.shape, piece.value, via or rendering.via, RECEIVED, piece.hint)
    draft = provider.translate(raw, suite.mapping_of(home))
    meaning = meaning_of(draft) if isinstance(draft, Draft) else None
    return Told(version, name(provider, raw), meaning, admit(provider, raw))


@cache
def tenants(home: Home, *, polling: bool) -> Tenants:
    """Configure the tenant of the samples."""
    settings = msgspec.structs.replace(suite.kit_of(home).settings, polling=polling)
    return Tenants([Account(suite.provider_of(home), TENANT, settings, suite.mapping_of(home))])


def hear(home: Home, order: Sequence[Told], *, polling: bool) -> Heard:
    """Decide on renderings in an order, and hold what comes out to what holds in every order."""
    here = Partition(tenants(home, polling=polling), now=RECEIVED)
    here.take(*(each.out for each in order))
    events = [(event, order[event.data.provenance.raw.offset]) for event in here.events]
    assert len({event.id for event, _ in events}) == len(events), "an id is there twice"
    assert len(here.fates) == len(order)
    assert "dead" not in here.fates
    return Heard(events, here.fates)


def orders(all_: Sequence[Told]) -> Iterator[Sequence[Told]]:
    """Give every order of a few renderings, and a sample of the orders of more."""
    if len(all_) <= FEW:
        yield from itertools.permutations(all_)
        return
    rng = random.Random(len(all_))
    for _ in range(SAMPLED):
        yield rng.sample(all_, len(all_))


def orders_by_version(versions: Sequence[Sequence[Told]]) -> Iterator[list[Told]]:
    """Give the orders in which versions follow each other, with a copy of each rendering somewhere behind it."""
    many = math.prod(math.factorial(len(each)) for each in versions)
    rng = random.Random(many)
    if many <= SAMPLED:
        for parts in itertools.product(*(itertools.permutations(each) for each in versions)):
            yield with_copies([list(part) for part in parts], rng)
        return
    for _ in range(SAMPLED):
        yield with_copies([rng.sample(each, len(each)) for each in versions], rng)


def with_copies(parts: Iterable[list[Told]], rng: random.Random) -> list[Told]:
    """Repeat each rendering within its version."""
    order: list[Told] = []
    for part in parts:
        repeated = list(part)
        for each in part:
            repeated.insert(rng.randint(repeated.index(each) + 1, len(repeated)), each)
        order += repeated
    return order


def is_last_last(heard: Heard, order: Sequence[Told]) -> bool:
    """Tell whether the last event of each id says what its last version says."""
    last = {event.named: event.meaning for _, event in heard.events}
    newest: dict[tuple[str, str], Told] = {}
    for each in order:
        if each.meaning is not None and each.version >= newest.get(each.named, each).version:
            newest[each.named] = each
    return all(last.get(named) == each.meaning for named, each in newest.items())


def is_told_in_order(order: Sequence[Told]) -> bool:
    """Tell whether no version comes behind a newer one of its id where either of the two has no number."""
    for behind, each in enumerate(order):
        for before in order[:behind]:
            if before.named == each.named and before.version > each.version and None in (before.number, each.number):
                return False
    return True


@EACH
def test_a_provider_has_twins(home: Home) -> None:
    """Each provider offers facts that are told more than once, and versions among them."""
    assert twins(home)
    assert any(len(twin.versions) > 1 for twin in twins(home))


@EACH
def test_renderings_of_one_version_agree(home: Home) -> None:
    """Shapes that tell the same name the same thing, mean the same, and agree on its number where they carry one."""
    for twin in twins(home):
        for all_ in told(home, twin):
            by_name = {named: [each for each in all_ if each.named == named] for named in {e.named for e in all_}}
            for named, same in by_name.items():
                assert len({each.meaning for each in same}) == 1, f"{twin.name}: {named} means different things"
                assert len({each.number for each in same} - {None}) <= 1, f"{twin.name}: {named} has two numbers"


@EACH
def test_versions_ascend(home: Home) -> None:
    """A later version never has a lower number."""
    for twin in twins(home):
        numbers: dict[tuple[str, str], int] = {}
        for each in itertools.chain(*told(home, twin)):
            if each.number is not None:
                assert each.number >= numbers.get(each.named, 0), f"{twin.name}: {each.named}"
                numbers[each.named] = each.number


@EACH
@pytest.mark.parametrize("via", [None, *Via], ids=["as it came", *Via])
def test_promise_2_in_the_order_of_versions(home: Home, via: Via | None) -> None:
    """Whatever the order inside a version, the repetitions and the way: as many events as there are versions."""
    for twin in twins(home):
        for order in orders_by_version(told(home, twin, via)):
            heard = hear(home, order, polling=False)
            assert len(heard.events) == twin.expected, f"{twin.name}: {list(zip(order, heard.fates, strict=True))}"
            assert is_last_last(heard, order), f"{twin.name}: {list(zip(order, heard.fates, strict=True))}"


@EACH
def test_promise_2_in_the_order_of_versions_where_a_feed_helps(home: Home) -> None:
    """Of a polled tenant a version is published, or a feed is woken that will bring it, and none twice."""
    for twin in twins(home):
        for order in orders_by_version(told(home, twin)):
            heard = hear(home, order, polling=True)
            published = {each.version for _, each in heard.events}
            nudged = {each.version for each, fate in zip(order, heard.fates, strict=True) if fate == "nudged"}
            assert len(heard.events) == len(published) <= twin.expected, twin.name
            assert len(published | nudged) >= twin.expected, twin.name


@EACH
@POLLING
def test_promise_2_in_any_order(home: Home, *, polling: bool) -> None:
    """No version is published twice where versions can be told apart, and the last state is the last then.

    Where a tenant is polled the last state is the last in every order, given that a feed brings it with its number.
    """
    for twin in twins(home):
        for order in orders(list(itertools.chain(*told(home, twin)))):
            heard = hear(home, order, polling=polling)
            known = is_told_in_order(order)
            if known:
                assert len({each.version for _, each in heard.events}) == len(heard.events), twin.name
                assert len(heard.events) <= len(twin.versions), twin.name
            if (known and not polling) or (polling and not {each.number for each in order if is_newest(each, order)} == {None}):
                assert is_last_last(heard, order), f"{twin.name}: {list(zip(order, heard.fates, strict=True))}"


def is_newest(told_: Told, order: Sequence[Told]) -> bool:
    """Tell whether nothing tells of a newer version of the same id."""
    return told_.version == max(each.version for each in order if each.named == told_.named)
