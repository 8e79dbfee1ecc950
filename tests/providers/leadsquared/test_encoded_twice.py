"""Events that somebody encoded twice: a JSON string that holds the JSON of one."""

import json

import pytest

from headrace.providers.leadsquared import provider, wire
from tests.providers.leadsquared.decode_row import GUID

ITEM = {"ProspectActivityId": GUID, "ActivityEvent": "171", "Data": {"mx_Custom_1": 'ünïcode "quoted"'}}
PLAIN = json.dumps(ITEM)
TWICE = json.dumps(PLAIN)


@pytest.mark.parametrize(
    "body",
    [TWICE, f" {TWICE}\n", f"[{TWICE}]", json.dumps(f"[{PLAIN}]"), f"[{TWICE}, {PLAIN}]"],
)
def test_an_event_is_decoded_once_more(body: str) -> None:
    """As the body, as an item of an array, or as the whole array."""
    found = list(provider.cut(body.encode()))
    assert {piece.shape for piece in found} == {wire.WEBHOOK_ACTIVITY}
    assert all(json.loads(piece.value) == ITEM for piece in found)


@pytest.mark.parametrize("body", [json.dumps(TWICE), '"text"', '["text"]', '"\\ud83d"', '"{"', '["{", 1]', '"{'])
def test_what_is_no_event_inside_stays_unreadable(body: str) -> None:
    """Encoded three times, plain text, or broken: kept whole."""
    assert {piece.shape for piece in provider.cut(body.encode())} == {"unreadable"}
