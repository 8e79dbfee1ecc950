"""How Outreach is called, and what becomes of its answers."""

from urllib.parse import parse_qsl

import pytest

from headrace.providers.discover import discover
from headrace.providers.outreach.settings import OutreachSettings
from headrace.sdk.faults import Denied, Fault, Gone, NoRoute, Rejected, Throttled, TooHeavy, Unavailable
from headrace.sdk.feed import Answer, Call, Polled, Quota
from tests.providers.feeds_kit import polled

APP = {
    "client_id": "app",
    "client_secret": "hush",
    "redirect_uri": "https://headrace.example.com/callback",
    "refresh_token": "first",
}
CLIENT = polled("outreach", access_token="tok-invented")[1]  # noqa: S106  (of nobody)
OAUTH = polled("outreach", token_key="k" * 32, **APP)[1]


def error(word: str) -> bytes:
    return f'{{"errors":[{{"id":"{word}","title":"t","detail":"tok-invented is no such thing"}}]}}'.encode()


@pytest.mark.parametrize(
    ("status", "body", "fault"),
    [
        (200, b'{"data":[]}', None),
        (200, b"<html>", Unavailable),
        (400, b'{"error":"invalid_grant"}', Denied),
        (401, b"Invalid access token", Denied),
        (401, b'{"error":"invalid_client"}', Denied),
        (403, error("unauthorizedOauthScope"), Denied),
        (403, b"Invalid access token", Denied),
        (404, error("resourceNotFound"), Gone),
        (404, error("routeNotFound"), NoRoute),
        (404, b"<html>", NoRoute),
        (400, b"<html>", Unavailable),
        (415, error("unsupportedMediaType"), Rejected),
        (422, error("validationError"), Rejected),
        (429, error("rateLimitExceeded"), Throttled),
        (500, error("internalServerError"), TooHeavy),
        (502, b"Bad Gateway", TooHeavy),
        (504, b"", TooHeavy),
        (503, b"", Unavailable),
        (422, b'{"errors":"tok-invented"}', Rejected),
        (422, error("tok-invented/odd"), Rejected),
    ],
)
def test_each_answer_has_its_treatment(status: int, body: bytes, fault: type[Fault] | None) -> None:
    """The status decides, and the error's name where it is a plain word; nothing else of an error is repeated."""
    found = CLIENT.judge(Answer(status, {}, body), 0.0)
    assert type(found) is (fault or type(None))
    assert "tok-invented" not in str(found)


@pytest.mark.parametrize(
    ("status", "headers", "wait"),
    [
        (429, {"retry-after": "7"}, 7.0),
        (429, {"retry-after": "1790899207"}, 7.0),
        (503, {"retry-after": "2026-10-02T00:00:07Z"}, 7.0),
        (429, {"x-ratelimit-reset": "1790899207"}, 7.0),
        (429, {}, None),
    ],
)
def test_the_wait_is_read_in_every_form(status: int, headers: dict[str, str], wait: float | None) -> None:
    """Retry-After may be a span, an epoch or a time; without it the end of the hour counts."""
    fault = CLIENT.judge(Answer(status, headers, b""), 1_790_899_200.0)
    assert isinstance(fault, Throttled)
    assert fault.wait == wait


@pytest.mark.parametrize(
    ("left", "reset", "quota"),
    [
        ("9999", "1790899260", Quota(9999, 1_790_899_260.0)),
        ("9999, 19988", "1790899260", Quota(9999, 1_790_899_260.0)),
        ("12", "60", Quota(12, 1_790_899_260.0)),
        ("many", "1790899260", None),
        ("12", "", None),
    ],
)
def test_the_quota_is_read(left: str, reset: str, quota: Quota | None) -> None:
    """Of two numbers the first counts; what cannot be read says nothing."""
    headers = {"x-ratelimit-remaining": left, "x-ratelimit-reset": reset}
    assert CLIENT.quota(Answer(200, headers, b"{}"), 1_790_899_200.0) == quota
    assert CLIENT.quota(Answer(200, {}, b"{}"), 1_790_899_200.0) is None


def test_calls_carry_the_token_and_the_media_type() -> None:
    """A given token is used as it is; with OAuth it is the one that was minted."""
    call = Call(path="/api/v2/events")
    assert dict(CLIENT.sign(call, None).headers) == {
        "Accept": "application/vnd.api+json",
        "Content-Type": "application/vnd.api+json",
        "Authorization": "Bearer tok-invented",
    }
    assert dict(OAUTH.sign(call, "minted").headers)["Authorization"] == "Bearer minted"
    assert "Authorization" not in dict(OAUTH.sign(call, None).headers)


def test_tokens_are_minted_by_a_form() -> None:
    """A refresh names the app, and its answer is read whole or not at all."""
    tokens = OAUTH.tokens
    assert tokens
    assert (tokens.first, tokens.pause, CLIENT.tokens) == ("first", 61.0, None)
    call = tokens.mint("second")
    assert (call.method, call.path) == ("POST", "/oauth/token")
    form = {**APP, "grant_type": "refresh_token", "refresh_token": "second"}
    assert dict(parse_qsl(call.body.decode())) == form
    answer = b'{"access_token":"a","refresh_token":"r","expires_in":"7200"}'
    assert tokens.minted(answer) == ("a", "r", 7200.0)
    with pytest.raises(Unavailable):
        tokens.minted(b'{"access_token":"a"}')


def test_single_events_are_asked_for_at_their_endpoint() -> None:
    """An event can be had by its id; the records behind webhooks are no events."""
    provider = discover()["outreach"]
    assert isinstance(provider, Polled)
    assert [call.path for call in provider.single(OutreachSettings(), "event", "7/../8")] == [
        "/api/v2/events/7%2F..%2F8"
    ]
    assert not provider.single(OutreachSettings(), "mailing", "7")
    assert provider.client(OutreachSettings()) is None
