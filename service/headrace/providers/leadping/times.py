"""The times of a LeadPing record: its milestones, its creation and its plans, and which of them happened last.

They are compared in canonical form without the Z: fixed width, and a longer fraction sorts behind a shorter one.
"""

from functools import lru_cache
from typing import Final

from headrace.core.mapping import Row
from headrace.core.problems import Undecodable, bad_time
from headrace.core.timestamps import WHOLE_SECONDS, canonical, from_millis, fromisoformat
from headrace.providers.leadping.wire import CallStamp, LeadPingActivity, LeadPingCall, Stamp

Times = dict[str, str]
"""Canonical times by their canonical names."""

MILESTONES: Final = {
    "queued": "queuedAt",
    "sending": "sendingStartedAt",
    "sent": "sentAt",
    "delivered": "deliveredAt",
    "received": "receivedAt",
    "failed": "failedAt",
    "undeliverable": "undeliverableAt",
    "blocked": "blockedAt",
    "canceled": "canceledAt",
    "answered": "answeredAt",
    "ended": "endedAt",
}
"""What happened to a record, with the field that says when; of two at one time the later in this list is newer."""

_ALL: Final = ("created", "scheduled", *MILESTONES, "next_retry")
_UNSET: Final = "1"
"""No year begins with a zero: .NET's zero date, 0001-01-01, stands where a date was never set."""

_HAPPENED: Final[dict[str, tuple[str, ...]]] = {
    "message.queued": ("queued", "sending"),
    "message.sent": ("sent",),
    "message.delivered": ("delivered",),
    "message.received": ("received",),
    "message.failed": ("failed", "undeliverable"),
    "message.blocked": ("blocked",),
    "message.canceled": ("canceled",),
    "call.queued": ("queued",),
    "call.answered": ("answered",),
    "call.completed": ("ended", "answered"),
    "call.unanswered": ("ended",),
    "call.voicemail_left": ("ended",),
    "call.transferred": ("ended", "answered"),
    "call.failed": ("failed", "ended"),
    "call.canceled": ("canceled", "ended"),
    "call.blocked": ("blocked", "ended"),
}
"""The times that tell when a type happened, the best first."""

_MINUTE_MS: Final = 60_000


def when(text: str | None, at: str, field: str) -> str | None:
    """Return a time in canonical form, None where there is none. Raises `Undecodable` at `<at>.<field>`."""
    if not text or text < _UNSET:
        return None
    try:
        return canonical(text)
    except (ValueError, OverflowError):
        raise _no_time(f"{at}.{field}") from None


def add_milestones(times: Times, part: LeadPingActivity | Stamp, at: str) -> str | None:
    """Add the milestones of a row or detail at `at`, in order, and return its newest; plans (`scheduledFor`) are none.

    Raises `Undecodable`.
    """
    last, best = None, ""
    for stage, text in _milestones(part):
        if text and text >= _UNSET:
            moment = text
            try:
                if text[4:20:3] == WHOLE_SECONDS:
                    fromisoformat(text)  # says whether it is a time
                else:
                    moment = canonical(text)
            except (ValueError, OverflowError):
                raise _no_time(f"{at}.{MILESTONES[stage]}") from None
            times[stage] = moment
            bare = moment[:-1]
            if bare >= best:
                last, best = stage, bare
    return last


def _milestones(part: LeadPingActivity | Stamp) -> tuple[tuple[str, str | None], ...]:
    """Return the milestones of a row or detail as they were sent, in the order of `MILESTONES`."""
    return (
        ("queued", part.queued_at),
        ("sending", part.sending_started_at),
        ("sent", part.sent_at),
        ("delivered", part.delivered_at),
        ("received", part.received_at),
        ("failed", part.failed_at),
        ("undeliverable", part.undeliverable_at),
        ("blocked", part.blocked_at),
        ("canceled", part.canceled_at),
    )


def add_life(times: Times, part: LeadPingActivity, at: str) -> str | None:
    """Add all times of a row or detail at `at`, in order, and return its newest milestone. Raises `Undecodable`."""
    if created := when(part.created_at, at, "createdAt"):
        times["created"] = created
    if part.scheduled_for and (scheduled := when(part.scheduled_for, at, "scheduledFor")):
        times["scheduled"] = scheduled
    last = add_milestones(times, part, at)
    if part.next_retry_at and (retry := when(part.next_retry_at, at, "nextRetryAt")):
        times["next_retry"] = retry
    return last


def add_call_milestones(times: Times, part: LeadPingCall | CallStamp, at: str) -> None:
    """Add the milestones of a call that lies at `at`, in order. Raises `Undecodable`."""
    if answered := when(part.answered_at, at, "answeredAt"):
        times["answered"] = answered
    if ended := when(part.ended_at, at, "endedAt"):
        times["ended"] = ended


def newest(times: Times) -> str | None:
    """Return the milestone that happened last, of times that are in order."""
    last, best = None, ""
    for stage, moment in times.items():
        if stage in MILESTONES and (bare := moment[:-1]) >= best:
            last, best = stage, bare
    return last


def in_order(times: Times) -> Times:
    """Return the times in one order, wherever they came from: the meaning of an event must not depend on it."""
    return {name: times[name] for name in _ALL if name in times}


def duration(times: Times) -> int | float | None:
    """Return the seconds from answer to end.

    The unit of `duration` is not published: `GET /events/calls/{callEventId}` of https://leadping.ai/docs/api-reference.
    """
    if "answered" not in times or "ended" not in times:
        return None
    seconds = (fromisoformat(times["ended"]) - fromisoformat(times["answered"])).total_seconds()
    return None if seconds < 0 else int(seconds) if seconds.is_integer() else seconds


def happened(row: Row, times: Times) -> str | None:
    """Return the time of the milestone that the type names, else of the creation."""
    if row.outcome == "undeliverable" and "undeliverable" in times:
        return times["undeliverable"]
    for name in _HAPPENED.get(row.type, ()):
        if name in times:
            return times[name]
    return times.get("created")


def revised(times: Times, last: str | None, changed: str | None, received: int) -> str | None:
    """Return the later of a detail's time of change and the newest milestone, but none from after the receipt."""
    happened = times[last] if last else None
    if happened and happened[:-1] > (limit := _minute_after(received // _MINUTE_MS)):
        past = {stage: moment for stage, moment in times.items() if comparable(moment) <= limit}
        happened = past.get(newest(past) or "")
    if changed is None or happened is None:
        return changed or happened
    return happened if happened[:-1] > changed[:-1] else changed


@lru_cache(maxsize=16)
def _minute_after(minute: int) -> str:
    return comparable(from_millis((minute + 1) * _MINUTE_MS))


def comparable(moment: str) -> str:
    """Return a canonical time as text that sorts by time."""
    return moment[:-1]


def _no_time(pointer: str) -> Undecodable:
    return bad_time(pointer)
