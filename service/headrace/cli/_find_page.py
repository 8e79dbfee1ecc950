"""What `headrace find` found, as a page for people or as JSON."""

import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any, Final

import msgspec

from headrace.cli._event_changes import changes
from headrace.cli._formatting import count, cut, definitions, sentence, span, table
from headrace.cli._id_trail import UNSEEN, FoundEvent, IdTrail
from headrace.cli._output import echo, styled
from headrace.cli._raw_copies import RawCopy
from headrace.core.timestamps import from_millis
from headrace.kafka.partition_scan import PartitionRead
from headrace.records.mark import IMMUTABLE, UNKNOWN, Mark

_WIDE: Final = 10
_MOST_CHANGES: Final = 30
_LONGEST: Final = 60
_BASES: Final = {
    "events": "",
    "dead-letters": "",
    "position": "",
    "range": "",
    "returned": "",
    "derived": " *",
}
_STAR: Final = (
    "* No topic says this fate: it is worked out from the mark before and the copies of the id, with today's tables."
)
_UNSEEN: Final = (
    "unseen: today's tables would make an event or a letter of it, or its tenant is not configured; and neither was "
    "found: there was a copy before --since, the tables were others, or what it became came after --until, is gone, or "
    "is under another lead (--everywhere)."
)
_encode: Final = msgspec.json.Encoder(decimal_format="string").encode


def trail_line(trail: IdTrail, reads: Sequence[PartitionRead], notes: Sequence[str]) -> bytes:
    """Return the line of `--json` of one id."""
    events = list(trail.events)
    versions = [
        {"place": one.place, "event": one.event, "changed": {} if before is None else changes(before.event, one.event)}
        for before, one in pairwise([None, *events])
        if one is not None
    ]
    return _encode(
        {
            "source": trail.sought.source,
            "resource": trail.sought.resource,
            "id": trail.sought.id,
            "partition": trail.partition,
            "position": trail.position,
            "counts": trail.counts,
            "marks": [
                {"version": _version(one.mark), "at": from_millis(one.mark.at * 1000), "before": one.next_offset}
                for one in trail.marks
            ],
            "copies": [_times(copy) for copy in trail.copies],
            "versions": versions,
            "letters": list(trail.letters),
            "read": list(reads),
            "notes": list(notes),
        }
    )


def show_trail(trail: IdTrail, mapping: str) -> None:
    """Print what is known of one id; `mapping` is the one that its tenant has today."""
    sought = trail.sought
    echo(styled(f"{sought.base}  {sought.source[1:]}", bold=True))
    subjects = ", ".join(sorted(trail.subjects))
    counts = trail.counts
    _facts(
        ("about", subjects or "not known: no copy can be read"),
        ("found", _summary(trail)),
        ("seen", _remembered(trail)),
        ("mapping", f"{mapping or 'none: the tenant is not configured'} today"),
    )
    if trail.copies:
        _show_copies(trail)
    if trail.events:
        _show_versions(trail)
    if trail.letters:
        echo()
    for one in trail.letters:
        _facts(("letter", f"{one.place}  {one.letter.problem}"), ("", f"headrace dead-letters show {one.place}"))
    for shown, name in ((trail.copies, "copies"), (trail.events, "events"), (trail.letters, "letters")):
        if counts[name] > len(shown):
            echo(f"  the newest {len(shown):,} of {counts[name]:,} {name} are shown")
    echo()


def show_reads(reads: Sequence[PartitionRead], notes: Sequence[str]) -> None:
    """Write to standard error what was read, and what was gone."""
    for topic in dict.fromkeys(read.topic for read in reads):
        parts = [read for read in reads if read.topic == topic]
        numbers = ", ".join(str(read.partition) for read in parts)
        records, seconds = sum(read.records for read in parts), sum(read.seconds for read in parts)
        size = sum(read.bytes for read in parts) / 1e6
        word = "partition" if len(parts) == 1 else "partitions"
        sentence(
            f"Read {topic} {word} {numbers}: {count(records, 'record')}, {size:,.1f} MB, {seconds:.1f} s", err=True
        )
    for read in reads:
        if read.deleted:
            sentence(
                f"{read.topic} {read.partition}: {read.deleted:,} offsets were deleted while it was read", err=True
            )
    for note in notes:
        sentence(note, err=True)


def _facts(*pairs: tuple[str, str]) -> None:
    definitions([(f"{name:<{_WIDE}}", text) for name, text in pairs])


def _summary(trail: IdTrail) -> str:
    counts = trail.counts
    ways = Counter(_way(copy) for copy in trail.copies)
    came = f" ({', '.join(f'{number:,} {way}' for way, number in ways.items())})" if ways else ""
    parts = [
        f"{count(counts['copies'], 'copy', 'copies')} in raw partition {trail.partition}{came}",
        f"{count(counts['events'], 'version')} in events",
        count(counts["letters"], "dead letter"),
    ]
    return ", ".join(parts)


def _way(copy: RawCopy) -> str:
    """Return how a copy came to raw: from its platform, or from raw itself."""
    return "by replay" if any(each.startswith("replayed ") for each in copy.how) else f"by {copy.via}"


def _remembered(trail: IdTrail) -> str:
    if not trail.marks:
        return "no mark: nothing of it was published, or that is forgotten"
    last = trail.marks[-1].mark
    return f"version {_version(last) or 'none, it never changes'}, marked {from_millis(last.at * 1000)}"


def _version(mark: Mark) -> str:
    return {IMMUTABLE: "", UNKNOWN: "unknown"}.get(mark.version, str(mark.version))


def _show_copies(trail: IdTrail) -> None:
    rows = [
        (
            f"{trail.partition}@{copy.offset}",
            from_millis(copy.received)[5:19].replace("T", " "),
            copy.via,
            copy.shape,
            f"{copy.version or '-'}",
            f"{copy.fate}{_BASES[copy.basis]}",
            _note(copy),
        )
        for copy in trail.copies
    ]
    titles = ("raw", "received", "via", "shape", "version", "fate", "note")
    alike = {number for number, cells in enumerate(zip(*rows, strict=True)) if len(set(cells)) == 1}
    # On a terminal the note needs the room: the versions stand below, where all copies are of one.
    spared = {titles.index("version")} if sys.stdout.isatty() and len(rows) > 1 else set()
    spared = {*(spared & alike), *(() if any(row[-1] for row in rows) else (titles.index("note"),))}
    columns = [number for number in range(len(titles)) if number not in spared]
    shown = [titles[number] for number in columns]
    cells = [[row[number] for number in columns] for row in rows]
    echo()
    table(shown, cells, free=[name for name in ("note", "shape") if name in shown])
    if any(copy.basis == "derived" for copy in trail.copies):
        _facts(("", _STAR))
    if any(copy.fate == UNSEEN for copy in trail.copies):
        _facts(("", _UNSEEN))


def _note(copy: RawCopy) -> str:
    notes = list(copy.how)
    if copy.appended - copy.received > 60_000:  # noqa: PLR2004  (a minute in ms: it waited in a spool)
        notes.append(f"appended {span((copy.appended - copy.received) // 1000)} later")
    if copy.problem is not None and copy.fate != "dead":
        notes.append(f"today {copy.problem.code}")
    return ", ".join(notes)


def _show_versions(trail: IdTrail) -> None:
    today = {copy.offset: copy for copy in trail.copies}
    before: FoundEvent | None = None
    for one in trail.events:
        event, provenance = one.event, one.event.data.provenance
        mark = "→ " if trail.sought.version and trail.sought.version in event.id else "  "
        echo()
        echo(mark + styled(f"{event.id}  {event.word}", bold=True))
        _facts(
            ("event", f"events {one.place}, recorded {event.recordedtime}, happened {event.time or 'not said'}"),
            (
                "from",
                f"raw {provenance.raw.partition}@{provenance.raw.offset}, {provenance.via}, {provenance.received}",
            ),
            ("row", f"{provenance.row}, mapping {provenance.mapping}"),
        )
        copy = today.get(provenance.raw.offset)
        if copy is not None and (copy.type, copy.row) != (event.word, provenance.row):
            _facts(("today", f"{copy.type or copy.problem}, by row {copy.row or '-'}, mapping {copy.mapping}"))
        if before is not None:
            _show_changes(changes(before.event, event))
        before = one


def _show_changes(found: dict[str, tuple[Any, Any]]) -> None:
    lines = [f"{path}: {_brief(old)} → {_brief(new)}" for path, (old, new) in found.items()]
    for number, line in enumerate(lines[:_MOST_CHANGES]):
        _facts(("" if number else "changed", line))
    if len(lines) > _MOST_CHANGES:
        _facts(("", f"and {len(lines) - _MOST_CHANGES:,} more: --json has all"))
    if not lines:
        _facts(("changed", "nothing but where it came from"))


def _brief(value: Any) -> str:
    return "-" if value is None else cut(value if isinstance(value, str) else _encode(value).decode(), _LONGEST)


def _times(copy: RawCopy) -> dict[str, Any]:
    fields: dict[str, Any] = msgspec.to_builtins(copy)
    return fields | {"received": from_millis(copy.received), "appended": from_millis(copy.appended)}


def gone_before(reads: Iterable[PartitionRead]) -> list[str]:
    """Return a sentence for what was deleted before it could be read: where a log begins behind its first record."""
    logs = [f"{read.topic} {read.partition}" for read in reads if read.begin == read.log_begin > 0]
    return [f"What stood before is gone by retention: {', '.join(logs)}"] if logs else []
