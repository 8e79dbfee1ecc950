"""The numbers of the real program add up: what clients counted, what the metrics say, and what stands in Kafka.

`HEADRACE_ARITHMETIC_SEED` repeats the choices of a run.
"""

import asyncio
import os
import random
import re
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count, islice
from pathlib import Path
from typing import Final

import aiohttp
import pytest

from headrace.observe.metric_definitions import FAMILIES
from headrace.observe.metrics_page import PAGE
from headrace.records.seen import TOTALS
from headrace_demo import senders
from headrace_demo.senders import Fact, Sender, Sending
from headrace_events import decode
from tests.integration.child_process import ALL, Numbers, Program, configuration
from tests.integration.pipeline import DEADLINE, Pipeline, make_pipeline, until
from tests.kafka.broker import Broker
from tests.kafka.plugin import OwnKafka
from tests.kafka.ports import free_port

SEED: Final = int(os.environ.get("HEADRACE_ARITHMETIC_SEED", "0")) or random.SystemRandom().randrange(1, 10**6)
PARTITIONS: Final = 4
AT_ONCE: Final = 8
UNKNOWN: Final = ("unknown", "unknown")
UNPOLLED: Final = ("receiver", "normalizer")
"""All roles that need no platform: one tenant is set to be polled, for its nudges, and nobody must poll it."""

pytestmark = [pytest.mark.apache_kafka, pytest.mark.slow]

Tenant = tuple[str, str]


@dataclass
class Counted:
    """What the clients counted, by tenant: acknowledged deliveries, checks and refusals; and the facts in them."""

    accepted: Counter[Tenant] = field(default_factory=Counter)
    checked: Counter[Tenant] = field(default_factory=Counter)
    refused: Counter[Tenant] = field(default_factory=Counter)
    facts: set[Fact] = field(default_factory=set)
    broken: int = 0


@dataclass
class Request:
    """One request as a client makes it; `wanted` says how it must be answered."""

    at: Tenant
    method: str
    path: str
    body: bytes
    headers: dict[str, str]
    wanted: str
    facts: frozenset[Fact] = frozenset()


class MixedLoad:
    """A mixed load of several senders: genuine deliveries, their copies, and whatever else reaches a port."""

    def __init__(self, accounts: Sequence[Sender], dice: random.Random) -> None:
        self._streams = [(sender, sender.stream()) for sender in accounts]
        self._dice = dice
        self._sent: list[Sending] = []
        self._numbers = count()

    def __iter__(self) -> Iterator[Request]:
        kinds = [self._new, self._copy, self._broken, self._forged, self._check, self._nobody, self._method]
        while True:
            yield self._dice.choices(kinds, [12, 3, 1, 2, 1, 2, 1])[0]()

    def _new(self) -> Request:
        _, stream = self._dice.choice(self._streams)
        self._sent.append(next(stream))
        return self._genuine(self._sent[-1])

    def _copy(self) -> Request:
        return self._genuine(self._dice.choice(self._sent)) if self._sent else self._new()

    def _broken(self) -> Request:
        """Signed, but not decodable: kept as it is."""
        sender, _ = self._dice.choice(self._streams)
        number = next(self._numbers)
        request = self._genuine(sender.sending_of(b'{"broken": %d, "text": "\xff' % number))
        request.wanted = "broken"
        return request

    def _forged(self) -> Request:
        """Sign with the secret of somebody else."""
        sender, stream = self._dice.choice(self._streams)
        sending = next(stream)
        stranger = senders.make(sender.provider, sender.tenant, seed=99)
        return _request(sender, sending, stranger.signed(sending, time.time()), "refused")

    def _check(self) -> Request:
        sender = next(one for one, _ in self._streams if isinstance(one, senders.LeadSquared))
        request = _request(sender, sender.check(), {}, "checked")
        request.method = self._dice.choice(["HEAD", "GET", "POST"])
        return request

    def _nobody(self) -> Request:
        provider = self._dice.choice(["leadping", "leadsquared", "outreach", "nobody", ""])
        path = f"/webhooks/{provider}/t{next(self._numbers)}"
        return Request(UNKNOWN, "POST", path, b"{}", {"Content-Type": "application/json"}, "refused")

    def _method(self) -> Request:
        request = self._new()
        self._sent.pop()
        request.method, request.wanted, request.facts = "DELETE", "refused", frozenset()
        return request

    def _genuine(self, sending: Sending) -> Request:
        return _request(sending.sender, sending, sending.headers(), "accepted")


def _request(sender: Sender, sending: Sending, headers: dict[str, str], wanted: str) -> Request:
    at = sender.provider, sender.tenant
    return Request(at, "POST", sending.path, sending.body, headers, wanted, sending.facts)


async def send(url: str, requests: Sequence[Request], counted: Counted) -> None:
    """Send requests, several at a time, and count them as they were answered."""
    left = iter(requests)
    timeout = aiohttp.ClientTimeout(total=DEADLINE)
    async with aiohttp.ClientSession(timeout=timeout) as client, asyncio.TaskGroup() as group:
        for _ in range(AT_ONCE):
            group.create_task(_send(client, url, left, counted))


async def _send(client: aiohttp.ClientSession, url: str, left: Iterator[Request], counted: Counted) -> None:
    for request in left:
        async with client.request(
            request.method, url + request.path, data=request.body, headers=request.headers
        ) as answer:
            text = await answer.text()
            got = "refused" if answer.status >= 400 else "checked" if request.wanted == "checked" else "accepted"
        assert got == request.wanted.replace("broken", "accepted"), (
            f"{request.method} {request.path}: {answer.status} {text}"
        )
        tally: Counter[Tenant] = getattr(counted, got)
        tally[request.at] += 1
        if got == "accepted":
            counted.facts |= request.facts
            counted.broken += request.wanted == "broken"


class Sheet:
    """The numbers of one scrape."""

    def __init__(self, numbers: Numbers) -> None:
        self.numbers = numbers

    def sum(self, name: str, **labels: str) -> int:
        """Sum over all label sets of a metric that have these labels."""
        wanted = labels.items()
        found = [n for (each, has), n in self.numbers.items() if each == f"headrace_{name}" and wanted <= has]
        assert found, f"there is no headrace_{name} with {labels}"
        return int(sum(found))

    def by_tenant(self, name: str, **labels: str) -> Counter[Tenant]:
        """Sum up a metric by tenant; zeros are left out."""
        summed: Counter[Tenant] = Counter()
        for (each, has), value in self.numbers.items():
            of = dict(has)
            if each == f"headrace_{name}" and labels.items() <= of.items() and value:
                summed[of["provider"], of["tenant"]] += int(value)
        return summed


async def settled(program: Program, pipeline: Pipeline) -> Sheet:
    """Return the numbers once the spool is empty and every record of raw has its fate."""
    found: list[Sheet] = []

    async def quiet() -> bool:
        sheet = Sheet(await program.numbers())
        ends = sum((await pipeline.raw_ends()).values())
        found[:] = [sheet]
        if sum(1 for name, _ in sheet.numbers if name == "headrace_position") < PARTITIONS:
            return False
        return sheet.sum("spool_records") == 0 and sheet.sum("position") == ends == sheet.sum("end_offset")

    await until(quiet, "nothing is on its way", every=0.3)
    return found[0]


async def test_promise_1_the_numbers_add_up_over_kafka_going_away(
    own_kafka: OwnKafka, prefix: str, tmp_path: Path
) -> None:
    """Requests, deliveries, spool, raw, fates and events agree by tenant and way, with Kafka away for a third of it."""
    print(f"HEADRACE_ARITHMETIC_SEED={SEED}")  # noqa: T201  (pytest shows it where the test fails)
    broker = own_kafka()
    pipeline = await make_pipeline(broker.bootstrap_servers, prefix, partitions=PARTITIONS)
    accounts = [senders.make(provider, tenant) for provider in senders.SENDERS for tenant in ("acme", "brio")]
    polled = senders.make("outreach", "polled")
    tenants = senders.toml(*accounts) + senders.toml(polled, polling=True, access_token="nobody-asks-with-it")  # noqa: S106  (it opens nothing)
    program = Program(configuration(broker.bootstrap_servers, prefix, tenants), tmp_path, "all", roles=UNPOLLED)
    await program.ready()
    url, began, counted = await program.webhooks(), time.time(), Counted()
    load = iter(MixedLoad([*accounts, polled], random.Random(SEED)))
    try:
        await send(url, [*islice(load, 250)], counted)
        broker.kill()
        await send(url, [*islice(load, 150)], counted)
        broker.spawn()
        await asyncio.to_thread(broker.wait_until_serves)
        await send(url, [*islice(load, 250)], counted)
        sheet = await settled(program, pipeline)
    except Exception as error:
        error.add_note(program.tail())
        raise

    assert sheet.by_tenant("deliveries_total") == counted.accepted
    assert sheet.by_tenant("checks_total") == counted.checked
    assert sheet.by_tenant("refusals_total") == counted.refused
    for provider, tenant in counted.accepted:
        assert (
            began - 1 <= sheet.sum("last_delivery_timestamp_seconds", provider=provider, tenant=tenant) <= time.time()
        )
    await _add_up(sheet, pipeline)
    assert sheet.sum("spooled_total") > 0
    published = [senders.fact_of(decode(record.value or b"")) for record in await pipeline.records("events")]
    assert max(Counter(published).values()) == 1
    genuine = {fact for fact in counted.facts if not fact.source.endswith("/polled")}
    assert genuine == {fact for fact in published if not fact.source.endswith("/polled")}
    assert sheet.sum("dead_letters_total") == len(await pipeline.records("dead-letters")) > 0
    assert await asyncio.to_thread(program.stop) == 0, program.tail()


async def _add_up(sheet: Sheet, pipeline: Pipeline) -> None:
    """Assert what METRICS.md says must hold."""
    ends = sum((await pipeline.raw_ends()).values())
    records = sheet.sum("accepted_records_total")
    assert records == sheet.sum("raw_appended_total") == ends
    assert records + sheet.sum("drained_total") == sheet.sum("raw_appended_total") + sheet.sum("spooled_total")
    assert sheet.sum("drained_total") == sheet.sum("spooled_total") == sheet.sum("spool_drained_total")
    assert sheet.sum("spool_put_total") == sheet.sum("spool_drained_total")
    assert sheet.sum("spool_bytes") == sheet.sum("spool_set_aside_records") == sheet.sum("set_aside_total") == 0
    assert sheet.sum("records_total") == sheet.sum("position") == sheet.sum("end_offset") == ends
    assert sheet.sum("lag_records") == sheet.sum("oldest_unprocessed_age_seconds") == 0
    assert {fate: n for fate in TOTALS if (n := sheet.sum("records_total", fate=fate))} == await pipeline.totals()
    assert sheet.by_tenant("decided_total", via="webhook") == sheet.by_tenant("accepted_records_total")
    assert sheet.by_tenant("raw_appended_total", via="webhook") == sheet.by_tenant("accepted_records_total")
    assert sheet.by_tenant("decided_total") == sheet.by_tenant("decided_total", via="webhook")
    assert sheet.by_tenant("published_total") == sheet.by_tenant("decided_total", fate="published")
    assert sheet.sum("published_total") == len(await pipeline.records("events"))
    assert sheet.sum("end_to_end_seconds_count", via="webhook") == sheet.sum("published_total")
    assert sheet.sum("records_total", fate="nudged") == len(await pipeline.records("nudges")) > 0


ON_FIRST_USE = {"headrace_published_total"}
"""Families whose label sets begin when they are first counted: types times tenants would be too many."""


async def test_a_full_scrape_shows_what_the_page_names_and_no_flood_adds_to_it(
    kafka: Broker, prefix: str, tmp_path: Path
) -> None:
    """All families of METRICS.md are there, no other is, and thousands of invented paths add no series."""
    pipeline = await make_pipeline(kafka.bootstrap_servers, prefix, partitions=2)
    accounts = [senders.make(provider) for provider in senders.SENDERS]
    polled, nobody = senders.make("outreach", "polled"), f"http://127.0.0.1:{free_port()}"
    tenants = senders.toml(*accounts) + senders.toml(polled, polling=True, access_token="none", base_url=nobody)  # noqa: S106  (it opens nothing)
    settings = configuration(kafka.bootstrap_servers, prefix, tenants)
    program = Program(settings, tmp_path, "all", roles=ALL)
    await program.ready()
    url, counted, dice = await program.webhooks(), Counted(), random.Random(SEED)
    named = set(re.findall(r"^\| `(headrace_\w+)`", PAGE.read_text("utf-8"), re.MULTILINE))
    before = await program.numbers()
    shown = {re.sub(r"_(bucket|count|sum)$", "", name) for name, _ in before if name.startswith("headrace_")}
    assert named == {family.name for family in FAMILIES}
    assert shown == named - ON_FIRST_USE
    await send(url, [_flood(dice) for _ in range(3_000)], counted)
    after = await program.numbers()
    assert sum(Sheet(after).by_tenant("refusals_total").values()) == 3_000
    assert {key for key in after if key[0].startswith("headrace_")} <= before.keys()
    assert await asyncio.to_thread(program.stop) == 0, program.tail()
    assert not any((await pipeline.raw_ends()).values())


def _flood(dice: random.Random) -> Request:
    """Invent a provider, a tenant, or a path."""
    word = "".join(dice.choices("abcdefghijklmnopqrstuvwxyz0123456789-._~%20", k=dice.randint(1, 60)))
    path = dice.choice([f"/webhooks/{word}/acme", f"/webhooks/outreach/{word}", f"/{word}", f"/webhooks/{word}"])
    return Request(UNKNOWN, dice.choice(["POST", "GET", "PUT"]), path, b"{}", {}, "refused")
