"""The tables of deploy/KUBERNETES.md: deadlines are those of the manifests and the program, sizes those measured."""

import math
import re
from typing import Any

import pytest

from headrace.app import STOP_DEADLINE_SECONDS
from headrace.config.config_watch import LOOK_SECONDS
from headrace.config.settings import ReceiverSettings
from headrace.console import server
from headrace.kafka.client import STOP_DEADLINE
from headrace.kafka.group import LEAVE_DEADLINE
from headrace.observe import admin
from headrace.observe.health import DEFAULTS
from headrace.observe.kafka_contact import SILENCE_SECONDS
from headrace.receiver import receiver
from headrace.receiver.topic_writer import APPEND_DEADLINE_SECONDS, LAST_DRAIN_SECONDS
from tests.deploy.files import DEPLOY, TOP, documents
from tests.deploy.rendered import BASE, pods

TEXT = (DEPLOY / "KUBERNETES.md").read_text("utf-8")
MEASURED = (TOP / "tests/benchmarks/README.md").read_text("utf-8")
KUBELET = 60  # its syncFrequency, one minute by default
OWNERS = ("normalizer", "poller")
ROLES = ("receiver", *OWNERS, "console")
FOLDERS = {"console": DEPLOY / "components/console"}
SPECS: dict[str, dict[str, Any]] = {
    role: pod["spec"]
    for role in ROLES
    for pod in pods(documents((FOLDERS.get(role, BASE) / f"{role}.yaml").read_text("utf-8"))).values()
}


def probe(role: str, name: str) -> tuple[int, int, int]:
    """Return a probe's period, threshold and time-out."""
    found = SPECS[role]["containers"][0][name]
    return found["periodSeconds"], found["failureThreshold"], found["timeoutSeconds"]


def noticed(role: str, name: str) -> int:
    """Return how long it takes until a probe has failed for good."""
    period, threshold, timeout = probe(role, name)
    return period * threshold + timeout


def sum_of(role: str, name: str) -> str:
    period, threshold, timeout = probe(role, name)
    return f"{period} x {threshold} + {timeout} = {noticed(role, name)}"


def restarted(limit: float) -> list[str]:
    """Return for each role after how long a standstill ends in a restart, of those that own partitions."""
    return ["-", *(added(limit, noticed(role, "livenessProbe")) for role in OWNERS), "-"]


def added(one: float, other: float) -> str:
    return f"{one:g} + {other:g} = {one + other:g}"


def stopped(role: str) -> str:
    """Return the sum of a stop, and the grace it must fit into."""
    spec = SPECS[role]
    hook = spec["containers"][0].get("lifecycle", {}).get("preStop", {}).get("exec", {}).get("command", ["sleep", "0"])
    before, grace = int(hook[1]), spec["terminationGracePeriodSeconds"]
    whole = before + STOP_DEADLINE_SECONDS
    assert whole < grace
    start = f"{before} + " if before else ""
    return f"{start}{STOP_DEADLINE_SECONDS:g} {f'= {whole:g} ' if before else ''}< {grace}"


def in_order(*steps: float) -> str:
    """Return the sum of the steps of a stop, which fits into the deadline of the whole."""
    assert sum(steps) < STOP_DEADLINE_SECONDS
    return f"{' + '.join(f'{step:g}' for step in steps)} = {sum(steps):g}"


def rows() -> list[tuple[str, list[str]]]:
    """Return the table of deadlines as it must stand."""
    page = in_order(server.STOP_SECONDS, STOP_DEADLINE, admin.STOP_SECONDS)
    owning = [in_order(LEAVE_DEADLINE, STOP_DEADLINE, admin.STOP_SECONDS)] * 2
    receiving = in_order(receiver.STOP_DEADLINE_SECONDS, LAST_DRAIN_SECONDS, STOP_DEADLINE, admin.STOP_SECONDS)
    starts = [probe(role, "startupProbe") for role in ROLES]
    unready = [added(SILENCE_SECONDS, noticed(role, "readinessProbe")) for role in OWNERS]
    delivery = added(ReceiverSettings().body_deadline, APPEND_DEADLINE_SECONDS)
    return [
        ("a start may take, waiting for Kafka", [f"{every} x {times} = {every * times}" for every, times, _ in starts]),
        ("not live, or the event loop blocked: restarted after", [sum_of(role, "livenessProbe") for role in ROLES]),
        ("not ready: no more traffic after", [sum_of(role, "readinessProbe") for role in ROLES]),
        ("outside the group (`group`) until the restart", restarted(DEFAULTS.group)),
        ("a take-over (`takeover`) until the restart", restarted(DEFAULTS.takeover)),
        ("a standstill (`standstill`) until the restart", restarted(DEFAULTS.standstill)),
        (
            "Kafka silent (`SILENCE_SECONDS`) until not ready",
            ["while the spool has room: never", *unready, "never: the page says so"],
        ),
        ("stop: preStop and the program's deadline within the grace", [stopped(role) for role in ROLES]),
        ("within it: requests or tasks, the last drain, Kafka's client, the admin port", [receiving, *owning, page]),
        ("a delivery: body and append; a proxy waits longer", [delivery, "-", "-", "-"]),
        (
            "a changed ConfigMap or Secret is in force after, about: kubelet, program",
            [added(KUBELET, LOOK_SECONDS)] * len(ROLES),
        ),
    ]


@pytest.mark.parametrize(("what", "cells"), rows(), ids=[what for what, _ in rows()])
def test_every_deadline_is_that_of_the_manifests_and_the_program(what: str, cells: list[str]) -> None:
    """Each row shows its sum, from the manifests and the constants of the program."""
    assert f"\n| {' | '.join((what, *cells))} |\n" in TEXT


def test_sizes_are_those_that_were_measured() -> None:
    """Each figure of the table stands in the benchmarks' own, and what follows from it is calculated right."""
    for figure in (
        "8,466",
        "16,337",
        "74.9 bytes",
        "124.4 while",
        "7,376",
        "| all kinds in turn | 2,457 |",
        "| 1.4 s,",
    ):
        assert figure in MEASURED
    for per_second in (8_466, 2_457, 16_337):
        assert f"| {per_second:,} " in TEXT
        assert f"| {1_000 / per_second:.2f} cores" in TEXT


def test_memory_limits_hold_what_the_program_is_bounded_by() -> None:
    """The sums are right, and the limits of the manifests are above them."""
    for role, terms, whole, size in re.findall(r"^\| (\w+) \| ([\d .+x]+) = (\d+) \| (\w+) \|", TEXT, re.MULTILINE):
        products = (map(float, term.split("x")) for term in terms.split("+"))
        assert round(sum(math.prod(factors) for factors in products)) == int(whole)
        assert SPECS[role]["containers"][0]["resources"]["limits"]["memory"] == size
        number, unit = int(size[:-2]), size[-2:]
        assert number * {"Mi": 1, "Gi": 1_024}[unit] > int(whole)


def test_tenants_that_a_poller_has_memory_for() -> None:
    """Beside what it is bounded by and a million leads of 172 bytes, so many find room at their worst."""
    (whole,) = re.findall(r"^\| poller \| [\d +]+ = (\d+) \|", TEXT, re.MULTILINE)
    each = sum(map(float, re.findall(r"([\d.]+) MiB each tenant", (TOP / "service/docs/memory.md").read_text("utf-8"))))
    left = 1_024 - int(whole) - 172_000_000 / 2**20
    assert int(left / each) == 6
    assert f"a million leads, and six tenants of {each:g} MiB" in TEXT
