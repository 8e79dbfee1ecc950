"""What the demo says it has proven: one line each, with the numbers of what was decided."""

import sys
from typing import Any

import click
import pytest

from headrace_demo import proofs
from headrace_demo.screen import Screen


def decided(*fates: str, via: str = "webhook", type_: str = "call.completed") -> list[dict[str, Any]]:
    return [{"fate": fate, "via": via, "type": type_ if fate == "published" else None} for fate in fates]


def test_each_line_has_its_numbers() -> None:
    """They are counted, not known beforehand."""
    found = [*decided("published", "duplicate", "stale", "dead"), *decided("published", type_="unmapped")]
    once, guessed, lost = proofs.of_scenario(found)
    assert once == "5 records in, each event out once: 2 events, 2 records were no news"
    assert guessed.startswith("nothing is guessed: 1 codes")
    assert lost.startswith("nothing is lost: 1 broken")
    polled = [*decided("nudged"), *decided("published", "published", "unchanged", via="poll")]
    (both,) = proofs.of_polling(polled)
    assert both == "both ways make one event: 2 by poll, 1 known before, 1 feeds woken"
    (durable,) = proofs.of_outage(decided("published", "published", "duplicate"), 3)
    assert durable == "acknowledged is durable: 3 webhooks survived, as 2 events, once each"
    (topics,) = proofs.of_topics(found)
    assert topics == "the topics hold just that: 2 events, each id once, 1 dead letters"


@pytest.mark.parametrize(("no_color", "first"), [("", "\x1b[32mProven\x1b[0m: short"), ("1", "Proven: short")])
def test_lines_are_coloured_and_fit(
    no_color: str, first: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where it is a terminal that takes colours; no word is broken."""
    for name, value in (("COLUMNS", "80"), ("NO_COLOR", no_color), ("FORCE_COLOR", ""), ("TERM", "xterm")):
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    screen = Screen()
    screen.proven(["short", "long " * 30])
    screen.differs(["one\x1b[2J"])
    lines = capsys.readouterr().out.splitlines()
    assert lines[1] == first
    assert max(len(click.unstyle(line)) for line in lines) <= 80
    assert all("\x1b[2J" not in line for line in lines)
