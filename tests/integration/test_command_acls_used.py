"""Each command does its work with the ACLs of its kind: the audit log of Kafka's own authorizer tells what it did."""

import asyncio
import re
from pathlib import Path
from typing import Final

import pytest
from click.testing import CliRunner

from headrace.cli import main
from headrace.kafka.acls import acls
from tests.integration.command import OVERLAY, Headrace
from tests.integration.ingress_harness import item, running_ingress
from tests.integration.test_acls_used import unused
from tests.integration.test_cli_dead_letters import BAD
from tests.integration.test_cli_hooks import EAST, NORTH, World
from tests.integration.test_cli_kafka import page, row
from tests.integration.test_cli_polling import served
from tests.integration.test_cli_replay import SUN
from tests.integration.test_ingress import nowhere
from tests.integration.test_role_acls import PREFIX, environ_of
from tests.kafka.acls import allow, rows_of
from tests.kafka.secured import SecuredBroker

pytestmark = [pytest.mark.apache_kafka, pytest.mark.slow]

Call = tuple[int, tuple[str, ...]]
"""The exit code of a command, and its words."""
USERS: Final = {"viewer": "u90", "operator": "u91", "creator": "u92"}
CHECKERS: Final = {"viewer": "u93", "operator": "u94"}
"""Who calls `headrace check --online`, with the ACLs of a kind."""
QUESTIONS: Final = {
    ("cluster", "kafka-cluster", "DESCRIBE"),
    *(("group", f"{PREFIX}{role}", "DESCRIBE") for role in ("normalizer", "poller")),
    *(("transactionalid", f"{PREFIX}{role}-0", "DESCRIBE") for role in ("normalizer", "poller")),
}
"""It asks for the rights of the service: that they are lacking is an answer."""
NOT_COUNTED: Final = ("topic", f"{PREFIX}nudges", "WRITE")
"""Who may not announce calls to a tenant's poller makes none."""
ID: Final = ("--id", "event/1")
CREATOR: Final = (
    (0, ("topics", "apply", "--profile", "dev", "--partitions", "2")),
    (0, ("topics", "apply", "--profile", "dev", "--partitions", "2")),
    (0, ("topics", "show")),
)
VIEWER: Final[tuple[Call, ...]] = (
    (0, ("topics", "show")),
    (1, ("status",)),
    (0, ("feeds",)),
    (0, ("feeds", "--resting")),
    (0, ("ledger", *NORTH)),
    (0, ("find", *ID, *NORTH)),
    (0, ("find", "--lead", "81", *NORTH)),
    (0, ("tail", "--from-start", "-n", "1")),
    (0, ("tail", "--dead-letters", "--from-start", "-n", "1")),
    (0, ("dead-letters",)),
    (0, ("dead-letters", "show")),
    (0, ("taxonomy", "unmapped")),
    (0, ("taxonomy", "draft", "-t", "north", "-o", "draft.toml", "--force")),
    (0, ("leads", "list", *EAST)),
    (0, ("replay",)),
)
OPERATOR: Final[tuple[Call, ...]] = (
    (0, ("topics", "show")),
    (1, ("status",)),
    (0, ("leads", "add", *EAST, "81")),
    (0, ("leads", "import", *EAST, "leads.csv")),
    (0, ("leads", "wake", *EAST, "81")),
    (0, ("leads", "restore", *EAST, "--all")),
    (0, ("leads", "remove", *EAST, "81")),
    (0, ("feeds", "pause", *NORTH)),
    (0, ("feeds", "resume", *NORTH)),
    (0, ("feeds", "wake", *NORTH)),
    (0, ("feeds", "rewind", *NORTH, "--since", "2h")),
    (0, ("hooks", "show", *NORTH)),
    (0, ("hooks", "apply", *NORTH, "--yes")),
    (0, ("hooks", "delete", *NORTH, "--yes")),
    (0, ("redrive", "--yes")),
    (0, ("redrive", "--nudged", "--since", "1h", "--yes")),
    (0, ("replay", "--yes")),
    (0, ("spool", "show")),
    (0, ("spool", "drain")),
)


def test_each_command_works_with_the_acls_of_its_kind_and_uses_all(
    secured_kafka: SecuredBroker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is refused to `topics apply`, to commands that look, and to those that change something."""
    admin = Headrace(tmp_path, secured_kafka.bootstrap_servers, PREFIX)
    monkeypatch.chdir(tmp_path)
    world = World(Headrace(tmp_path, secured_kafka.sasl_servers, PREFIX))
    asyncio.run(prepare(secured_kafka, tmp_path))
    with served(world.outreach, world.leadsquared):
        world.configure({"mapping": "acme.toml"})
        be(world, secured_kafka, USERS["creator"])
        call(world, CREATOR)
        be(world, secured_kafka, USERS["operator"])
        rows = page(row(1), row(2, "sun_landed"), row(3, "moon_landed"), BAD)
        run(world, "ingest", *NORTH, "-", stdin=rows)
        with admin.start("run", "--role", "normalizer"):
            admin("tail", "--from-start", "-n", "3")
            admin("tail", "--dead-letters", "--from-start", "-n", "1")
        (tmp_path / "acme.toml").write_text(OVERLAY + SUN)
        with admin.start("run", "--role", "normalizer"):
            be(world, secured_kafka, USERS["viewer"])
            call(world, VIEWER)
            be(world, secured_kafka, USERS["operator"])
            call(world, OPERATOR)
            order(world)
        check(world, secured_kafka)
    for kind, user in USERS.items():
        assert secured_kafka.audited(user, allowed=False) == set(), kind
        assert unused(kind, secured_kafka.audited(user)) == set(), kind
    assert secured_kafka.audited(CHECKERS["operator"], allowed=False) == QUESTIONS
    assert secured_kafka.audited(CHECKERS["viewer"], allowed=False) == {*QUESTIONS, NOT_COUNTED}


async def prepare(broker: SecuredBroker, folder: Path) -> None:
    """Let the users do what their commands need; leave a record in the spool, and a list of leads."""
    for kind, user in (*USERS.items(), *CHECKERS.items()):
        await allow(broker.bootstrap_servers, rows_of(acls(kind, PREFIX), f"User:{user}"))
    async with running_ingress(nowhere(PREFIX), folder / "spool.db") as running:
        await running.keep(item(1))
    (folder / "leads.csv").write_text("lead\n82\n")


def be(world: World, broker: SecuredBroker, user: str) -> None:
    """Call commands as a user from here on."""
    world.headrace.environ.update(environ_of(broker, user))


def check(world: World, broker: SecuredBroker) -> None:
    """Have all looked at: with a viewer's ACLs the platforms that pollers call are not, and it is said why."""
    be(world, broker, CHECKERS["viewer"])
    assert "nudges" in run(world, "check", "--online", *NORTH, code=1)
    be(world, broker, CHECKERS["operator"])
    run(world, "check", "--online", *NORTH, code=1)


def call(world: World, calls: tuple[Call, ...]) -> None:
    """Call commands in this process, which takes a third of the time."""
    for code, words in calls:
        run(world, *words, code=code)


def run(world: World, *words: str, code: int = 0, stdin: str | None = None) -> str:
    """Call a command; return what it prints."""
    done = CliRunner().invoke(main, words, input=stdin, env=world.headrace.environ)
    assert done.exit_code == code, (words, done.output)
    return done.output


def order(world: World) -> None:
    """Have a back-fill made and ended, and one record fetched."""
    made = run(world, "backfill", *NORTH, "--since", "2h", "--no-wait")
    (name,) = re.findall(r"back-fill (\w+)", made)[:1]
    run(world, "backfill", *NORTH, "--cancel", name)
    key = next(iter(world.outreach.history.ledger.wanted(world.outreach.history.end)))
    run(world, "fetch", *NORTH, "-r", key.resource, key.id)
