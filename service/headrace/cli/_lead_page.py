"""What `headrace find --lead` prints for people: the events of a lead, each with its id and where it came from."""

import shutil
import sys

from headrace.cli._event_lines import event_line, event_titles
from headrace.cli._find_lead import LeadSearch
from headrace.cli._formatting import count, cut
from headrace.cli._output import echo, styled


def show_lead(found: LeadSearch) -> None:
    """Print the events of a lead, with the ids by which `find --id` says more."""
    brief = sys.stdout.isatty()
    if brief:
        echo(styled(_fit(event_titles()), dim=True))
    for one in found.events:
        echo(event_line(one.event, brief=brief))
        raw, provenance = one.raw, one.event.data.provenance
        now = f"{raw.shape}, {count(one.raw_bytes, 'byte')}" if raw is not None else "gone, or not readable"
        at, row = provenance.raw, f"row {provenance.row}, mapping {provenance.mapping}"
        echo(styled(f"{'':12}{one.event.id}", dim=True))
        about = f"raw {at.partition}@{at.offset}, {row}, received {provenance.received}, {now}"
        echo(styled(_fit(f"{'':12}{about}"), dim=True))
    if found.remark:
        echo(found.remark)


def _fit(text: str) -> str:
    return cut(text, shutil.get_terminal_size().columns) if sys.stdout.isatty() else text
