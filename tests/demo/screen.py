"""Output of the demo: a line for each record, one whole event, the totals, and what to try next."""

import re
import sys
from collections import Counter, defaultdict
from datetime import UTC, datetime
from typing import Any

from headrace.records.seen import TOTALS
from tests.demo.scenario import Expected

_ROW = "{time:<12}  {provider:<11}  {via:<7}  {type:<20}  {lead:<13}  {id:<26}  {note}"
_What = tuple[str, str, str]
"""A provider, a fate, and the type where it is published."""
_POINTER = re.compile(r"at (\$[^\s:]*|byte \d+)")
_NOTES = {
    "mirror": "mirror of another record",
    "noop": "noop: nothing in it",
    "nudged": "nudged: its feed is woken",
    "stale": "stale: an older version",
}
SAMPLE = "service/headrace/providers/leadsquared/samples/webhook-activities.json"
_DIM, _RED, _PLAIN = "\033[2m", "\033[31m", "\033[0m"


class Screen:
    """Collects the decisions of the normalizer and shows them."""

    def __init__(self) -> None:
        self.decisions: list[dict[str, Any]] = []
        self._versions: Counter[tuple[str, str, str]] = Counter()
        self._colors = sys.stdout.isatty()

    def head(self) -> None:
        """Print the heads of the columns."""
        self.say(
            "", _ROW.format(time="time", provider="provider", via="via", type="type", lead="lead", id="id", note="note")
        )

    def decided(self, entry: dict[str, Any]) -> None:
        """Print one record's fate."""
        self.decisions.append(entry)
        note = self._note(entry)
        line = _ROW.format(
            time=entry["time"][11:23],
            provider=_provider(entry),
            via=entry["via"],
            type=entry["type"] or "-",
            lead=_short(entry["subject"].removeprefix("lead/"), 13) or "-",
            id=_short(f"{entry['resource']}/{entry['id']}" if entry["id"] else "-", 26),
            note=note,
        ).rstrip()
        color = _RED if entry["fate"] == "dead" else _DIM if entry["fate"] != "published" else ""
        self.say(f"{color}{line}{_PLAIN}" if color and self._colors else line)

    def remark(self, text: str) -> None:
        """Print a sentence between the lines."""
        self.say("", text, "")

    def acknowledged(self, provider: str) -> None:
        """Print that a webhook got its answer, though Kafka does not have it yet."""
        now = datetime.now(UTC).isoformat()[11:23]
        self.say(
            _ROW.format(
                time=now,
                provider=provider,
                via="webhook",
                type="-",
                lead="-",
                id="-",
                note="acknowledged, in the spool",
            )
        )

    def missing(self, expected: list[tuple[str, Expected]]) -> list[str]:
        """Return what must have happened, provider by provider, and has not yet."""
        wanted, found = self._compared(expected)
        return [f"{name}: missing {count} x {_words(what)}" for (name, *what), count in (wanted - found).items()]

    def unexpected(self, expected: list[tuple[str, Expected]], copies: set[str]) -> list[str]:
        """Return what happened and should not; records of the providers in `copies` may be on raw twice."""
        wanted, found = self._compared(expected)
        return [
            f"{name}: unexpected {count} x {_words(what)}"
            for (name, *what), count in (found - wanted).items()
            if not (name in copies and what[0] == "duplicate")
        ]

    def _compared(self, expected: list[tuple[str, Expected]]) -> tuple[Counter[_What], Counter[_What]]:
        found = ((_provider(d), d["fate"], d["type"] if d["fate"] == "published" else "") for d in self.decisions)
        return Counter((name, one.fate, one.type) for name, one in expected), Counter(found)

    def event(self, text: str) -> None:
        """Print one whole event."""
        self.say("", "One complete event on the topic demo.events:", "", text)

    def totals(self) -> None:
        """Print the table of fates per provider; rows and columns add up to the number of raw records."""
        table: dict[str, Counter[str]] = defaultdict(Counter)
        for decision in self.decisions:
            table[_provider(decision)][decision["fate"]] += 1
        fates = [fate for fate in TOTALS if any(row[fate] for row in table.values())]
        self.say("", "Every raw record has one fate:", "")
        self.say("".join([f"{'provider':<13}", *(f"{fate:>11}" for fate in fates), f"{'records':>11}"]))
        whole: Counter[str] = Counter()
        for provider, row in sorted(table.items()):
            whole += row
            self.say("".join([f"{provider:<13}", *(f"{row[fate]:>11}" for fate in fates), f"{row.total():>11}"]))
        self.say("".join([f"{'all':<13}", *(f"{whole[fate]:>11}" for fate in fates), f"{whole.total():>11}"]))

    def go_on(self, port: int, curl: str, *, ends: bool) -> None:
        """Print what to look at next, and how to send a webhook by hand; `ends`: the demo is about to stop."""
        until = "  (while the demo runs: make demo without SECONDS)" if ends else ""
        self.say(
            "",
            f"Metrics   http://127.0.0.1:{port}/metrics{until}",
            f"Explain   .venv/bin/headrace explain --provider leadsquared {SAMPLE}",
            "Read on   README.md",
            "",
            f"Send a webhook as LeadSquared does{until}:",
            "",
            curl,
            "",
        )

    def say(self, *lines: str) -> None:
        """Print lines at once."""
        print(*lines, sep="\n", flush=True)

    def _note(self, entry: dict[str, Any]) -> str:
        match entry["fate"]:
            case "dead":
                where = _POINTER.search(entry["note"])
                return f"dead letter at {where[1]}" if where else "dead letter"
            case "published":
                return self._published(entry)
            case fate:
                return _NOTES.get(fate, str(fate))

    def _published(self, entry: dict[str, Any]) -> str:
        key = (entry["source"], entry["resource"], entry["id"])
        self._versions[key] += 1
        notes = [f"version {self._versions[key]}"] if self._versions[key] > 1 else []
        if entry["type"] == "unmapped":
            notes.append(f"unmapped code {entry['code']}")
        if entry["provisional"]:
            notes.append(f"provisional: code {entry['code']}")
        return ", ".join(notes)


def _provider(entry: dict[str, Any]) -> str:
    return str(entry["source"]).split("/")[1]


def _short(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 1] + "…"


def _words(key: list[str]) -> str:
    return " ".join(filter(None, key))
