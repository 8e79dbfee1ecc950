"""Deliveries are verified, cut and charged: heavy ones one at a time, without holding the event loop."""

import asyncio
import threading
from typing import Any

import msgspec
import pytest

from headrace.config.tenants import Account
from headrace.receiver import cutting, refusals
from headrace.receiver.body_reader import Bodies
from headrace.receiver.cutting import Cutter, is_heavy
from headrace.sdk.provider import Accepted, Delivery, RawEvent, Refused, Tenant
from headrace_events import Via
from tests.fake_provider import FakeProvider, account
from tests.integration.pipeline import DEADLINE

LIGHT = b'{"id":1,"v":1}'
HEAVY = b"[" + b",".join([LIGHT] * 1_000) + b"]"


SLOT = Bodies(most=10**6, limit=10**9, deadline=60).hold()


class Delivering(FakeProvider):
    """Takes an array as its items, each a row; a heavy one waits for `go`."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.began = 0

    def accept(self, delivery: Delivery, settings: Tenant) -> Accepted:
        """Accept whatever comes."""
        del settings
        if is_heavy(delivery.body):
            self.began += 1
            assert self.go.wait(DEADLINE)
        found: Any = msgspec.json.decode(delivery.body)
        rows = found if isinstance(found, list) else [found]
        return Accepted([self._raw(delivery, row) for row in rows])

    def _raw(self, delivery: Delivery, row: object) -> RawEvent:
        return RawEvent(
            provider=self.name,
            tenant=delivery.tenant,
            shape="row",
            via=Via.WEBHOOK,
            received=delivery.received,
            value=msgspec.json.encode(row),
        )


class Charges:
    """Admits a source until it was charged for more than `most` records."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.charged: list[tuple[str, int, int]] = []

    def admit(self, source: str) -> None:
        """Raise `Refused` where it has sent too much."""
        if sum(records for whose, records, _ in self.charged if whose == source) > self.most:
            raise refusals.rate_limited(1, 1, 1.0)

    def charge(self, source: str, records: int, size: int) -> None:
        """Remember it."""
        self.charged.append((source, records, size))


def tenant(provider: FakeProvider, name: str) -> Account:
    found = account(name)
    return Account(provider, name, found.settings, found.mapping)


def delivery(name: str, body: bytes) -> Delivery:
    return Delivery(tenant=name, method="POST", headers={}, query={}, body=body, received=1)


@pytest.mark.parametrize(
    ("body", "heavy"),
    [
        (LIGHT, False),
        (b"x" * 65_536, True),
        (b"," * 499, False),
        (b"," * 500, True),
        (b"[" + b"1," * 500 + b"1]", True),
    ],
)
def test_a_body_is_heavy_by_its_bytes_or_its_commas(body: bytes, heavy: bool) -> None:  # noqa: FBT001  (a parameter of the test)
    """What may hold many records is told before it is cut."""
    assert is_heavy(body) is heavy


async def test_others_are_served_while_a_heavy_delivery_is_cut() -> None:
    """The event loop goes on: a light delivery is cut and charged before the heavy one that came first."""
    provider, charges = Delivering(), Charges(10_000)
    cutter = Cutter(charges.admit, charges.charge)
    async with asyncio.timeout(DEADLINE):
        heavy = asyncio.create_task(cutter.cut(tenant(provider, "a"), delivery("a", HEAVY), SLOT))
        light = await cutter.cut(tenant(provider, "b"), delivery("b", LIGHT), SLOT)
        provider.go.set()
        assert (len(light.items), len((await heavy).items)) == (1, 1_000)
    assert charges.charged == [("/things/b", 1, len(LIGHT)), ("/things/a", 1_000, len(HEAVY))]


async def test_what_one_tenant_sends_at_once_is_charged_one_after_the_other() -> None:
    """Many heavy deliveries at once do not pass the rate together: those behind the first see what it cost."""
    provider, charges = Delivering(), Charges(500)
    cutter = Cutter(charges.admit, charges.charge)
    provider.go.set()
    async with asyncio.timeout(DEADLINE):
        results = await asyncio.gather(
            *(cutter.cut(tenant(provider, "a"), delivery("a", HEAVY), SLOT) for _ in range(5)), return_exceptions=True
        )
    assert [isinstance(result, Refused) for result in results] == [False, True, True, True, True]
    assert provider.began == 1


@pytest.mark.parametrize("body", [LIGHT, HEAVY])
async def test_what_holds_nothing_costs_nothing(body: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """A delivery that is not genuine, or a check, takes nothing from its tenant's rate."""
    provider, charges = Delivering(), Charges(10_000)
    provider.go.set()
    cutter = Cutter(charges.admit, charges.charge)
    monkeypatch.setattr(provider, "accept", lambda *_: Accepted([]))
    assert (await cutter.cut(tenant(provider, "a"), delivery("a", body), SLOT)).items == []
    monkeypatch.setattr(provider, "accept", _refuse)
    with pytest.raises(Refused):
        await cutter.cut(tenant(provider, "a"), delivery("a", body), SLOT)
    assert charges.charged == []


async def test_more_records_than_anybody_sends_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A delivery of too many records is refused whole, and charged: it was cut all the same."""
    provider, charges = Delivering(), Charges(10_000)
    provider.go.set()
    monkeypatch.setattr(cutting, "MOST_RECORDS", 999)
    with pytest.raises(Refused, match="at most 999"):
        await Cutter(charges.admit, charges.charge).cut(tenant(provider, "a"), delivery("a", HEAVY), SLOT)
    assert charges.charged == [("/things/a", 1_000, len(HEAVY))]


def _refuse(*_: object) -> Accepted:
    raise refusals.internal()
