import msgspec
import pytest

from headrace.observe.health import Health, HealthReport, LivenessLimits, ReceiverHealth

LIMITS = LivenessLimits(turn=10, group=60, takeover=300, standstill=120)


class Role:
    """A role with tasks whose clock a test moves; the event loop turns as it does."""

    def __init__(self, *, kafka: bool = True) -> None:
        self.now = 1_000.0
        self.health = Health(lambda: self.now, LIMITS)
        self.health.kafka(answers=kafka)

    def running(self, *partitions: int) -> "Role":
        """Bring partitions to where they run with nothing before them."""
        self.health.verified()
        self.health.joined(member=True)
        self.health.assigned(set(partitions))
        for partition in partitions:
            self.progress(partition)
        return self

    def progress(self, partition: int, state: str = "running", lag: int = 0, *, moved: bool = False) -> None:
        self.health.progress(partition, state, lag, moved)

    def wait(self, seconds: float) -> None:
        self.now += seconds
        self.health.tick()


def failing(report: HealthReport) -> dict[str, str]:
    return {check.check: check.why for check in report.checks if not check.ok}


def test_startup_waits_for_configuration_and_topics() -> None:
    """A process has started when both are verified."""
    role = Role()
    assert failing(role.health.startup()) == {"verified": "topics are not verified yet"}
    role.health.verified()
    assert role.health.startup().ok


def test_a_process_that_waits_for_kafka_to_start_is_alive_but_not_ready() -> None:
    """However long Kafka is away before the topics could be verified, nothing restarts the process."""
    role = Role(kafka=False)
    role.now += 100_000
    assert role.health.live().ok
    assert failing(role.health.ready()).keys() == {"verified", "kafka", "group", "tasks"}


def test_a_role_that_cannot_run_beside_a_receiver_is_alive_but_not_ready() -> None:
    """The process goes on to receive, so nothing may restart it; what does not run, and why, can be read."""
    role = Role().running(0, 4)
    role.health.joined(member=False)
    role.health.stopped("cursors is missing")
    role.now += 100_000
    assert role.health.startup().ok
    assert role.health.live().ok
    assert failing(role.health.ready()) == {"runs": "it does not: cursors is missing"}
    role.health.verified()
    role.now += LIMITS.group
    assert role.health.live().ok
    role.health.kafka(answers=True)
    assert role.running(0).health.ready().ok


def test_ready_means_verified_in_the_group_and_all_tasks_run() -> None:
    """One task that does not run yet is named."""
    role = Role().running(0, 4)
    assert role.health.ready().ok
    role.progress(4, "restoring")
    assert failing(role.health.ready()) == {"tasks": "1 of 2 do not run: 4 restoring"}


def test_partitions_without_a_state_do_not_run() -> None:
    """From its assignment on, a partition counts as created."""
    role = Role().running(0)
    role.health.assigned({0, 1})
    assert failing(role.health.ready()) == {"tasks": "1 of 2 do not run: 1 created"}


def test_a_spare_process_without_partitions_is_ready() -> None:
    """The group may have more members than partitions."""
    role = Role().running()
    assert role.health.ready().ok
    role.wait(100_000)
    assert role.health.live().ok


def test_a_process_whose_partitions_were_revoked_is_not_ready_until_it_hears_anew() -> None:
    """Between revocation and assignment nobody knows what it owns."""
    role = Role().running(1)
    role.health.revoked()
    assert failing(role.health.ready()).keys() == {"group", "tasks"}
    role.health.assigned(set())
    assert role.health.ready().ok


def test_a_loop_that_does_not_turn_is_not_alive() -> None:
    """The one check that holds whether Kafka answers or not."""
    role = Role(kafka=False)
    role.health.tick()
    role.now += 11
    assert failing(role.health.live()) == {"loop": "last turn 11 s ago"}
    role.health.tick()
    assert role.health.live().ok


def test_a_member_that_left_its_group_for_too_long_is_not_alive() -> None:
    """The client may leave and never come back without an error."""
    role = Role().running(1)
    role.health.joined(member=False)
    role.wait(60)
    assert role.health.live().ok
    role.health.joined(member=False)
    role.wait(1)
    assert failing(role.health.live()) == {"group": "not in its group for 61 s, limit 60 s"}


def test_a_rebalance_that_never_ends_is_not_alive() -> None:
    """A member whose partitions were revoked must hear of an assignment in time."""
    role = Role().running(1)
    role.wait(1_000)
    role.health.revoked()
    role.wait(61)
    assert failing(role.health.live()).keys() == {"group"}
    role.health.assigned({1})
    assert role.health.live().ok


def test_a_task_that_sits_on_lag_without_moving_is_not_alive() -> None:
    """Each record that is decided on starts the limit anew; standing still with records before it does not."""
    role = Role().running(1, 2)
    for _ in range(5):
        role.wait(100)
        role.progress(1, lag=50, moved=True)
        role.progress(2)
    assert role.health.live().ok
    role.wait(121)
    role.progress(1, lag=50)
    role.progress(2)
    why = "partition 1 is running with 50 records before it for 121 s, limit 120 s"
    assert failing(role.health.live()) == {"tasks": why}


def test_a_task_with_nothing_before_it_may_rest() -> None:
    """A quiet partition is no stuck one; its limit begins with the first record before it."""
    role = Role().running(1)
    role.wait(10_000)
    role.progress(1)
    role.wait(100)
    role.progress(1, lag=1)
    assert role.health.live().ok


@pytest.mark.parametrize("state", ["created", "fencing", "restoring", "closed"])
def test_a_take_over_that_never_ends_is_not_alive(state: str) -> None:
    """Waiting to own, fencing, restoring and a closed task of an owned partition all have a limit."""
    role = Role().running(1)
    role.progress(1, state)
    role.wait(300)
    assert role.health.live().ok
    role.wait(1)
    assert failing(role.health.live()) == {"tasks": f"partition 1 is {state} for 301 s, limit 300 s"}


def test_a_restore_that_moves_may_take_its_time() -> None:
    """What is restored counts as moving."""
    role = Role().running(1)
    for _ in range(10):
        role.wait(200)
        role.progress(1, "restoring", moved=True)
    assert role.health.live().ok


@pytest.mark.parametrize("state", ["running", "fencing", "restoring"])
def test_that_kafka_is_away_is_never_held_against_the_process(state: str) -> None:
    """Neither lag nor a take-over nor the lost group counts while Kafka does not answer, nor at once when it does."""
    role = Role().running(1)
    role.progress(1, state, lag=10, moved=True)
    role.health.kafka(answers=False)
    role.health.joined(member=False)
    role.wait(100_000)
    role.progress(1, state, lag=10)
    assert role.health.live().ok
    role.health.kafka(answers=True)
    role.wait(50)
    role.health.kafka(answers=True)
    assert role.health.live().ok
    role.wait(11)
    assert failing(role.health.live()).keys() == {"group"}
    role.wait(240)
    assert failing(role.health.live()).keys() == {"group", "tasks"}


def test_news_of_a_partition_that_is_not_ours_is_ignored() -> None:
    """A task that ends late changes nothing."""
    role = Role().running(1)
    role.progress(9, "restoring")
    assert role.health.ready().ok


def test_a_kept_partition_keeps_its_history_over_an_assignment() -> None:
    """An assignment that names the same partition again does not excuse how long it has stood still."""
    role = Role().running(1)
    role.progress(1, lag=5, moved=True)
    role.wait(100)
    role.health.assigned({1, 2})
    role.wait(21)
    assert failing(role.health.live()).keys() == {"tasks"}


def test_a_report_lists_every_check_with_its_reason() -> None:
    """The body of a probe says of each check whether it holds, and why."""
    role = Role().running(1)
    report = msgspec.json.decode(role.health.live().json())
    assert report["ok"] is True
    assert [(check["check"], check["ok"]) for check in report["checks"]] == [
        ("loop", True),
        ("group", True),
        ("tasks", True),
    ]
    assert all(check["why"] and check["role"] == "normalizer" for check in report["checks"])


def receiver(*, listens: bool = False, takes: bool = False, room: bool = False) -> ReceiverHealth:
    """Return the health of a receiver with these three facts."""
    health = ReceiverHealth(lambda: 0.0, LIMITS)
    health.listening(listens)
    health.raw_takes(takes)
    health.room(room)
    return health


@pytest.mark.parametrize(("takes", "room"), [(True, True), (True, False), (False, True)])
def test_a_receiver_is_ready_with_kafka_or_with_room_in_the_spool(takes: bool, room: bool) -> None:  # noqa: FBT001  (a row of facts)
    """Either makes a delivery durable; its port has to be open for both."""
    assert receiver(listens=True, takes=takes, room=room).ready().ok
    assert failing(receiver(takes=takes, room=room).ready()) == {"port": "it is not open"}


def test_a_receiver_with_nowhere_to_put_a_delivery_is_not_ready() -> None:
    """The spool is full and Kafka is away: it must get no more, but is alive."""
    health = receiver(listens=True)
    assert failing(health.ready()) == {"durable": "Kafka does not answer, the spool has no room"}
    assert health.live().ok
    health.kafka(answers=True)
    assert failing(health.ready()) == {"durable": "Kafka answers, raw takes nothing, the spool has no room"}
    health.room(True)  # noqa: FBT003  (it has room again)
    assert health.ready().ok


def test_a_receiver_starts_without_kafka() -> None:
    """As long as Kafka does not answer, or raw is unfit, an open port is a start."""
    assert failing(receiver().startup()).keys() == {"verified"}
    health = receiver(listens=True)
    assert health.startup().ok
    health.raw_is_unfit("it is missing")
    assert health.startup().ok
    assert "raw is unfit: it is missing" in health.startup().checks[0].why
    health.verified()
    assert health.startup().ok


def test_a_receiver_whose_raw_is_unfit_is_ready_while_the_spool_has_room() -> None:
    """Deliveries are taken, and it says why they do not reach Kafka."""
    health = receiver(listens=True)
    health.room(True)  # noqa: FBT003  (one fact, named by the method)
    health.raw_is_unfit("it is missing")
    assert health.ready().ok
    assert health.ready().checks[1].why == "raw is unfit: it is missing, the spool has room"
    health.room(False)  # noqa: FBT003  (as above)
    assert not health.ready().ok


def test_a_receiver_whose_loop_does_not_turn_is_not_alive() -> None:
    """That Kafka is away, or the spool full, is never held against the process; a loop that stands still is."""
    now = [0.0]
    health = ReceiverHealth(lambda: now[0], LIMITS)
    assert health.live().ok
    health.tick()
    now[0] = 11.0
    assert failing(health.live()) == {"loop": "last turn 11 s ago"}
    assert all(check.role == "receiver" for check in health.ready().checks)
