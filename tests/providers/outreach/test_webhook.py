import hashlib
import hmac
import json
from typing import Any

import pytest
from msgspec.structs import replace

from headrace.core.mapping_file import build, read
from headrace.providers.outreach import provider
from headrace.providers.outreach.settings import OutreachSettings
from headrace.records.raw import printable
from headrace.sdk.provider import Accepted, Delivery, Nudge, Refused
from headrace_events import Via
from tests.providers.nudging import Decided, decide_on
from tests.providers.outreach.kit import entries, webhook
from tests.raw_records import through_raw

SECRETS = ["the-old-secret", "the-new-secret"]
SETTINGS = OutreachSettings(webhook_secrets=SECRETS)
BODY = json.dumps(webhook("mailing.delivered", 1, job="job-7")).encode()


def signature(body: bytes = BODY, secret: str = SECRETS[1]) -> str:
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def delivery(body: bytes = BODY, sign: str | None = "", **headers: str) -> Delivery:
    """Make a delivery, signed well unless `sign` is another signature or None."""
    named = {"content-type": "application/vnd.api+json"} | {k.replace("_", "-"): v for k, v in headers.items()}
    if sign is not None:
        named["outreach-webhook-signature"] = sign or signature(body)
    return Delivery(tenant="acme", method="POST", headers=named, query={}, body=body, received=1_775_030_400_000)


def refused(request: Delivery, settings: OutreachSettings = SETTINGS) -> Refused:
    with pytest.raises(Refused) as caught:
        provider.accept(request, settings)
    return caught.value


def accept(body: dict[str, Any], settings: OutreachSettings) -> Accepted:
    return provider.accept(delivery(json.dumps(body).encode()), settings)


def test_a_signed_delivery_is_accepted_as_it_came() -> None:
    """The raw event holds the very bytes that were signed, and the delivery's id; the answer is 202."""
    accepted = provider.accept(delivery(), SETTINGS)
    assert accepted.status == 202
    (raw,) = accepted.events
    assert (raw.value, raw.via, raw.tenant, raw.delivery) == (BODY, Via.WEBHOOK, "acme", "job-7")


@pytest.mark.parametrize("secret", SECRETS)
def test_each_secret_counts_while_secrets_rotate(secret: str) -> None:
    """Of several secrets any one may have signed."""
    assert provider.accept(delivery(sign=signature(secret=secret)), SETTINGS).events


@pytest.mark.parametrize("change", [str.upper, lambda signature: f" {signature} "])
def test_the_case_of_the_signature_does_not_count(change: Any) -> None:
    """No captured header is public, so upper case and white space are tolerated."""
    assert provider.accept(delivery(sign=change(signature())), SETTINGS).events


@pytest.mark.parametrize(
    "wrong",
    [
        signature(secret="somebody else's"),  # noqa: S106  (a wrong one)
        signature(BODY + b" "),
        signature()[:-1],
        f"sha256={signature()}",
        "ä€\udcff",
        "x" * 10_000,
    ],
)
def test_a_wrong_signature_is_refused(wrong: str) -> None:
    """A signature over other bytes, by another secret or of another form gives 401 and a sentence."""
    error = refused(delivery(sign=wrong))
    assert (error.status, error.problem.code) == (401, "bad_signature")


def test_one_changed_byte_is_refused() -> None:
    """The signature is over the raw bytes, not over what they mean."""
    assert refused(delivery(BODY.replace(b": ", b":"), sign=signature())).status == 401


@pytest.mark.parametrize("missing", [None, " "])
def test_a_missing_signature_is_refused(missing: str | None) -> None:
    """An unsigned delivery gives 401 while secrets are configured."""
    error = refused(delivery(sign=missing))
    assert (error.status, error.problem.code) == (401, "no_signature")


@pytest.mark.parametrize("secrets", [[], [""]])
def test_without_a_secret_nothing_is_verified(secrets: list[str]) -> None:
    """No secret, or an empty one that anybody could sign with, accepts nothing and says what to set."""
    error = refused(delivery(sign=signature(secret="")), OutreachSettings(webhook_secrets=secrets))
    assert (error.status, error.problem.code) == (401, "no_secret")
    assert "webhook_secrets" in error.problem.detail


def test_unsigned_deliveries_need_an_explicit_setting() -> None:
    """With `allow_unsigned` a delivery without signature passes, and a wrong signature still does not."""
    for settings in (
        OutreachSettings(allow_unsigned=True),
        OutreachSettings(allow_unsigned=True, webhook_secrets=SECRETS),
    ):
        assert provider.accept(delivery(sign=None), settings).events
    assert refused(delivery(sign="0" * 64), settings).status == 401
    assert provider.accept(delivery(), settings).events


@pytest.mark.parametrize(
    "content_type", ["application/json", "application/vnd.api+json; charset=utf-8", "Application/JSON"]
)
def test_both_content_types_are_taken(content_type: str) -> None:
    """Captures and documents disagree about the content type."""
    assert provider.accept(delivery(content_type=content_type), SETTINGS).events


@pytest.mark.parametrize("content_type", ["", "text/plain", "application/x-www-form-urlencoded"])
def test_other_content_types_are_refused(content_type: str) -> None:
    """What is not JSON by its own word gives 415."""
    assert refused(delivery(content_type=content_type)).status == 415


def test_no_secret_leaves() -> None:
    """Neither secrets, signatures nor the clean-up token stand in what is kept or answered."""
    token, wrong = "a-cleanup-token", "f" * 64
    text = repr(provider.accept(delivery(outreach_webhook_cleanup_token=token), SETTINGS))
    answered = repr(refused(delivery(sign=wrong, outreach_webhook_cleanup_token=token)).problem)
    for hidden in (*SECRETS, token, wrong, signature()):
        assert hidden not in text
        assert hidden not in answered


def test_the_delivery_is_the_job_or_the_event_id_of_the_header() -> None:
    """Old captures have no job: then the header names the delivery."""
    body = json.dumps({"data": {"type": "task", "id": 2}, "meta": {"eventName": "task.completed"}}).encode()
    (raw,) = provider.accept(delivery(body, outreach_webhook_event_id="e-1"), SETTINGS).events
    assert raw.delivery == "e-1"


@pytest.mark.parametrize(
    ("body", "nudges"),
    [
        (webhook("mailing.opened", 1), [Nudge("events")]),
        (webhook("prospect.created", 3, attributes={"firstName": "Noor"}), [Nudge("events", lead="3")]),
        (
            webhook("call.updated", 4, attributes={"note": "x"}, relationships={"prospect": {"id": 3}}),
            [Nudge("events", "3")],
        ),
        (webhook("mailing.updated", 1, attributes={"state": "opened"}), [Nudge("events")]),
        (webhook("mailing.updated", 1, attributes={"state": "failed"}), []),
        (webhook("mailing.delivered", 1), []),
        (webhook("user.created", 9, attributes={"firstName": "Ines"}), []),
        (webhook("opportunity.destroyed", 5), []),
        (webhook("prospect.updated", 3, attributes={}), []),
        (webhook("nobody.knows", 3), []),
        (webhook("mailing.updated", 1, attributes={"openedAt": "soon"}), []),
    ],
)
def test_polled_tenants_are_nudged_where_polling_tells_the_same(body: dict[str, Any], nudges: list[Nudge]) -> None:
    """With polling on, a record either wakes the feed of events or gets another fate; with polling off never."""
    polled, unpolled = (decided(body, polling=polling) for polling in (True, False))
    assert polled.nudges == nudges
    assert (polled.fates == ["nudged"]) is bool(nudges)
    assert not unpolled.nudges


def decided(body: dict[str, Any], overlay: str = "", *, polling: bool = True) -> Decided:
    """Return what becomes of a delivery."""
    settings = replace(SETTINGS, polling=polling)
    mapping = build(entries(), read(overlay, "acme.toml", provider.tables))
    return decide_on(provider, accept(body, settings).events, settings, mapping)


def test_an_overlay_decides_what_is_left_to_the_feed() -> None:
    """Rows of the tenant's own say what they reach, in both directions."""
    row = '[[row]]\ntable = "webhook"\ncode = "{}"\ntype = "email.{}"\nreach = "{}"'
    assert decided(webhook("mailing.opened", 1), row.format("mailing.opened", "opened", "only")).fates == ["published"]
    assert decided(webhook("mailing.delivered", 1), row.format("mailing.delivered", "delivered", "nudge")).fates == [
        "nudged"
    ]


@pytest.mark.parametrize(
    "body", [b"", b"{", b"\xff", b'{"data":{}}', b'{"meta":{"eventName":"a.b"}}', b"null", b"[]", b"[" * 9000]
)
@pytest.mark.parametrize("polling", [True, False])
def test_a_verified_body_that_cannot_be_read_is_kept(body: bytes, polling: bool) -> None:  # noqa: FBT001  (a parameter of the test)
    """What was signed is accepted whatever it holds: it becomes a dead letter with its bytes."""
    accepted = provider.accept(delivery(body), replace(SETTINGS, polling=polling))
    assert [raw.value for raw in accepted.events] == [body]
    assert accepted.status == 202


@pytest.mark.parametrize("odd", ["\udcff", "\xff", "j" * 5_000])
def test_an_odd_event_id_comes_in(odd: str) -> None:
    """A job's name that cannot be encoded, or is long, does not keep a signed delivery out."""
    for body in (b"{", json.dumps(webhook("mailing.delivered", 1, job="" if odd == "\udcff" else odd)).encode()):
        (raw,) = provider.accept(delivery(body, outreach_webhook_event_id=odd), SETTINGS).events
        assert through_raw(provider, raw).delivery == printable(odd)
