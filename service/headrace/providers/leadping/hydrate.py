"""Put a list row, its detail and its call into one bundle, each part as it came.

Whether an event and its call have one id is not documented: newer rows name the call (`relatedEntityId`, seen in the
vendor's SDKs, https://github.com/leadpingai), for the others the event's own id is tried. What does not exist is null
in the bundle.
"""

from typing import Final

import msgspec
from msgspec import UNSET, Struct, UnsetType

from headrace.core.mapping import fold
from headrace.providers.leadping.client import CALLS, DETAILS, at
from headrace.providers.leadping.identity import is_torn
from headrace.sdk.feed import Api, Call
from headrace.sdk.ids import can_be_id

ORGANIZATION: Final = "organization"
"""The fact whose calls this API key sees: those name their organization, which older generations call a business."""
_WITH_CALLS: Final = frozenset({"call", "voicemail"})
_GOES_ON: Final = frozenset({"queued", "scheduled", "initiated", "ringing", "inprogress", "active", "pending"})


class EventHead(Struct, rename="camel", gc=False, kw_only=True):
    """The fields of a row or a detail that reading needs."""

    id: str
    activity_type: str | None = None
    timeline_type: str | None = None
    related_entity_type: str | None = None
    related_entity_id: str | None = None
    event_type: str | None = None
    status: str | None = None
    summary: str | UnsetType | None = UNSET
    description: str | UnsetType | None = UNSET
    actor_user_id: str | UnsetType | None = UNSET
    lead_id: str | None = None
    created_at: str | None = None

    @property
    def lacks_detail(self) -> bool:
        """Whether a detail may know what a row does not: its type, status, lead, texts, or who did it.

        A null says that there is none. Rows of the newest generations have all of it; only they say who did it.
        """
        named = (self.activity_type or self.timeline_type or self.event_type) and self.status and self.lead_id
        return not named or UNSET in (self.summary, self.description, self.actor_user_id)

    @property
    def has_call(self) -> bool:
        """Whether there should be a call."""
        return fold(self.timeline_type or self.activity_type or "") in _WITH_CALLS


class HydratedEvent(Struct, frozen=True):
    """The bytes of a bundle. `settled`: it changes no more without its row. `lead` is that of the detail.

    `torn`: the parts may be of two states, because the platform moved on while one was read after the other.
    """

    value: bytes
    detail: bytes | None
    settled: bool
    torn: bool
    lead: str | None


class _CallOwner(Struct, rename="camel", gc=False):
    organization_id: str | None = None
    business_id: str | None = None


class _CallState(Struct, rename="camel", gc=False):
    status: str | None = None
    ended_at: str | None = None


_head: Final = msgspec.json.Decoder(EventHead).decode
_owner: Final = msgspec.json.Decoder(_CallOwner).decode
_state: Final = msgspec.json.Decoder(_CallState).decode


def read_head(part: bytes) -> EventHead | None:
    """Return the head of a row or detail; None where it is no event of a known form."""
    try:
        head = _head(part)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return head if can_be_id(head.id) else None


async def hydrate(
    api: Api, event: str, row: bytes | None, head: EventHead | None, *, with_detail: bool = True
) -> HydratedEvent | None:
    """Fetch what belongs to an event, `head` that of its row where there is one; None where nothing is there at all.

    Raises `Fault`, `Incomplete` where it is to wait for a part.
    """
    detail = await _detail(api, event) if with_detail else None
    detail_head = read_head(detail) if detail is not None else None
    with_call = (head is not None and head.has_call) or (detail_head is not None and detail_head.has_call)
    call = await _call(api, event, head) if with_call else None
    if row is None and detail is None:
        return None
    parts = (part or b"null" for part in (row, detail, call))
    value = b'{"row":%b,"detail":%b,"call":%b}' % tuple(parts)
    return HydratedEvent(
        value,
        detail,
        settled=not with_call or _is_over(call),
        torn=is_torn(value),
        lead=detail_head.lead_id if detail_head else None,
    )


async def _detail(api: Api, event: str) -> bytes | None:
    return await api.part("detail", event, [Call(path=at(path, event)) for path in DETAILS])


async def _call(api: Api, event: str, head: EventHead | None) -> bytes | None:
    """Ask for the call that a row names, then for the one with the event's own id, which need not be there."""
    is_named = head is not None and "call" in fold(head.related_entity_type or "")
    named = head.related_entity_id if head and is_named else None
    for call_id in dict.fromkeys(each for each in (named, event) if each and can_be_id(each)):
        call = await api.part("call", call_id, [Call(path=at(CALLS, call_id))], guess=call_id != named)
        if call is not None:
            _learn_organization(api, call)
            return call
    return None


def _learn_organization(api: Api, call: bytes) -> None:
    """Remember whose call it is: a list of the whole organization is asked for by its id."""
    try:
        owner = _owner(call)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return
    named = owner.organization_id or owner.business_id
    if named and can_be_id(named):
        api.remember(ORGANIZATION, named)


def _is_over(call: bytes | None) -> bool:
    """Return whether a call has ended; one that was not found may come yet."""
    if call is None:
        return False
    try:
        state = _state(call)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return True
    return bool(state.ended_at) or (bool(state.status) and fold(state.status or "") not in _GOES_ON)
