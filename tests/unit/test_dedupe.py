import pytest
from hypothesis import given, strategies as st
from msgspec.structs import replace

from headrace.normalizer.dedupe import Verdict, judge, judge_replay, settle
from headrace.records.mark import IMMUTABLE, UNKNOWN, Mark
from headrace.records.replayed import replay_digest, state_of
from headrace.records.seen import TOTALS
from headrace.sdk.provider import RawEvent
from tests.fake_provider import thing

A, B, C, D, E, F = (n << 1 for n in range(1, 7))
"""Meanings, as `meaning_of` gives them: the lowest bit is free."""


ROW, HOOK = 1, 2
"""Shapes."""


def unversioned(meaning: int) -> int:
    """Return a meaning as a mark keeps it that came without a version."""
    return meaning | 1


def numbered(version: int = 5, *meanings: int, shape: int = ROW) -> Mark:
    return Mark(version, shape, meanings or (A,), 100)


def unknown(*meanings: int) -> Mark:
    return Mark(UNKNOWN, HOOK, tuple(map(unversioned, meanings or (A,))), 100)


IMMUTABLE_MARK = Mark(IMMUTABLE, ROW, (A,), 100)


SETTLED = {
    "no mark, any version: the meaning is needed": (None, 5, None),
    "no mark, immutable: the meaning is needed": (None, IMMUTABLE, None),
    "immutable mark, immutable: duplicate": (IMMUTABLE_MARK, IMMUTABLE, "duplicate"),
    "numbered mark, immutable: duplicate": (numbered(5), IMMUTABLE, "duplicate"),
    "unknown mark, immutable: duplicate": (unknown(), IMMUTABLE, "duplicate"),
    "numbered mark, older: stale": (numbered(5), 4, "stale"),
    "numbered mark, equal: the meaning is needed": (numbered(5), 5, None),
    "numbered mark, newer: the meaning is needed": (numbered(5), 6, None),
    "numbered mark, unknown: the meaning is needed": (numbered(5), UNKNOWN, None),
    "unknown mark, unknown: the meaning is needed": (unknown(), UNKNOWN, None),
    "unknown mark, numbered: the meaning is needed": (unknown(), 1, None),
}


@pytest.mark.parametrize(("mark", "version", "fate"), SETTLED.values(), ids=SETTLED)
def test_what_the_version_alone_decides(mark: Mark | None, version: int, fate: str | None) -> None:
    """Immutable copies and stale versions are dropped before anything is decoded, and nothing else is."""
    assert settle(mark, version) == fate


JUDGED = {
    "no mark, numbered: published": (None, 5, ROW, A, False, Verdict("published", 5, (A,))),
    "no mark, immutable: published": (None, IMMUTABLE, ROW, A, False, Verdict("published", IMMUTABLE, (A,))),
    "no mark, unknown: published": (None, UNKNOWN, HOOK, A, False, Verdict("published", UNKNOWN, (unversioned(A),))),
    "no mark, unknown, polled: published": (
        None,
        UNKNOWN,
        HOOK,
        A,
        True,
        Verdict("published", UNKNOWN, (unversioned(A),)),
    ),
    "numbered, newer, differs: published": (numbered(5, A), 6, ROW, B, False, Verdict("published", 6, (B,))),
    "numbered, newer, differs, polled: published": (numbered(5, A), 6, ROW, B, True, Verdict("published", 6, (B,))),
    "numbered, newer, same: unchanged, the version is remembered": (
        numbered(5, A),
        6,
        ROW,
        A,
        False,
        Verdict("unchanged", 6, (A,)),
    ),
    "numbered, newer, same as an earlier one but not the last: published": (
        numbered(5, A, unversioned(B)),
        6,
        ROW,
        B,
        False,
        Verdict("published", 6, (B, unversioned(B))),
    ),
    "numbered, newer: what came without a version is kept": (
        numbered(5, A, unversioned(B)),
        6,
        ROW,
        C,
        False,
        Verdict("published", 6, (C, unversioned(B))),
    ),
    "numbered, equal, new, same shape: published again": (
        numbered(5, A),
        5,
        ROW,
        B,
        False,
        Verdict("published", 5, (B, A), again=True),
    ),
    "numbered, equal, new, another shape: conflict": (numbered(5, A), 5, HOOK, B, False, Verdict("conflict")),
    "numbered, equal, known: duplicate": (numbered(5, A), 5, ROW, A, False, Verdict("duplicate")),
    "numbered, equal, known, another shape: duplicate": (numbered(5, A), 5, HOOK, A, False, Verdict("duplicate")),
    "numbered, equal, known from a copy without a version: duplicate": (
        numbered(5, B, unversioned(A)),
        5,
        ROW,
        A,
        False,
        Verdict("duplicate"),
    ),
    "numbered, equal, known as the first of an edit: duplicate": (
        numbered(5, B, A),
        5,
        ROW,
        A,
        False,
        Verdict("duplicate"),
    ),
    "numbered, unknown, same: duplicate, known without a version from now on": (
        numbered(5, A),
        UNKNOWN,
        HOOK,
        A,
        False,
        Verdict("duplicate", 5, (unversioned(A),)),
    ),
    "numbered, unknown, came so before: duplicate": (
        numbered(5, B, unversioned(A)),
        UNKNOWN,
        HOOK,
        A,
        False,
        Verdict("duplicate"),
    ),
    "numbered, unknown, differs, polled: the feed that knows is nudged": (
        numbered(5, A),
        UNKNOWN,
        HOOK,
        B,
        True,
        Verdict("nudged"),
    ),
    "numbered, unknown, differs, not polled: published": (
        numbered(5, A),
        UNKNOWN,
        HOOK,
        B,
        False,
        Verdict("published", 5, (unversioned(B), A)),
    ),
    "unknown, unknown, among those kept: duplicate": (unknown(B, A), UNKNOWN, HOOK, A, False, Verdict("duplicate")),
    "unknown, unknown, new: published": (
        unknown(A),
        UNKNOWN,
        HOOK,
        B,
        False,
        Verdict("published", UNKNOWN, (unversioned(B), unversioned(A))),
    ),
    "unknown, unknown, new, polled: published": (
        unknown(A),
        UNKNOWN,
        HOOK,
        B,
        True,
        Verdict("published", UNKNOWN, (unversioned(B), unversioned(A))),
    ),
    "unknown, unknown, a fifth meaning: the oldest is forgotten": (
        unknown(D, C, B, A),
        UNKNOWN,
        HOOK,
        E,
        False,
        Verdict("published", UNKNOWN, (unversioned(E), unversioned(D), unversioned(C), unversioned(B))),
    ),
    "unknown, numbered, same: unchanged, the mark becomes numbered": (
        unknown(A),
        5,
        ROW,
        A,
        False,
        Verdict("unchanged", 5, (unversioned(A),)),
    ),
    "unknown, numbered, differs: published": (
        unknown(A),
        5,
        ROW,
        B,
        False,
        Verdict("published", 5, (B, unversioned(A))),
    ),
    "unknown, numbered, same as one that is not the last: published": (
        unknown(B, A),
        5,
        ROW,
        A,
        False,
        Verdict("published", 5, (A, unversioned(B), unversioned(A))),
    ),
    "unknown, numbered, differs from all four: the oldest is forgotten": (
        unknown(D, C, B, A),
        5,
        ROW,
        E,
        False,
        Verdict("published", 5, (E, unversioned(D), unversioned(C), unversioned(B))),
    ),
}


@pytest.mark.parametrize(("mark", "version", "shape", "meaning", "polled", "verdict"), JUDGED.values(), ids=JUDGED)
def test_what_version_and_meaning_decide(
    mark: Mark | None, version: int, shape: int, meaning: int, *, polled: bool, verdict: Verdict
) -> None:
    """Each row of the table of fates gives its verdict, and the mark that is kept."""
    assert judge(mark, version, shape, meaning, polled=polled) == verdict


UNEDITED = {
    "no mark, unknown: published, and both are remembered": (
        None,
        UNKNOWN,
        A,
        E,
        Verdict("published", UNKNOWN, (unversioned(A), unversioned(E))),
    ),
    "no mark, numbered: published, its number is enough": (None, 5, A, E, Verdict("published", 5, (A,))),
    "unknown, numbered, differs, what all carry is the same: unchanged, it is the version": (
        unknown(A, E),
        5,
        B,
        E,
        Verdict("unchanged", 5, (B, unversioned(A), unversioned(E))),
    ),
    "unknown, numbered, what all carry differs: published": (
        unknown(A, E),
        5,
        B,
        F,
        Verdict("published", 5, (B, unversioned(A), unversioned(E))),
    ),
    "unknown, numbered, edited: published": (
        unknown(A, E),
        5,
        B,
        0,
        Verdict("published", 5, (B, unversioned(A), unversioned(E))),
    ),
    "unknown, numbered, the same as one that is not the last: published": (
        unknown(B, F, A),
        5,
        C,
        E,
        Verdict("published", 5, (C, unversioned(B), unversioned(F), unversioned(A))),
    ),
    "unknown, unknown, new: published, what all carry is remembered of the last alone": (
        unknown(A, E, B, C),
        UNKNOWN,
        D,
        F,
        Verdict("published", UNKNOWN, (unversioned(D), unversioned(F), unversioned(A), unversioned(B))),
    ),
    "numbered, newer, differs: published": (
        numbered(4, A, unversioned(E)),
        5,
        B,
        E,
        Verdict("published", 5, (B, E | 1)),
    ),
    "numbered, unknown, new: published": (
        numbered(5, A),
        UNKNOWN,
        B,
        E,
        Verdict("published", 5, (unversioned(B), A)),
    ),
}


@pytest.mark.parametrize(("mark", "version", "meaning", "first", "verdict"), UNEDITED.values(), ids=UNEDITED)
def test_what_was_never_edited_is_one_version(
    mark: Mark | None, version: int, meaning: int, first: int, verdict: Verdict
) -> None:
    """A copy that tells more than one without a version is no news where what every copy carries is the same."""
    assert judge(mark, version, ROW, meaning, polled=False, first=first) == verdict


def replay(mark: Mark | None, mapping: str = "m", becomes: str = "w") -> RawEvent:
    """Return a record that was made to replace what a mark says."""
    return replace(thing(), replay=mapping, replaces=state_of(mark) if mark else "", becomes=becomes)


REPLAYED = {
    "numbered": (numbered(5, A), 5, B, (B, A)),
    "numbered, the meaning is the same": (numbered(5, A), 5, A, (A,)),
    "numbered, what came without a version is kept": (numbered(5, A, unversioned(C)), 5, B, (B, A, unversioned(C))),
    "numbered, and the version before it was published last": (numbered(5, A), 4, B, (B, A)),
    "immutable": (IMMUTABLE_MARK, IMMUTABLE, B, (B, A)),
    "unknown": (unknown(A), UNKNOWN, B, (unversioned(B), unversioned(A))),
    "unknown, four meanings": (unknown(A, B, C, D), UNKNOWN, E, tuple(map(unversioned, (E, A, B, C)))),
    "unknown, and known as numbered since": (numbered(5, A), UNKNOWN, B, (unversioned(B), A)),
}


@pytest.mark.parametrize(("mark", "version", "meaning", "meanings"), REPLAYED.values(), ids=REPLAYED)
def test_a_replay_is_published_in_place_of_what_it_was_made_for(
    mark: Mark, version: int, meaning: int, meanings: tuple[int, ...]
) -> None:
    """Whether its meaning is new does not matter: the whole event is another one."""
    raw = replay(mark)
    found = judge_replay(mark, raw, version, meaning)
    assert found == Verdict("published", mark.version, meanings, replayed=replay_digest(raw))


def test_a_replay_is_published_once() -> None:
    """A second record of one replay is a duplicate, and one that was made for what stood there before is stale."""
    mark = numbered(5, A)
    verdict = judge_replay(mark, replay(mark), 5, A)
    after = replace(mark, meanings=verdict.meanings, replayed=verdict.replayed)
    assert judge_replay(after, replay(mark), 5, A) == Verdict("duplicate")
    assert judge_replay(after, replay(mark, mapping="n"), 5, B) == Verdict("stale")
    assert judge_replay(after, replay(mark, becomes="v"), 5, B) == Verdict("stale")
    back = judge_replay(after, replay(after, mapping="n"), 5, A)
    assert (back.fate, back.again) == ("published", True)


@pytest.mark.parametrize("now", [None, numbered(6, A), numbered(5, B), replace(numbered(5, A), replayed=7)])
def test_a_replay_of_what_is_not_published_any_more_is_stale(now: Mark | None) -> None:
    """What is not remembered, or was published anew since, is not replaced."""
    assert judge_replay(now, replay(numbered(5, A)), 5, C) == Verdict("stale")


@given(st.sampled_from([numbered(5, A), unknown(A), IMMUTABLE_MARK]))
def test_copies_in_between_do_not_stop_a_replay(mark: Mark) -> None:
    """A duplicate may say of a meaning that it came without a version: what was published is the same."""
    assert state_of(replace(mark, meanings=tuple(map(unversioned, mark.meanings)), at=5, shape=9)) == state_of(mark)


VERSIONS = st.sampled_from([IMMUTABLE, UNKNOWN, 1, 2, 3, 2**63 - 1])


MEANINGS = st.sampled_from([A, B, C, D, E, F])


HISTORIES = st.lists(st.tuples(VERSIONS, st.sampled_from([ROW, HOOK]), MEANINGS, st.booleans()), max_size=20)


@given(HISTORIES)
def test_verdicts_keep_what_marks_can_hold(history: list[tuple[int, int, int, bool]]) -> None:
    """Whatever comes in whatever order, a mark holds one to four meanings, and its number never goes down."""
    mark: Mark | None = None
    for version, shape, meaning, polled in history:
        if settle(mark, version) is not None:
            continue
        verdict = judge(mark, version, shape, meaning, polled=polled)
        assert verdict.fate in TOTALS
        assert (verdict.version is None) == (verdict.meanings == ())
        if verdict.version is not None:
            assert mark is None or verdict.version >= mark.version
            assert 1 <= len(verdict.meanings) <= 4
            assert len({meaning | 1 for meaning in verdict.meanings}) <= len(verdict.meanings)
            mark = Mark(verdict.version, shape, verdict.meanings, 100)


@given(HISTORIES)
def test_what_was_just_decided_is_a_duplicate(history: list[tuple[int, int, int, bool]]) -> None:
    """A record that comes twice in a row is published once."""
    mark: Mark | None = None
    for version, shape, meaning, polled in history:
        if settle(mark, version) is not None:
            continue
        verdict = judge(mark, version, shape, meaning, polled=polled)
        if verdict.version is not None:
            mark = Mark(verdict.version, shape, verdict.meanings, 100)
            again = settle(mark, version) or judge(mark, version, shape, meaning, polled=polled).fate
            assert again == "duplicate"
