"""What is said again and again is said once, then now and then, whoever says it."""

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from headrace.observe import repeats
from headrace.observe.logging import configure
from headrace.observe.repeats import MOST_A_MINUTE, RepeatLimiter


def test_what_is_said_again_is_counted_and_said_every_thirty_seconds() -> None:
    """The next line says how many were left out."""
    limiter = RepeatLimiter()
    lines = [limiter.admit("kafka_away", "raw", float(second)) for second in range(61)]
    assert lines[0] == 0
    assert lines[1:30] == [None] * 29
    assert lines[30] == 29
    assert [found for found in lines if found is not None] == [0, 29, 29]


def test_other_things_of_one_kind_are_said_too_up_to_a_number() -> None:
    """Three of a hundred partitions stand for all of them."""
    limiter = RepeatLimiter()
    lines = [limiter.admit("rebuilt", partition, 0.0) for partition in range(100)]
    assert lines == [0] * MOST_A_MINUTE + [None] * (100 - MOST_A_MINUTE)
    assert limiter.admit("rebuilt", 99, 60.0) == 100 - MOST_A_MINUTE


def test_a_kind_hides_no_other() -> None:
    """What is said for the first time is said, however loud the rest is."""
    limiter = RepeatLimiter()
    for _ in range(1_000):
        limiter.admit("noise", "x", 0.0)
    assert limiter.admit("feed_broke", "x", 0.0) == 0


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Kinds without end, each with lines without end, are forgotten again."""
    monkeypatch.setattr(repeats, "MOST_REMEMBERED", 10)
    limiter = RepeatLimiter()
    for number in range(1_000):
        limiter.admit(number, number, 0.0)
        limiter.admit(number, number, 0.0)
    assert max(len(limiter._lines), len(limiter._kinds), len(limiter._left_out)) <= 11


class Log:
    """A log of which a test moves the clock."""

    def __init__(self) -> None:
        self.now = 0.0
        self.stream = io.StringIO()
        configure("json", "info", self.stream, lambda: self.now)

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.stream.getvalue().splitlines()]


@pytest.fixture
def log() -> Iterator[Log]:
    root, ours = logging.getLogger(), logging.getLogger("headrace")
    before = list(root.handlers), root.level, ours.level
    yield Log()
    root.handlers[:], root.level, ours.level = before
    structlog.reset_defaults()


def test_two_minutes_of_an_outage_are_a_handful_of_lines(log: Log) -> None:
    """The client's loggers and asyncio included, as they are heard when no broker answers: 20 lines a minute."""
    for tenth in range(1_200):
        log.now = tenth / 10
        for module in (
            "conn",
            "cluster",
            "client",
            "consumer.fetcher",
            "consumer.group_coordinator",
            "producer.sender",
        ):
            library = logging.getLogger(f"aiokafka.{module}")
            library.error("Unable connect to node with id %s: [Errno %s]", tenth, 111)
            library.warning("Topic %s not found in cluster metadata", tenth)
            library.error(f"Failed fetch messages from {tenth}")
        logging.getLogger("asyncio").error("Future exception was never retrieved")
        for partition in range(12):
            structlog.get_logger().warning("producer_rebuilt", partition=partition, reason="KafkaConnectionError")
        structlog.get_logger().warning("nudges_not_read", reason="KafkaConnectionError")
    lines = log.lines()
    assert len(lines) <= 40
    assert {line.get("logger", "").partition(".")[0] for line in lines} == {"", "aiokafka", "asyncio"}
    assert sum(line.get("left_out", 0) for line in lines) > 20_000


def test_ordinary_lines_are_never_left_out(log: Log) -> None:
    """Each partition that was restored is a line, as is each error that was not said before."""
    for partition in range(50):
        structlog.get_logger().info("task_restored", partition=partition)
    for number in range(20):
        structlog.get_logger().error(f"broke_{number}")
    assert len(log.lines()) == 70


def test_another_fault_of_the_files_is_said_at_once(log: Log) -> None:
    """Who mends one fault and makes another one sees it in the log."""
    for fault in ("a", "b", "b"):
        structlog.get_logger().error("configuration_refused", faults=[fault])
    assert [line["faults"] for line in log.lines()] == [["a"], ["b"]]
