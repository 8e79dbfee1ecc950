"""`headrace taxonomy unmapped` on a terminal: what an administrator decides by stands there whole."""

import sys
from typing import Any

import click
import pytest

from headrace.cli._code_rows import print_codes
from headrace.cli._open_codes import OpenCode
from headrace.core.proposals import propose
from headrace_events import RawPosition


def code(number: str, name: str, **changed: Any) -> OpenCode:
    """Make a code of an imaginary tenant; `changed` overrides."""
    values: dict[str, Any] = {
        "source": "/leadsquared/acme",
        "resource": "activity",
        "code": number,
        "name": name,
        "published_as": "custom.logged (provisional)",
        "today": "open",
        "events": 31,
        "first": "2026-08-08T09:00:00Z",
        "last": "2026-08-09T09:00:00Z",
        "samples": [RawPosition("headrace.raw", 7, 10)],
        "statuses": {},
        "fields": {},
        "proposal": propose(name),
    }
    return OpenCode(**(values | changed))


CODES = [code("201", "Showroom Visit"), code("206", "Down Payment Received"), code("204", "Quotation Sent")]


def printed(
    columns: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *codes: OpenCode, whole: bool
) -> list[str]:
    """Return what a terminal of so many columns shows."""
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    print_codes(codes, whole=whole)
    lines = click.unstyle(capsys.readouterr().out).splitlines()
    assert max(map(len, lines)) <= columns
    return lines


@pytest.mark.parametrize("whole", [False, True])
@pytest.mark.parametrize("columns", [80, 100])
def test_names_stand_there_whole(
    whole: bool,  # noqa: FBT001  (pytest passes parameters so)
    columns: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """One tenant stands above, not in each row; names, types and numbers are not cut, and guesses have their names."""
    codes = [*CODES, code("207", "Loan Application Form", today="document.generated", proposal=None)]
    lines = printed(columns, monkeypatch, capsys, *(codes if whole else CODES), whole=whole)
    assert lines[0] == "Codes of leadsquared/acme, activity:"
    assert lines[1].split()[:4] == ["code", "name", "published", "as"]
    assert lines[3].startswith("  206   Down Payment Received  custom.logged  ")
    assert " 31" in lines[3]
    guesses = lines[lines.index("") + 1 :]
    assert guesses[0].split() == ["code", "name", "guess", "because", "of"]
    assert [line.split()[0] for line in guesses[1:]] == ["201", "206"]
    assert guesses[1].endswith('Showroom Visit         meeting.held    "visit" in the name')


def test_codes_of_several_tenants_have_their_source(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Then each row says whose it is; without any guess there is one table."""
    codes = [code("204", "Quotation Sent", proposal=None, source=f"/leadsquared/{name}") for name in ("acme", "north")]
    lines = printed(80, monkeypatch, capsys, *codes, whole=False)
    assert [line.split()[0] for line in lines[:3]] == ["source", "leadsquared/acme", "leadsquared/north"]
    assert all("Quotation Sent" in line and " 31" in line for line in lines[1:3])
    assert lines[3:] == ["  a wider terminal, or a pipe, also shows: last, first, sample"]
