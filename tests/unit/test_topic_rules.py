from collections.abc import Mapping

import pytest
from msgspec.structs import replace

from headrace.kafka.admin import Topic
from headrace.kafka.topic_rules import DAY_MS, check, check_raw
from headrace.kafka.topics import NAMES, wanted

WINDOW = 30 * DAY_MS
BODY = 2**20


def as_made(profile: str = "") -> dict[str, Topic]:
    """Return the topics as `topics apply` creates them, by short name."""
    made = [Topic(w.name, w.partitions, w.replicas, dict(w.config)) for w in wanted("headrace.", profile)]
    return {name: topic for topic in made if (name := topic.name.removeprefix("headrace.")) in NAMES}


def faults(name: str, config: Mapping[str, str], replicas: int = 3) -> list[str]:
    """Return what is wrong where one topic has other settings than it was created with."""
    topics = as_made()
    topics[name] = replace(topics[name], config={**topics[name].config, **config}, replicas=replicas)
    return check(topics, window_ms=WINDOW, body_bytes=BODY)


def test_topics_as_they_are_made_are_fit() -> None:
    """Nothing is refused of what `topics apply` creates, on three brokers or on one."""
    assert check(as_made(), window_ms=WINDOW, body_bytes=BODY) == []
    assert check(as_made("dev"), window_ms=WINDOW, body_bytes=BODY, brokers=1) == []


def test_the_development_profile_is_for_one_broker() -> None:
    """Beside other brokers a topic with one copy is one that forgot to have three."""
    found = check(as_made("dev"), window_ms=WINDOW, body_bytes=BODY, brokers=3)
    assert len(found) == len(NAMES)
    assert all("has 1 replica on 3 brokers" in fault for fault in found)


@pytest.mark.parametrize("name", [name for name in NAMES if name != "cursors"])
@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        ({"retention.bytes": str(2**30)}, "under load it would forget early"),
        ({"cleanup.policy": "compact"}, "must have cleanup.policy=delete"),
        ({"cleanup.policy": "compact,delete"}, "must have cleanup.policy=delete"),
        ({"retention.ms": "60000"}, "is kept 0.000694 d"),
    ],
)
def test_what_must_be_kept_for_a_time_is_not_dropped_before(name: str, config: dict[str, str], sentence: str) -> None:
    """Neither by size, nor by key, nor by a retention of a minute."""
    (fault,) = faults(name, config)
    assert fault.startswith(f"headrace.{name} ")
    assert sentence in fault


@pytest.mark.parametrize("policy", ["delete", "compact,delete"])
def test_cursors_are_compacted_and_nothing_else(policy: str) -> None:
    """Any other clean-up forgets cursors, watch-lists and tokens."""
    (fault,) = faults("cursors", {"cleanup.policy": policy})
    assert "headrace.cursors must have cleanup.policy=compact" in fault


def test_what_is_removed_from_cursors_is_seen_for_a_day() -> None:
    """A poller that had a partition half a day ago reads on from there."""
    (fault,) = faults("cursors", {"delete.retention.ms": "60000"})
    assert "headrace.cursors has delete.retention.ms=60000" in fault
    assert not list(faults("cursors", {"delete.retention.ms": "86400000"}))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("replicas", "config", "sentence"),
    [
        (1, {"min.insync.replicas": "1"}, "has 1 replica on 3 brokers"),
        (3, {"min.insync.replicas": "1"}, "a broker alone may acknowledge what is lost with it"),
        (2, {"min.insync.replicas": "3"}, "Kafka would take no record"),
        (3, {"unclean.leader.election.enable": "true"}, "acknowledged records are lost"),
        (3, {"message.timestamp.type": "CreateTime"}, "deleted early or late"),
    ],
)
def test_what_is_acknowledged_cannot_be_lost_with_one_broker(
    name: str, replicas: int, config: dict[str, str], sentence: str
) -> None:
    """Each setting that lets it be is refused by the name of its topic."""
    (fault,) = faults(name, config, replicas)
    assert fault.startswith(f"headrace.{name} ")
    assert sentence in fault


def test_seen_outlives_raw_and_the_window() -> None:
    """By a segment of raw and a day."""
    assert faults("seen", {"retention.ms": str(32 * DAY_MS)}) == []
    (fault,) = faults("seen", {"retention.ms": str(32 * DAY_MS - 1)})
    assert f"set its retention.ms to at least {32 * DAY_MS}" in fault


def test_two_copies_that_must_both_be_there_are_enough() -> None:
    """Nothing is lost with one broker; it only has to come back before anything can be written."""
    assert faults("raw", {}, replicas=2) == []


def faults_of_raw(config: Mapping[str, str], seen: Topic | None = None, placed_by: int | None = None) -> list[str]:
    """Return why nothing may be appended to raw, where it has other settings than it was created with."""
    raw = as_made()["raw"]
    raw = replace(raw, config={**raw.config, **config})
    return check_raw(raw, seen, placed_by=placed_by, body_bytes=BODY, brokers=3)


def test_raw_is_judged_alone() -> None:
    """Whoever appends to it needs no other topic, and need not even see one."""
    assert faults_of_raw({}) == []
    assert faults_of_raw({}, as_made()["seen"], placed_by=12) == []


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        ({"cleanup.policy": "compact"}, "must have cleanup.policy=delete"),
        ({"min.insync.replicas": "1"}, "a broker alone may acknowledge"),
        ({"max.message.bytes": "1000000"}, "the receiver bodies of 1048576"),
    ],
)
def test_a_raw_that_could_lose_or_refuse_what_is_acknowledged_is_unfit(config: dict[str, str], sentence: str) -> None:
    """The rules about raw are those of `check`."""
    (fault,) = faults_of_raw(config)
    assert sentence in fault


def test_ids_never_change_their_place() -> None:
    """Raw belongs to a seen of as many partitions, and has as many as when ids were placed first."""
    seen = replace(as_made()["seen"], partitions=11)
    assert "they belong together" in faults_of_raw({}, seen)[0]
    assert "ids would change their place" in faults_of_raw({}, placed_by=11)[0]
