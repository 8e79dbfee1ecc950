"""What is shown of a back-fill."""

import pytest

from headrace.cli._backfill_rows import backfill_row, sentence_of
from headrace.records.ordered import Backfill

NOW = 1_800_000_000_000
HALF = 400_000


def a_backfill(**more: object) -> Backfill:
    """Return a back-fill of 800 seconds, ordered 90 seconds ago."""
    begin = NOW - 10_000_000
    known = {"feed": "rows", "since": begin, "until": begin + 2 * HALF, "share": 0.25, "ordered": NOW - 90_000}
    return Backfill(**{**known, **more})  # type: ignore[arg-type]  # a test names the fields


@pytest.mark.parametrize(
    ("found", "sentence"),
    [
        (a_backfill(), "waiting"),
        (a_backfill(began=NOW - 60_000), "0%, 0 records in 0 calls"),
        (
            a_backfill(began=NOW - 60_000, covered=NOW - 10_000_000 + HALF, calls=12, events=1_204),
            "50%, some 1 min left, 1,204 records in 12 calls",
        ),
        (
            a_backfill(began=NOW - 60_000, total=4_000, done=1_000, failures=2, sentence="it fails"),
            "25%, some 3 min left, 1,000 of 4,000 leads, 0 records in 0 calls, tried again after 2 failures: it fails",
        ),
        (
            a_backfill(began=1, ended=NOW, outcome="partial", total=3, done=3, left_out=1, sentence="too heavy"),
            "partial, 3 of 3 leads, 0 records in 0 calls, 1 lead not read: too heavy",
        ),
        (
            a_backfill(began=1, ended=NOW, outcome="partial", given_up=2, unread="set organization to its id"),
            "partial, 0 records in 0 calls, 2 things given up, which the log names; set organization to its id",
        ),
        (a_backfill(began=1, ended=NOW, outcome="done", gone=1), "done, 0 records in 0 calls, 1 lead gone"),
        (
            a_backfill(ended=NOW, outcome="partial", forgotten=NOW, calls=1),
            "partial, 0 records in 1 call, not all before 2027-01-15T08:00:00Z read: ids are forgotten",
        ),
        (
            a_backfill(ended=NOW, outcome="cancelled", code="refused", sentence="100 of this tenant wait already"),
            "refused: 100 of this tenant wait already",
        ),
        (a_backfill(ended=NOW, outcome="cancelled"), "cancelled, 0 records in 0 calls"),
    ],
)
def test_a_backfill_in_one_line(found: Backfill, sentence: str) -> None:
    """How far it is, how long the rest takes if it goes on as it did, and what went wrong."""
    assert sentence_of(backfill_row("b1", found, NOW)) == sentence
