"""A platform whose every row a test can choose, random stories of it, and what must come out of them."""

import contextlib
import random
import time
from collections.abc import Iterable, Iterator, Mapping as Dict, Sequence
from typing import Final, Literal

import msgspec
from msgspec import Struct

from headrace.config.tenants import Account
from headrace.core.mapping import Mapping
from headrace.kafka.consumer import Record
from headrace.sdk.provider import (
    UNPUBLISHED,
    Accepted,
    Delivery,
    Draft,
    Identity,
    Nudge,
    Piece,
    RawEvent,
    Refused,
    Tenant,
    Version,
)
from headrace_events import Data, Native, Problem, Via


class Row(Struct, omit_defaults=True):
    """A row of the platform: `v` is its version (absent: not told), `text` all that it says.

    `how` asks for trouble: "raise" fails in translate, "swell" publishes the text four times, "nudge" has a feed.
    """

    id: int
    v: int | None = None
    text: str = ""
    how: str = ""


_row: Final = msgspec.json.Decoder(Row)


class Things:
    """A platform whose rows are `Row`s: everything about them can be chosen by a test."""

    name = "things"
    Settings = Tenant
    resources: Dict[str, str] = {"thing": "a row"}
    tables: Dict[str, str] = {"thing": "there are no codes"}

    methods: Sequence[str] = ("POST",)
    retries: Literal["status", "connection"] = "status"

    def cut(self, body: bytes, resource: str | None = None) -> Iterator[Piece]:  # noqa: ARG002  (there is one resource)
        """Take a body as one row."""
        yield Piece("row", body)

    def accept(self, delivery: Delivery, settings: Tenant) -> Accepted:  # noqa: ARG002  (nothing comes that way)
        """Refuse: nothing comes this way."""
        raise Refused(404, Problem("no_hooks", "No hooks", "there are none"))

    def identity(self, raw: RawEvent) -> Identity:
        """`thing/<id>`; version 0 stands for what never changes."""
        row = _row.decode(raw.value)
        version: Version = "unknown" if row.v is None else row.v or None
        return Identity("thing", str(row.id), version)

    def translate(self, raw: RawEvent, mapping: Mapping) -> Draft:
        """Say what the row says."""
        row = _row.decode(raw.value)
        if row.how == "raise":
            raise LookupError(row.text)
        data = Data(
            category="unmapped",
            native=Native(raw.provider, raw.tenant, "thing", str(row.id)),
            provenance=UNPUBLISHED,
            text=row.text or None,
            fields={str(number): row.text for number in range(3)} if row.how == "swell" else None,
        )
        found = mapping.find("thing", "any")
        nudge = Nudge("things", event=str(row.id)) if row.how == "nudge" else None
        return Draft(row=found, subject=f"thing/{row.id}", time=None, data=data, meaning=(row.text,), nudge=nudge)


THINGS: Final = Things()


def account(tenant: str = "t", *, polling: bool = False) -> Account:
    """Configure a tenant of `Things`."""
    return Account(THINGS, tenant, Tenant(polling=polling), Mapping([]))


def raw_event(row: Row | bytes, tenant: str = "t", via: Via = Via.INGEST) -> RawEvent:
    """Make a raw event of a row, or of bytes as they are."""
    value = row if isinstance(row, bytes) else msgspec.json.encode(row)
    return RawEvent(
        provider="things", tenant=tenant, shape="row", value=value, via=via, received=int(time.time() * 1000)
    )


def load(seed: int) -> Iterator[Row | bytes]:
    """Tell a random story without end: new things, edits, edits that say nothing new, copies, and what is broken."""
    dice = random.Random(seed)
    told: list[list[Row]] = [[Row(10, 1, "the first")]]
    yield told[0][0]
    while True:
        kind = dice.choices(["new", "edit", "same", "copy", "broken"], [6, 3, 1, 4, 0.2])[0]
        thing = dice.choice(told)
        if kind == "broken":
            yield dice.choice([b'{"id":', b"\xff\xfe", b'{"id":1,"v":1,"how":"raise"}', b""])
        elif kind == "copy":
            yield dice.choice(thing)
        elif kind == "new":
            told.append([Row(len(told) + 10, 1, f"{dice.random()}")])
            yield told[-1][0]
        else:
            text = thing[-1].text if kind == "same" else f"{dice.random()}"
            thing.append(Row(thing[-1].id, (thing[-1].v or 0) + dice.randint(1, 3), text))
            yield thing[-1]


def expected(raw: Iterable[Record]) -> set[str]:
    """Give the ids that must be published for these raw records: each newer version that says something else."""
    last: dict[int, tuple[int, str]] = {}
    wanted: set[str] = set()
    for record in raw:
        with contextlib.suppress(msgspec.DecodeError):
            row = _row.decode(record.value or b"")
            version, text = last.get(row.id, (0, None))
            if row.v is None or row.how or row.v <= version:
                continue
            if row.text != text:
                wanted.add(f"thing/{row.id}/{row.v}")
            last[row.id] = row.v, row.text
    return wanted
