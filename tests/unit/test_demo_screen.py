"""The demo's table: no line of it is wider than the terminal."""

from typing import Any

import pytest

from headrace_demo.scenario import Expected
from headrace_demo.screen import Screen

ENTRY: dict[str, Any] = {
    "time": "2026-11-29T10:47:02.123456Z",
    "source": "/leadsquared/acme",
    "via": "webhook",
    "subject": "lead/6513270e-2690-4b6f-8a5b-6f1d90e3a438",
    "resource": "activity",
    "id": "a170b338-3926-40f5-8a5b-6f1d90e3ac23/3011",
    "code": "calendly:meeting_booked_again",
    "note": "bad_time at $.CreatedOnSomewhereDeep: no time",
}
FATES = ["published", "duplicate", "unchanged", "stale", "mirror", "noop", "nudged", "dead"]


@pytest.mark.parametrize("columns", [80, 100, 200])
def test_no_line_breaks(columns: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Columns go, and notes are cut, until a line fits; provider, way, type and id always stand there."""
    monkeypatch.setenv("COLUMNS", str(columns))
    screen = Screen()
    screen.head()
    for fate in FATES:
        word = "opportunity.stage_changed" if fate == "published" else None
        screen.decided(ENTRY | {"fate": fate, "type": word, "provisional": True})
    screen.acknowledged("leadsquared")
    screen.totals()
    assert screen.unexpected([("leadsquared", Expected(fate)) for fate in FATES[1:]], set())
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= columns
    assert {"provider", "via", "type", "id", "note"} <= set(lines[1].split())
    assert ("time" in lines[1], "lead" in lines[1].split()) == (columns >= 100, columns >= 200)
