"""`headrace hooks` with Kafka and simulated platforms."""

import asyncio
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from msgspec.structs import replace

from headrace.config import load
from headrace.poller.hook_work import hook_work
from headrace.poller.oauth_tokens import TokenSealer, TokenSecrets
from headrace.poller.state import TenantState
from headrace.records.cursors import CursorValue, SealedTokens, decode, encode, entry, home_partition
from headrace.records.hooks import HookFinding, HookReport
from headrace.records.order import SpentCalls, decode_nudge_or_order
from headrace.records.raw import from_raw_record
from headrace.sdk.faults import Gone
from headrace_demo import senders
from headrace_demo.simulators import leadsquared, outreach
from headrace_demo.simulators.hooks import BY_HAND, Hook
from headrace_demo.simulators.quota import Allowance
from headrace_demo.simulators.webhooks import deliver_to_registered
from tests.integration.command import DEADLINE, Headrace
from tests.integration.test_cli_polling import comes, served
from tests.kafka.broker import Broker
from tests.kafka.ports import free_port

pytestmark = pytest.mark.apache_kafka

PUBLIC = "https://hooks.example.com"
NORTH = ("-p", "outreach", "-t", "north")
EAST = ("-p", "leadsquared", "-t", "east")
PARTITIONS = 2
BUDGET = {"budget.per_window": 250, "budget.window": "1s"}
"""A command waits for room in the short window."""
KEY = "a key that is long enough to seal with"


class World:
    """Two platforms that have calls for webhooks, one that has none, and the program."""

    def __init__(self, headrace: Headrace) -> None:
        self.headrace = headrace
        self.outreach = outreach.Simulator(outreach.History(seed=3, events=4), allowance=Allowance())
        history = leadsquared.History(seed=3, events=4, leads=1)
        self.leadsquared = leadsquared.Simulator(history, allowance=Allowance())
        self.north = senders.make("outreach", "north")
        self.east = senders.make("leadsquared", "east")
        self.west = senders.make("leadping", "west")

    def configure(self, north: Mapping[str, object] = {}, public_url: str | None = PUBLIC) -> None:
        """Write the configuration; `north` is said of that tenant."""
        own = {**self.outreach.tenant(), **BUDGET, **north}
        text = f"public_url = {json.dumps(public_url)}\n" if public_url else ""
        text += senders.toml(self.north, **{key: value for key, value in own.items() if value is not None})
        text += senders.toml(self.east, **self.leadsquared.tenant(), **BUDGET)
        text += "hooks = { events = ['activity_created', 'lead_owner_changed'], codes = [21] }\n"
        text += senders.toml(self.west)
        (self.headrace.folder / "headrace.toml").write_text(text)

    def show(self, *words: str, code: int = 0) -> list[dict[str, Any]]:
        return [
            json.loads(line) for line in self.headrace("hooks", "show", "--json", *words, code=code).stdout.splitlines()
        ]

    def states(self, *words: str) -> list[tuple[str, str, bool]]:
        return [(each["state"], each["webhook"], each.get("ours", False)) for each in self.show(*words)]

    def store(self, value: CursorValue) -> None:
        """Store something of the tenant north, as its poller does."""
        record = encode(entry("/outreach/north", value))
        self.headrace.append("cursors", replace(record, partition=home_partition("/outreach/north", PARTITIONS)))

    def stored(self, kind: str) -> list[Any]:
        """Return the newest values of a kind in cursors."""
        found: dict[bytes, Any] = {}
        for record in self.headrace.read("cursors"):
            one = decode(record.key or b"", record.value or b"")
            if one.kind == kind:
                found[record.key or b""] = one.value
        return [value for value in found.values() if value is not None]


@pytest.fixture
def world(tmp_path: Path, kafka: Broker, prefix: str) -> Iterator[World]:
    headrace = Headrace(tmp_path, kafka.bootstrap_servers, prefix)
    found = World(headrace)
    with served(found.outreach, found.leadsquared):
        found.configure()
        headrace("topics", "apply", "--profile", "dev", "--partitions", str(PARTITIONS))
        yield found


def test_webhooks_are_shown_made_and_deleted(world: World) -> None:
    """What is missing is made once, with the secret; what is ours is deleted; no secret is shown or stored."""
    world.outreach.webhooks.registered.add(
        Hook("5", "https://chat.example.com/T0/planted-path?key=planted-query", "*.*")
    )
    rows = [row for row in world.show() if "state" in row]
    assert [(row["source"], row["state"], row["webhook"]) for row in rows] == [
        ("/outreach/north", "missing", "*.*"),
        ("/outreach/north", "other", "*.*"),
        ("/leadsquared/east", "missing", "LeadActivity_Post_Create 21"),
        ("/leadsquared/east", "missing", "Lead_Owner_Change"),
    ]
    assert rows[1]["url"] == "https://chat.example.com/…?…"
    done = world.headrace("hooks", "apply", "--yes")
    assert [line.split(": ")[0] for line in done.stdout.splitlines()[-3:]] == [
        "/outreach/north *.* is registered",
        "/leadsquared/east LeadActivity_Post_Create 21 is registered",
        "/leadsquared/east Lead_Owner_Change is registered",
    ]
    made = world.outreach.webhooks.registered.all["31"]
    assert (made.url, made.secret) == (f"{PUBLIC}/webhooks/outreach/north", world.north.secret)
    hooks = list(world.leadsquared.webhooks.registered.all.values())
    assert [(hook.event, hook.code, hook.url.removeprefix(PUBLIC)) for hook in hooks] == [
        ("LeadActivity_Post_Create", "21", "/webhooks/leadsquared/east"),
        ("Lead_Owner_Change", "", "/webhooks/leadsquared/east?kind=lead_owner_changed"),
    ]
    assert {(hook.header, hook.secret) for hook in hooks} == {("X-Headrace-Secret", world.east.secret)}
    again = world.headrace("hooks", "apply", "--yes")
    assert again.stdout.splitlines()[-1] == "There is nothing to create."
    assert (len(world.stored("hook")), world.stored("hook-order")) == (3, [])
    gone = world.headrace("hooks", "delete", "--yes")
    assert [line.rsplit(" ", 2)[-2:] for line in gone.stdout.splitlines()[-3:]] == [["is", "deleted"]] * 3
    assert list(world.outreach.webhooks.registered.all) == ["5"]
    assert not world.leadsquared.webhooks.registered.all
    assert not world.stored("hook")
    text = "".join(each.stdout + each.stderr for each in (done, again, gone, world.headrace("hooks", "show")))
    text += json.dumps(world.show())
    text += "".join(str(record.value) for record in world.headrace.read("cursors"))
    for secret in (world.north.secret, world.east.secret, world.west.secret, "planted", world.outreach.access_token):
        assert secret not in text


def test_calls_count_in_the_budget_before_they_are_made(world: World) -> None:
    """Each command orders the poller to count its calls: as many as the platform then gets."""
    world.headrace("hooks", "show", *NORTH)
    world.headrace("hooks", "apply", "--yes", *NORTH)
    world.headrace("hooks", "delete", "--yes", *NORTH)
    found = [decode_nudge_or_order("nudges", one.key, one.value) for one in world.headrace.read("nudges")]
    counted = [order.calls for source, order in found if source == "/outreach/north" and isinstance(order, SpentCalls)]
    assert counted == [1, 1, 3, 2]  # apply looks, asks, looks again, makes, reads back; delete looks, deletes
    assert sum(counted) == len(world.outreach.calls)


def test_calls_that_nobody_foresaw_count_where_a_later_one_fails(world: World) -> None:
    """They were made: the budget has them all."""
    config = load(world.headrace.folder / "headrace.toml", world.headrace.environ)
    account = next(each for each in config.tenants if each.source == "/outreach/north")

    async def call() -> None:
        async with hook_work(config, account, TenantState()) as work:
            await work.look()
            await work.look()
            raise Gone("404")

    with pytest.raises(Gone):
        asyncio.run(call())
    found = [decode_nudge_or_order("nudges", one.key, one.value)[1] for one in world.headrace.read("nudges")]
    assert [order.calls for order in found if isinstance(order, SpentCalls)] == [1, 1]


def test_a_platform_without_calls_says_what_to_do_by_hand(world: World) -> None:
    """The URL, the mode and the place of the event; no secret."""
    shown = world.headrace("hooks", "show", "-p", "leadping")
    assert "/leadping/west: its platform has no calls for webhooks. By hand:" in shown.stdout
    assert f"let it post to {PUBLIC}/webhooks/leadping/west" in shown.stdout
    assert world.west.secret not in shown.stdout
    (row,) = world.show("-p", "leadping")
    assert row["source"] == "/leadping/west"
    assert len(row["by_hand"]) == 4


def test_what_somebody_else_made_is_not_doubled_and_never_touched(world: World) -> None:
    """As it should be, it is foreign; disabled, it is said whose it is; delete leaves it alone."""
    there = world.outreach.webhooks.registered.add(Hook("5", f"{PUBLIC}/webhooks/outreach/north", "*.*"))
    assert world.states(*NORTH) == [("foreign", "*.*", False)]
    assert "There is nothing to create." in world.headrace("hooks", "apply", "--yes", *NORTH).stdout
    there.state = BY_HAND
    assert "it is not ours" in world.headrace("hooks", "show", *NORTH).stdout
    assert "There is nothing to create." in world.headrace("hooks", "apply", "--yes", *NORTH).stdout
    assert world.headrace("hooks", "delete", "--yes", *NORTH).stdout == "Headrace has made none that is left.\n"
    refused = world.headrace("hooks", "delete", "--yes", *NORTH, "5", code=1)
    assert refused.stderr == "Error: 5: Headrace did not make that; it deletes its own alone\n"
    assert list(world.outreach.webhooks.registered.all) == ["5"]


def test_nothing_happens_without_a_yes(world: World) -> None:
    """The question comes after the difference."""
    done = world.headrace("hooks", "apply", *NORTH, stdin="n\n")
    assert "missing" in done.stdout
    assert done.stdout.endswith("Nothing was created.\n")
    assert not world.outreach.webhooks.registered.all


@pytest.mark.parametrize("fault", ["lost", "cut_off", "500"])
def test_a_create_without_an_answer_is_said_and_found_again(world: World, fault: Any) -> None:
    """Nobody knows whether it was made: it is not tried again, and what is found there later is ours."""
    world.outreach.faults.next(1, fault, path="/webhooks", after=2)  # two lists come before it
    done = world.headrace("hooks", "apply", "--yes", *NORTH, code=1)
    assert "/outreach/north *.* may have been made or not" in done.stderr
    assert len(world.stored("hook-order")) == 1
    there = len(world.outreach.webhooks.registered.all)
    again = world.headrace("hooks", "apply", "--yes", *NORTH, code=0 if there else 1)
    assert len(world.outreach.webhooks.registered.all) == there
    if there:
        assert "There is nothing to create." in again.stdout
        assert world.states(*NORTH) == [("ok", "*.*", True)]
        assert not world.stored("hook-order")
    else:
        assert "was ordered a moment ago" in again.stderr


def test_a_command_that_is_killed_while_it_creates_leaves_a_webhook_that_is_known(world: World) -> None:
    """The order stands in cursors then, and the next command takes what it finds for ours."""
    made = world.outreach.webhooks.registered.all
    world.outreach.faults.next(1, "unanswered", path="/webhooks", after=2, seconds=DEADLINE)
    with world.headrace.start("hooks", "apply", "--yes", *NORTH) as process:
        comes(lambda: bool(made), "the platform has made it")
        process.kill()
        process.wait(DEADLINE)
    assert (len(world.stored("hook")), len(world.stored("hook-order"))) == (0, 1)
    assert world.states(*NORTH) == [("ok", "*.*", True)]
    assert (len(world.stored("hook")), world.stored("hook-order")) == (1, [])
    assert "There is nothing to create." in world.headrace("hooks", "apply", "--yes", *NORTH).stdout
    assert len(made) == 1
    world.headrace("hooks", "delete", "--yes", *NORTH)
    assert not made


def test_a_deletion_without_an_answer_is_never_tried_again(world: World) -> None:
    """It is said; what is gone is forgotten by the next one."""
    world.headrace("hooks", "apply", "--yes", *NORTH)
    world.outreach.faults.next(1, "lost", path="/webhooks/")
    before = len(world.outreach.calls)
    done = world.headrace("hooks", "delete", "--yes", *NORTH, code=1)
    assert "may have been deleted or not" in done.stderr
    assert [call.method for call in list(world.outreach.calls)[before:]].count("DELETE") == 1
    assert world.states(*NORTH) == [("gone", "*.*", True)]
    forgotten = world.headrace("hooks", "delete", "--yes", *NORTH)
    assert "was gone already: it is forgotten" in forgotten.stdout
    assert not world.stored("hook")


def test_another_event_than_ordered_is_seen_and_not_made_again(world: World) -> None:
    """The numbers of events differ between accounts: what was made is read back."""
    world.leadsquared.conduct.hook_numbers = {"4": "6"}
    done = world.headrace("hooks", "apply", "--yes", *EAST, code=1)
    assert "Lead_Owner_Change was ordered, and the platform made Lead_Post_Update" in done.stderr
    assert ("differs", "Lead_Post_Update", True) in world.states(*EAST)
    again = world.headrace("hooks", "apply", "--yes", *EAST)
    assert "There is nothing to create." in again.stdout
    assert len(world.leadsquared.webhooks.registered.all) == 2


def test_a_refusal_is_one_sentence_and_the_others_are_made(world: World) -> None:
    """One kind that an account does not take keeps out no other."""
    world.leadsquared.conduct.hook_numbers = {"4": "99"}
    done = world.headrace("hooks", "apply", "--yes", *EAST, code=1)
    assert "/leadsquared/east Lead_Owner_Change was refused: " in done.stderr
    assert "LeadActivity_Post_Create 21 is registered" in done.stdout
    assert not world.stored("hook-order")


def test_after_a_denial_nothing_more_is_tried(world: World) -> None:
    """A platform that throttles, or denies, would say so again; what was made before it is read back."""
    world.leadsquared.faults.next(1, "403", path="/Create", after=1)
    done = world.headrace("hooks", "apply", "--yes", *EAST, code=1)
    assert "LeadActivity_Post_Create 21 is registered" in done.stdout
    assert "/leadsquared/east Lead_Owner_Change was not made, nor anything behind it: " in done.stderr
    assert len(world.leadsquared.webhooks.registered.all) == 1


def test_one_tenant_that_cannot_be_asked_stops_no_other(world: World) -> None:
    """Its fault is a sentence, and the exit code 1."""
    world.outreach.conduct.rejects = 401
    done = world.headrace("hooks", "show", code=1)
    assert done.stderr.startswith("/outreach/north was not asked: the platform answered 401")
    assert "LeadActivity_Post_Create 21" in done.stdout
    made = world.headrace("hooks", "apply", "--yes", code=1)
    assert "LeadActivity_Post_Create 21 is registered" in made.stdout


def test_the_token_of_the_poller_is_used_and_none_is_minted(world: World) -> None:
    """Without one that holds it is a sentence; with one the call is made with it."""
    oauth = world.outreach.tokens.settings() | {"token_key": KEY, "access_token": None}
    world.configure(oauth)
    done = world.headrace("hooks", "show", *NORTH, code=1)
    assert "there is no access token that holds" in done.stderr
    sealed = TokenSealer(KEY).seal(TokenSecrets("r", "", str(oauth["refresh_token"]), world.outreach.access_token))
    world.store(SealedTokens(sealed, 1, 4_000_000_000_000))
    assert world.states(*NORTH) == [("missing", "*.*", False)]
    assert not [call for call in world.outreach.calls if "/oauth/" in call.path]


@pytest.mark.parametrize("words", [("show",), ("apply", "--yes")])
def test_without_public_url_it_is_one_sentence(world: World, words: tuple[str, ...]) -> None:
    """And it says what to set."""
    world.configure(public_url=None)
    done = world.headrace("hooks", *words, code=1)
    assert done.stderr.startswith("Error: public_url is missing: ")
    assert not world.outreach.calls


def test_without_a_secret_nothing_is_made(world: World) -> None:
    """A webhook without one could not be told from anybody's."""
    world.configure({"webhook_secrets": []})
    done = world.headrace("hooks", "apply", "--yes", *NORTH, code=1)
    assert "/outreach/north has no webhook_secrets" in done.stderr
    assert not world.outreach.webhooks.registered.all


def test_a_poller_says_what_is_wrong_in_feeds(world: World) -> None:
    """What it found is shown below the table, and among the rows for programs."""
    report = HookReport(1_786_179_600_000, {"disabled": 1}, (HookFinding("disabled", "*.*", 1_786_179_600_000, "ten"),))
    world.store(report)
    shown = world.headrace("feeds", *NORTH).stdout
    assert "/outreach/north: webhook *.* is switched off at the platform (ten), found 2026-08-08 09:00:00 UTC" in shown
    (row,) = [json.loads(line) for line in world.headrace("feeds", *NORTH, "--json").stdout.splitlines()]
    assert row["webhooks"] == ["webhook *.* is switched off at the platform (ten), found 2026-08-08 09:00:00 UTC"]


def test_what_is_registered_delivers_to_the_receiver(world: World) -> None:
    """From the command to raw: both platforms deliver with the secret that they were given; no log tells it."""
    port = free_port()
    world.headrace.environ["HEADRACE_RECEIVER__PORT"] = str(port)
    world.configure(public_url=f"http://127.0.0.1:{port}")
    log = world.headrace.folder / "log"
    with log.open("w") as file, world.headrace.start("run", "--role", "all", stderr=file.fileno()):
        world.headrace("hooks", "apply", "--yes")
        opened, call = world.north.round(), world.east.round()
        sendings = [*opened, next(call)]

        async def deliver() -> None:
            async with aiohttp.ClientSession() as http:
                for sending in sendings:
                    platform = world.outreach if sending.sender is world.north else world.leadsquared
                    await deliver_to_registered(platform, http, sending)

        def there() -> bool:
            hooks = (
                *world.outreach.webhooks.registered.all.values(),
                *world.leadsquared.webhooks.registered.all.values(),
            )
            asyncio.run(deliver())
            return any(hook.delivered for hook in hooks if hook.id == "30")

        comes(there, "the receiver takes deliveries")
    assert world.outreach.webhooks.registered.all["30"].delivered
    raw = [from_raw_record(record.headers, record.value) for record in world.headrace.read("raw")]
    assert "outreach" in {one.provider for one in raw if one.via == "webhook"}
    written = log.read_text()
    assert written
    for secret in (world.north.secret, world.east.secret, world.outreach.access_token, world.leadsquared.secret_key):
        assert secret not in written
