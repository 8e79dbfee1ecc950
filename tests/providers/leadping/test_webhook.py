"""Webhooks: signatures, the other modes, and what a body becomes."""

import json
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from standardwebhooks.webhooks import Webhook

from headrace.core.mapping_file import build, read
from headrace.providers.leadping import provider
from headrace.providers.leadping.settings import LeadPingSettings
from headrace.providers.leadping.webhook import sign
from headrace.records.raw import printable
from headrace.sdk.provider import UNREADABLE, Accepted, Delivery, Identity, Nudge, Refused, Tenant
from headrace_events import Via
from tests.providers.leadping.kit import OLD_SECRET, SECRET, row, table
from tests.providers.nudging import Decided, decide_on
from tests.raw_records import through_raw

NOW = datetime.now(UTC).replace(microsecond=0)
RECEIVED = int(NOW.timestamp() * 1000)
EVENT = row(status="Sent")
BODY = json.dumps({"event": EVENT, "note": "é"}, ensure_ascii=False).encode()


def delivery(
    headers: dict[str, str], body: bytes = BODY, *, method: str = "POST", received: int = RECEIVED
) -> Delivery:
    """Make a delivery of JSON."""
    return Delivery("acme", method, {"content-type": "application/json"} | headers, {}, body, received)


def signed(body: bytes = BODY, secret: str = SECRET, at: datetime = NOW, run: str = "run-1") -> dict[str, str]:
    """Sign as the public library of Standard Webhooks does."""
    return {
        "webhook-id": run,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": Webhook(secret).sign(run, at, body.decode()),
    }


def accept(request: Delivery, **settings: Any) -> Accepted:
    """Return what `accept` makes of a delivery."""
    return provider.accept(request, LeadPingSettings(**{"webhook_secrets": [SECRET], **settings}))


def refused(request: Delivery, **settings: Any) -> Refused:
    """Expect a refusal, and give it; no secret and no signature is in it."""
    with pytest.raises(Refused) as caught:
        accept(request, **settings)
    text = str(msgspec.to_builtins(caught.value.problem))
    assert not any(word in text for word in (SECRET, OLD_SECRET, SECRET.removeprefix("whsec_"), "v1,"))
    return caught.value


def test_a_signature_of_the_public_library_is_accepted() -> None:
    """What the library of Standard Webhooks signs comes in, with the bytes of the event as they were."""
    accepted = accept(delivery(signed()))
    (raw,) = accepted.events
    assert (accepted.status, accepted.answer) == (202, b"")
    assert (raw.source, raw.shape, raw.via, raw.received, raw.delivery) == (
        "/leadping/acme",
        "row",
        Via.WEBHOOK,
        RECEIVED,
        "run-1",
    )
    assert raw.value in BODY
    assert json.loads(raw.value) == EVENT


def test_our_signature_is_accepted_by_the_public_library() -> None:
    """Both sides of the signature are the same."""
    timestamp = str(int(datetime.now(UTC).timestamp()))  # the library looks at the clock, a long run is older than NOW
    headers = {
        "webhook-id": "run-1",
        "webhook-timestamp": timestamp,
        "webhook-signature": sign(SECRET, "run-1", timestamp, BODY),
    }
    assert Webhook(SECRET).verify(BODY.decode(), headers) == json.loads(BODY)


def test_secrets_rotate() -> None:
    """Any of several secrets, and any of several signatures, is enough."""
    accept(delivery(signed(secret=OLD_SECRET)), webhook_secrets=[SECRET, OLD_SECRET])
    both = signed()
    both["webhook-signature"] = "v1,AAAA v1a,BBBB " + both["webhook-signature"]
    accept(delivery(both))
    assert refused(delivery(signed(secret=OLD_SECRET))).problem.code == "bad_signature"


@pytest.mark.parametrize("seconds", [-300, 300])
def test_a_timestamp_may_be_five_minutes_off(seconds: int) -> None:
    """Old and future deliveries are taken within five minutes, and refused beyond."""
    off = RECEIVED + seconds * 1000
    accept(delivery(signed(), received=off))
    further = off + (1 if seconds > 0 else -1)
    found = refused(delivery(signed(), received=further))
    assert (found.status, found.problem.code) == (401, "stale_timestamp")


@pytest.mark.parametrize("part", ["webhook-id", "webhook-timestamp", "webhook-signature"])
def test_every_part_is_signed_and_needed(part: str) -> None:
    """A part that is missing or changed makes the delivery a stranger's."""
    missing = signed()
    del missing[part]
    assert refused(delivery(missing)).problem.code == "no_signature"
    changed = signed()
    changed[part] = "v1,AAAA" if part == "webhook-signature" else changed[part] + "0"
    assert refused(delivery(changed)).problem.code == "bad_signature"


@pytest.mark.parametrize("timestamp", ["yesterday", "-5", "١٢٣", "1e9"])
def test_a_timestamp_is_a_number(timestamp: str) -> None:
    """A signature over nonsense is no proof of when."""
    headers = {
        "webhook-id": "r",
        "webhook-timestamp": timestamp,
        "webhook-signature": sign(SECRET, "r", timestamp, BODY),
    }
    assert refused(delivery(headers)).problem.code == "stale_timestamp"


def test_the_signature_is_over_the_bytes() -> None:
    """One space more in the body, and the signature fits no longer."""
    assert refused(delivery(signed(), BODY + b" ")).status == 401


def test_many_signatures_cost_no_more_than_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stranger who fills the header with signatures has the body read once for each secret, not for each of them."""
    read: list[str] = []

    def count(secret: str, *rest: Any) -> str:
        read.append(secret)
        return sign(secret, *rest)

    monkeypatch.setattr("headrace.providers.leadping.webhook.sign", count)
    many = signed() | {"webhook-signature": "v1,AAAA " * 1000}
    assert refused(delivery(many), webhook_secrets=[OLD_SECRET, SECRET]).problem.code == "bad_signature"
    assert read == [OLD_SECRET, SECRET]


@pytest.mark.parametrize(
    ("mode", "good", "bad"),
    [
        ("bearer", {"authorization": "Bearer s3"}, {"authorization": "Basic s3"}),
        ("bearer", {"authorization": "bearer  s3"}, {"authorization": "Bearer s4"}),
        ("header", {"x-headrace-secret": "s3"}, {"x-headrace-secret": "s3x"}),
        ("header", {"x-headrace-secret": "s2"}, {}),
    ],
)
def test_the_other_modes_compare_a_secret(mode: str, good: dict[str, str], bad: dict[str, str]) -> None:
    """Bearer token and own header carry one of the secrets."""
    settings = {"webhook_mode": mode, "webhook_secrets": ["s2", "s3"]}
    assert accept(delivery(good), **settings).events
    assert refused(delivery(bad), **settings).problem.code == "bad_secret"
    assert refused(delivery(good), **settings | {"webhook_secrets": []}).problem.code == "no_secret"
    assert refused(delivery(signed()), **settings).status == 401


def test_the_header_has_a_name_of_ones_own() -> None:
    """`webhook_header` names it, in any case."""
    settings = {"webhook_mode": "header", "webhook_header": "X-Own", "webhook_secrets": ["s"]}
    assert accept(delivery({"x-own": "s"}), **settings).events
    assert refused(delivery({"x-headrace-secret": "s"}), **settings).status == 401


def test_a_tenant_may_check_nothing() -> None:
    """The mode `none` is chosen by name, never by leaving the secrets out."""
    assert accept(delivery({}), webhook_mode="none", webhook_secrets=[]).events
    assert refused(delivery(signed()), webhook_secrets=[]).problem.code == "no_secret"


def test_other_methods_and_types_are_refused() -> None:
    """Only JSON by POST is looked at."""
    assert refused(delivery(signed(), method="GET")).status == 405
    assert refused(delivery(signed() | {"content-type": "text/plain"})).status == 415
    assert accept(delivery(signed() | {"content-type": "Application/JSON; charset=utf-8"})).events
    assert accept(delivery(signed() | {"content-type": "application/cloudevents+json"})).events


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"webhook_event": "event"}, "JSON pointer"),
        ({"webhook_secrets": ["no base64!"]}, "whsec_"),
        ({"webhook_secrets": ["whsec_"]}, "whsec_"),
    ],
)
def test_settings_that_cannot_work_are_refused(settings: dict[str, Any], sentence: str) -> None:
    """A wrong pointer or secret is reported when the configuration is read, without the secret."""
    [fault] = msgspec.convert(settings, LeadPingSettings).faults()
    assert sentence in fault.reason
    assert "no base64!" not in fault.reason


def test_settings_of_another_provider_are_an_error_of_ours() -> None:
    """`accept` takes the settings of this provider alone."""
    with pytest.raises(TypeError):
        provider.accept(delivery({}), Tenant())


@pytest.mark.parametrize(
    ("pointer", "body", "shapes"),
    [
        (None, EVENT, ["row"]),
        (None, {"event": EVENT}, ["row"]),
        (None, [EVENT, EVENT], ["row", "row"]),
        (None, {"event": {"id": "run-7", "name": "Automation finished"}}, ["automation"]),
        (None, {"data": EVENT}, ["automation"]),
        (None, {"event": "lead.hot"}, ["automation"]),
        (None, "text", ["automation"]),
        ("", EVENT, ["row"]),
        ("/event", {"event": EVENT}, ["row"]),
        ("/event", {"event": {"id": "act-1", "state": "new"}}, ["row"]),
        ("/event", {"event": {"row": EVENT, "detail": None}}, ["bundle"]),
        ("/event", {"event": {"id": "c", "answeredAt": None}}, ["call"]),
        ("/event", {"event": {"id": 5}}, ["automation"]),
        ("/event", {"other": EVENT}, ["automation"]),
        ("/event", {"event": None}, ["automation"]),
        ("/a~1b/m~0n/1", {"a/b": {"m~n": [0, EVENT]}}, ["row"]),
        ("/list", {"list": [EVENT, EVENT]}, ["row", "row"]),
        ("/list", {"list": [EVENT, "x"]}, ["row", "unreadable"]),
        ("/list/7", {"list": [EVENT]}, ["automation"]),
        ("/list/x", {"list": [EVENT]}, ["automation"]),
        ("/list", {"list": []}, ["automation"]),
    ],
)
def test_the_pointer_finds_the_event(pointer: str | None, body: Any, shapes: list[str]) -> None:
    """An event is cut out where the pointer says; a body without one is kept whole."""
    data = json.dumps(body).encode()
    events = accept(delivery(signed(data), data), webhook_event=pointer).events
    assert [raw.shape for raw in events] == shapes
    if shapes == ["automation"]:
        assert (events[0].value, events[0].hint) == (data, "run-1")


@pytest.mark.parametrize("body", [b"", b"{", b'{"event": {{id}} }', b"\xff\xfe{}", b"[" * 100_000])
def test_what_is_no_json_is_kept_for_later(body: bytes) -> None:
    """A verified body that cannot be decoded is accepted all the same: the normalizer makes a dead letter of it."""
    timestamp = str(int(NOW.timestamp()))
    headers = {
        "webhook-id": "r",
        "webhook-timestamp": timestamp,
        "webhook-signature": sign(SECRET, "r", timestamp, body),
    }
    (raw,) = accept(delivery(headers, body)).events
    assert (raw.shape, raw.value) == (UNREADABLE, body)


def decided(body: Any, overlay: str = "", **settings: Any) -> Decided:
    """Return what becomes of a polled tenant's delivery."""
    data, own = json.dumps(body).encode(), LeadPingSettings(webhook_secrets=[SECRET], polling=True, **settings)
    mapping = build(table().entries, read(overlay, "acme.toml", provider.tables))
    return decide_on(provider, provider.accept(delivery(signed(data), data), own).events, own, mapping)


WHOLE = {"row": EVENT, "detail": {"id": "act-9001"}, "call": {"id": "c-1", "leadId": "lead-9"}}


@pytest.mark.parametrize(
    ("event", "nudge"),
    [
        (EVENT, Nudge("lead-events", "lead-9", "act-9001")),
        ({"id": "act-1", "status": "Sent"}, Nudge("lead-events", None, "act-1")),
        ({"row": EVENT, "detail": None}, Nudge("lead-events", "lead-9", "act-9001")),
        (WHOLE | {"call": None}, Nudge("lead-events", "lead-9", "act-9001")),
        ({"detail": EVENT}, Nudge("lead-events", "lead-9", "act-9001")),
        ({"id": "c-1", "leadId": "lead-9", "answeredAt": None}, Nudge("lead-events", "lead-9")),
    ],
)
def test_with_polling_an_event_wakes_the_feed(event: Any, nudge: Nudge) -> None:
    """The record stands in raw; the feed will bring the event whole."""
    found = decided({"event": event}, webhook_event="/event")
    assert (found.fates, found.nudges) == (["nudged"], [nudge])


@pytest.mark.parametrize(
    "body",
    [
        {"type": "lead.hot"},
        {"event": {"id": "c-1", "answeredAt": None}},
        {"event": {"id": "c-1", "leadId": "..", "answeredAt": None}},
        {"event": {"id": ".", "status": "Sent"}},
        {"event": WHOLE},
    ],
)
def test_with_polling_what_no_feed_tells_better_is_published(body: Any) -> None:
    """A body without an event, what no feed can be asked for, and what is told in full, are not left to a feed."""
    found = decided(body, webhook_event="/event")
    assert (found.fates, found.nudges) == (["published"], [])


def test_an_overlay_decides_what_is_left_to_the_feed() -> None:
    """Rows of the tenant's own say what they reach, in both directions."""
    only = '[[row]]\ntable = "activity"\ncode = "Sms"\ntype = "message.sent"\nreach = "only"'
    assert decided({"event": EVENT}, only).fates == ["published"]
    hot = '[[row]]\ntable = "automation"\ncode = "lead.hot"\ntype = "lead.updated"\nreach = "nudge"'
    assert decided({"type": "lead.hot", "leadId": "lead-9"}, hot).nudges == [Nudge("lead-events", "lead-9")]
    assert decided({"type": "lead.hot"}, hot).fates == ["published"]


def test_the_feed_that_is_read_is_woken() -> None:
    """Where the leads are not read one by one, the list of all of them brings the event."""
    found = decided({"event": EVENT}, webhook_event="/event", feeds=["tenant-events"])
    assert (found.fates, found.nudges) == (["nudged"], [Nudge("tenant-events", "lead-9", "act-9001")])


def test_an_event_of_a_feed_that_is_not_read_is_published() -> None:
    """Whoever polls other feeds alone gets what the webhook tells."""
    assert decided({"event": EVENT}, feeds=["another"]).fates == ["published"]


def test_with_polling_an_event_that_cannot_be_read_is_a_dead_letter() -> None:
    """What makes no nudge becomes a dead letter, not nothing."""
    assert decided({"event": {"id": "act-1", "timelineType": "Sms", "leadId": 5}}).fates == ["dead"]


@pytest.mark.parametrize("odd", ["\udcff", "\xff", "run-\udc80", "1٣", "9" * 13, "9" * 400, "9" * 5_000])
@pytest.mark.parametrize("part", ["webhook-timestamp", "webhook-id", "webhook-signature"])
def test_odd_headers_are_refused(part: str, odd: str) -> None:
    """Headers that cannot be encoded, or hold far too many digits, are a stranger's, not an error of ours."""
    assert refused(delivery(signed() | {part: odd})).status == 401


@pytest.mark.parametrize("digits", [13, 400, 5_000])
def test_a_timestamp_has_few_digits(digits: int) -> None:
    """Even a good signature makes no time of hundreds of digits."""
    timestamp = "9" * digits
    headers = {
        "webhook-id": "r",
        "webhook-timestamp": timestamp,
        "webhook-signature": sign(SECRET, "r", timestamp, BODY),
    }
    assert refused(delivery(headers)).problem.code == "stale_timestamp"


@pytest.mark.parametrize("odd", ["\udcff", "\xff", "s?"])
@pytest.mark.parametrize(("mode", "header"), [("bearer", "authorization"), ("header", "x-headrace-secret")])
def test_a_secret_may_be_any_text(mode: str, header: str, odd: str) -> None:
    """A secret beyond ASCII is compared by its bytes, and what is no UTF-8 equals none."""
    settings = {"webhook_mode": mode, "webhook_secrets": ["é", "?", "s"]}
    prefix = "Bearer " if mode == "bearer" else ""
    assert refused(delivery({header: prefix + odd}), **settings).problem.code == "bad_secret"
    assert accept(delivery({header: prefix + "é"}), **settings).events


@pytest.mark.parametrize("run", ["\udcff", "\xff", "r" * 5_000])
def test_an_odd_run_names_its_automation(run: str) -> None:
    """Where nothing is signed any webhook-id comes in, and the name made of it can be written down."""
    request = delivery({"webhook-id": run}, b'{"type": "lead.hot"}')
    (raw,) = accept(request, webhook_mode="none", webhook_secrets=[]).events
    named = through_raw(provider, raw)
    assert named.identity == Identity("automation", printable(run), None)
    assert provider.identity(named) == named.identity
