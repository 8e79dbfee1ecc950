"""Webhooks as each provider registers them: what is needed, what is sent, how the answer is read."""

from typing import Any

import msgspec
import pytest

from headrace.providers.discover import discover
from headrace.sdk.faults import Unavailable
from headrace.sdk.hooks import HookApi, Hooked, HooksByHand, RegisteredHook, WantedHook

URL = "https://hooks.example.com/webhooks/things/acme"
SECRET = "shhh-planted-51cd"  # noqa: S105  (of nobody)


def hooks(provider: str, **settings: Any) -> HookApi:
    found = discover()[provider]
    assert isinstance(found, Hooked)
    api = found.hooks(msgspec.convert(settings, found.Settings), URL)
    assert not isinstance(api, HooksByHand)
    return api


def listed(api: HookApi, answer: Any) -> list[RegisteredHook]:
    return list(api.listed(api.listing(), msgspec.json.encode(answer)).hooks)


@pytest.mark.parametrize("provider", sorted(discover()))
def test_every_provider_says_how_webhooks_are_registered(provider: str) -> None:
    """With calls, or by hand; it is no matter of polling."""
    assert isinstance(discover()[provider], Hooked)


def test_outreach_needs_one_webhook_of_everything_unless_told_otherwise() -> None:
    """One pair of resource and action each."""
    assert hooks("outreach").wanted == [WantedHook("*.*", URL)]
    chosen = hooks("outreach", hooks=["mailing.opened", "task.completed", "mailing.opened"])
    assert [each.tells for each in chosen.wanted] == ["mailing.opened", "task.completed"]
    with pytest.raises(msgspec.ValidationError):
        hooks("outreach", hooks=["mailing"])


def test_outreach_makes_a_webhook_with_its_secret() -> None:
    """Version 2 has the values before a change; the secret stands in the body alone."""
    api = hooks("outreach")
    call = api.create(WantedHook("mailing.opened", URL), SECRET)
    assert (call.method, call.path, call.query, call.headers) == ("POST", "/api/v2/webhooks", (), ())
    assert msgspec.json.decode(call.body)["data"] == {
        "type": "webhook",
        "attributes": {
            "resource": "mailing", "action": "opened", "url": URL, "secret": SECRET, "payloadVersion": 2, "active": True
        },
    }  # fmt: skip
    assert api.created(b'{"data":{"type":"webhook","id":31,"attributes":{"secret":"shhh"}}}') == "31"
    assert api.created(b'{"data":[]}') == api.created(b"<html>") == ""
    delete = api.delete("31")
    assert (delete.method, delete.path) == ("DELETE", "/api/v2/webhooks/31")


def test_outreach_lists_webhooks_and_says_why_one_is_off() -> None:
    """Ids are numbers; what the platform disabled says why, and since when."""
    base = {"action": "*", "resource": "*", "url": URL, "secret": "shhh", "active": True}
    rows = [
        {"type": "webhook", "id": 31, "attributes": base},
        {"type": "webhook", "id": 32, "attributes": base | {"disabledReason": "DNS failure"}},
        {"type": "webhook", "id": 33, "attributes": base | {"active": False}},
        {"type": "webhook", "id": 34, "attributes": base | {"disabledSince": "2026-11-20T10:00:00Z"}},
    ]  # fmt: skip
    found = listed(hooks("outreach"), {"data": rows})
    assert [(hook.id, hook.tells, hook.enabled, hook.reason) for hook in found] == [
        ("31", "*.*", True, ""),
        ("32", "*.*", False, "DNS failure"),
        ("33", "*.*", False, "it is not active"),
        ("34", "*.*", False, "the platform disabled it"),
    ]
    assert "shhh" not in repr(found)


def test_outreach_goes_on_to_the_next_page() -> None:
    """The link leads there."""
    api = hooks("outreach")
    page = api.listed(api.listing(), b'{"data":[],"links":{"next":"https://api.outreach.io/api/v2/webhooks?page=2"}}')
    assert page.following is not None
    assert page.following.path == "https://api.outreach.io/api/v2/webhooks?page=2"


def test_leadsquared_needs_one_webhook_a_code_and_the_kind_of_others_in_the_url() -> None:
    """Without codes those of telephone calls are asked for; the codes of the feed where it names any."""
    assert [(each.tells, each.url) for each in hooks("leadsquared").wanted] == [
        ("LeadActivity_Post_Create 21", URL),
        ("LeadActivity_Post_Create 22", URL),
        ("LeadActivity_Post_Update 21", URL),
        ("LeadActivity_Post_Update 22", URL),
        ("Lead_Post_Create", f"{URL}?kind=lead_created"),
        ("Lead_Owner_Change", f"{URL}?kind=lead_owner_changed"),
        ("Lead_Post_Stage_Change", f"{URL}?kind=lead_stage_changed"),
    ]
    own = hooks("leadsquared", hooks={"events": ["activity_created"]}, lead_activities={"codes": [203]})
    assert [each.tells for each in own.wanted] == ["LeadActivity_Post_Create 203"]
    both = {"lead_activities": {"codes": [203]}, "activities_by_code": {"codes": [205]}}
    streamed = hooks("leadsquared", hooks={"events": ["activity_created"]}, **both)
    assert [each.tells for each in streamed.wanted] == ["LeadActivity_Post_Create 205"]
    chosen = hooks(
        "leadsquared", hooks={"events": ["activity_created"], "codes": [204]}, lead_activities={"codes": [203]}
    )
    assert [each.tells for each in chosen.wanted] == ["LeadActivity_Post_Create 204"]


def test_leadsquared_gives_the_code_twice_and_the_secret_in_a_header() -> None:
    """At top level, and in properties that are a text."""
    api = hooks("leadsquared", webhook_header="X-Own")
    call = api.create(api.wanted[1], SECRET)
    body = msgspec.json.decode(call.body)
    assert (call.method, call.path) == ("POST", "/v2/Webhook.svc/Create")
    assert (body["WebhookEvent"], body["ActivityEvent"], body["URL"]) == ("2", "22", URL)
    assert msgspec.json.decode(body["WebhookProperties"])["ActivityEvent"] == "22"
    assert body["CustomHeaders"] == [{"Key": "X-Own", "Value": SECRET}]
    stage = msgspec.json.decode(api.create(api.wanted[-1], SECRET).body)
    assert (stage["WebhookEvent"], stage["WebhookProperties"], "ActivityEvent" in stage) == ("5", None, False)
    assert api.created(b'{"Status":"Success","Message":{"Id":"B1C4-22"}}') == "b1c4-22"
    assert api.created(b'{"Status":"Success","Message":"B1C4-22"}') == "b1c4-22"
    assert api.created(b'{"Status":"Success"}') == api.created(b"[]") == ""
    delete = api.delete("b1c4-22")
    assert (delete.method, delete.path, delete.query) == ("GET", "/v2/Webhook.svc/Delete", (("webhookId", "b1c4-22"),))


def test_leadsquared_reads_back_what_was_made() -> None:
    """By its name, or by its number where an account says no name; a secret among the headers is never taken."""
    headers = [{"Key": "X-Headrace-Secret", "Value": SECRET}]
    rows = [
        {"WebhookId": "A1", "URL": URL, "EventCode": "LeadActivity_Post_Create", "StatusCode": 0,
         "WebhookProperties": '{"ActivityEvent":"22"}', "CustomHeaders": headers},
        {"WebhookId": "a2", "URL": URL, "WebhookEvent": 15, "StatusCode": "2", "ActivityEvent": 22},
        {"WebhookId": "a3", "URL": URL, "EventName": "Lead Delete", "StatusCode": 1, "WebhookProperties": "{"},
        {"WebhookId": "a4", "URL": URL, "EventCode": "Lead_Owner_Change", "StatusCode": 7},
    ]  # fmt: skip
    for name in ("Response", "List"):
        found = listed(hooks("leadsquared"), {"RecordCount": 4, name: rows})
        assert [(hook.id, hook.tells, hook.enabled, hook.reason) for hook in found] == [
            ("a1", "LeadActivity_Post_Create 22", True, ""),
            ("a2", "LeadActivity_Post_Update 22", False, "the platform disabled it after ten failed deliveries"),
            ("a3", "Lead Delete", False, "somebody disabled it"),
            ("a4", "Lead_Owner_Change", False, "its state is none that is known"),
        ]
        assert SECRET not in repr(found)


def test_leadsquared_asks_for_the_next_page_while_there_is_more() -> None:
    """Page by page, as RecordCount says."""
    api = hooks("leadsquared")
    page = api.listed(api.listing(), b'{"RecordCount":201,"Response":[{"WebhookId":"a"}]}')
    assert page.following is not None
    assert msgspec.json.decode(page.following.body)["Paging"] == {"PageIndex": 2, "PageSize": 200}
    assert api.listed(page.following, b'{"RecordCount":201,"Response":[{"WebhookId":"b"}]}').following is None


@pytest.mark.parametrize(
    ("provider", "body"),
    [
        ("outreach", b'{"meta":{}}'),
        ("outreach", b"<html>"),
        ("leadsquared", b'{"RecordCount":3}'),
        ("leadsquared", b'{"Response":{}}'),
        ("leadsquared", b"null"),
    ],
)
def test_what_is_no_list_is_no_empty_list(provider: str, body: bytes) -> None:
    """Else all of ours would be gone."""
    api = hooks(provider)
    with pytest.raises(Unavailable):
        api.listed(api.listing(), body)


@pytest.mark.parametrize("mode", ["signature", "bearer", "header", "none"])
def test_leadping_says_what_to_do_by_hand_and_no_secret(mode: str) -> None:
    """The URL, the mode and the header, in the order in which a person comes across them."""
    found = discover()["leadping"]
    assert isinstance(found, Hooked)
    secret = "whsec_c2hoaC1wbGFudGVkLTUxY2QtcGxhbnRlZA=="  # noqa: S105  (of nobody)
    settings = {
        "webhook_mode": mode,
        "webhook_header": "X-Own",
        "webhook_secrets": [secret],
        "webhook_event": "/body/it",
    }
    by_hand = found.hooks(msgspec.convert(settings, found.Settings), URL)
    assert isinstance(by_hand, HooksByHand)
    text = "\n".join(by_hand.steps)
    assert URL in text
    assert "/body/it" in text
    assert ("X-Own" in text) == (mode == "header")
    assert secret[6:] not in text
