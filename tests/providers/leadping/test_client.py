"""How LeadPing is called, and what becomes of its answers."""

import pytest

from headrace.sdk.faults import Denied, Fault, Gone, NoRoute, Rejected, Throttled, TooHeavy, Unavailable
from headrace.sdk.feed import Answer, Call, Polled
from tests.providers.feeds_kit import polled

PROVIDER, CLIENT, FEED = polled("leadping", api_key="sk_invented")
PROBLEM = b'{"status":400,"detail":"sk_invented is no such thing"}'


@pytest.mark.parametrize(
    ("status", "body", "fault"),
    [
        (200, b'{"items":[]}', None),
        (200, b"<html>", Unavailable),
        (200, b'{"items":[', Unavailable),
        (200, b"[]", Unavailable),
        (200, b"", Unavailable),
        (302, b"", NoRoute),
        (400, b"<html>", Unavailable),
        (400, b"", Unavailable),
        (400, PROBLEM, Rejected),
        (401, PROBLEM, Denied),
        (403, PROBLEM, Denied),
        (403, b"", Denied),
        (403, b" <html>blocked", Unavailable),
        (404, PROBLEM, Gone),
        (404, b"<html>no such page", NoRoute),
        (404, b"", NoRoute),
        (404, b"default backend - 404", NoRoute),
        (404, b"[]", NoRoute),
        (405, b"<html>", NoRoute),
        (405, PROBLEM, Rejected),
        (410, PROBLEM, Gone),
        (410, b"<html>", NoRoute),
        (451, b"<html>", Unavailable),
        (413, PROBLEM, TooHeavy),
        (415, PROBLEM, Rejected),
        (429, PROBLEM, Throttled),
        (500, PROBLEM, Unavailable),
        (502, b"<html>", Unavailable),
        (503, b"<html>", Unavailable),
    ],
)
def test_each_answer_has_its_treatment(status: int, body: bytes, fault: type[Fault] | None) -> None:
    """The status decides; a page for people and half a document are never a good answer, nor an event that is gone."""
    found = CLIENT.judge(Answer(status, {}, body), 0.0)
    assert type(found) is (fault or type(None))
    assert "sk_invented" not in str(found)


@pytest.mark.parametrize(
    ("header", "wait"),
    [
        ("7", 7.0),
        ("1790899207", 7.0),
        ("Fri, 02 Oct 2026 00:00:07 GMT", 7.0),
        ("2026-10-02T00:00:07Z", 7.0),
        ("x", None),
    ],
)
def test_the_wait_is_read_in_every_form(header: str, wait: float | None) -> None:
    """Seconds, seconds since the epoch, and two kinds of dates; a platform at rest says it in the same way."""
    for status in (429, 503):
        fault = CLIENT.judge(Answer(status, {"retry-after": header}, b""), 1_790_899_200.0)
        assert (fault.wait if isinstance(fault, Throttled) else None) == wait


def test_calls_carry_the_key_in_a_header() -> None:
    """The API key is a bearer token, and lists are JSON."""
    call = CLIENT.sign(Call(path="/events/leads/x", method="POST", body=b"{}"), None)
    headers = dict(call.headers)
    assert headers["Authorization"] == "Bearer sk_invented"
    assert headers["Content-Type"] == "application/json"
    assert call.query == ()
    assert (CLIENT.base_url, CLIENT.limits.per_window, CLIENT.limits.window) == ("https://api.leadping.ai", 300, 60)


def test_single_records_are_asked_for_at_their_endpoints() -> None:
    """An event has a detail at one of two paths, a call has a record; other resources have none."""
    assert isinstance(PROVIDER, Polled)
    settings = PROVIDER.Settings()
    paths = {
        resource: [call.path for call in PROVIDER.single(settings, resource, "a/b")]
        for resource in ("activity", "call", "sms")
    }
    assert paths == {
        "activity": ["/events/a%2Fb/detail", "/events/detail/a%2Fb"],
        "call": ["/events/calls/a%2Fb"],
        "sms": [],
    }
