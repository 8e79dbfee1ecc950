"""Translate webhook bodies: one fact about one record, never to be changed again."""

from typing import Final

from headrace.core.lift import lift
from headrace.core.mapping import Mapping
from headrace.providers.outreach.facts import WebhookFact, fact_of
from headrace.providers.outreach.translate.details import (
    change_of,
    changer_of,
    describe,
    direction_of,
    fields_of,
    leftovers,
    moment_at,
    refs_of,
    times_of,
)
from headrace.providers.outreach.translate.parts import actor_of, moment
from headrace.providers.outreach.wire import WEBHOOK, decode_webhook, ref_name
from headrace.sdk.provider import UNPUBLISHED, Draft, Dropped, RawEvent
from headrace_events import Data, Native

_NEAREST: Final = ("lead", "account", "opportunity", "mailing", "call", "task")


def translate(raw: RawEvent, mapping: Mapping) -> Draft | Dropped:
    """Return the draft of a body; an empty update is dropped. Raises `Undecodable`, or what msgspec raises."""
    body = decode_webhook(raw.value)
    fact = fact_of(body)
    row = mapping.find(WEBHOOK, body.meta.event_name, fact.word)
    if fact.empty:
        return Dropped("noop", row.label)
    refs = refs_of(body, fact)
    delivered = moment(body.meta.delivered_at, "$.meta.deliveredAt")
    direction = row.direction or direction_of(body, fact)
    times, happened = times_of(body, fact)
    category, _, action = row.type.partition(".")
    data = Data(
        category=category,
        action=action or None,
        direction=direction,
        channel=row.channel,
        outcome=row.outcome,
        revised=moment_at(body.data.attributes or {}, "updatedAt"),
        refs=refs,
        actor=actor_of(row, refs, direction) or changer_of(fact, refs),
        times=times,
        change=change_of(body, fact),
        fields=fields_of(body, row),
        native=Native(
            provider=raw.provider,
            tenant=raw.tenant,
            resource=fact.resource,
            id=fact.id,
            code=body.meta.event_name,
            name=body.meta.event_name,
            status=fact.status,
            extra=leftovers(body),
        ),
        provenance=UNPUBLISHED,
    )
    describe(data, body, fact)
    if row.lift:
        lift(data, row.lift)
    return Draft(
        row=row,
        subject=_subject(fact, refs),
        time=happened or delivered,
        data=data,
        meaning=(fact.id,),
        traffic=row.traffic,
    )


def _subject(fact: WebhookFact, refs: dict[str, str]) -> str:
    """Return the lead, else the nearest entity, else the record itself."""
    for name in _NEAREST:
        if name in refs:
            return f"{name}/{refs[name]}"
    own = ref_name(fact.resource)
    return f"{own}/{refs[own]}"
