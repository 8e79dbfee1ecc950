"""A provider of a few lines: everything about its rows can be chosen by a test, `{"id": "a", "v": 3, "text": "hello"}`.

Shapes: `row` and `detail` carry the version `v`, `hook` carries none, `fact` never changes. `do` asks for trouble.
"""

import json
import time
from collections.abc import Iterator, Mapping as Headers, Sequence
from typing import Any, Final, Literal

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from headrace.config.tenants import Account, Tenants
from headrace.core.mapping import Mapping
from headrace.core.mapping_file import build, read
from headrace.core.problems import bad_value
from headrace.sdk.feed import Call, Feed
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
from tests.fake_feeds import Bloated, FakeClient, FakeSettings, Listing

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


class Row(Struct, omit_defaults=True):
    """A row of the platform: `v` is its version (absent: unknown), `text` its meaning, `code` what the table maps.

    `do` is what becomes of it: "mirror" or "noop" is dropped, "bad" is a problem, "break" and "nameless" fail as only
    a mistake of ours does, "no feed" has no feed to wake, "other id" is polled under another id with the same `size`,
    "swell" is published with its text four times. An event is published with `size` bytes more, and `at` is its time.
    """

    id: int | str
    v: int | None = None
    text: str = ""
    do: str = ""
    code: str = "call"
    size: int = 0
    at: str | None = None


decode_row: Final = msgspec.json.Decoder(Row).decode


class FakeProvider:
    """Cuts, names and translates `Row`s, and polls them from a `FakePlatform`; nothing is delivered to it."""

    name = "things"
    Settings: type[Tenant] = FakeSettings
    resources: Headers[str, str] = {"thing": "all there is"}
    tables: Headers[str, str] = {"thing": "the codes of things"}

    methods: Sequence[str] = ("POST",)
    retries: Literal["status", "connection"] = "status"

    def cut(self, body: bytes, resource: str | None = None) -> Iterator[Piece]:  # noqa: ARG002  (there is one resource)
        """Take a body as one row."""
        yield Piece("row", body)

    def accept(self, delivery: Delivery, settings: Tenant) -> Accepted:
        """Refuse: no test delivers things."""
        raise Refused(404, Problem("no_webhooks", "No webhooks", f"{delivery.tenant} has {settings}"))

    def identity(self, raw: RawEvent) -> Identity:
        """Return `thing/<id>`, with the version that its shape has."""
        row = decode_row(raw.value)
        if row.do == "nameless":
            raise ZeroDivisionError
        version: Version = {"hook": "unknown", "fact": None}.get(raw.shape, "unknown" if row.v is None else row.v)
        return Identity("thing", str(row.id), version)

    def translate(self, raw: RawEvent, mapping: Mapping) -> Draft | Dropped:
        """Return the event of a row, or do what it asks for."""
        row = decode_row(raw.value)
        match row.do:
            case "mirror" | "noop":
                return Dropped(row.do, "call")
            case "bad":
                raise bad_value("$.text", f"{row.text!r} means nothing")
            case "break":
                raise RuntimeError(f"broken by {row.text}")
        found = mapping.find("thing", row.code)
        data = Data(
            category=found.category,
            action=found.action,
            channel=found.channel,
            text=row.text or None,
            fields=_fields(row),
            native=Native(raw.provider, raw.tenant, "thing", str(row.id), code=row.code),
            provenance=UNPUBLISHED,
        )
        if row.do in ("no feed", "broken nudge", "other id"):
            data.native.name = row.do
        return Draft(row=found, subject=f"lead/{row.id}", time=row.at, data=data, meaning=(row.text,))

    def nudge(self, draft: Draft, settings: Tenant) -> Nudge | None:
        """Return the nudge of a thing, unless its row says that no feed asks for it."""
        if draft.data.native.name == "broken nudge":
            raise RuntimeError("broken")
        if draft.data.native.name == "other id":
            return Nudge("rows", traits={"pad": str((draft.data.fields or {})["pad"])}, span=60)
        wakes = settings.reads("rows") and draft.data.native.name != "no feed"
        return Nudge("rows", event=draft.data.native.id) if wakes else None

    def client(self, settings: Tenant) -> FakeClient | None:
        """See Polled."""
        assert isinstance(settings, FakeSettings)
        return FakeClient(settings)

    def feeds(self, settings: Tenant) -> Sequence[Feed]:
        """See Polled."""
        assert isinstance(settings, FakeSettings)
        known = (
            Listing("rows", "/rows", settings),
            Listing("trail", "/leads/{lead}/rows", settings, by_lead=True),
            Listing("finder", "/found", settings),
            Bloated("bloated", "", settings),
        )
        return [feed for feed in known if feed.name in (settings.feeds or ["rows"])]

    def single(self, settings: Tenant, resource: str, id: str) -> Sequence[Call]:  # noqa: A002  (the design's word)
        """See Polled."""
        assert isinstance(settings, FakeSettings)
        return [Call(path=f"/{resource}s/{id}"), Call(path=f"/rows/{id}")]


def _fields(row: Row) -> dict[str, Any] | None:
    if row.do == "swell":
        return {str(number): row.text for number in range(3)}
    return {"pad": "x" * row.size} if row.size else None


FAKE: Final = FakeProvider()


def mapping_of(table: str = TABLE) -> Mapping:
    """Return the mapping of a table."""
    return build(read(table, "things/mapping.toml", FAKE.tables))


NEW, OLD = mapping_of(OTHER_TABLE).id, mapping_of(TABLE).id


def account(tenant: str = "t", *, table: str = TABLE, **settings: Any) -> Account:
    """Return the account of a tenant; `settings` are those of `FakeSettings`."""
    return Account(FAKE, tenant, FakeSettings(**settings), mapping_of(table))


def polled(url: str, tenant: str = "t", **settings: Any) -> Account:
    """Return the account of a tenant that polls a platform."""
    return account(tenant, polling=True, base_url=url, **settings)


def tenants(table: str = TABLE, *names: str, polling: bool = False) -> Tenants:
    """Return the tenants `names` (acme where there are none)."""
    return Tenants([account(name, table=table, polling=polling) for name in names or ("acme",)])


def raw_event(row: Row | bytes, tenant: str = "t", via: Via = Via.INGEST) -> RawEvent:
    """Return the raw event of a row, or of bytes as they are, received now."""
    value = row if isinstance(row, bytes) else msgspec.json.encode(row)
    received = int(time.time() * 1000)
    return RawEvent(provider=FAKE.name, tenant=tenant, shape="row", value=value, via=via, received=received)


def hook(row: Row, tenant: str = "t") -> RawEvent:
    """Return the raw event of a row that came by webhook, without a version, received now."""
    return replace(raw_event(row, tenant, Via.WEBHOOK), shape="hook")


def thing(
    name: str = "a",
    v: int = 1,
    text: str = "",
    *,
    shape: str = "row",
    via: Via | None = None,
    tenant: str = "acme",
    **more: Any,
) -> RawEvent:
    """Return the raw event of a row in any shape, received at the epoch's second 1,000.

    Unless `via` says otherwise hooks come by webhook, the other shapes are polled.
    """
    via = via or (Via.WEBHOOK if shape == "hook" else Via.POLL)
    value = json.dumps({"id": name, "v": v, "text": text, **more}).encode()
    return RawEvent(provider=FAKE.name, tenant=tenant, shape=shape, value=value, via=via, received=1_000_000)
