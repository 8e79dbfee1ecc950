"""Startup, liveness and readiness of a role: facts that were noted, and rules over them. Pure: the clock is passed in.

A role that owns tasks
- startup: configuration and topics are verified.
- live: the event loop turns, the consumer is in its group, no task stands still. An outage of Kafka is no failure of
  the role: every limit counts from when Kafka answers again.
- ready: verified, in the group, partitions assigned, all their tasks run, and Kafka answered within 15 seconds.
- stopped: it cannot run, and its process goes on to receive: started and live, but not ready.

The receiver
- startup: configuration is verified, and so is raw unless Kafka does not answer: it starts without.
- live: the event loop turns.
- ready: its port is open, and raw takes deliveries or the spool has room. Where raw is unfit, it says so.
"""

import math
from collections.abc import Callable, Iterable
from typing import Final

import msgspec
from msgspec import Struct

from headrace.observe.kafka_contact import SILENCE_SECONDS, KafkaContact


class LivenessLimits(Struct, frozen=True):
    """Seconds that a role may spend with a blocked event loop, outside its group, in a take-over, at a standstill."""

    turn: float = 30.0
    group: float = 120.0
    takeover: float = 300.0
    standstill: float = 120.0


RUNNING: Final = "running"
DEFAULTS: Final = LivenessLimits()


class Check(Struct, frozen=True):
    """One rule: whether it holds, and why in a few words."""

    role: str
    check: str
    ok: bool
    why: str


class HealthReport(Struct, frozen=True):
    """The answer to one probe: every check that was made."""

    checks: tuple[Check, ...]

    @property
    def ok(self) -> bool:
        """Whether all checks hold."""
        return all(check.ok for check in self.checks)

    def json(self) -> bytes:
        """Write it as `{"ok": …, "checks": [{"role", "check", "ok", "why"}, …]}`."""
        return msgspec.json.encode({"ok": self.ok, "checks": self.checks})


class _Partition(Struct):
    state: str
    since: float
    lag: int = 0


class _RoleHealth:
    """Health that every role has: the event loop turns."""

    def __init__(self, clock: Callable[[], float], limits: LivenessLimits, role: str) -> None:
        self._clock: Final = clock
        self._limits: Final = limits
        self._role: Final = role
        self.contact: Final = KafkaContact(clock)
        self._turned_at: float | None = None

    def tick(self) -> None:
        """Note that the event loop turns; from the first time on it has to."""
        self._turned_at = self._clock()

    def kafka(self, *, answers: bool) -> None:
        """Note whether Kafka answers. Until then it counts as away."""
        self.contact.note(answers=answers)

    def _check(self, name: str, why: str, *, ok: bool) -> Check:
        return Check(self._role, name, ok, why)

    def _turns(self) -> Check:
        if self._turned_at is None:
            return self._check("loop", "it answers", ok=True)
        still = self._clock() - self._turned_at
        return self._check("loop", f"last turn {still:.0f} s ago", ok=still <= self._limits.turn)


class Health(_RoleHealth):
    """Health of a role that owns tasks. `clock` returns monotonic seconds."""

    def __init__(self, clock: Callable[[], float], limits: LivenessLimits = DEFAULTS, role: str = "normalizer") -> None:
        super().__init__(clock, limits, role)
        self._verified = False
        self._member = False
        self._partitions: dict[int, _Partition] | None = None
        self._outside_since = clock()
        self._stopped = ""

    def stopped(self, reason: str) -> None:
        """Note why the role does not run, while the process goes on for another one, until it is verified again."""
        self._stopped = reason

    def verified(self) -> None:
        """Note that configuration and topics are verified."""
        self._verified = True
        self._stopped = ""
        self._outside_since = self._clock()
        self._partitions = self._turned_at = None

    def joined(self, *, member: bool) -> None:
        """Note that the consumer is in its group, or is not any more."""
        if member != self._member:
            self._outside_since = self._clock()
        self._member = member

    def assigned(self, partitions: Iterable[int]) -> None:
        """Note which partitions the group has assigned: a spare process may get none."""
        known, now = self._partitions or {}, self._clock()
        self._partitions = {p: known.get(p) or _Partition("created", now) for p in partitions}

    def revoked(self) -> None:
        """Note that the group took all partitions back and has yet to assign anew."""
        self._partitions = None
        self._outside_since = self._clock()

    def progress(self, partition: int, state: str, lag: int, moved: bool) -> None:  # noqa: FBT001  (one row of facts)
        """Note a task's state, its lag in records, and whether its position moved since the last call."""
        task = (self._partitions or {}).get(partition)
        if task is None:
            return
        if moved or state != task.state or (state == RUNNING and lag == 0):
            task.since = self._clock()
        task.state, task.lag = state, lag

    def startup(self) -> HealthReport:
        """Return whether the role has started."""
        return HealthReport((self._startup(),))

    def live(self) -> HealthReport:
        """Return whether the process should go on; if not, it is restarted."""
        if self._stopped:
            return HealthReport((self._check("runs", f"it does not: {self._stopped}", ok=True),))
        return HealthReport((self._turns(), self._in_group(), self._moves()))

    def ready(self) -> HealthReport:
        """Return whether the role does its work."""
        if self._stopped:
            return HealthReport((self._check("runs", f"it does not: {self._stopped}", ok=False),))
        return HealthReport((self._startup(), self._reaches(), self._joined(), self._runs()))

    def _startup(self) -> Check:
        if self._stopped:
            return self._check("verified", f"it does not run: {self._stopped}", ok=True)
        why = "configuration and topics are verified" if self._verified else "topics are not verified yet"
        return self._check("verified", why, ok=self._verified)

    def _reaches(self) -> Check:
        silence = self.contact.silence
        if math.isinf(silence):
            return self._check("kafka", "Kafka has not answered yet", ok=False)
        why = f"Kafka answered {silence:.0f} s ago, limit {SILENCE_SECONDS:.0f} s"
        return self._check("kafka", why, ok=self.contact.up)

    def _joined(self) -> Check:
        if not self._member:
            return self._check("group", "not in its group", ok=False)
        if self._partitions is None:
            return self._check("group", "in its group, partitions are not assigned yet", ok=False)
        return self._check("group", f"in its group, {len(self._partitions)} partitions assigned", ok=True)

    def _in_group(self) -> Check:
        joined = self._joined()
        if joined.ok:
            return joined
        if not self._verified:
            return self._check("group", "joins when topics are verified", ok=True)
        return self._held(joined.why, self._outside_since, self._limits.group, "group")

    def _moves(self) -> Check:
        for number, task in sorted((self._partitions or {}).items()):
            limit = self._limits.standstill if task.state == RUNNING else self._limits.takeover
            behind = f" with {task.lag} records before it" if task.state == RUNNING else ""
            found = self._held(f"partition {number} is {task.state}{behind}", task.since, limit, "tasks")
            if not found.ok:
                return found
        return self._check("tasks", "no task stands still", ok=True)

    def _held(self, what: str, since: float, limit: float, name: str) -> Check:
        """Return a check that fails once a state lasts too long; only time in which Kafka answers counts."""
        if self.contact.since is None:
            return self._check(name, f"{what}; Kafka does not answer", ok=True)
        lasted = self._clock() - max(since, self.contact.since)
        return self._check(name, f"{what} for {lasted:.0f} s, limit {limit:.0f} s", ok=lasted <= limit)

    def _runs(self) -> Check:
        if self._partitions is None:
            return self._check("tasks", "partitions are not assigned yet", ok=False)
        others = {number: task.state for number, task in sorted(self._partitions.items()) if task.state != RUNNING}
        if others:
            listed = ", ".join(f"{number} {state}" for number, state in others.items())
            return self._check("tasks", f"{len(others)} of {len(self._partitions)} do not run: {listed}", ok=False)
        return self._check("tasks", f"{len(self._partitions)} of {len(self._partitions)} run", ok=True)


class ReceiverHealth(_RoleHealth):
    """Health of the receiver. `clock` returns monotonic seconds."""

    def __init__(self, clock: Callable[[], float], limits: LivenessLimits = DEFAULTS) -> None:
        super().__init__(clock, limits, "receiver")
        self._verified = False
        self._listens = False
        self._takes = False
        self._room = False
        self._unfit = ""

    def listening(self, is_open: bool) -> None:  # noqa: FBT001  (one fact, named by the method)
        """Note whether the port takes deliveries."""
        self._listens = is_open

    def room(self, has_room: bool) -> None:  # noqa: FBT001  (one fact, named by the method)
        """Note whether the spool has room. Until then it counts as full."""
        self._room = has_room

    def raw_takes(self, takes: bool) -> None:  # noqa: FBT001  (one fact, named by the method)
        """Note whether raw takes deliveries: Kafka may answer, and still not let anything be appended."""
        self._takes = takes

    def raw_is_unfit(self, reason: str) -> None:
        """Note why nothing can be appended to raw, empty where it can."""
        self._unfit = reason

    def verified(self) -> None:
        """Note that raw is verified."""
        self._verified = True

    def startup(self) -> HealthReport:
        """Return whether the role has started."""
        return HealthReport((self._startup(),))

    def live(self) -> HealthReport:
        """Return whether the process should go on; if not, it is restarted."""
        return HealthReport((self._turns(),))

    def ready(self) -> HealthReport:
        """Return whether it can take a delivery and make it durable."""
        return HealthReport((self._open(), self._durable()))

    def _startup(self) -> Check:
        if self._verified:
            return self._check("verified", "configuration and raw are verified", ok=True)
        why = f"configuration is; raw is unfit: {self._unfit}" if self._unfit else None
        return self._check("verified", why or "configuration is; raw will be when Kafka answers", ok=self._listens)

    def _open(self) -> Check:
        return self._check("port", "it is open" if self._listens else "it is not open", ok=self._listens)

    def _durable(self) -> Check:
        spool = "the spool has room" if self._room else "the spool has no room"
        return self._check("durable", f"{self._kafka()}, {spool}", ok=self._takes or self._room)

    def _kafka(self) -> str:
        if self._takes:
            return "Kafka answers"
        if self._unfit:
            return f"raw is unfit: {self._unfit}"
        return "Kafka answers, raw takes nothing" if self.contact.up else "Kafka does not answer"
