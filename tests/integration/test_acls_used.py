"""Each role does what its ACLs allow, and nothing else: the audit log of Kafka's own authorizer tells what it did."""

import asyncio
import contextlib
from collections.abc import Mapping
from pathlib import Path

import msgspec
import pytest

from headrace.app import ROLES as WRITERS
from headrace.cli.run import CONSOLE
from headrace.config import Config, KafkaSettings
from headrace.config.live import LiveConfig
from headrace.config.tenants import Tenants
from headrace.core.record import ProducerRecord
from headrace.kafka import notice_writer
from headrace.kafka.acls import acls
from headrace.kafka.appender import Appender
from headrace.kafka.notice_writer import writing_notices
from headrace.kafka.topics import apply
from headrace.observe.registry import Registry
from headrace_events import NoticeKind
from tests.fake_provider import Row, account, hook, polled
from tests.integration.console_pages import look_around
from tests.integration.fake_platform import platform
from tests.integration.pipeline import DEADLINE, Pipeline, until
from tests.integration.test_role_acls import (
    PREFIX,
    ROLES,
    SERVICE,
    admin_pipeline,
    config_of,
    deliver,
    events,
    page_of,
)
from tests.kafka.acls import allow, rows_of
from tests.kafka.secured import SecuredBroker

pytestmark = [pytest.mark.apache_kafka, pytest.mark.slow]

TOO_LARGE = 2_200_000
"""Characters of a row that no record of raw may hold: the poller makes a dead letter of it."""
NOT_REACHED = {("poller", "raw", "READ")}
"""Records go back to raw from raw where no feed has brought for hours what a webhook told: test_raw_return holds it."""


async def test_each_role_uses_all_its_acls_and_is_refused_nothing(
    secured_kafka: SecuredBroker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a story with webhooks, polls, nudges, dead letters, held records and notices, and all pages looked at."""
    monkeypatch.setattr(notice_writer, "TOGETHER_SECONDS", 0.05)
    servers = secured_kafka.bootstrap_servers
    admin = Config(topic_prefix=PREFIX, kafka=KafkaSettings(bootstrap_servers=servers), tenants=Tenants([]))
    async with asyncio.timeout(DEADLINE):
        await apply(admin, "dev", 2)
    users = {role: f"u{number}" for number, role in enumerate(SERVICE)}
    for role, user in users.items():
        await allow(servers, rows_of(acls(role, PREFIX), f"User:{user}"))
    async with platform() as there:
        there.add(*range(5))
        there.rows["/rows"].append(Row(5, 1, "x" * TOO_LARGE))
        tenant = polled(there.url, every=1, feeds=["rows", "trail"])
        lives = {role: LiveConfig(config_of(secured_kafka, user, tmp_path, tenant)) for role, user in users.items()}
        await play(lives, admin_pipeline(secured_kafka))
    for role, user in users.items():
        assert secured_kafka.audited(user, allowed=False) == set(), role
        assert unused(role, secured_kafka.audited(user)) == {(r, *acl) for r, *acl in NOT_REACHED if r == role}


async def play(lives: Mapping[str, LiveConfig], pipeline: Pipeline) -> None:
    """Run all roles until everything has happened that needs a right."""
    async with Appender(pipeline.config.kafka) as appender:  # there is something to read before one writes
        await appender.append(pipeline.topic("notices"), 0, ProducerRecord(b"nobody", b"", []))
    tasks = [asyncio.create_task(run(role, live)) for role, live in lives.items()]
    try:

        async def count(topic: str, least: int) -> bool:
            for task in tasks:
                assert not task.done(), task.exception()
            return len(await pipeline.records(topic)) >= least

        await until(lambda: count("notices", 1 + len(WRITERS)), "each role that writes writes a notice", every=0.5)
        await deliver(lives["receiver"].config)
        await pipeline.append([Row(900, 1, "x", do="bad")])
        await pipeline.append([Row(902, 1, "x")], tenant="new")
        await until(lambda: count("events", 6), "rows and a webhook are published", every=0.5)
        await pipeline.append_raw([hook(Row(1, None, "another meaning"))])
        await until(lambda: count("nudges", 1), "a feed is nudged", every=0.5)
        await until(lambda: count("dead-letters", 2), "normalizer and poller write dead letters", every=0.5)
        config = lives["normalizer"].config
        lives["normalizer"].take_over(
            msgspec.structs.replace(config, tenants=Tenants([*config.tenants, account("new")]))
        )

        async def is_back() -> bool:
            return "/things/new" in {source for source, _ in await events(pipeline)}

        await until(is_back, "what was held goes back to raw, and is published", every=0.5)
        event, letter = [(await pipeline.records(name))[0] for name in ("events", "dead-letters")]
        await look_around(page_of(lives[CONSOLE].config), event, letter)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks, timeout=DEADLINE)


async def run(role: str, live: LiveConfig) -> None:
    """Run a role as a process does, with a notice to write where it may write one."""
    registry = Registry("1.2.3")
    registry.notices.note(NoticeKind.TENANT_PARKED, f"/things/{role}", "it says no")
    writing = writing_notices(live.config, registry.notices) if role in WRITERS else contextlib.nullcontext()
    async with writing:
        await ROLES[role](live, registry).run()


def unused(role: str, done: set[tuple[str, str, str]]) -> set[tuple[str, str, str]]:
    """Return the ACLs of a role that it did not use, by role, short name of the resource and operation."""
    found: set[tuple[str, str, str]] = set()
    for acl in acls(role, PREFIX):
        kind = acl.kind.replace("-", "")
        names = {name for each, name, operation in done if (each.replace("_", ""), operation) == (kind, acl.operation)}
        if not any(name.startswith(acl.name) if acl.prefixed else name == acl.name for name in names):
            found.add((role, acl.name.removeprefix(PREFIX), acl.operation))
    return found
