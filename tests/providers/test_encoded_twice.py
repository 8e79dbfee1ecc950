"""Events that somebody encoded twice: a JSON string that holds the JSON of one."""

import json
from typing import Any

import pytest

from headrace.providers.leadping.cut import automation
from tests.providers import suite
from tests.providers.outreach.kit import webhook
from tests.providers.suite import HOMES, Home

EVENTS: dict[str, Any] = {
    "leadping": {"id": "ev-1", "activityType": "Call", "summary": 'ünïcode "quoted"'},
    "leadsquared": {"ProspectActivityId": "a", "ActivityEvent": "171", "Data": {"mx_Custom_1": 'ünïcode "quoted"'}},
    "outreach": webhook("task.completed", 2),
}
EACH = pytest.mark.parametrize("home", [home for home in HOMES if home.name in EVENTS], ids=lambda home: home.name)


def pieces(home: Home, body: str) -> list[tuple[str, Any]]:
    """Cut a body: the shape of each record, and its content or bytes."""
    found = suite.provider_of(home).cut(body.encode())
    return [(piece.shape, piece.value if piece.shape == "unreadable" else json.loads(piece.value)) for piece in found]


@EACH
def test_an_event_is_decoded_once_more(home: Home) -> None:
    """As the body, as an item of an array, or as the whole array."""
    plain = json.dumps(EVENTS[home.name])
    twice = json.dumps(plain)
    (wanted,) = pieces(home, plain)
    for body in (twice, f" {twice}\n", f"\ufeff{twice}", f"[{twice}]", json.dumps(f"[{plain}]"), f"[{twice}, {plain}]"):
        assert set(map(str, pieces(home, body))) == {str(wanted)}, body


@EACH
@pytest.mark.parametrize("body", ['"text"', '["text"]', '"\\ud83d"', '"{"', '["{", 1]', '"{', '"[1]"'])
def test_what_is_no_event_inside_stays_unreadable(home: Home, body: str) -> None:
    """Plain text, or broken: kept whole. Encoded three times is one time too many."""
    for each in (body, json.dumps(json.dumps(json.dumps(EVENTS[home.name])))):
        assert {shape for shape, _ in pieces(home, each)} == {"unreadable"}


@pytest.mark.parametrize("pointer", [None, "/event"])
def test_an_automation_may_encode_its_event_twice(pointer: str | None) -> None:
    """Behind the tenant's pointer, too."""
    plain = json.dumps(EVENTS["leadping"])
    bodies = [json.dumps({"event": plain}), json.dumps({"event": [plain]}), json.dumps(json.dumps({"event": plain}))]
    for body in bodies:
        assert [json.loads(piece.value) for piece in automation(body.encode(), pointer)] == [EVENTS["leadping"]]
