"""The rules as Prometheus reads them. `python -m headrace.observe.alerts.rules_file [--runbook BASE] [FILE]`.

`make schemas` writes deploy/prometheus/alerts.yml so. With `--runbook https://…/RUNBOOK.md` alerts lead to where people
of yours read the runbook.
"""

import argparse
import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from headrace.observe.alerts import ALERTS, OBJECTIVE_ALERTS
from headrace.observe.alerts.alert import Alert
from headrace.observe.alerts.visibility import RECORDINGS, Recording

RUNBOOK: Final = "deploy/RUNBOOK.md"
"""In the repository: nobody but who runs it knows under which address people read it."""

_HEAD: Final = """\
# Made by `python -m headrace.observe.alerts.rules_file`: change service/headrace/observe/alerts instead.
# What they mean and what to do: deploy/RUNBOOK.md. --runbook BASE writes another address of it.
groups:
"""


def rules(runbook: str = RUNBOOK) -> str:
    """Return the file of rules; `runbook` is the address of the runbook, to which each alert adds its anchor."""
    return "".join(
        (
            _HEAD,
            "  - name: headrace\n    rules:\n",
            *_alerts(ALERTS, runbook),
            "  - name: headrace-objective\n    rules:\n",
            *_recordings(RECORDINGS),
            *_alerts(OBJECTIVE_ALERTS, runbook),
        )
    )


def anchor(alert: Alert) -> str:
    """Return the anchor of an alert's entry in the runbook, as GitHub makes it of the heading."""
    return alert.name.lower()


def _alerts(alerts: Iterable[Alert], runbook: str) -> Iterator[str]:
    for alert in alerts:
        yield f"      - alert: {alert.name}\n"
        yield f"        expr: {_text(alert.expr)}\n"
        if alert.lasts != "0s":
            yield f"        for: {alert.lasts}\n"
        yield f"        labels:\n          severity: {alert.severity}\n"
        yield f"        annotations:\n          summary: {_text(alert.summary)}\n"
        yield f"          description: {_text(alert.description)}\n"
        yield f"          runbook_url: {_text(f'{runbook}#{anchor(alert)}')}\n"


def _recordings(recordings: Iterable[Recording]) -> Iterator[str]:
    for one in recordings:
        yield f"      - record: {one.name}\n        expr: {_text(one.expr)}\n"


def _text(text: str) -> str:
    """Return a text as a YAML scalar on one line."""
    return json.dumps(text, ensure_ascii=False) if "'" in text else f"'{text}'"


def main() -> None:
    """Write the rules to a file, or print them."""
    parser = argparse.ArgumentParser(prog="python -m headrace.observe.alerts.rules_file", description=__doc__)
    parser.add_argument("file", nargs="?", type=Path, help="write there instead of printing")
    parser.add_argument("--runbook", default=RUNBOOK, help="where people read RUNBOOK.md: a URL without an anchor")
    options = parser.parse_args()
    text = rules(options.runbook)
    if options.file:
        options.file.write_text(text, "utf-8")
    else:
        sys.stdout.write(text)


if __name__ == "__main__":
    main()
