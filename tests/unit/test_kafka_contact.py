import pytest

from headrace.normalizer.dedupe import Seen
from headrace.normalizer.metrics import NormalizerMetrics
from headrace.observe.health import Health, ReceiverHealth
from headrace.observe.kafka_contact import SILENCE_SECONDS, KafkaContact
from headrace.observe.metrics_page import page
from headrace.observe.registry import Registry
from headrace.poller.metrics import PollerMetrics
from headrace.receiver.metrics import ReceiverMetrics
from tests.unit.test_normalizer_metrics import read

NOW = 1_760_000_000.0
ROLES: dict[str, type[NormalizerMetrics | PollerMetrics | ReceiverMetrics]] = {
    "normalizer": NormalizerMetrics,
    "poller": PollerMetrics,
    "receiver": ReceiverMetrics,
}


class Outage:
    """A role whose contact to Kafka a test breaks, and what is shown of it. `now` is the time of both clocks."""

    def __init__(self, role: str) -> None:
        self.now = NOW
        self.role = role
        self.registry = Registry("1")
        self.contact = KafkaContact(lambda: self.now)
        self.metrics = ROLES[role](self.registry, [], lambda: self.now)
        self.metrics.kafka.show(self.contact)

    def shown(self, name: str, **labels: str) -> float:
        return read(self.registry.render())[f"headrace_{name}", frozenset((labels or {"role": self.role}).items())]

    def wait(self, seconds: float, *, answers: bool | None = None) -> None:
        self.now += seconds
        if answers is not None:
            self.contact.note(answers=answers)


@pytest.mark.parametrize("role", ROLES)
def test_an_outage_shows_on_every_role_and_is_over_by_itself(role: str) -> None:
    """Up turns 0 after a bounded silence, the time of the last answer stands still, and both come back."""
    kafka = Outage(role)
    assert (kafka.shown("kafka_up"), kafka.shown("last_fetch_timestamp_seconds")) == (0, 0)
    kafka.wait(0, answers=True)
    assert (kafka.shown("kafka_up"), kafka.shown("last_fetch_timestamp_seconds")) == (1, NOW)
    kafka.wait(SILENCE_SECONDS, answers=False)
    assert kafka.shown("kafka_up") == 1
    kafka.wait(1)
    assert (kafka.shown("kafka_up"), kafka.shown("last_fetch_timestamp_seconds")) == (0, NOW)
    kafka.wait(100, answers=True)
    assert (kafka.shown("kafka_up"), kafka.shown("last_fetch_timestamp_seconds")) == (1, kafka.now)


def test_what_nobody_asks_is_not_known() -> None:
    """Silence counts whether a question failed or none was asked: a task that hangs cannot hide an outage."""
    kafka = Outage("poller")
    kafka.wait(0, answers=True)
    kafka.wait(SILENCE_SECONDS + 1)
    assert kafka.shown("kafka_up") == 0


def test_the_oldest_record_is_as_old_as_the_silence() -> None:
    """While nobody can know what came into raw, its age is not 0."""
    kafka = Outage("normalizer")
    assert isinstance(kafka.metrics, NormalizerMetrics)
    kafka.metrics.task_state(3, "running")
    kafka.metrics.task_restored(3, Seen(), 0.1)
    kafka.wait(0, answers=True)
    assert kafka.shown("oldest_unprocessed_age_seconds", partition="3") == 0
    kafka.wait(121, answers=False)
    assert kafka.shown("oldest_unprocessed_age_seconds", partition="3") == 121
    kafka.wait(1, answers=True)
    assert kafka.shown("oldest_unprocessed_age_seconds", partition="3") == 0


def test_ready_turns_false_in_an_outage_and_live_does_not() -> None:
    """Nothing but time and an answer is needed to be ready again."""
    now = [NOW]
    health = Health(lambda: now[0])
    health.verified()
    health.kafka(answers=True)
    health.joined(member=True)
    health.assigned([0])
    health.progress(0, "running", 0, moved=True)
    assert health.ready().ok
    now[0] += SILENCE_SECONDS + 1
    health.kafka(answers=False)
    assert [check.why for check in health.ready().checks if not check.ok] == ["Kafka answered 16 s ago, limit 15 s"]
    now[0] += 3_600
    assert health.live().ok
    health.kafka(answers=True)
    assert health.ready().ok


def test_a_receiver_is_ready_without_kafka_as_long_as_its_spool_has_room() -> None:
    """An outage shows in its metrics, not in its readiness: it takes deliveries all the same."""
    now = [NOW]
    health = ReceiverHealth(lambda: now[0])
    health.listening(is_open=True)
    health.room(has_room=True)
    health.kafka(answers=True)
    now[0] += 60
    health.kafka(answers=False)
    assert health.ready().ok
    assert not health.contact.up


@pytest.mark.parametrize("name", ["headrace_kafka_up", "headrace_last_fetch_timestamp_seconds"])
def test_what_must_hold_names_the_outage(name: str) -> None:
    """An expression that looks at tasks alone would hold while there is nothing to look at."""
    assert name in page().partition("## What must hold")[2]
