"""Webhooks of one account at LeadSquared: one an event, and for activities one an activity code.

https://apidocs.leadsquared.com/create-a-webhook/ and https://apidocs.leadsquared.com/retrieve-a-webhook/; what they
leave out was seen on a live account in 2026 (README.md). The numbers of events differ between accounts: what was made
is read back, by name.
"""

from collections.abc import Iterator, Sequence
from typing import Final
from urllib.parse import urlencode

import msgspec
from msgspec import Struct

from headrace.providers.leadsquared.settings import LeadSquaredSettings
from headrace.sdk.faults import Unavailable
from headrace.sdk.feed import Call
from headrace.sdk.hooks import HookPage, RegisteredHook, WantedHook
from headrace.sdk.provider import Tenant
from headrace.sdk.settings import settings_of

SERVICE: Final = "/v2/Webhook.svc"
NUMBERS: Final = {
    "LeadActivity_Post_Create": "2",
    "Lead_Post_Create": "3",
    "Lead_Owner_Change": "4",
    "Lead_Post_Stage_Change": "5",
    "LeadActivity_Post_Update": "15",
}
"""The documented numbers of those that a configuration can ask for."""
_NAMES: Final = {number: name for name, number in NUMBERS.items()}
_EVENTS: Final = {
    "activity_created": ("LeadActivity_Post_Create", ""),
    "activity_updated": ("LeadActivity_Post_Update", ""),
    "lead_created": ("Lead_Post_Create", "lead_created"),
    "lead_owner_changed": ("Lead_Owner_Change", "lead_owner_changed"),
    "lead_stage_changed": ("Lead_Post_Stage_Change", "lead_stage_changed"),
}
"""What each is called there, and the kind that its URL says, since its body does not."""
CALLS: Final = (21, 22)
"""The codes of telephone calls: those that nobody names otherwise."""
_OFF: Final = {0: "", 1: "somebody disabled it", 2: "the platform disabled it after ten failed deliveries"}
_PAGE_SIZE: Final = 200


class _LeadSquaredHook(Struct, rename="pascal"):
    """`CustomHeaders` is left out on purpose: it holds the secret. Which keys say the event differs."""

    webhook_id: str
    url: str = msgspec.field(name="URL", default="")
    event_code: int | str | None = None
    webhook_event: int | str | None = None
    event_name: str | None = None
    activity_event: int | str | None = None
    webhook_properties: object = None
    status_code: int | str | None = None


class _LeadSquaredHookList(Struct, rename="pascal"):
    record_count: int | None = None
    response: list[_LeadSquaredHook] | None = None
    rows: list[_LeadSquaredHook] | None = msgspec.field(name="List", default=None)


class _LeadSquaredHookProperties(Struct, rename="pascal"):
    activity_event: int | str | None = None


class _LeadSquaredHookMade(Struct, rename="pascal"):
    message: object = None


class _LeadSquaredHookPaging(Struct, rename="pascal"):
    page_index: int


class _LeadSquaredHookQuery(Struct, rename="pascal"):
    paging: _LeadSquaredHookPaging


_list: Final = msgspec.json.Decoder(_LeadSquaredHookList).decode
_made: Final = msgspec.json.Decoder(_LeadSquaredHookMade).decode
_properties_of: Final = msgspec.json.Decoder(_LeadSquaredHookProperties).decode
_query: Final = msgspec.json.Decoder(_LeadSquaredHookQuery).decode
_UNREADABLE: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class LeadSquaredHooks:
    """See HookApi."""

    def __init__(self, settings: LeadSquaredSettings, url: str) -> None:
        self.wanted: Sequence[WantedHook] = list(_wanted(settings, url))
        self._header: Final = settings.webhook_header

    def listing(self) -> Call:
        """See HookApi."""
        return _page(1)

    def listed(self, call: Call, body: bytes) -> HookPage:
        """See HookApi."""
        try:
            page, number = _list(body), _query(call.body).paging.page_index
        except _UNREADABLE:
            raise Unavailable("an answer came that lists no webhooks") from None
        rows = page.response if page.response is not None else page.rows
        if rows is None and page.record_count != 0:
            raise Unavailable("an answer came that lists no webhooks")
        more = bool(rows) and (page.record_count or 0) > number * _PAGE_SIZE
        return HookPage([_registered(row) for row in rows or ()], _page(number + 1) if more else None)

    def create(self, wanted: WantedHook, secret: str) -> Call:
        """See HookApi. The code of an activity stands at top level as well: else it is not found there."""
        name, _, code = wanted.tells.partition(" ")
        body: dict[str, object] = {
            "Description": f"Headrace: {wanted.tells}",
            "URL": wanted.url,
            "Method": "POST",
            "ContentType": "application/json",
            "WebhookEvent": NUMBERS[name],
            "IsSpecificLandingPage": False,
            "NotifyOnFailure": True,
            "WebhookProperties": None,
            "CustomHeaders": [{"Key": self._header, "Value": secret}],
        }
        if code:
            properties = {"ActivityEvent": code, "ActivityData": "[]", "WebPageNames": "[]"}
            body |= {"ActivityEvent": code, "WebhookProperties": msgspec.json.encode(properties).decode()}
        return Call(path=f"{SERVICE}/Create", method="POST", body=msgspec.json.encode(body))

    def created(self, body: bytes) -> str:
        """See HookApi."""
        try:
            message = _made(body).message
        except _UNREADABLE:
            return ""
        found = message.get("Id") if isinstance(message, dict) else message
        return found.lower() if isinstance(found, str) else ""

    def delete(self, id: str) -> Call:  # noqa: A002  (the design's word)
        """See HookApi. It is a GET: a POST is not allowed there."""
        return Call(path=f"{SERVICE}/Delete", query=(("webhookId", id),))


def hooks(settings: Tenant, url: str) -> LeadSquaredHooks:
    """Return how webhooks are registered."""
    return LeadSquaredHooks(settings_of(settings, LeadSquaredSettings), url)


def _wanted(settings: LeadSquaredSettings, url: str) -> Iterator[WantedHook]:
    read = settings.activities_by_code.codes or settings.lead_activities.codes
    codes = settings.hooks.codes or read or CALLS
    for event in dict.fromkeys(settings.hooks.events):
        name, kind = _EVENTS[event]
        if kind:
            yield WantedHook(name, f"{url}?{urlencode({'kind': kind})}")
        else:
            yield from (WantedHook(f"{name} {code}", url) for code in dict.fromkeys(codes))


def _page(number: int) -> Call:
    body = {
        "Parameter": {"Type": "Webhook"},
        "Sorting": {"ColumnName": "CreatedOn", "Direction": "0"},
        "Paging": {"PageIndex": number, "PageSize": _PAGE_SIZE},
    }
    return Call(path=f"{SERVICE}/Retrieve", method="POST", body=msgspec.json.encode(body))


def _registered(row: _LeadSquaredHook) -> RegisteredHook:
    event = next((str(each) for each in (row.event_code, row.webhook_event, row.event_name) if each), "")
    code = row.activity_event or _properties(row.webhook_properties).activity_event or ""
    status = str(row.status_code if row.status_code is not None else 0)
    off = _OFF.get(int(status) if status.isdecimal() else -1, "its state is none that is known")
    tells = f"{_NAMES.get(event, event)} {code}".strip()
    return RegisteredHook(row.webhook_id.lower(), row.url, tells, not off, off)


def _properties(value: object) -> _LeadSquaredHookProperties:
    """Return the properties, which are a JSON text or an object."""
    try:
        return _properties_of(value) if isinstance(value, str) else msgspec.convert(value, _LeadSquaredHookProperties)
    except _UNREADABLE:
        return _LeadSquaredHookProperties()
