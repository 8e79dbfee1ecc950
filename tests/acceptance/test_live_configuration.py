"""Good and bad configurations swapped under load: nothing is lost, doubled, or decided by half a table.

`HEADRACE_LIVE_SEED` repeats the choices of a run, `HEADRACE_LIVE_ROUNDS` says how many good files are swapped in, and
as many bad ones (10; 50 take some five minutes).
"""

import asyncio
import json
import os
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from itertools import cycle
from pathlib import Path

import aiohttp
import pytest

from headrace.config import load
from headrace_demo import senders
from headrace_demo.payloads import leadsquared
from headrace_demo.senders import Fact
from headrace_events import Event, decode
from tests.integration.child_process import Program, configuration
from tests.integration.pipeline import Pipeline, make_pipeline, until
from tests.kafka.broker import Broker
from tests.kafka.ports import free_port
from tests.results import ShowResult

SEED = int(os.environ.get("HEADRACE_LIVE_SEED", "0")) or random.SystemRandom().randrange(1, 10**6)
ROUNDS = int(os.environ.get("HEADRACE_LIVE_ROUNDS", "10"))
KILLS = 5
AT_ONCE = 8
TOGETHER = 100
"""Records of one delivery."""
CODES = ("250", "251")
TYPES = ("custom.logged", "message.received", "email.opened", "email.clicked", "email.received")
"""What good tables say of all codes, in turn."""
BAD_TYPE = "email.bounced"
"""What bad ones say."""
ROLES = ("receiver", "normalizer")
WATCHED = ("headrace_position", "headrace_end_offset", "headrace_lag_records", "headrace_spool_records")
PATIENCE = aiohttp.ClientTimeout(total=20)

pytestmark = [
    pytest.mark.apache_kafka,
    pytest.mark.slow,
    pytest.mark.crash,
    pytest.mark.timeout(480 + 60 * ROUNDS),
]


class Mount:
    """The folder of tenants as Kubernetes mounts it; each version is swapped in by moving one link."""

    def __init__(self, home: Path, sender: senders.Sender) -> None:
        self.folder = home / "tenants.d"
        self.types: dict[str, str] = {}
        """What a good table says of all codes, by its id."""
        self._sender = sender
        self._count = 0

    def good(self, number: int) -> None:
        """Swap in a good version, of which no two are alike."""
        word = TYPES[number % len(TYPES)]
        version = self._version(self._table(word, number))
        (account,) = load(self._beside(version), {}).tenants
        self.types[account.mapping.id] = word
        self._swap(version)

    def bad(self, number: int) -> None:
        """Swap in a version that must not be taken over, for another reason each time."""
        table = self._table(BAD_TYPE, number)
        kind = number % 5
        if kind == 0:
            version = self._version(table + "[[row]]\n")
        elif kind == 1:
            version = self._version(table, tenant="paussed = true\n")
        elif kind == 2:
            version = self._version(table, key="\n")
        elif kind == 3:
            version = self._version(table)
            (version / "acme.overlay").unlink()
        else:
            version = self._version(table, tenant="paused = = true\n")
        self._swap(version)

    def _table(self, word: str, number: int) -> str:
        rows = [f'[[row]]\ncode = "{code}"\ntype = "{word}"\n' for code in (*CODES, str(1_000 + number))]
        return "".join(rows)

    def _version(self, table: str, tenant: str = "", key: str | None = None) -> Path:
        self._count += 1
        version = self.folder / f"..{self._count}"
        version.mkdir(parents=True)
        settings = f'webhook_secrets_file = "acme.key"\nmapping = "acme.overlay"\n{tenant}'
        (version / "acme.toml").write_text(f"[tenants.leadsquared.acme]\n{settings}")
        (version / "acme.key").write_text(self._sender.secret if key is None else key)
        (version / "acme.overlay").write_text(table)
        return version

    def _beside(self, version: Path) -> Path:
        """Return a main file that reads this version alone, to learn which table it makes."""
        home = self.folder.parent / "alone" / version.name.strip(".")
        home.mkdir(parents=True)
        (home / "tenants.d").symlink_to(version)
        (home / "headrace.toml").write_text("")
        return home / "headrace.toml"

    def _swap(self, version: Path) -> None:
        fresh = self.folder / "..new"
        fresh.symlink_to(version.name)
        fresh.rename(self.folder / "..data")
        for name in ("acme.toml", "acme.key", "acme.overlay"):
            if not (self.folder / name).is_symlink():
                (self.folder / name).symlink_to(f"..data/{name}")


class Load:
    """Activities without end, many a delivery; each delivery is sent until it is taken."""

    def __init__(self, sender: senders.Sender, url: str) -> None:
        self.promised: set[Fact] = set()
        self.answers: Counter[int] = Counter()
        self._sender = sender
        self._url = url
        call = leadsquared.call_webhook(sender.values) | {"ProspectActivityId": "ID", "ActivityEvent": "CODE"}
        self._template = json.dumps(call)

    @asynccontextmanager
    async def sending(self) -> AsyncIterator[None]:
        """Send while the body runs, and finish what was begun."""
        enough = asyncio.Event()
        async with aiohttp.ClientSession(timeout=PATIENCE) as client, asyncio.TaskGroup() as group:
            for _ in range(AT_ONCE):
                group.create_task(self._send(client, enough))
            try:
                yield
            finally:
                enough.set()

    async def _send(self, client: aiohttp.ClientSession, enough: asyncio.Event) -> None:
        while not enough.is_set():
            ids = [self._sender.values.guid() for _ in range(TOGETHER)]
            calls = [self._template.replace("ID", each).replace("CODE", code) for each, code in zip(ids, cycle(CODES))]
            sending = self._sender.sending_of(f"[{','.join(calls)}]".encode())
            facts = {self._sender.fact("activity", each) for each in ids}
            while (status := await self._attempt(client, sending)) != 200:
                self.answers[status] += 1
                await asyncio.sleep(0.2)
            self.answers[200] += 1
            self.promised |= facts

    async def _attempt(self, client: aiohttp.ClientSession, sending: senders.Sending) -> int:
        try:
            async with client.post(self._url + sending.path, data=sending.body, headers=sending.headers()) as answer:
                await answer.read()
                return answer.status
        except (aiohttp.ClientError, TimeoutError, ConnectionError):
            return 0


class Service:
    """The roles, each a process of its own that follows the files; one is begun again where it was killed."""

    def __init__(self, text: str, home: Path) -> None:
        self._text, self._home, self._begun = text, home, 0
        self.programs = [self._begin(role) for role in ROLES]

    @property
    def receiver(self) -> Program:
        """The process that takes deliveries."""
        return self.programs[0]

    async def ready(self) -> None:
        """Wait until all are ready."""
        for program in self.programs:
            await program.ready()

    async def sees(self, event: str, before: list[int]) -> None:
        """Wait until each has logged an event more often than before."""
        for program, count in zip(self.programs, before, strict=True):
            await program.says(event, count + 1)

    def counts(self, event: str) -> list[int]:
        """Return how often each process has logged an event."""
        return [len(program.events(event)) for program in self.programs]

    async def killed(self, which: int) -> None:
        """Kill one, and begin it again."""
        self.programs[which].child.kill()
        self.programs[which] = self._begin(ROLES[which])
        await self.ready()

    async def stop(self) -> None:
        """Stop all, and assert that they end well."""
        for program in self.programs:
            assert await asyncio.to_thread(program.stop) == 0, program.tail()

    def _begin(self, role: str) -> Program:
        self._begun += 1
        return Program(self._text, self._home, f"{role}-{self._begun}", roles=(role,))


async def test_good_and_bad_files_swapped_under_load(
    kafka: Broker, prefix: str, tmp_path: Path, show_result: ShowResult
) -> None:
    """Each event is decided by one good table as a whole, once; bad files are refused, and kills lose nothing."""
    dice = random.Random(SEED)
    pipeline = await make_pipeline(kafka.bootstrap_servers, prefix)
    sender = senders.make("leadsquared", seed=SEED)
    mount, port = Mount(tmp_path, sender), free_port()
    mount.good(ROUNDS)
    more = "rate = 1000000\nburst = 1000000\nrate_bytes = '1GiB'\nburst_bytes = '1GiB'"
    text = configuration(kafka.bootstrap_servers, prefix, "", session_timeout="10s")  # a busy machine beats late
    text = text.replace("port = 0", f"port = {port}\n{more}", 1)
    service = Service(text, tmp_path)
    await service.ready()
    load = Load(sender, f"http://127.0.0.1:{port}")
    killed_at = set(dice.sample(range(ROUNDS), min(KILLS, ROUNDS)))
    began = time.monotonic()
    async with load.sending():
        for number in range(ROUNDS):
            taken = service.counts("configuration_taken_over")
            mount.good(number)
            if number in killed_at:
                await asyncio.sleep(dice.uniform(0, 2.5))  # before, during or after it is taken over
                await service.killed(dice.randrange(len(ROLES)))
            else:
                await service.sees("configuration_taken_over", taken)
            refused = service.counts("configuration_refused")
            mount.bad(number)
            await service.sees("configuration_refused", refused)
            await service.ready()  # a refusal leaves it so
    rate = len(load.promised) / (time.monotonic() - began)
    mount.good(ROUNDS + 1)
    await service.sees("configuration_set_right", [0, 0])
    await _drained(service.receiver, pipeline, 120 + len(load.promised) / 500)  # the normalizer may be far behind
    events = [decode(record.value or b"") for record in await pipeline.records("events")]
    used = _judged(events, await _copied(pipeline), load.promised, mount.types)
    assert not await pipeline.records("dead-letters")
    assert (await pipeline.totals())["published"] == len(events)
    assert set(load.answers) <= {200, 0}, load.answers
    await service.stop()
    assert used > ROUNDS * 0.8
    show_result(
        f"{ROUNDS} good and {ROUNDS} bad files, {len(killed_at)} kills, {rate:,.0f} events/s: {len(events):,} events "
        f"by {used} tables; seed {SEED}"
    )


async def _copied(pipeline: Pipeline) -> set[str]:
    """Return the ids of which raw has copies: of what was sent again, or went to the spool as well."""
    ids = Counter(json.loads(record.value or b"")["ProspectActivityId"] for record in await pipeline.records("raw"))
    return {each for each, count in ids.items() if count > 1}


def _judged(events: list[Event], copied: set[str], promised: set[Fact], types: Mapping[str, str]) -> int:
    """Assert that each promised fact is published once, by one whole table; return how many tables were used.

    A copy without a version that another table reads differently is another version of it.
    """
    found = Counter(senders.fact_of(event) for event in events)
    assert len({event.id for event in events}) == len(events), "doubled"
    assert {fact.id for fact, count in found.items() if count > 1} <= copied, "doubled"
    assert not promised - found.keys(), "lost"
    tables = Counter((event.data.provenance.mapping, event.type) for event in events)
    wrong = {pair for pair in tables if pair[1] != f"headrace.{types.get(pair[0])}.v1"}
    assert not wrong, "decided by half a table, or a bad one"
    return len({mapping for mapping, _ in tables})


async def _drained(program: Program, pipeline: Pipeline, deadline: float) -> None:
    async def empty() -> bool:
        return (await program.numbers())["headrace_spool_records", frozenset()] == 0

    try:
        await until(empty, "the spool is empty", every=0.2)
        await pipeline.settled(deadline=deadline)
    except TimeoutError as error:
        numbers = await program.numbers()
        shown = {key: value for key, value in numbers.items() if key[0] in WATCHED}
        error.add_note(f"{shown}\n{program.tail()}")
        raise
