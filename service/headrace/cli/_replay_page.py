"""What `headrace replay` prints for people."""

import shutil
import sys
import textwrap
from collections import Counter
from collections.abc import Iterator

from headrace.cli._formatting import count, cut
from headrace.cli._output import echo, styled
from headrace.cli._replay_findings import ChangeKind, Findings

_WIDE = 100
_MOST_FIELDS = 8


def show_changes(findings: Findings) -> None:
    """Print each kind of change: how many, which fields, and samples."""
    number = max([6, *(len(f"{kind.events:,}") for kind in findings.changes.values())])
    for old, new, kind in findings.by_count():
        same = styled("  (other fields)", dim=True) if old == new else ""
        echo(styled(f"{kind.events:>{number},}  ", bold=True) + styled(f"{old} → {new}", bold=True) + same)
        for line in _lines(kind):
            _wrapped(line, " " * (number + 2))


def show_rest(findings: Findings) -> None:
    """Print what is compared and no change, or cannot be published."""
    echo(f"{count(findings.same, 'event')} would not change.")
    if findings.unremembered:
        more = findings.unremembered - len(findings.unremembered_ids)
        ids = ", ".join(findings.unremembered_ids) + (f" and {more:,} more" if more > 0 else "")
        _wrapped(
            f"{count(findings.unremembered, 'event')} would change and cannot be published, because the id is not "
            f"remembered any more: {ids}",
            "",
        )
    for outcome, found in (("dead letters now", findings.dead), ("no events now", findings.dropped)):
        if found:
            _wrapped(f"{count(found.total(), 'event')} would be {outcome} ({_listed(found)}): left as published.", "")
    if findings.gone:
        echo(f"{count(findings.gone, 'event')} cannot be compared: the raw record is gone.")
    if findings.foreign:
        echo(f"{count(findings.foreign, 'event')} of tenants that are not configured were passed over.")


def _lines(kind: ChangeKind) -> Iterator[str]:
    for title, found in (("gained", kind.gained), ("lost", kind.lost), ("changed", kind.changed)):
        if found:
            more = len(found) - _MOST_FIELDS
            yield f"{title} {_listed(found, kind.events)}" + (f" and {more} more" if more > 0 else "")
    yield "such as " + ", ".join(kind.samples)


def _listed(found: Counter[str], of: int = 0) -> str:
    """Return names with their counts, but for those that all have."""
    return ", ".join(
        name if number == of else f"{name} ({number:,})" for name, number in found.most_common(_MOST_FIELDS)
    )


def _wrapped(text: str, indent: str) -> None:
    """Print a text below its beginning where the terminal is too narrow; words are never broken."""
    room = shutil.get_terminal_size().columns if sys.stdout.isatty() else _WIDE
    for line in textwrap.wrap(text, room, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False,
                              break_long_words=False):  # fmt: skip
        echo(cut(line, room) if sys.stdout.isatty() else line)
