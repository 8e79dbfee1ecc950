"""Which row of the table decides: the code, refined by a status word or a milestone."""

from functools import lru_cache
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from headrace.core.mapping import Mapping, Row, fold
from headrace.providers.leadping import wire
from headrace.providers.leadping.stages import LONGEST_WORD, decisive
from headrace.providers.leadping.times import Times
from headrace.sdk.provider import RawEvent
from headrace_events import Via

VOICE: Final = "Call"

_VOICE: Final = fold(VOICE)
_MESSAGES: Final = frozenset({"message", "sms", "mms"})

_BLOCKED: Final = "blocked"
_BLOCKS: Final = frozenset(
    {"billing", "compliance", "configuration", "missingcampaign", "permission", "phonenumberstatus"}
)
_DIRECTIONS: Final = {"inbound": "inbound", "outbound": "outbound"}


def direction_of(word: str | None) -> str | None:
    """Return inbound or outbound, however it is spelled; None for any other word."""
    return (_DIRECTIONS.get(word) or _DIRECTIONS.get(fold(word))) if word else None


class RowChoice(Struct, gc=False):
    """The row, and the code and status that led to it; `by_call` where the call's word counted, not the activity's."""

    row: Row
    code: str | None
    status: str | None
    by_call: bool = False


def choose_row(
    mapping: Mapping,
    part: wire.LeadPingActivity,
    call: wire.LeadPingCall | None,
    times: Times,
    *,
    last: str | None,
    direction: str | None,
) -> RowChoice:
    """Return the row of an activity. Of a voice call the call record knows more, if it says anything at all.

    The type stands under either name. The oldest generation has nothing but `eventType`, whose values nobody
    publishes: they have a table of their own, for tenants to fill.
    """
    code = part.activity_type or part.timeline_type or (VOICE if call else None)
    status = part.status or None
    if not code:
        row = mapping.find("event", part.event_type or "", status or _milestone(last))
        return RowChoice(row, part.event_type or None, status)
    kind = fold(code)
    if call is not None and kind == _VOICE and (call.status or "answered" in times):
        return RowChoice(call_row(mapping, call, times), code, call.status or status, by_call=True)
    if kind not in _MESSAGES:
        word = status or _milestone(last)
    elif status is None or len(status) <= LONGEST_WORD:
        word = _message_word(status or "", tuple(times), last, direction)
    else:
        word = _message_word.__wrapped__(status, tuple(times), last, direction)
    return RowChoice(mapping.find("activity", code, word), code, status)


def call_row(mapping: Mapping, call: wire.LeadPingCall, times: Times) -> Row:
    """Return the row of a call: by status, else by what its times prove. An end alone proves nothing."""
    if call.status:
        return mapping.find("call", "call", call.status)
    if "answered" not in times:
        return mapping.find("call", "call")
    return mapping.find("call", "call", "times.ended" if "ended" in times else "times.answered")


def _milestone(stage: str | None) -> str | None:
    return f"times.{stage}" if stage else None


@lru_cache(maxsize=1024)
def _message_word(status: str, stages: tuple[str, ...], last: str | None, direction: str | None) -> str | None:
    """Return the word of a message: the status; a milestone where that says more, or where there is no status."""
    status = fold(status)
    word = _milestone(decisive(status, stages, last))
    if word is not None:
        return word
    if direction == "inbound" and status in ("", "completed"):
        return f"{status}inbound"
    if status.startswith(_BLOCKED) and status.removeprefix(_BLOCKED) not in _BLOCKS:
        return _BLOCKED
    return status or None


def row_of_webhook(row: Row, raw: RawEvent) -> Row:
    """Return the row of a record, saying `nudge` where an automation tells less of an event than the feed will.

    A row that says more than `same` is an overlay's, which knows better.
    """
    less = raw.via is Via.WEBHOOK and raw.shape != wire.AUTOMATION and not _is_whole(raw)
    return replace(row, reach="nudge") if less and row.reach == "same" else row


def _is_whole(raw: RawEvent) -> bool:
    """Return whether row, detail and call stand in a record, as the feed would put them together."""
    if raw.shape != wire.BUNDLE:
        return False
    bundle = wire.bundle_stamp(raw.value)
    return None not in (bundle.row, bundle.detail, bundle.call)
