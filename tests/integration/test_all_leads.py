"""A tenant whose leads nobody named: the list of all leads finds them, and what was brought is not read again."""

from collections import Counter

import pytest

from headrace.providers.leadping.settings import TenantEventsSettings
from headrace.records.raw import from_raw_record
from headrace_demo.simulators import leadping
from headrace_demo.simulators.history import Shape
from headrace_demo.simulators.ledger import Key
from headrace_demo.simulators.quota import Allowance
from tests.integration.poller_harness import make_polled
from tests.integration.test_polled_platforms import account
from tests.kafka.broker import Broker

pytestmark = pytest.mark.apache_kafka

LEADS = 60
EVENTS = 300
OFTEN = TenantEventsSettings(every=1)
"""What the past holds comes over some turns."""


async def test_leads_that_nobody_named_are_found_and_read(kafka: Broker, prefix: str) -> None:
    """All events come and all leads are watched, whichever poller reads; each event is put together once."""
    history = leadping.History(seed=4, events=EVENTS, leads=LEADS, shape=Shape(span=2 * 86_400.0))
    async with leadping.Simulator(history, allowance=Allowance()) as platform:
        configured = account(platform, api_key=platform.api_key, organization="org_1", tenant_events=OFTEN)
        pipeline = await make_polled(kafka.bootstrap_servers, prefix, configured)
        wanted = history.ledger.wanted(history.end)
        texts: dict[Key, list[str]] = {}

        async def brought() -> None:
            texts.clear()
            for record in await pipeline.records("raw"):
                raw = from_raw_record(record.headers, record.value)
                texts.setdefault(Key(raw.resource, raw.id), []).append((record.value or b"").decode())

        async def some() -> bool:
            await brought()
            return len(texts) > EVENTS // 3

        async def whole() -> bool:
            await brought()
            state = await pipeline.remembered_of("/leadping/acme")
            read = {lead for feed, lead in state.positions if feed == "lead-events"}
            return texts.keys() == wanted.keys() and len(read) == len(state.leads) == len(history.by_lead)

        async with pipeline.poller():
            await pipeline.comes(some, "a third of the events is in raw")
        async with pipeline.poller():
            await pipeline.comes(whole, "all events are in raw, and all leads were read")
        assert all(any(mark in text for text in texts[key]) for key, mark in wanted.items())
        state = await pipeline.remembered_of("/leadping/acme")
        assert {watched.by for watched in state.leads.values()} == {"feed"}
        assert sum(len(note.value) for note in state.notes.values()) == 10 * EVENTS
        assert state.feeds["tenant-events"].unread == ""
        calls = Counter(call.path.split("/")[2] for call in platform.calls)
        rows_of_calls = sum(history.kind_of(plan.number).type == "Call" for plan in history.plans)
        assert calls["leads"] <= 2 * LEADS
        assert calls["detail"] + calls["calls"] <= EVENTS + rows_of_calls, "no part is asked for by both feeds"
