"""`headrace check --online` with Kafka, simulated platforms and a receiver: a row for each fault, nothing changed."""

import json
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from headrace.poller.oauth_tokens import TokenSealer, TokenSecrets
from headrace.records.cursors import (
    CursorValue,
    FeedState,
    SealedTokens,
    Spending,
    Standing,
    encode,
    entry,
    home_partition,
)
from headrace.records.hooks import HookFinding, HookReport
from headrace.records.order import SpentCalls, decode_nudge_or_order
from headrace.records.ordered import FeedOrders
from headrace_demo import senders
from headrace_demo.simulators import leadping, leadsquared, outreach
from headrace_demo.simulators.clock import Clock
from headrace_demo.simulators.hooks import Hook
from headrace_demo.simulators.quota import Allowance
from tests.integration.command import Headrace, first_line
from tests.integration.test_cli_polling import comes, served
from tests.kafka.broker import Broker
from tests.kafka.client import create_topic
from tests.kafka.ports import free_port

pytestmark = pytest.mark.apache_kafka

PARTITIONS = 2
PUBLIC = "https://hooks.invalid"
BUDGET = {"budget.per_window": 250, "budget.window": "1s"}
"""The command waits for room in the short window."""
KEY = "a key that is long enough to seal with"
NORTH = ("-p", "outreach", "-t", "north")
Row = dict[str, str]


class World:
    """Three platforms whose clocks are ours, and the program; `more` stands in the file before the tenants."""

    def __init__(self, headrace: Headrace) -> None:
        self.headrace = headrace
        clock, allowance = Clock(time.time(), speed=1.0), Allowance()
        self.outreach = outreach.Simulator(outreach.History(seed=3, events=4), clock=clock, allowance=allowance)
        self.leadsquared = leadsquared.Simulator(
            leadsquared.History(seed=3, events=4, leads=1), clock=clock, allowance=allowance
        )
        self.leadping = leadping.Simulator(
            leadping.History(seed=3, events=4, leads=1), clock=clock, allowance=allowance
        )
        self.platforms = (self.outreach, self.leadsquared, self.leadping)
        self.senders = [senders.make(name, tenant) for name, tenant in TENANTS.items()]

    def configure(self, more: str = "", north: Mapping[str, Any] = {}) -> None:
        """Write the configuration; `north` is said of that tenant, `None` leaves a key out."""
        text = more
        for platform, sender in zip(self.platforms, self.senders, strict=True):
            own = platform.tenant() | BUDGET | (dict(north) if sender.tenant == "north" else {})
            text += senders.toml(sender, **{key: value for key, value in own.items() if value is not None})
        (self.headrace.folder / "headrace.toml").write_text(text)

    def check(self, *words: str, code: int = 0) -> list[Row]:
        done = self.headrace("check", "--online", "--json", *words, code=code)
        return [json.loads(line) for line in done.stdout.splitlines()]

    def faults(self, *words: str) -> list[tuple[str, str]]:
        found = [row for row in self.check(*words, code=1) if row["state"] == "fault"]
        assert all(row["found"] and row["next"] for row in found)
        return [(row["where"], row["check"]) for row in found]

    def store(self, value: CursorValue, *names: str, source: str = "/outreach/north") -> None:
        """Store something of a tenant, as its poller does."""
        record = encode(entry(source, value, *names))
        self.headrace.append("cursors", replace(record, partition=home_partition(source, PARTITIONS)))

    def spent(self) -> dict[str, int]:
        """Return the calls that pollers were told of, by source."""
        found: dict[str, int] = {}
        for record in self.headrace.read("nudges"):
            source, order = decode_nudge_or_order("nudges", record.key, record.value)
            assert isinstance(order, SpentCalls)
            found[source] = found.get(source, 0) + order.calls
        return found


TENANTS = {"outreach": "north", "leadsquared": "east", "leadping": "west"}


def row_of(rows: list[Row], where: str, check: str) -> Row:
    (found,) = (row for row in rows if (row["where"], row["check"]) == (where, check))
    return found


@pytest.fixture
def world(tmp_path: Path, kafka: Broker, prefix: str) -> Iterator[World]:
    headrace = Headrace(tmp_path, kafka.bootstrap_servers, prefix)
    found = World(headrace)
    with served(*found.platforms):
        found.configure()
        headrace("topics", "apply", "--profile", "dev", "--partitions", str(PARTITIONS))
        yield found


def test_all_is_well_and_nothing_is_changed(world: World) -> None:
    """No fault, one call a platform, counted in its budget; cursors and topics stay, and no secret is shown."""
    before = {name: world.headrace.read(name) for name in ("raw", "events", "seen", "cursors", "dead-letters")}
    shown = world.headrace("topics", "show").stdout
    rows = world.check()
    assert {row["state"] for row in rows} == {"ok", "off", "unknown"}
    for source in ("outreach/north", "leadsquared/east", "leadping/west"):
        for check in ("platform", "credentials", "scopes", "clock", "quota"):
            assert row_of(rows, source, check)["state"] == "ok"
        assert row_of(rows, source, "feeds")["state"] == "unknown"  # nobody has read them yet
    assert [row["state"] for row in rows if row["where"] == "kafka"] == ["ok"] * 4
    calls = {f"/{each.provider}/{TENANTS[each.provider]}": len(each.calls) for each in world.platforms}
    assert world.spent() == calls == dict.fromkeys(calls, 1)
    assert {name: world.headrace.read(name) for name in before} == before
    assert world.headrace("topics", "show").stdout == shown
    table = world.headrace("check", "--online")
    for secret in (
        *(each.secret for each in world.senders),
        *(str(value) for each in world.platforms for key, value in each.credentials().items() if key != "organization"),
    ):
        assert secret not in table.stdout + table.stderr + json.dumps(rows)
    assert "No fault." in table.stdout


def test_one_bad_tenant_hides_no_other(world: World) -> None:
    """Each fault is a row, a sentence and a next step, in the tenant's own order."""
    world.outreach.conduct.rejects = 401
    world.leadping.faults.always("html_502")
    assert world.faults() == [("outreach/north", "credentials"), ("leadping/west", "platform")]
    done = world.headrace("check", "--online", code=1)
    assert "2 faults." in done.stdout
    assert "outreach/north credentials: they are refused: the platform answered 401." in done.stdout
    assert "next: set a new access_token" in done.stdout


def test_tenants_are_chosen(world: World) -> None:
    """Others are not called; an unknown one is said."""
    rows = world.check(*NORTH)
    assert {row["where"] for row in rows} == {"configuration", "kafka", "outreach/north"}
    assert not world.leadsquared.calls
    assert "no tenant that is asked for" in world.headrace("check", "--online", "-t", "none", code=1).stderr


def test_the_options_belong_to_online(world: World) -> None:
    """Without it there is nothing to choose from."""
    assert "are for --online" in world.headrace("check", "--json", code=2).stderr


def test_a_tenant_whose_settings_are_broken_is_a_row(world: World) -> None:
    """With file and line; all others are looked at."""
    world.configure('[tenants.outreach.south]\npolling = "yes"\n')
    assert world.faults() == [("outreach/south", "files")]
    assert world.faults("-t", "south") == [("outreach/south", "files")]
    assert row_of(world.check(*NORTH), "outreach/north", "credentials")["state"] == "ok"


def test_where_kafka_does_not_answer_no_platform_is_called(world: World) -> None:
    """The calls could not be counted; the row says so, and what to do about Kafka."""
    world.headrace.environ["HEADRACE_KAFKA__BOOTSTRAP_SERVERS"] = f"127.0.0.1:{free_port()}"
    rows = world.check(code=1)
    assert row_of(rows, "kafka", "reach")["found"].startswith("nobody answers at 127.0.0.1")
    assert row_of(rows, "outreach/north", "platform")["state"] == "unknown"
    assert not any(platform.calls for platform in world.platforms)


def test_what_listens_and_is_no_kafka_is_said_apart(world: World) -> None:
    """A listener that wants TLS looks the same."""
    world.headrace.environ["HEADRACE_KAFKA__BOOTSTRAP_SERVERS"] = world.outreach.url.removeprefix("http://")
    reach = row_of(world.check(code=1), "kafka", "reach")
    assert "closed the connection before it answered" in reach["found"]
    assert "security_protocol, bootstrap_servers" in reach["next"]


def test_missing_topics_are_a_fault_and_platforms_are_called(world: World) -> None:
    """Nothing was set up yet: there is no poller whose budget could count the calls."""
    world.headrace.environ["HEADRACE_TOPIC_PREFIX"] = f"{world.headrace.prefix}new."
    rows = world.check(code=1)
    topics = row_of(rows, "kafka", "topics")
    assert (topics["state"], topics["next"]) == ("fault", "run `headrace topics apply`")
    assert [row["check"] for row in rows if row["state"] == "fault"] == ["topics"]
    assert row_of(rows, "outreach/north", "credentials")["state"] == "ok"


async def test_each_topic_that_is_unfit_is_a_row(world: World, kafka: Broker, prefix: str) -> None:
    """What is said when the service starts, one by one."""
    short = f"{prefix}short."
    for name in ("raw", "events", "seen", "cursors", "nudges", "dead-letters"):
        await create_topic(kafka.bootstrap_servers, short + name, partitions=1, retention_ms="1000")
    world.headrace.environ["HEADRACE_TOPIC_PREFIX"] = short
    topics = [row for row in world.check(*NORTH, code=1) if row["check"] == "topics"]
    assert len(topics) > 3
    assert {row["state"] for row in topics} == {"fault"}


def test_the_token_of_the_poller_is_used_and_none_is_minted(world: World) -> None:
    """Before the first it is unknown; one that holds is used; one that ended is a fault."""
    oauth = world.outreach.tokens.settings() | {"token_key": KEY, "access_token": None}
    world.configure(north=oauth)
    assert row_of(world.check(*NORTH), "outreach/north", "credentials")["state"] == "unknown"
    sealed = TokenSealer(KEY).seal(TokenSecrets("r", "", str(oauth["refresh_token"]), world.outreach.access_token))
    world.store(SealedTokens(sealed, 1, 4_000_000_000_000))
    assert row_of(world.check(*NORTH), "outreach/north", "credentials")["state"] == "ok"
    calls = len(world.outreach.calls)
    world.store(SealedTokens(sealed, 1, int(time.time() * 1000) - 7_200_000))
    credentials = row_of(world.check(*NORTH, code=1), "outreach/north", "credentials")
    assert "the last one ended 2 h ago" in credentials["found"]
    assert "start the poller" in credentials["next"]
    assert len(world.outreach.calls) == calls == 1
    assert world.outreach.tokens.minted == 0
    before = len(world.headrace.read("cursors"))
    world.check(*NORTH, code=1)
    assert len(world.headrace.read("cursors")) == before


def test_a_budget_that_is_spent_is_not_overdrawn(world: World) -> None:
    """No call is made, and the row says of which."""
    world.configure(north={"budget.per_day": 10})
    part = int(time.time() / 300)
    world.store(Spending({part: 10}, {}, time.time()))
    rows = world.check(*NORTH, code=1)
    assert row_of(rows, "outreach/north", "quota")["state"] == "fault"
    assert row_of(rows, "outreach/north", "credentials")["state"] == "unknown"
    assert not world.outreach.calls


def test_a_platform_that_wants_no_call_gets_none(world: World) -> None:
    """What it said to the poller holds for the command."""
    world.store(Spending({}, {}, time.time(), 0, time.time() + 600))
    assert row_of(world.check(*NORTH), "outreach/north", "platform")["state"] == "unknown"
    assert not world.outreach.calls


def test_who_is_paused_is_not_called(world: World) -> None:
    """By people, or by the settings."""
    world.store(FeedOrders(paused=1), "")
    assert row_of(world.check(*NORTH), "outreach/north", "platform")["state"] == "off"
    world.configure(north={"paused": True})
    assert row_of(world.check(*NORTH), "outreach/north", "platform")["state"] == "off"
    assert not world.outreach.calls


def test_a_parked_tenant_and_a_failing_feed_are_faults(world: World) -> None:
    """What the poller has stored of them is said."""
    world.store(Standing(parked=1, sentence="the platform answered 401"))
    feeds = row_of(world.check(*NORTH, code=1), "outreach/north", "feeds")
    assert (feeds["state"], "the platform answered 401" in feeds["found"]) == ("fault", True)
    world.store(Standing())
    world.store(FeedState(failures=3, code="denied", sentence="no such scope"), "events")
    feeds = row_of(world.check(*NORTH, code=1), "outreach/north", "feeds")
    assert feeds["found"] == "1 failing: events: no such scope"


def test_leads_are_held_against_the_budget(world: World) -> None:
    """A round that takes longer than max_staleness is a fault, with the calls that would do."""
    east = world.senders[1]
    leads = [f"00000000-0000-4000-8000-{number:012x}" for number in range(500)]
    own = world.leadsquared.tenant() | {"budget.per_window": 1, "budget.window": "60s", "leads": leads}
    own |= {"max_staleness": "1h"}
    (world.headrace.folder / "headrace.toml").write_text(senders.toml(east, **own))
    found = row_of(world.check(code=1), "leadsquared/east", "leads")
    assert found["state"] == "fault"
    assert "0.28 calls a second and 24,000 calls a day would do" in found["found"]


def test_webhooks_are_what_the_poller_found_else_they_are_listed(world: World) -> None:
    """A list counts as a second call; what a poller found an hour ago costs none."""
    world.configure(f'public_url = "{PUBLIC}"\n')
    rows = world.check(*NORTH, code=1)
    missing = row_of(rows, "outreach/north", "webhooks")
    assert (missing["state"], missing["next"]) == ("fault", "headrace hooks apply")
    assert world.spent()["/outreach/north"] == len(world.outreach.calls) == 2
    world.outreach.webhooks.registered.add(Hook("5", f"{PUBLIC}/webhooks/outreach/north", "*.*"))
    assert row_of(world.check(*NORTH, code=1), "outreach/north", "webhooks")["state"] == "ok"
    now = int(time.time() * 1000)
    world.store(HookReport(now - 60_000, {"disabled": 1}, (HookFinding("disabled", "*.*", now, "ten failures"),)))
    calls = len(world.outreach.calls)
    off = row_of(world.check(*NORTH, code=1), "outreach/north", "webhooks")
    assert off["found"] == "webhook *.* is switched off at the platform (ten failures)"
    assert len(world.outreach.calls) == calls + 1


def test_webhooks_that_may_not_be_listed_are_a_fault(world: World) -> None:
    """The scope for events does not include it."""
    world.configure(f'public_url = "{PUBLIC}"\n')
    world.outreach.faults.always("403", path="/webhooks")
    rows = world.check(*NORTH, code=1)
    assert row_of(rows, "outreach/north", "scopes")["state"] == "ok"
    assert "could not be listed: the platform answered 403" in row_of(rows, "outreach/north", "webhooks")["found"]


def test_the_receiver_is_reached_at_public_url(world: World) -> None:
    """Each tenant's own path: it answers, does not know the tenant, is something else, or is not there."""
    port = free_port()
    world.configure(f'public_url = "http://127.0.0.1:{port}"\n', {"polling": False})
    checks = {"outreach/north", "leadsquared/east", "leadping/west"}

    def receivers() -> dict[str, Row]:
        done = world.headrace("check", "--online", "--json", code=1)
        rows = [json.loads(line) for line in done.stdout.splitlines()]
        return {row["where"]: row for row in rows if row["check"] == "receiver"}

    assert {row["state"] for row in receivers().values()} == {"fault"}
    world.headrace.environ["HEADRACE_RECEIVER__PORT"] = str(port)
    with world.headrace.start("run", "--role", "receiver", stderr=-3):
        comes(lambda: {row["state"] for row in receivers().values()} == {"ok"}, "the receiver answers")
        assert receivers().keys() == checks
    assert world.headrace.read("raw") == []


def test_another_server_at_public_url_is_no_receiver(world: World) -> None:
    """Whatever it answers."""
    world.configure(f'public_url = "{world.outreach.url}"\n')
    found = row_of(world.check(*NORTH, code=1), "outreach/north", "receiver")
    assert "something else than a receiver answers there" in found["found"]


def test_a_newer_format_in_cursors_is_a_fault(world: World) -> None:
    """Nobody guesses what it says, and no platform is called whose budget it may hold."""
    record = encode(entry("/outreach/north", Standing()))
    world.headrace.append("cursors", replace(record, value=b"\x63" + (record.value or b"")[1:]))
    assert world.faults() == [("kafka", "cursors")]
    assert not any(platform.calls for platform in world.platforms)


def test_it_works_through_head(world: World) -> None:
    """The exit code is a verdict: it stands though nobody reads on."""
    world.outreach.conduct.rejects = 401
    with world.headrace.start("check", "--online", *NORTH) as process:
        first_line(process)
        assert process.stdout is not None
        process.stdout.close()
        assert process.wait(60) == 1
