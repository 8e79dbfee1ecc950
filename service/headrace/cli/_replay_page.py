"""What `headrace replay` prints for people."""

import shutil
import sys
import textwrap
from collections import Counter
from collections.abc import Iterator
from typing import Final

from headrace.cli._formatting import count
from headrace.cli._output import echo, styled
from headrace.cli._replay_fates import HELD, STALE, UNCLEAR, ReplayFates
from headrace.cli._replay_findings import HINDRANCES, ChangeKind, Findings

_WIDE: Final = 100
_MOST_FIELDS: Final = 8
_WHY_NOT: Final = {
    "mapping_missing": "normalizers have other tables; the same command again, once all of them have these",
    "other_event": "normalizers are of another version; the same command again, with theirs",
    STALE: "something newer was published since it was compared; the same command compares anew",
    HELD: "for normalizers the tenant is paused or unknown; it is published when the tenant goes on",
    UNCLEAR: "`headrace find` shows the record",
}
_DEAD: Final = "dead letters, which `headrace dead-letters show` explains"


def show_changes(findings: Findings) -> None:
    """Print each kind of change: how many, which fields, and samples."""
    number = max([6, *(len(f"{kind.events:,}") for kind in findings.changes.values())])
    for old, new, kind in findings.by_count():
        same = styled("  (other fields)", dim=True) if old == new else ""
        echo(styled(f"{kind.events:>{number},}  ", bold=True) + styled(f"{old} → {new}", bold=True) + same)
        for line in _lines(kind):
            _wrapped(line, number + 2)


def show_rest(findings: Findings) -> None:
    """Print what is compared and no change, or cannot be published."""
    if findings.compared or findings.gone or findings.foreign:
        echo(f"{count(findings.same, 'event')} would not change.")
    else:
        echo("No such event was found.")
    for hindrance, found in findings.unsendable.items():
        more = found.events - len(found.ids)
        ids = ", ".join(found.ids) + (f" and {more:,} more" if more > 0 else "")
        _wrapped(f"{count(found.events, 'event')} would change and cannot be published, {HINDRANCES[hindrance]}: {ids}")
    for outcome, reasons in (("a dead letter", findings.dead), ("no event", findings.dropped)):
        for reason, events in sorted(reasons.items()):
            _wrapped(f"{count(events, 'event')} would be {outcome} ({reason}) today, and stays as published.")
    if findings.gone:
        echo(f"{count(findings.gone, 'event')} cannot be compared: the raw record is gone.")
    if findings.foreign:
        echo(f"{count(findings.foreign, 'event')} passed over: the tenant is not configured, or left out.")


def show_fates(fates: ReplayFates, topic: str, *, as_json: bool) -> None:
    """Print what became of the records that were sent; beside JSON only why some were not published, as an error."""
    missing = fates.unpublished.total()
    sent = f"{count(fates.published + missing, 'record')} back through {topic}"
    if missing:
        echo(f"{sent}: {fates.published:,} published, {missing:,} not.", err=as_json)
        for reason, records in fates.unpublished.most_common():
            echo(f"  {records:,} {reason}: {_WHY_NOT.get(reason, _DEAD)}", err=as_json)
    elif not as_json:
        echo(f"{sent}, and published.")


def _lines(kind: ChangeKind) -> Iterator[str]:
    for title, found in (("gained", kind.gained), ("lost", kind.lost), ("changed", kind.changed)):
        if found:
            more = len(found) - _MOST_FIELDS
            yield f"{title} {_listed(found, kind.events)}" + (f" and {more} more" if more > 0 else "")
    yield "such as " + ", ".join(kind.samples)


def _listed(found: Counter[str], of: int) -> str:
    """Return names, the most frequent first, with their counts but for those that all have."""
    frequent = sorted(found.items(), key=lambda one: (-one[1], one[0]))[:_MOST_FIELDS]
    return ", ".join(name if number == of else f"{name} ({number:,})" for name, number in frequent)


def _wrapped(text: str, indent: int = 0) -> None:
    """Print a text that goes on below its beginning where the terminal is too narrow; no word is broken."""
    room = shutil.get_terminal_size().columns if sys.stdout.isatty() else _WIDE
    first, later = " " * indent, " " * (indent + 2)
    for line in textwrap.wrap(
        text, room, initial_indent=first, subsequent_indent=later, break_on_hyphens=False, break_long_words=False
    ):
        echo(line)
