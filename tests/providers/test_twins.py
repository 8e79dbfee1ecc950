"""The twin suite: whatever shape tells a fact, in whatever order and however often, it is published once a version."""

import itertools
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import pytest

from headrace.decide import Commit, Limits, decide
from headrace.door import admit
from headrace.providers.base import RawEvent
from headrace.seen import Seen, decode_record
from headrace.tenants import Account, Tenants
from tests.providers import suite
from tests.providers.kit import RECEIVED, TENANT, Rendering, Twin
from tests.providers.suite import HOMES, Home

EACH = pytest.mark.parametrize("home", HOMES, ids=lambda home: home.name)
LIMITS = Limits(topic="raw", partition=0)
Told = tuple[int, Rendering]  # which version, how


@dataclass(frozen=True)
class Record:
    """A raw record as the log gives it."""

    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]]


def records(home: Home, story: Iterable[Told]) -> list[Record]:
    """Let every rendering of a story in through the door."""
    found = []
    for offset, (_, told) in enumerate(story):
        piece = told.piece
        raw = RawEvent(home.name, TENANT, piece.shape, piece.value, told.via, RECEIVED, piece.hint)
        out = admit(suite.provider_of(home), raw)
        found.append(Record(offset, RECEIVED, out.key, out.value, out.headers))
    return found


def published(home: Home, story: Sequence[Told], size: int) -> list[int]:
    """Run a story through the normalizer in batches of `size`; give the versions published, in order."""
    tenants = Tenants([Account(suite.provider_of(home), TENANT, suite.kit_of(home).settings, suite.mapping_of(home))])
    seen, log, found = Seen(), records(home, story), list[int]()
    for start in range(0, len(log), size):
        commit: Commit = decide(log[start : start + size], seen, tenants, LIMITS, RECEIVED)
        seen.apply([decode_record(commit.seen_value)], start)
        dead = [decision.note for decision in commit.decisions if decision.fate == "dead"]
        assert not dead, dead
        found += [story[decision.offset][0] for decision in commit.decisions if decision.fate == "published"]
    return found


def stories(twin: Twin) -> Iterable[list[Told]]:
    """Tell the versions in order, each in every order of its renderings, all of them twice."""
    orders = [list(itertools.islice(itertools.permutations(version), 24)) for version in twin.versions]
    for turn in range(max(map(len, orders))):
        chosen = [order[turn % len(order)] for order in orders]
        yield [(number, told) for number, version in enumerate(chosen) for told in (*version, *version)]
        # One way only for each version: webhook alone, poll alone.
        yield [(number, version[0]) for number, version in enumerate(chosen)]


@EACH
@pytest.mark.parametrize("size", [1, 100], ids=["one by one", "one batch"])
def test_promise_2_every_version_is_published_once_in_every_shape_and_order(home: Home, size: int) -> None:
    """Each version of a twin comes out once, the last one last."""
    for twin in suite.kit_of(home).twins():
        for story in stories(twin):
            told = published(home, story, size)
            shapes = [f"{number}:{rendering.piece.shape}/{rendering.via}" for number, rendering in story]
            assert len(told) == twin.expected, f"{twin.name}: {told} of {shapes}"
            assert told == sorted(set(told)), f"{twin.name}: {told} of {shapes}"


def numbered(home: Home, twin: Twin) -> list[Told]:
    """Give the renderings of a twin that carry a number, where the numbers tell the versions apart; else nothing."""
    provider = suite.provider_of(home)
    found, numbers = list[Told](), dict[int, set[int]]()
    for version, renderings in enumerate(twin.versions):
        for told in renderings:
            piece = told.piece
            raw = RawEvent(home.name, TENANT, piece.shape, piece.value, told.via, RECEIVED, piece.hint)
            number = provider.identity(raw).version
            if isinstance(number, int):
                found.append((version, told))
                numbers.setdefault(version, set()).add(number)
    apart = len(set().union(*numbers.values())) == sum(map(len, numbers.values())) == len(twin.versions)
    return found if apart and twin.expected == len(twin.versions) else []


@EACH
def test_promise_2_late_copies_of_old_versions_are_stale(home: Home) -> None:
    """Numbered versions in any order: none twice, never an older one after a newer one, the last one always."""
    for twin in suite.kit_of(home).twins():
        story = numbered(home, twin) * 2
        for seed in range(20 if story else 0):
            told = published(home, random.Random(seed).sample(story, len(story)), 3)
            assert told == sorted(set(told)), twin.name
            assert told[-1] == len(twin.versions) - 1, twin.name


@EACH
def test_there_are_twins(home: Home) -> None:
    """Every provider offers some."""
    assert suite.kit_of(home).twins()
