"""One stream for all examples: whatever a topic of events may hold, and the state that each consumer must come to."""

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from msgspec.structs import replace

from headrace.kafka.partitioner import partitions
from headrace_events import Event
from tests.examples.cases import cases, event

PARTITIONS: Final = 3
_BEGIN: Final = datetime(2026, 10, 1, 9, tzinfo=UTC)

Record = tuple[str, str, str]
"""Source, native resource and native id."""
State = dict[Record, tuple[str, str, str, str | None]]
"""The latest event of each record: id, type, subject, traffic."""


@dataclass(frozen=True)
class Transaction:
    """What is written at once, and whether it is committed or taken back."""

    events: Sequence[Event]
    committed: bool = True


def crowd(seed: int, records: int) -> list[Event]:
    """Return many events of many records; of each record some came late, and some have no `revised`."""
    chance = random.Random(seed)
    events = []
    for record in (f"message/m{n}" for n in range(records)):
        lead = f"lead/{chance.randrange(40)}"
        for version in range(chance.randrange(1, 9)):
            second = chance.randrange(60)
            revised = None if chance.random() < 0.1 else f"2026-10-01T08:00:{second:02}Z"
            events.append(
                event(
                    record,
                    str(version),
                    word=chance.choice(("message.sent", "message.read")),
                    lead=lead,
                    revised=revised,
                )
            )
    chance.shuffle(events)
    return events


def ends() -> list[Event]:
    """Return one event for each partition: whoever has seen these has seen all before them."""
    found: dict[int, Event] = {}
    for n in range(1000):
        last = event(f"note/end{n}", word="note.added", lead=f"lead/end{n}")
        (partition,) = partitions([last.partitionkey.encode()], PARTITIONS)
        found.setdefault(partition, last)
    return [found[n] for n in range(PARTITIONS)]


def story(seed: int, *, records: int = 600) -> list[Transaction]:
    """Return what is written, in order: the cases among the crowd, taken back again and again, and the ends."""
    chance = random.Random(seed)
    events = crowd(seed, records)
    for case in cases():
        places = sorted(chance.randrange(len(events)) for _ in case.events)
        for shift, (place, each) in enumerate(zip(places, case.events, strict=True)):
            events.insert(place + shift, each)
    events = [published(each, number) for number, each in enumerate([*events, *ends()])]
    transactions: list[Transaction] = []
    while events:
        size = chance.randrange(1, 150)
        batch, events = events[:size], events[size:]
        if chance.random() < 0.3:
            transactions.append(Transaction([*batch, *map(never, batch)], committed=False))
        transactions.append(Transaction(batch))
        if not events:
            transactions.append(Transaction([never(each) for each in batch], committed=False))
    return transactions


def published(each: Event, number: int) -> Event:
    """Return an event as it was published, by its number."""
    moment = (_BEGIN + timedelta(milliseconds=7 * number)).isoformat(timespec="milliseconds")
    return replace(each, recordedtime=moment.replace("+00:00", "Z"))


def never(each: Event) -> Event:
    """Return a later version of an event, which is never committed."""
    return replace(each, id=f"{each.id}-never", data=replace(each.data, revised="2099-01-01T00:00:00Z"))


def committed(transactions: Iterable[Transaction]) -> list[Event]:
    """Return what consumers may see."""
    return [each for transaction in transactions if transaction.committed for each in transaction.events]


def latest_of(events: Iterable[Event]) -> State:
    """Return the state by the third rule of schemas/README.md: events in the order in which they were published."""
    state: dict[Record, Event] = {}
    for each in events:
        native = each.data.native
        record = (each.source, native.resource, native.id)
        old = state.get(record)
        if old is None or not is_older(each.data.revised, old.data.revised):
            state[record] = each
    return {record: (each.id, each.type, each.subject, each.traffic) for record, each in state.items()}


def is_older(revised: str | None, other: str | None) -> bool:
    """Return whether one moment is before another; no where one of them is not known."""
    return None not in {revised, other} and datetime.fromisoformat(str(revised)) < datetime.fromisoformat(str(other))


def state_of(values: Iterable[dict[str, Any]]) -> State:
    """Return the state that events as JSON tell; the last one of a record counts."""
    state: State = {}
    for value in values:
        native = value["data"]["native"]
        record = (value["source"], native["resource"], native["id"])
        state[record] = (value["id"], value["type"], value["subject"], value.get("traffic"))
    return state
