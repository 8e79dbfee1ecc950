"""`headrace feeds`, `leads` and `fetch` with Kafka and simulated platforms."""

import asyncio
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from headrace.records.cursors import DroppedLead, NudgeGap, Watched, encode, entry, home_partition
from headrace.records.raw import from_raw_record
from headrace_demo import senders
from headrace_demo.simulators import leadping, outreach
from headrace_demo.simulators.quota import Allowance
from headrace_demo.simulators.server import Simulator
from tests.integration.command import DEADLINE, Headrace
from tests.kafka.broker import Broker

pytestmark = pytest.mark.apache_kafka

ACME = ("-p", "leadping", "-t", "acme")
NORTH = ("-p", "outreach", "-t", "north")


@contextmanager
def served(*platforms: Simulator) -> Iterator[None]:
    """Serve platforms in a thread of their own, while commands run in this one."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        for platform in platforms:
            asyncio.run_coroutine_threadsafe(platform.__aenter__(), loop).result(DEADLINE)
        yield
    finally:
        for platform in platforms:
            asyncio.run_coroutine_threadsafe(platform.__aexit__(None, None, None), loop).result(DEADLINE)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(DEADLINE)
        loop.close()


class World:
    """Two platforms and the program that polls them; one names its leads only to who knows them."""

    def __init__(self, headrace: Headrace) -> None:
        self.headrace = headrace
        self.leadping = leadping.Simulator(leadping.History(seed=3, events=40, leads=3), allowance=Allowance())
        self.outreach = outreach.Simulator(outreach.History(seed=3, events=40), allowance=Allowance())
        self.leads = list(leadping.History(seed=3, events=40, leads=3).leads)

    def configure(self, **more: object) -> None:
        """Write the configuration; `more` is said of every tenant."""
        acme, north = senders.make("leadping", "acme"), senders.make("outreach", "north")
        text = senders.toml(acme, **self.leadping.tenant(), **more) + senders.toml(
            north, **self.outreach.tenant(), **more
        )
        (self.headrace.folder / "headrace.toml").write_text(text)

    def feeds(self, *words: str) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.headrace("feeds", "--json", *words).stdout.splitlines()]


@pytest.fixture
def world(tmp_path: Path, kafka: Broker, prefix: str) -> Iterator[World]:
    """Give a world with topics of two partitions."""
    headrace = Headrace(tmp_path, kafka.bootstrap_servers, prefix)
    found = World(headrace)
    with served(found.leadping, found.outreach):
        found.configure()
        headrace("topics", "apply", "--profile", "dev", "--partitions", "2")
        yield found


def comes(happened: Callable[[], bool], what: str) -> None:
    """Wait until something has happened."""
    deadline = time.monotonic() + DEADLINE
    while not happened():
        assert time.monotonic() < deadline, f"never: {what}"
        time.sleep(0.3)


def ids(world: World, provider: str) -> set[str]:
    """Return the ids in raw of one provider's records."""
    records = [from_raw_record(record.headers, record.value) for record in world.headrace.read("raw")]
    return {each.id for each in records if each.provider == provider}


def test_leads_are_added_listed_and_removed_once(world: World) -> None:
    """Each says how many were new, or there; the list tells who named a lead, as a table and for programs."""
    headrace = world.headrace
    assert headrace("leads", "list", *ACME).stdout == "No lead of /leadping/acme is watched.\n"
    assert headrace("leads", "add", *ACME, "81", "82", "81").stdout == "2 new leads of /leadping/acme.\n"
    assert headrace("leads", "add", *ACME, "82", "83").stdout == "1 new lead of /leadping/acme; 1 watched before.\n"
    (headrace.folder / "leads.csv").write_text("name,lead id\nAnn,83\nBo,84\nCy,84\n")
    done = headrace("leads", "import", *ACME, "leads.csv")
    assert done.stdout == "1 new lead of /leadping/acme; 1 watched before.\n"
    done = headrace("leads", "import", *ACME, "-", stdin="".join(f"{number}\n" for number in range(1_000, 4_500)))
    assert done.stdout.splitlines() == [
        "3,500 new leads of /leadping/acme.",
        "To read each of them once takes 11 min or more at this budget: headrace feeds counts those never read.",
    ]
    assert done.stderr == ""
    world.configure(max_staleness="10m")
    done = headrace("leads", "import", *ACME, "-", stdin="1000\n")
    took = "a round through all leads takes 23 min 22 s at this budget; 11.68 calls a second would do"
    assert done.stderr == f"With 3,504 leads: max_staleness is 10 min, but {took}.\n"
    world.configure()
    done = headrace("leads", "remove", *ACME, "82", "99")
    assert done.stdout == "1 lead of /leadping/acme removed; 1 not on the list.\n"
    world.configure(leads=["7"])
    listed = [json.loads(line) for line in headrace("leads", "list", *ACME, "--json").stdout.splitlines()]
    assert len(listed) == 3_504
    by = {each["lead"]: each["by"] for each in listed}
    assert (by["7"], by["81"], by["84"]) == ("settings", "people", "people")
    assert "82" not in by
    table = headrace("leads", "list", *ACME).stdout.splitlines()
    assert table[0].split() == ["lead", "state", "named", "by", "since", "read", "news"]
    assert table[-1] == "3,504 leads of /leadping/acme."
    assert headrace("leads", "list", *NORTH).stdout.splitlines()[1].split()[:3] == ["7", "watched", "settings"]
    done = headrace("leads", "remove", *ACME, "7")
    assert done.stderr == "7 is watched all the same: take it out of leads in the configuration\n"


def test_dropped_leads_are_listed_and_restored_and_watched_ones_woken(world: World) -> None:
    """Each says how many, and how many are unknown; who was dropped is listed with the reason until it is restored."""
    headrace = world.headrace
    now = int(time.time() * 1000)
    remembered = [entry("/leadping/acme", Watched(now, "people", gone=now, times=3), "80")]
    remembered += [
        entry("/leadping/acme", DroppedLead(now, 1, "feed", 7, "gone", "the platform answered 404"), lead)
        for lead in ("81", "82", "83")
    ]
    home = home_partition("/leadping/acme", 2)
    headrace.append("cursors", *(replace(encode(one), partition=home) for one in remembered))
    table = [line.split() for line in headrace("leads", "list", *ACME).stdout.splitlines()]
    assert [row[1:3] for row in table[1:5]] == [["gone", "3x"], *[["dropped", "feed"]] * 3]
    assert " ".join(table[-1]).endswith("; 3 dropped: headrace leads list --dropped says why.")
    dropped = headrace("leads", "list", *ACME, "--dropped").stdout.splitlines()
    assert [line.split()[0] for line in dropped[1:4]] == ["81", "82", "83"]
    assert dropped[1].split()[1:3] + dropped[1].split()[-1:] == ["dropped", "feed", "7x"]
    assert dropped[5:7] == [
        "  3 dropped: the platform answered 404",
        "headrace leads restore watches dropped leads again.",
    ]
    done = headrace("leads", "wake", *ACME, "80", "81", "99")
    assert done.stdout == "1 lead of /leadping/acme woken; 2 not on the list.\n"
    assert done.stderr == "1 of them was dropped: headrace leads restore takes it back\n"
    done = headrace("leads", "restore", *ACME, "81", "99")
    assert done.stdout == "1 lead of /leadping/acme restored; 1 not among the dropped.\n"
    assert headrace("leads", "remove", *ACME, "82").stdout == "1 lead of /leadping/acme removed.\n"
    assert headrace("leads", "restore", *ACME, "--all").stdout == "1 lead of /leadping/acme restored.\n"
    listed = [json.loads(line) for line in headrace("leads", "list", *ACME, "--json").stdout.splitlines()]
    assert [(each["lead"], each["state"], each["by"]) for each in listed] == [
        ("80", "watched", "people"),
        ("81", "watched", "feed"),
        ("83", "watched", "feed"),
    ]
    empty = headrace("leads", "list", *ACME, "--dropped").stdout
    assert empty == "No lead of /leadping/acme was dropped or is held back.\n"


def test_feeds_say_that_nudges_were_gone(world: World) -> None:
    """What retention took unread, or went with the topic, is said below the table for as long as ids are remembered."""
    now = int(time.time() * 1000)
    found = {("0", "4"): NudgeGap(now, 9), ("1", "2"): NudgeGap(now), ("1", "1"): NudgeGap(1_000, 2)}
    world.headrace.append("cursors", *(encode(entry("", gap, *names)) for names, gap in found.items()))
    lines = [line for line in world.headrace("feeds").stdout.splitlines() if "were gone" in line]
    assert ["from offset 4 on were gone before they were read (up to 9)" in line for line in lines] == [True, False]
    assert "partition 1 from offset 2 on were gone before they were read (the topic was made anew)" in lines[1]


def test_feeds_are_shown_from_unread_to_read(world: World) -> None:
    """A poller is woken by an import and reads what it names; `feeds` tells how far it is, table and JSON."""
    unread = {(row["source"], row["feed"], row["state"]) for row in world.feeds()}
    assert unread == {
        ("/leadping/acme", "lead-events", "unread"),
        ("/leadping/acme", "tenant-events", "unread"),
        ("/outreach/north", "events", "unread"),
    }
    with world.headrace.start("run", "--role", "poller"):
        comes(lambda: {row["state"] for row in world.feeds(*NORTH)} == {"ok"}, "the tenant's own feed is read")
        world.headrace("leads", "import", *ACME, "-", stdin="\n".join(world.leads))
        comes(lambda: {row["state"] for row in world.feeds()} == {"ok"}, "the leads are read")
        row, _ = world.feeds(*ACME)
        assert row["leads"] == len(world.leads)
        assert row["staleness_seconds"] >= 0
        assert {"cursor", "last_success", "next_turn"} <= world.feeds(*NORTH)[0].keys()
        lines = world.headrace("feeds").stdout.splitlines()
        assert lines[0].split() == [
            *("tenant", "feed", "state", "staleness", "errors", "leads", "last", "success", "next", "turn"),
            *("records", "left", "today"),
        ]
        assert [line.split()[:3] for line in lines[1:4]] == [
            ["leadping/acme", "lead-events", "ok"],
            ["leadping/acme", "tenant-events", "ok"],
            ["outreach/north", "events", "ok"],
        ]
    assert len(ids(world, "outreach")) == len(world.outreach.history.ledger.wanted(world.outreach.history.end))


def test_a_parked_tenant_says_so_and_quotes_no_secret(world: World) -> None:
    """Where credentials are denied, state and reason are shown, and the other tenant goes on."""
    world.outreach.conduct.rejects = 401
    with world.headrace.start("run", "--role", "poller"):
        comes(lambda: world.feeds(*NORTH)[0]["state"] == "parked", "the tenant is parked")
        shown = world.headrace("feeds", *NORTH).stdout
    assert "/outreach/north is parked since" in shown
    assert "401" in shown
    for key in world.outreach.credentials().values():
        assert str(key) not in shown


def test_one_record_is_fetched_by_its_id(world: World) -> None:
    """It goes to raw under its identity; what the platform does not have is one sentence, and a wrong key another."""
    key = next(iter(world.outreach.history.ledger.wanted(world.outreach.history.end)))
    done = world.headrace("fetch", *NORTH, "-r", key.resource, key.id)
    assert done.stdout.startswith(f"{key.resource} {key.id} is in {world.headrace.prefix}raw, partition ")
    (record,) = world.headrace.read("raw")
    raw = from_raw_record(record.headers, record.value)
    assert (raw.resource, raw.id, raw.via, raw.tenant) == (key.resource, key.id, "poll", "north")
    none = world.headrace("fetch", *NORTH, "-r", "event", "999999999", code=1)
    assert none.stderr.startswith("Error: /outreach/north has no event 999999999: ")
    world.outreach.conduct.rejects = 401
    denied = world.headrace("fetch", *NORTH, "-r", "event", key.id, code=1)
    assert denied.stderr.startswith("Error: /outreach/north gave nothing: ")
    assert len(world.headrace.read("raw")) == 1


@pytest.mark.parametrize("words", [("feeds",), ("leads", "list", *ACME), ("leads", "add", *ACME, "81")])
def test_without_topics_it_is_one_sentence(world: World, words: tuple[str, ...]) -> None:
    """Where the topic is missing, the command says which, and what to run."""
    world.headrace.environ["HEADRACE_TOPIC_PREFIX"] = f"{world.headrace.prefix}none."
    done = world.headrace(*words, code=1)
    assert done.stderr.startswith(f"Error: there is no topic {world.headrace.prefix}none.cursors")
    assert done.stderr.endswith(": run `headrace topics apply`\n")
