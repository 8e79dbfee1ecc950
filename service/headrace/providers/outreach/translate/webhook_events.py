"""Name and translate webhook bodies: one fact about one record, never to be changed again."""

from typing import Final

from headrace.core.lift import lift
from headrace.core.mapping import Mapping, Row
from headrace.providers.outreach.facts import Fact, fact_of
from headrace.providers.outreach.translate import actor_of, moment
from headrace.providers.outreach.translate.details import (
    change_of,
    describe,
    direction_of,
    fields_of,
    keeper,
    leftovers,
    refs_of,
    times_of,
)
from headrace.providers.outreach.wire import Hook, decode_hook, ref_name
from headrace.sdk.provider import UNPUBLISHED, Draft, Dropped, Identity, Nudge, RawEvent
from headrace_events import Data, Native

FEED: Final = "events"
TABLE: Final = "webhook"

_NEAREST: Final = ("lead", "account", "opportunity", "mailing", "call", "task")


def identity(raw: RawEvent) -> Identity:
    """Name a body by the record and the fact: `mailing`, `1/delivered`. Raises `Undecodable`."""
    fact = fact_of(decode_hook(raw.value))
    return Identity(fact.resource, fact.id, None)


def translate(raw: RawEvent, mapping: Mapping) -> Draft | Dropped:
    """Turn a body into a draft, or drop an update that says nothing. Raises `Undecodable`, or what msgspec raises."""
    hook = decode_hook(raw.value)
    fact = fact_of(hook)
    row = mapping.find(TABLE, hook.meta.event_name, fact.word)
    if fact.empty:
        return Dropped("noop", row.label)
    refs = refs_of(hook, fact)
    delivered = moment(hook.meta.delivered_at, "$.meta.deliveredAt")
    direction = row.direction or direction_of(hook, fact)
    times, happened = times_of(hook, fact)
    data = Data(
        category=row.category,
        action=row.action,
        direction=direction,
        channel=row.channel,
        outcome=row.outcome,
        revised=moment(_text(hook, "updatedAt"), "$.data.attributes.updatedAt"),
        refs=refs,
        actor=actor_of(row, refs, direction) or keeper(fact, refs),
        times=times,
        change=change_of(hook, fact),
        fields=fields_of(hook, row),
        native=Native(
            provider=raw.provider,
            tenant=raw.tenant,
            resource=fact.resource,
            id=fact.id,
            code=hook.meta.event_name,
            name=hook.meta.event_name,
            status=fact.status,
            extra=leftovers(hook),
        ),
        provenance=UNPUBLISHED,
    )
    describe(data, hook, fact)
    lift(data, row.lift)
    return Draft(
        row=row,
        subject=_subject(fact, refs),
        time=happened or delivered,
        data=data,
        meaning=(fact.id,),
        traffic=row.traffic,
        nudge=nudge_of(row, refs),
    )


def nudge_of(row: Row, refs: dict[str, str]) -> Nudge | None:
    """Wake the feed of events where a polled event tells the same; the id of that event is never known."""
    return Nudge(FEED, lead=refs.get("lead")) if row.reach == "nudge" else None


def _subject(fact: Fact, refs: dict[str, str]) -> str:
    """Name the lead, else the nearest entity, else the record itself."""
    own = ref_name(fact.resource)
    name = next((name for name in _NEAREST if name in refs), own)
    return f"{name}/{refs[name]}"


def _text(hook: Hook, name: str) -> str | None:
    value = (hook.data.attributes or {}).get(name)
    return value if isinstance(value, str) else None
