"""A provider of a few lines for the tests of the core: `{"id": "a", "v": 3, "m": "what it says"}`.

Shapes: `row` carries the version `v`, `detail` too, `hook` carries none, `fact` never changes. `do` asks for more.
"""

import json
from collections.abc import Iterator, Mapping as Headers, Sequence
from typing import Any, Final, Literal

import msgspec

from headrace.config.tenants import Account, Tenants
from headrace.core.mapping import Mapping
from headrace.core.mapping_file import build, read
from headrace.core.problems import bad_value
from headrace.normalizer.commit import CommitLimits
from headrace.sdk.provider import (
    UNPUBLISHED,
    Accepted,
    Delivery,
    Draft,
    Dropped,
    Identity,
    Nudge,
    Piece,
    RawEvent,
    Refused,
    Tenant,
    Version,
)
from headrace_events import Data, Native, Problem, Via
from tests.unit.partition import LIMITS, NOW, Partition

TABLE: Final = """
[[row]]
code = "call"
type = "call.completed"
[[row]]
code = "waker"
type = "email.opened"
reach = "nudge"
[[row]]
code = "100-299"
type = "custom.logged"
provisional = true
"""
OTHER_TABLE: Final = TABLE.replace("call.completed", "call.logged")
"""The table after a change of mind."""


class Said(msgspec.Struct):
    """A record: `v` is its version, `m` its meaning, `do` what translating it should come to."""

    id: str
    v: int = 0
    m: str = ""
    code: str = "call"
    do: str = ""
    size: int = 0


class Toy:
    """See the module."""

    name = "toy"
    Settings = Tenant
    resources: Headers[str, str] = {"thing": "all there is"}
    tables: Headers[str, str] = {"thing": "the codes of things"}

    methods: Sequence[str] = ("POST",)
    retries: Literal["status", "connection"] = "status"

    def cut(self, body: bytes, resource: str | None = None) -> Iterator[Piece]:  # noqa: ARG002  (there is one)
        """Take a body as one row."""
        yield Piece("row", body)

    def accept(self, delivery: Delivery, settings: Tenant) -> Accepted:
        """Refuse: no test delivers things."""
        raise Refused(404, Problem("no_webhooks", "No webhooks", f"{delivery.tenant} has {settings}"))

    def identity(self, raw: RawEvent) -> Identity:
        """Name a thing; `do` of `nameless` breaks as only a mistake of ours does."""
        said = _said(raw.value)
        if said.do == "nameless":
            raise ZeroDivisionError
        version: Version = {"hook": "unknown", "fact": None}.get(raw.shape, said.v)
        return Identity("thing", said.id, version)

    def translate(self, raw: RawEvent, mapping: Mapping) -> Draft | Dropped:
        """Say what a thing means, or do what it asks for."""
        said = _said(raw.value)
        match said.do:
            case "mirror" | "noop":
                return Dropped(said.do, "call")
            case "bad":
                raise bad_value("$.m", f"{said.m!r} means nothing")
            case "break":
                raise RuntimeError(f"told about {said.m}")
        row = mapping.find("thing", said.code)
        data = Data(
            category=row.category,
            action=row.action,
            fields={"m": said.m, "pad": "x" * said.size},
            native=Native(raw.provider, raw.tenant, "thing", said.id, code=said.code),
            provenance=UNPUBLISHED,
        )
        nudge = None if said.do == "no feed" else Nudge("things", event=said.id)
        return Draft(row=row, subject=f"lead/{said.id}", time=None, data=data, meaning=(said.m,), nudge=nudge)


_said: Final = msgspec.json.Decoder(Said).decode
toy: Final = Toy()


def mapping_of(table: str = TABLE) -> Mapping:
    """Build the toy's mapping."""
    return build(read(table, "toy/mapping.toml", toy.tables))


def tenants(table: str = TABLE, *names: str, polling: bool = False) -> Tenants:
    """Configure the toy for the tenants `names` (acme where there are none)."""
    mapping = mapping_of(table)
    return Tenants([Account(toy, name, Tenant(polling=polling), mapping) for name in names or ("acme",)])


def thing(
    name: str = "a",
    v: int = 1,
    m: str = "",
    *,
    shape: str = "row",
    via: Via = Via.POLL,
    tenant: str = "acme",
    **more: Any,
) -> RawEvent:
    """Make a raw event of the toy, received at the epoch's second 1,000."""
    value = json.dumps({"id": name, "v": v, "m": m, **more}).encode()
    return RawEvent(provider="toy", tenant=tenant, shape=shape, value=value, via=via, received=1_000_000)


NEW, OLD = mapping_of(OTHER_TABLE).id, mapping_of(TABLE).id


def partition(*names: str, polling: bool = False, limits: CommitLimits = LIMITS, now: int = NOW) -> Partition:
    """Make a partition of raw for the tenants `names` of the toy."""
    return Partition(tenants(TABLE, *names, polling=polling), limits, now)
