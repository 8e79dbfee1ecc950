"""The judge sees what must not happen, from records alone."""

from headrace.records.seen import TOTALS, encode_barrier, encode_record
from tests.acceptance.judge import ReadRecord, Verdict, _commits, _last, _rewound

NONE = (0,) * len(TOTALS)


def on_seen(offset: int, value: bytes) -> ReadRecord:
    return ReadRecord(0, offset, value, ())


def test_a_position_that_goes_back_is_seen() -> None:
    """Whoever restored from an old end commits an older position than the one before."""
    positions = (3, 7, 5, 9)
    seen = [on_seen(at, encode_record(position, NONE, {})) for at, position in enumerate(positions)]
    assert list(_rewound(seen)) == ["seen-0 offset 2: from 7 to 5"]
    assert _last(seen)[0].next_offset == 9


def test_a_barrier_says_nothing() -> None:
    """It is no commit: neither the last one, nor one that went back."""
    commit, barrier = encode_record(4, NONE, {}), encode_barrier(b"token")
    seen = [on_seen(0, barrier), on_seen(1, commit), on_seen(2, barrier)]
    assert [record.offset for record, _ in _commits(seen)] == [1]
    assert not list(_rewound(seen))


def test_a_verdict_names_only_what_is_wrong() -> None:
    """Kinds without a finding are no faults."""
    assert Verdict(10, 8, doubled=["/outreach/acme event/1"]).faults() == {"doubled": ["/outreach/acme event/1"]}
    assert not Verdict(10, 8).faults()
