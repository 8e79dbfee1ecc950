"""Whether a feed of the tenant will bring what a webhook told: then it is woken, and the record is left to it. Pure."""

from typing import Final

from headrace.core.record import ProducerRecord
from headrace.core.timestamps import micros
from headrace.normalizer.batch_facts import BatchFacts
from headrace.normalizer.decode import DecodedRecord
from headrace.records.mark import UNKNOWN
from headrace.records.nudge import AddressedNudge, encode_nudge
from headrace.sdk.provider import Draft, Nudge
from headrace_events import Via

MOST_BYTES: Final = 16 * 1024
"""A nudge with longer ids than that is none: pollers remember nudges, and what is so odd is published."""


def nudge_record(decoded: DecodedRecord, draft: Draft, partition: int, facts: BatchFacts) -> ProducerRecord | None:
    """Return the record of the nudge that a record of raw becomes, None where no feed would bring what it tells.

    `facts` is how the loss ledger counts it.

    Only the provider knows which feed brings what. What a feed brought is never left to one, nor what none brought.
    """
    raw, account = decoded.raw, decoded.account
    if raw.via is Via.POLL or account is None or not account.settings.polling or raw.as_told:
        return None
    if draft.row.reach != "nudge" and decoded.version != UNKNOWN:
        return None
    nudge = account.provider.nudge(draft, account.settings)
    if nudge is None:
        return None
    out = encode_nudge(decoded.source, _addressed(decoded, draft, nudge, partition, facts))
    return out if out.fits(MOST_BYTES) else None


def _addressed(decoded: DecodedRecord, draft: Draft, nudge: Nudge, partition: int, facts: BatchFacts) -> AddressedNudge:
    """Return a nudge with the coordinates and the time of what it stands for.

    A fact without a time happened before it was appended, whatever the receiver's clock says.
    """
    untimed = min(decoded.raw.received, decoded.record.timestamp)
    return AddressedNudge(
        feed=nudge.feed,
        lead=nudge.lead,
        event=nudge.event,
        partition=partition,
        offset=decoded.record.offset,
        record=decoded.key.hex(),
        time=untimed if draft.time is None else micros(draft.time) // 1000,
        types=nudge.types or (() if nudge.span is None else (draft.row.type,)),
        traits=dict(nudge.traits),
        span=nudge.span,
        counted=0 if nudge.span is None else facts.hour(decoded, draft),
    )
