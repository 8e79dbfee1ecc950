"""What `headrace replay` prints for people."""

import shutil
import sys
import textwrap
from collections import Counter
from collections.abc import Iterator
from typing import Final

from headrace.cli._formatting import count
from headrace.cli._output import echo, styled
from headrace.cli._replay_findings import ChangeKind, Findings

_WIDE: Final = 100
_MOST_FIELDS: Final = 8


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
    echo(f"{count(findings.same, 'event')} would not change.")
    if findings.unremembered:
        more = findings.unremembered - len(findings.unremembered_ids)
        ids = ", ".join(findings.unremembered_ids) + (f" and {more:,} more" if more > 0 else "")
        number = count(findings.unremembered, "event")
        _wrapped(f"{number} would change and cannot be published, the id is not remembered any more: {ids}")
    for outcome, found in (("a dead letter", findings.dead), ("no event", findings.dropped)):
        for reason, events in sorted(found.items()):
            _wrapped(f"{count(events, 'event')} would be {outcome} ({reason}) today, and stays as published.")
    if findings.gone:
        echo(f"{count(findings.gone, 'event')} cannot be compared: the raw record is gone.")
    if findings.foreign:
        echo(f"{count(findings.foreign, 'event')} passed over: the tenant is not configured, or left out.")


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
