"""ACLs on a real authorizer: a role works with those that `headrace topics acls` prints; without one it says which."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from structlog.testing import capture_logs

from headrace import app
from headrace.cli.run import CONSOLE
from headrace.config import Config, ConsoleSettings, KafkaSettings, ReceiverSettings, SpoolSettings, load
from headrace.config.live import LiveConfig
from headrace.config.tenants import Tenants
from headrace.console.role import ConsoleRole
from headrace.kafka.acls import Acl, acls
from headrace.kafka.client import KafkaError
from headrace.kafka.topics import UnfitTopics, apply, describe
from headrace.observe.registry import Registry
from headrace.roles import leaves
from headrace_demo import senders
from headrace_events import decode
from tests.fake_provider import Row, account, polled
from tests.integration.command import Headrace
from tests.integration.console_pages import look_around
from tests.integration.fake_platform import platform
from tests.integration.pipeline import DEADLINE, Pipeline, until
from tests.kafka.acls import AclRow, allow, take_away
from tests.kafka.ports import free_port
from tests.kafka.secured import SecuredBroker, password_of

pytestmark = pytest.mark.apache_kafka

PREFIX = "acl.test."
SENDER = senders.make("leadsquared")
ROLES = {**app.ROLES, CONSOLE: ConsoleRole}
SERVICE = tuple(ROLES)
CASES = [(role, acl) for role in SERVICE for acl in acls(role, PREFIX)]
"""Each ACL of each role of the service: the principal of a case has all of its role but this one."""
_users = count()


@dataclass
class Secured:
    """A broker with the topics of this module, and how users of it are made."""

    broker: SecuredBroker
    headrace: Headrace

    def rows(self, role: str, user: str, prefix: str = PREFIX) -> list[AclRow]:
        """Return the ACLs of a role for a user, as the command prints them."""
        self.headrace.environ["HEADRACE_TOPIC_PREFIX"] = prefix
        printed = self.headrace("topics", "acls", "--role", role, "--principal", f"User:{user}", "--json").stdout
        return [json.loads(line) for line in printed.splitlines()]

    async def user(self, role: str, prefix: str = PREFIX) -> str:
        """Return a user that may do what a role needs."""
        user = f"u{next(_users)}"
        await allow(self.broker.bootstrap_servers, self.rows(role, user, prefix))
        return user


def kafka_of(broker: SecuredBroker, user: str) -> KafkaSettings:
    return KafkaSettings(
        bootstrap_servers=broker.sasl_servers,
        security_protocol="SASL_PLAINTEXT",
        sasl_mechanism="PLAIN",
        sasl_username=user,
        sasl_password=password_of(user),
        session_timeout=2,
    )


def environ_of(broker: SecuredBroker, user: str) -> Mapping[str, str]:
    return {
        "HEADRACE_KAFKA__BOOTSTRAP_SERVERS": broker.sasl_servers,
        "HEADRACE_KAFKA__SECURITY_PROTOCOL": "SASL_PLAINTEXT",
        "HEADRACE_KAFKA__SASL_MECHANISM": "PLAIN",
        "HEADRACE_KAFKA__SASL_USERNAME": user,
        "HEADRACE_KAFKA__SASL_PASSWORD": password_of(user),
    }


def config_of(broker: SecuredBroker, user: str, folder: Path, *accounts: Any) -> Config:
    """Return a configuration with one sender of webhooks, and `accounts`."""
    (folder / "headrace.toml").write_text(senders.toml(SENDER))
    return Config(
        topic_prefix=PREFIX,
        kafka=kafka_of(broker, user),
        receiver=ReceiverSettings(host="127.0.0.1", port=free_port()),
        spool=SpoolSettings(path=str(folder / f"{user}.db")),
        console=ConsoleSettings(port=free_port()),
        tenants=Tenants([*load(folder / "headrace.toml", {}).tenants, *accounts]),
    )


@pytest.fixture(scope="module")
def secured(secured_kafka: SecuredBroker, tmp_path_factory: pytest.TempPathFactory) -> Secured:
    """Create the topics, and users of all cases."""
    folder = tmp_path_factory.mktemp("acls")
    made = Secured(secured_kafka, Headrace(folder, secured_kafka.bootstrap_servers, PREFIX))
    config = Config(
        topic_prefix=PREFIX, kafka=KafkaSettings(bootstrap_servers=secured_kafka.bootstrap_servers), tenants=Tenants([])
    )
    asyncio.run(_prepare(made, config))
    return made


async def _prepare(secured: Secured, config: Config) -> None:
    async with asyncio.timeout(DEADLINE):
        await apply(config, "dev", 2)
    granted: list[AclRow] = []
    for number, (role, missing) in enumerate(CASES):
        granted += [row for row in of_role(secured, role, case_user(number)) if not is_row_of(row, missing)]
    await allow(secured.broker.bootstrap_servers, granted)


def case_user(number: int) -> str:
    return f"u{50 + number}"


def of_role(secured: Secured, role: str, user: str, _printed: dict[str, list[AclRow]] = {}) -> list[AclRow]:  # noqa: B006  (a cache)
    """Return the ACLs of a role for a user; each role is printed once."""
    if role not in _printed:
        _printed[role] = secured.rows(role, "somebody")
    return [{**row, "principal": f"User:{user}"} for row in _printed[role]]


def is_row_of(row: AclRow, acl: Acl) -> bool:
    kind = acl.kind.replace("transactional-id", "transactionalId")
    operation = acl.operation.title().replace("_", "")
    return (row["resource_type"], row["resource_name"], row["operation"]) == (kind, acl.name, operation)


@contextlib.asynccontextmanager
async def running(config: Config, role: str) -> AsyncIterator[tuple[Any, asyncio.Task[None]]]:
    """Run a role in this process; how it ends is for the test to judge."""
    made = ROLES[role](LiveConfig(config), Registry("1.2.3"))
    task = asyncio.create_task(made.run())
    try:
        yield made, task
    finally:
        task.cancel()
        done, _ = await asyncio.wait([task], timeout=DEADLINE)
        assert done
        assert task.cancelled() or task.exception() is None or isinstance(task.exception(), Exception)


async def deliver(config: Config) -> set[senders.Fact]:
    """Send a webhook, which must be taken."""
    sending = next(STREAM)
    url = f"http://127.0.0.1:{config.receiver.port}{sending.path}"
    async with (
        aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=DEADLINE)) as client,
        client.post(url, data=sending.body, headers=sending.headers()) as answer,
    ):
        assert answer.status == 200, await answer.text()
    return set(sending.facts)


def page_of(config: Config) -> str:
    """Return the address of the page."""
    return f"http://127.0.0.1:{config.console.port}"


STREAM = SENDER.stream()


async def test_each_role_runs_with_its_own_acls(secured: Secured, tmp_path: Path) -> None:
    """An event goes through from webhook and from poll; commands work with the ACLs of their kind, and no others."""
    broker = secured.broker
    users = {role: await secured.user(role) for role in SERVICE}
    async with platform() as there, contextlib.AsyncExitStack() as stack:
        there.add(*range(5))
        configs = {role: config_of(broker, user, tmp_path, polled(there.url, every=1)) for role, user in users.items()}
        logged = stack.enter_context(capture_logs())
        started = [await stack.enter_async_context(running(configs[role], role)) for role in SERVICE]
        pipeline = admin_pipeline(broker)
        await until(lambda: all(role.health.ready().ok for role, _ in started), "all roles are ready")
        wanted = {(fact.source, fact.id) for fact in await deliver(configs["receiver"])}

        async def published() -> bool:
            found = await events(pipeline)
            return wanted <= set(found) and [source for source, _ in found].count("/things/t") == 5

        await until(published, "what was sent and what was polled is published", every=0.3)
        await look_around(page_of(configs[CONSOLE]), (await pipeline.records("events"))[0])
        assert not [line for line in logged if line["event"] in ("right_missing", "notices_not_written")]
        assert not [line for line in logged if "Authorization" in str(line)]


def test_commands_work_with_the_acls_of_their_kind(secured: Secured, tmp_path: Path) -> None:
    """What reads may not write, and says what is missing."""
    prefix = "acl.commands."
    headrace = Headrace(tmp_path, secured.broker.sasl_servers, prefix)

    def become(role: str) -> None:
        user = asyncio.run(secured.user(role, prefix))
        headrace.environ.update(environ_of(secured.broker, user))

    become("viewer")
    refused = headrace("topics", "apply", "--profile", "dev", code=1).stderr
    assert "Kafka refuses" in refused
    become("creator")
    headrace("topics", "apply", "--profile", "dev", "--partitions", "1")
    headrace("topics", "show")
    body = json.dumps({"id": 1}) + "\n"
    become("viewer")
    headrace("topics", "show")
    headrace("status", "--json")
    refused = headrace("ingest", "--provider", "outreach", "--tenant", "acme", "-", stdin=body, code=1).stderr
    assert f"TopicAuthorizationFailedError: {prefix}raw" in refused
    assert "headrace topics acls" in refused
    become("operator")
    headrace("status", "--json")


@pytest.mark.parametrize(("number", "role", "missing"), [(n, *case) for n, case in enumerate(CASES)], ids=str)
async def test_without_a_single_acl_a_role_says_which(
    secured: Secured, tmp_path: Path, number: int, role: str, missing: Acl
) -> None:
    """It names the resource and the operation, and ends; or goes on where it can, and loses nothing."""
    config = config_of(secured.broker, case_user(number), tmp_path)
    with capture_logs() as logged:
        async with running(config, role) as (made, task):

            def sentences() -> list[str]:
                found = [
                    str(line.get("reason")) for line in logged if line["event"] in ("right_missing", "raw_is_unfit")
                ]
                return found + ([str(task.exception())] if task.done() else [])

            await until(lambda: bool(sentences()), "it says what is missing")
            (sentence,) = sentences()
            assert f"{missing.kind} {missing.name}" in sentence
            assert missing.operation in sentence
            assert sentence.count(PREFIX) == 1, "nothing else is missing"
            if missing.optional:
                await until(lambda: made.health.ready().ok, "it works without")
            elif role == "receiver":
                pipeline = admin_pipeline(secured.broker)
                before = len(await pipeline.records("raw"))
                facts = await deliver(config)
                await allow(secured.broker.bootstrap_servers, of_role(secured, role, case_user(number)))
                await until(lambda: any(line["event"] == "spool_drained" for line in logged), "the spool is drained")
                assert len(await pipeline.records("raw")) == before + len(facts)
            else:
                with pytest.raises(UnfitTopics):
                    await task


async def test_a_right_that_is_taken_away_ends_a_role_and_nothing_is_lost(secured: Secured, tmp_path: Path) -> None:
    """While it runs it ends with a sentence; the next start names the right, and works once it is there again."""
    user = await secured.user("normalizer")
    config = config_of(secured.broker, user, tmp_path, account("taken"))
    lost = [
        row
        for row in of_role(secured, "normalizer", user)
        if (row["resource_name"], row["operation"]) == (f"{PREFIX}events", "Write")
    ]
    pipeline = admin_pipeline(secured.broker)
    async with running(config, "normalizer") as (made, task):
        await until(lambda: made.health.ready().ok, "it is ready")
        await take_away(secured.broker.bootstrap_servers, lost)
        await pipeline.append([Row(7, 1, "x")], "taken")
        await until(task.done, "it ends")
        (refused,) = leaves(task.exception())  # type: ignore[arg-type]  # a group of them
        assert f"TopicAuthorizationFailedError: {{'{PREFIX}events'}}" in str(refused)
    async with running(config, "normalizer") as (_, task):
        with pytest.raises(UnfitTopics, match=f"lacks WRITE on the topic {PREFIX}events"):
            await asyncio.wait_for(asyncio.shield(task), DEADLINE)
    await allow(secured.broker.bootstrap_servers, lost)
    async with running(config, "normalizer"):

        async def published() -> bool:
            return [source for source, _ in await events(pipeline)].count("/things/taken") == 1

        await until(published, "what came meanwhile is published", every=0.3)


def admin_pipeline(broker: SecuredBroker) -> Pipeline:
    """Return the topics of this module as a super user sees them."""
    kafka = KafkaSettings(bootstrap_servers=broker.bootstrap_servers)
    return Pipeline(Config(topic_prefix=PREFIX, kafka=kafka, tenants=Tenants([])), 2)


async def events(pipeline: Pipeline) -> list[tuple[str, str]]:
    """Return source and native id of each published event."""
    found = [decode(record.value or b"") for record in await pipeline.records("events")]
    return [(event.source, event.data.native.id) for event in found]


async def test_who_may_do_nothing_is_shown_no_topic(secured: Secured) -> None:
    """Users of the broker begin without any right: the tests above would pass on any other broker."""
    config = Config(topic_prefix=PREFIX, kafka=kafka_of(secured.broker, "u49"), tenants=Tenants([]))
    with contextlib.suppress(KafkaError):
        assert await describe(config) == {}
