"""Step 4. Native to canonical: the table (`mapping.toml`) decides the words, this module where the values go."""

from headrace.core.mapping import Mapping
from headrace.core.problems import bad_time
from headrace.core.timestamps import canonical
from headrace.sdk.provider import UNPUBLISHED, Draft, RawEvent
from headrace_events import Data, Native
from tests.providers.tutorial.acme.wire import EVENT, decode_row


def translate(raw: RawEvent, mapping: Mapping) -> Draft:
    """Return the draft of an event. Raises `Undecodable`, or what msgspec raises."""
    event = decode_row(raw.value)
    row = mapping.find(EVENT, event.kind, event.state)
    try:
        at = canonical(event.at)
    except ValueError:
        raise bad_time("$.at") from None
    data = Data(
        category=row.category,
        action=row.action,
        direction=row.direction,
        channel=row.channel,
        outcome=row.outcome,
        refs={"lead": event.person},
        times={"occurred": at},
        duration_seconds=event.seconds,
        text=event.text or None,
        native=Native(
            provider=raw.provider,
            tenant=raw.tenant,
            resource=EVENT,
            id=str(event.id),
            code=event.kind,
            status=event.state,
        ),
        provenance=UNPUBLISHED,
    )
    meaning = (event.person, at, event.seconds)
    return Draft(row=row, subject=f"lead/{event.person}", time=at, data=data, meaning=meaning)
