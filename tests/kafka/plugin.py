"""The fixtures `kafka`, `own_kafka`, `secured_kafka`, `cluster`, `prefix`, and what a run says of Kafka first and last.

Whoever uses `kafka` is marked `kafka`; whoever uses one of the others, which are always Apache Kafka, is marked
`apache_kafka` too.
"""

import os
import secrets
import shutil
import tempfile
from collections.abc import Generator, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Protocol

import pytest

from tests.kafka import cluster as clusters, jvm
from tests.kafka.broker import Broker, Unavailable
from tests.kafka.cluster import Cluster
from tests.kafka.find import Found, find
from tests.kafka.issuer import Issuer
from tests.kafka.jvm import JvmBroker
from tests.kafka.secured import SecuredBroker

REQUIRE_APACHE = "HEADRACE_REQUIRE_APACHE_KAFKA"
OWN = {"own_kafka", "secured_kafka", "cluster"}
SECURED_USERS = 120
INSTALL = "install a JDK 17 and Maven (apt-get install default-jdk-headless maven)"


class OwnKafka(Protocol):
    """What the fixture `own_kafka` is."""

    def __call__(self, settings: Mapping[str, str] | None = None) -> JvmBroker:
        """Return a started Apache Kafka of the test's own; `settings` are lines of its server.properties."""


@dataclass
class _Run:
    """What this test run knows about its Kafka."""

    home: Path
    found: Found
    brokers: list[Broker] = field(default_factory=list)  # those that were started

    @cached_property
    def no_own_kafka(self) -> str | None:
        """Why tests cannot have an Apache Kafka of their own, if they cannot."""
        try:
            jvm.check()
        except Unavailable as reason:
            return str(reason)
        return None

    @cached_property
    def no_cluster(self) -> str | None:
        """Why tests cannot have a cluster, if they cannot."""
        try:
            clusters.check()
        except Unavailable as reason:
            return str(reason)
        return self.no_own_kafka

    def why_not(self, item: pytest.Item) -> str | None:
        """Why a test cannot be judged with the Kafka of this run, if it cannot."""
        if item.get_closest_marker("apache_kafka") and not self.found.broker.is_apache:
            return f"only Apache Kafka can judge this, not {self.found.broker.name}"
        if {"own_kafka", "secured_kafka"} & _fixtures(item) and self.no_own_kafka:
            return f"it needs an Apache Kafka of its own on the local JVM: {self.no_own_kafka}"
        if "cluster" in _fixtures(item) and self.no_cluster:
            return f"it needs three nodes of Apache Kafka on the local JVM: {self.no_cluster}"
        return None


_RUN = pytest.StashKey[_Run]()
_NOT_JUDGED = "not judged here"
"""Name of the property that a test has which was skipped for want of a Kafka that can judge it."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let people choose a kind, to see what a run would say on another machine."""
    kinds = ("external", "docker", "jvm", "embedded")
    parser.addoption("--kafka", choices=kinds, help="use this kind of Kafka only (else the first that can be had)")


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    """Find a Kafka and name it, before pytest says anything; the first test that asks for it starts it.

    Where tests are distributed, the main process fetches what is missing before its workers begin, and each worker
    starts a broker of its own.
    """
    config = session.config
    home = Path(tempfile.mkdtemp(prefix="headrace-tests-"))
    config.add_cleanup(lambda: shutil.rmtree(home, ignore_errors=True))
    try:
        found = find(home, config.getoption("--kafka"))
    except Unavailable as reasons:
        raise pytest.UsageError(f"no Kafka for tests: {reasons}") from None
    config.get_terminal_writer().line(str(found))
    if os.environ.get(REQUIRE_APACHE) and not found.broker.is_apache:
        raise pytest.UsageError(f"{REQUIRE_APACHE} is set, and this is not Apache Kafka: {INSTALL}")
    config.stash[_RUN] = _Run(home, found)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark the tests that use a Kafka, early enough for `-m`; where tests are distributed, begin with the long ones."""
    for item in items:
        if {"kafka", *OWN} & _fixtures(item):
            item.add_marker("kafka")
        if _fixtures(item) & OWN:
            item.add_marker("apache_kafka")
    if hasattr(config, "workerinput"):  # a worker of pytest-xdist: what begins last must not end last
        items.sort(key=lambda item: item.get_closest_marker("slow") is None)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip, visibly and counted, what cannot be judged here; fail it where Apache Kafka is required."""
    run = item.config.stash[_RUN]
    reason = run.why_not(item)
    if reason is None:
        return
    if os.environ.get(REQUIRE_APACHE):
        pytest.fail(f"{REQUIRE_APACHE} is set, but {reason}", pytrace=False)
    item.user_properties.append((_NOT_JUDGED, reason))
    pytest.skip(reason)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show the end of a broker's log with the failure that its death brought about."""
    report = yield
    if report.failed:
        for broker in item.config.stash[_RUN].brokers:
            if obituary := broker.obituary:
                report.sections.append((f"{broker.name} died", obituary))
    return report


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config: pytest.Config) -> None:
    """Write last, below pytest's own closing line, how much was not judged and what would help."""
    run, reporter = config.stash.get(_RUN, None), config.pluginmanager.get_plugin("terminalreporter")
    skips = reporter.stats.get("skipped", ()) if reporter else ()
    skipped = sum(name == _NOT_JUDGED for skip in skips for name, _ in skip.user_properties)
    if run is None or skipped == 0:
        return
    many = "1 test" if skipped == 1 else f"{skipped} tests"
    were = "was" if skipped == 1 else "were"
    or_docker = "" if run.found.broker.is_apache else " or Docker"
    line = f"{many} that only Apache Kafka can judge {were} skipped: {INSTALL}{or_docker}"
    config.get_terminal_writer().line(line)


@pytest.fixture(scope="session")
def kafka(request: pytest.FixtureRequest) -> Iterator[Broker]:
    """Start the Kafka that all tests share: use topics under `prefix`, and never hurt it."""
    run = request.config.stash[_RUN]
    broker = run.found.broker
    run.brokers.append(broker)
    with ExitStack() as stack:
        stack.callback(broker.close)
        broker.start()
        yield broker


@pytest.fixture
def own_kafka(request: pytest.FixtureRequest) -> Iterator[OwnKafka]:
    """Make Apache Kafkas that belong to this test alone: to stop, kill, pause, restart, put a proxy before."""
    run = request.config.stash[_RUN]
    with ExitStack() as stack:

        def start(settings: Mapping[str, str] | None = None) -> JvmBroker:
            home = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=run.home, ignore_cleanup_errors=True)))
            broker = jvm.offer(home, settings)
            run.brokers.append(broker)
            stack.callback(run.brokers.remove, broker)
            stack.callback(broker.close)
            broker.start()
            return broker

        yield start


@pytest.fixture(scope="module")
def token_issuer() -> Iterator[Issuer]:
    """Start an issuer of tokens for the tests of one module; it has no client yet."""
    with Issuer({}) as issuer:
        yield issuer


@pytest.fixture(scope="module")
def secured_kafka(request: pytest.FixtureRequest, token_issuer: Issuer) -> Iterator[SecuredBroker]:
    """Start a broker with an authorizer for the tests of one module; its users u0, u1, … may do nothing yet."""
    run = request.config.stash[_RUN]
    users = [f"u{number}" for number in range(SECURED_USERS)]
    with tempfile.TemporaryDirectory(dir=run.home, ignore_cleanup_errors=True) as home:
        broker = SecuredBroker(jvm.jars(), Path(home), users, token_issuer.url)
        run.brokers.append(broker)
        try:
            broker.start()
            yield broker
        finally:
            broker.close()
            run.brokers.remove(broker)


@pytest.fixture(scope="module")
def started_cluster(request: pytest.FixtureRequest) -> Iterator[Cluster]:
    """Start three nodes for the tests of one module, about ten seconds; use it as `cluster`."""
    run = request.config.stash[_RUN]
    home = Path(tempfile.mkdtemp(dir=run.home))
    with Cluster(home) as started:
        run.brokers += started.nodes.values()
        yield started
    for node in started.nodes.values():
        run.brokers.remove(node)
    shutil.rmtree(home, ignore_errors=True)


@pytest.fixture
def cluster(started_cluster: Cluster) -> Iterator[Cluster]:
    """Return three nodes to hurt; whatever a test did to them is mended behind it."""
    yield started_cluster
    started_cluster.mend()


@pytest.fixture
def prefix() -> str:
    """Return a topic prefix that no other test has."""
    return f"t{secrets.token_hex(4)}."


def _fixtures(item: pytest.Item) -> frozenset[str]:
    return frozenset(getattr(item, "fixturenames", ()))  # only test functions have fixtures
