"""Output of the demo: a line for each record, one whole event, the totals, and what to try next.

A table has as many columns as the terminal has room for, from 80 characters on: no line of it breaks.
"""

import re
import shutil
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import headrace
from headrace.cli import takes_color
from headrace.cli._formatting import short
from headrace.core.text_width import cut_to, fill, text_width, wrap
from headrace.observe.escapes import escaped
from headrace.records.seen import TOTALS
from headrace_demo.configuration import Ports
from headrace_demo.scenario import Expected

_COLUMNS = {"time": 8, "provider": 11, "via": 7, "type": 19, "lead": 8, "id": 20}
_FIRST_TO_GO = ("lead", "time")
_ROOM_FOR_NOTE = 25
_LEAST_NOTE = 12
_PIPE = (100, 24)
_What = tuple[str, str, str]
"""A provider, a fate, and the type where it is published."""
_POINTER = re.compile(r"at (\$[^\s:]*|byte \d+)")
_NOTES = {
    "mirror": "mirror: a copy",
    "noop": "noop: empty",
    "nudged": "nudged its feed",
    "stale": "stale: older",
}
_PROGRAM = Path(sys.executable).with_name("headrace")
_SAMPLE = Path(headrace.__file__).parent / "providers/leadsquared/samples/webhook-activities.json"
_DIM, _RED, _GREEN, _PLAIN = "\033[2m", "\033[31m", "\033[32m", "\033[0m"


class Screen:
    """Collects the decisions of the normalizer and shows them."""

    def __init__(self) -> None:
        self.decisions: list[dict[str, Any]] = []
        self._versions: Counter[tuple[str, str, str]] = Counter()
        self._colors = takes_color() if takes_color() is not None else sys.stdout.isatty()
        self._width = shutil.get_terminal_size(_PIPE).columns

    def head(self) -> None:
        """Print the heads of the columns."""
        self.say("", self._row({name: name for name in (*_COLUMNS, "note")}))

    def decided(self, entry: dict[str, Any]) -> None:
        """Print one record's fate."""
        self.decisions.append(entry)
        line = self._row(
            {
                "time": entry["time"][11:19],
                "provider": _provider(entry),
                "via": entry["via"],
                "type": entry["type"] or "-",
                "lead": short(entry["subject"].removeprefix("lead/")) or "-",
                "id": short(f"{entry['resource']}/{entry['id']}") if entry["id"] else "-",
                "note": self._note(entry),
            }
        )
        color = _RED if entry["fate"] == "dead" else _DIM if entry["fate"] != "published" else ""
        self.say(self._colored(line, color))

    def remark(self, text: str) -> None:
        """Print a sentence between the lines."""
        self.say("", text, "")

    def proven(self, lines: Iterable[str]) -> None:
        """Print what was just shown, a line each."""
        self.say("")
        for line in lines:
            first, *rest = wrap(f"Proven: {line}", self._width, " " * len("Proven: "))
            self.say(self._colored("Proven", _GREEN) + first.removeprefix("Proven"), *rest)

    def differs(self, faults: Iterable[str]) -> None:
        """Print what is not as it should be."""
        for fault in faults:
            self.say(self._colored("differs", _RED) + f": {escaped(fault)}")

    def _colored(self, text: str, color: str) -> str:
        return f"{color}{text}{_PLAIN}" if color and self._colors else text

    def acknowledged(self, provider: str) -> None:
        """Print that a webhook got its answer, though Kafka does not have it yet."""
        now = datetime.now(UTC).isoformat()[11:19]
        cells = {"time": now, "provider": provider, "via": "webhook", "note": "in the spool"}
        self.say(self._row(dict.fromkeys(_COLUMNS, "-") | cells))

    def _row(self, cells: dict[str, str]) -> str:
        """Return a line with the columns that there is room for, and as much of the note."""
        widths = dict(_COLUMNS)
        for name in _FIRST_TO_GO:
            if sum(widths.values()) + 2 * len(widths) + _ROOM_FOR_NOTE > self._width:
                del widths[name]
        begin = "".join(f"{fill(cut_to(escaped(cells[name]), width), width)}  " for name, width in widths.items())
        room = max(_LEAST_NOTE, self._width - text_width(begin))
        return (begin + cut_to(escaped(cells["note"]), room)).rstrip()

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
        """Print the table of fates by provider; rows and columns add up to the number of raw records."""
        table: dict[str, Counter[str]] = defaultdict(Counter)
        for decision in self.decisions:
            table[_provider(decision)][decision["fate"]] += 1
        fates = [fate for fate in TOTALS if any(row[fate] for row in table.values())]
        self.say("", "Every raw record has one fate:", "")
        providers = sorted(table)
        self.say("".join([f"{'fate':<11}", *(f"{name:>13}" for name in (*providers, "all"))]))
        for fate in fates:
            counts = [table[name][fate] for name in providers]
            self.say("".join([f"{fate:<11}", *(f"{count:>13}" for count in (*counts, sum(counts)))]))
        totals = [table[name].total() for name in providers]
        self.say("".join([f"{'records':<11}", *(f"{count:>13}" for count in (*totals, sum(totals)))]))

    def go_on(self, ports: Ports, kafka: str, config: Path, curl: str, *, ends: bool) -> None:
        """Print what to look at next, and how to send a webhook by hand; `ends`: the demo is about to stop."""
        program = "headrace" if shutil.which("headrace") == str(_PROGRAM) else _from_here(_PROGRAM)
        self.say("", "Explain one payload, without Kafka:", "")
        self.say(f"  {program} explain -p leadsquared \\", f"    {_from_here(_SAMPLE)}", "")
        if ends:
            self.say("Without a number of seconds, the demo goes on running. Then there are, to try:", "")
        self.say(
            f"Page      http://127.0.0.1:{ports.page}/",
            f"Kafka     {kafka}  topics demo.raw, demo.events, demo.dead-letters",
            f"Metrics   http://127.0.0.1:{ports.admin}/metrics",
            f"Tail      {program} -c {config} tail",
            f"kcat      kcat -b {kafka} -t demo.events -C -o beginning",
            "Read on   README.md",
            "",
            "Send a webhook as LeadSquared does:",
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
                return f"dead at {where[1]}" if where else "dead letter"
            case "published":
                return self._published(entry)
            case fate:
                return _NOTES.get(fate, str(fate))

    def _published(self, entry: dict[str, Any]) -> str:
        key = (entry["source"], entry["resource"], entry["id"])
        self._versions[key] += 1
        notes = [f"version {self._versions[key]}"] if self._versions[key] > 1 else []
        if entry["type"] == "unmapped":
            notes.append(f"code {entry['code']}")
        if entry["provisional"]:
            notes.append(f"code {entry['code']}, provisional")
        return ", ".join(notes)


def _provider(entry: dict[str, Any]) -> str:
    return str(entry["source"]).split("/")[1]


def _from_here(path: Path) -> str:
    """Return a path as it is typed in the working directory."""
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


def _words(key: list[str]) -> str:
    return " ".join(filter(None, key))
