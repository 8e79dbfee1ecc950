"""A random scenario that three platforms tell: new facts, edits, copies, stale copies and broken records, without end.

Each record is known by its bytes: which fact, and which version of it. From that and from the order on raw
follows what must be published, whatever the program does in between.
"""

import json
import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from headrace.kafka.consumer import Record
from headrace.providers.discover import discover
from headrace.sdk.provider import Provider

TENANT = "acme"

Position = tuple[int, int]
"""Partition and offset of a raw record."""


@dataclass(frozen=True)
class Version:
    """One version of a fact, as a record; `number` counts from 1, 0 is a record that nobody can read."""

    provider: Provider
    shape: str
    value: bytes
    fact: str
    number: int


class Scenario:
    """A random story; `records` are those that it has had so far, by their bytes."""

    def __init__(self, seed: int) -> None:
        self.records: dict[bytes, Version] = {}
        self._dice = random.Random(seed)
        self._providers = discover()
        self._left: list[list[Version]] = []
        self._again: list[Version] = []

    def __iter__(self) -> Iterator[Version]:
        """Go on with the scenario, without end."""
        while True:
            record = self._next()
            self.records[record.value] = record
            yield record

    def must_be_published(self, raw: Iterable[Record]) -> set[Position]:
        """Return the positions of the raw records that must be published: each version that is newer."""
        newest: dict[str, int] = {}
        wanted: set[Position] = set()
        for record in raw:
            version = self.records[record.value or b""]
            if version.number > newest.get(version.fact, 0):
                newest[version.fact] = version.number
                wanted.add((record.partition, record.offset))
        return wanted

    def broken(self, raw: Iterable[Record]) -> set[bytes]:
        """Return the bytes that must become dead letters."""
        return {version.value for record in raw if (version := self.records[record.value or b""]).number == 0}

    def _next(self) -> Version:
        """Return something new, the next version of a fact, or a record again."""
        kind = self._dice.choices(["new", "edit", "again", "broken"], [5, 5, 5, 0.2])[0]
        if kind == "again" and self._again:
            return self._dice.choice(self._again)
        if kind == "broken":
            return self._broken()
        if kind == "new" or not self._left:
            self._left.append(self._fact())
        which = self._dice.randrange(len(self._left))
        record = self._left[which].pop(0)
        if not self._left[which]:
            del self._left[which]
        self._remember(record)
        return record

    def _remember(self, record: Version) -> None:
        """Keep some records, of all ages, to send them again."""
        if len(self._again) < 2000:
            self._again.append(record)
        else:
            self._again[self._dice.randrange(2000)] = record

    def _fact(self) -> list[Version]:
        number = self._dice.randrange(10**9)
        name, rows = self._dice.choice([_activity, _message, _event])(number, self._dice.randint(1, 4))
        return [self._record(name, f"{name}/{number}", version, row) for version, row in enumerate(rows, start=1)]

    def _broken(self) -> Version:
        """Break a record off, behind its id: no two are alike."""
        name, rows = self._dice.choice([_activity, _message, _event])(self._dice.randrange(10**9), 1)
        whole = self._record(name, "nothing", 1, rows[0])
        return Version(
            whole.provider, whole.shape, whole.value[: self._dice.randrange(40, len(whole.value))], "nothing", 0
        )

    def _record(self, name: str, fact: str, version: int, row: dict[str, Any]) -> Version:
        provider = self._providers[name]
        (piece,) = provider.cut(json.dumps(row).encode())
        return Version(provider, piece.shape, piece.value, fact, version)


def _activity(number: int, versions: int) -> tuple[str, Sequence[dict[str, Any]]]:
    """Make an activity whose note is edited: the time of change counts."""
    return "leadsquared", [
        {
            "Id": f"{number:08x}-4a10-11f1-8f00-0242ac120010",
            "EventCode": 201,
            "EventName": "Site visit",
            "CreatedOn": "2025-03-02 08:15:30",
            "RelatedProspectId": f"{number % 997:08x}-5c1e-4b7a-9d43-1f0f6b2ad001",
            "Data": [],
            "ModifiedOn": f"2025-03-02 08:{15 + version}:30",
            "ActivityFields": {"mx_Custom_1": f"note {number}, edit {version}"},
        }
        for version in range(1, versions + 1)
    ]


def _message(number: int, versions: int) -> tuple[str, Sequence[dict[str, Any]]]:
    """Make a message on its way: milestones count."""
    row = {
        "id": f"act-{number}",
        "eventType": "message.outbound",
        "timelineType": "Sms",
        "leadId": f"lead-{number % 997}",
        "direction": "outbound",
        "summary": "A reminder",
        "createdAt": "2025-09-01T08:00:00Z",
    }
    stages = [
        {"status": "Queued", "queuedAt": "2025-09-01T08:00:01Z"},
        {"status": "Sending", "sendingStartedAt": "2025-09-01T08:00:02Z"},
        {"status": "Sent", "sentAt": "2025-09-01T08:00:03Z"},
        {"status": "Delivered", "deliveredAt": "2025-09-01T08:00:05Z"},
    ]
    rows = []
    for stage in stages[:versions]:
        row = row | stage
        rows.append(row)
    return "leadping", rows


def _event(number: int, versions: int) -> tuple[str, Sequence[dict[str, Any]]]:  # noqa: ARG001  (it never changes)
    """Make an event that never changes."""
    attributes = {
        "name": "message_opened",
        "eventAt": "2025-04-01T08:00:00.000Z",
        "createdAt": "2025-04-01T08:00:01.000Z",
    }
    prospect = {"prospect": {"data": {"type": "prospect", "id": number % 997}}}
    return "outreach", [{"type": "event", "id": number, "attributes": attributes, "relationships": prospect}]
