"""`headrace find --lead`: each event with the id by which one asks on."""

import sys

import click
import pytest

from headrace.cli._find_lead import LeadEvent, LeadSearch
from headrace.cli._lead_page import show_lead
from headrace_events import Data, Event, Native, Provenance, RawPosition

ID = "call/4f7a01e2-0000-4000-8000-00000000009c/1786179810000000~6625975a"
EVENT = Event(
    specversion="1.0",
    id=ID,
    source="/acme/north",
    type="headrace.call.completed.v1",
    subject="lead/81",
    recordedtime="2026-08-08T09:00:01Z",
    datacontenttype="application/json",
    dataschema="urn:headrace:event:1",
    partitionkey="/acme/north/lead/81",
    data=Data(
        category="call",
        action="completed",
        native=Native("acme", "north", "call", "c-1", code="350"),
        provenance=Provenance("poll", "2026-08-08T09:00:00Z", RawPosition("headrace.raw", 1, 2), "00000000", "350"),
    ),
)


def test_ids_of_a_leads_events_stand_there_whole(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """On a terminal of 80 columns, too, and below titles; in a pipe there are none."""
    show_lead(LeadSearch([LeadEvent("7@2", EVENT)], "", []))
    assert len(capsys.readouterr().out.splitlines()) == 3
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    show_lead(LeadSearch([LeadEvent("7@2", EVENT)], "", []))
    titles, line, named, about = click.unstyle(capsys.readouterr().out).splitlines()
    assert titles.split()[:2] == ["time", "source"]
    assert "call.completed" in line
    assert named.strip() == ID
    assert about.strip().startswith("raw 1@2, row 350")
    assert max(map(len, (titles, line, named, about))) <= 80
