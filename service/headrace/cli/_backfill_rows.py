"""What a back-fill has done so far, how long the rest takes, and the sentence about it. Pure."""

from typing import Final, Literal, TypeAlias

from msgspec import UNSET, Struct, UnsetType

from headrace.cli._formatting import count, span
from headrace.core.timestamps import from_millis
from headrace.poller.backfills import REFUSED
from headrace.records.ordered import Backfill

SHOWN_MS: Final = 86_400_000
"""For so long an ended back-fill is shown."""

BackfillWord: TypeAlias = Literal["waiting", "running", "done", "partial", "cancelled"]


class BackfillRow(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One back-fill, as `--json` writes it. `portion` is how much of it is done, from 0 to 1.

    So many leads are `done` of a `total`; the platform does not know `gone` of them, and `left_out` could not be read.
    `forgotten_before`: what is older was read only while it was in the dedupe window.
    Beside them so much was `given_up`; `unread` says what these settings do not show.
    """

    id: str
    state: BackfillWord
    since: str
    until: str
    share: float
    portion: float
    began: str | UnsetType = UNSET
    ended: str | UnsetType = UNSET
    seconds_left: int | UnsetType = UNSET
    calls: int = 0
    records: int = 0
    done: int = 0
    total: int = 0
    gone: int = 0
    left_out: int = 0
    given_up: int = 0
    unread: str = ""
    failures: int = 0
    code: str = ""
    sentence: str = ""
    forgotten_before: str | UnsetType = UNSET


def backfill_row(name: str, found: Backfill, now: int) -> BackfillRow:
    """Return the row of a back-fill; `now` is in milliseconds since the epoch."""
    left = seconds_left(found, now)
    return BackfillRow(
        id=name,
        state=found.outcome or ("running" if found.began else "waiting"),
        since=from_millis(found.since),
        until=from_millis(found.until),
        share=found.share,
        portion=round(portion(found), 3),
        began=from_millis(found.began) if found.began else UNSET,
        ended=from_millis(found.ended) if found.ended else UNSET,
        seconds_left=UNSET if left is None else left,
        calls=found.calls,
        records=found.events,
        done=found.done,
        total=found.total,
        gone=found.gone,
        left_out=found.left_out,
        given_up=found.given_up,
        unread=found.unread,
        failures=found.failures,
        code=found.code,
        sentence=found.sentence,
        forgotten_before=from_millis(found.forgotten) if found.forgotten else UNSET,
    )


def portion(found: Backfill) -> float:
    """Return how much of a back-fill is done, from 0 to 1: of its leads, or of its time."""
    if found.outcome in ("done", "partial"):
        return 1.0
    if found.total:
        return min(1.0, found.done / found.total)
    return max(0, found.covered - found.since) / max(1, found.until - found.since)


def seconds_left(found: Backfill, now: int) -> int | None:
    """Return how long the rest takes if it goes on as it went so far; None where nobody knows."""
    done = portion(found)
    if found.ended or not found.began or not done:
        return None
    return round((now - found.began) / 1000 * (1.0 - done) / done)


def sentence_of(row: BackfillRow) -> str:
    """Return what there is to say of a back-fill, in one line."""
    if row.state == "waiting":
        return row.state
    if row.code == REFUSED:
        return f"{REFUSED}: {row.sentence}"
    parts = [row.state if row.state != "running" else f"{row.portion:.0%}"]
    if row.seconds_left is not UNSET:
        parts.append(f"some {span(row.seconds_left, 1)} left")
    if row.total:
        parts.append(f"{row.done:,} of {count(row.total, 'lead')}")
    parts.append(f"{count(row.records, 'record')} in {count(row.calls, 'call')}")
    if row.gone:
        parts.append(f"{count(row.gone, 'lead')} gone")
    if row.left_out:
        parts.append(f"{count(row.left_out, 'lead')} not read: {row.sentence}")
    if row.forgotten_before is not UNSET:
        parts.append(f"not all before {row.forgotten_before} read: ids are forgotten")
    if row.given_up:
        parts.append(f"{count(row.given_up, 'thing')} given up, which the log names")
    if row.failures:
        parts.append(f"tried again after {count(row.failures, 'failure')}: {row.sentence}")
    return ", ".join(parts) + (f"; {row.unread}" if row.unread else "")
