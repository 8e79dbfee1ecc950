"""A model of the normalizer: Kafka's transactions in memory, and a task that takes its steps one at a time.

What is decided and remembered is the program's own code; what is modelled is the log around it and the order of the
steps, as `normalizer/task.py` has it. Every `yield` is a place where a process may die, pause, lose its partition or be
overtaken by another.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum
from typing import Literal

from headrace.config.tenants import Tenants
from headrace.core.record import Out
from headrace.normalizer.decide import decide
from headrace.normalizer.dedupe import Seen
from headrace.records.seen import SeenRecord, decode_record
from tests.unit.partition import LIMITS, NOW, Raw

Answer = Literal["given", "lost", "never asked"]


class Bug(Enum):
    """A mistake in the order of the steps, to see that the model would notice it."""

    MEMORY_BEFORE_COMMIT = "memory changes when the commit is written, not when it is committed"
    RESTORE_BEFORE_FENCE = "memory is restored while the predecessor can still commit"
    POSITION_FROM_GROUP = "a task begins where the consumer group stands, not where the seen record does"


class Fenced(Exception):  # noqa: N818  (what Kafka says)
    """A newer producer has the transactional id."""


class Doubtful(Exception):  # noqa: N818  (a state, not an error)
    """Nobody knows whether the transaction is committed."""


@dataclass
class Transaction:
    """One transaction: what it wrote is read when it is committed."""

    state: Literal["open", "committed", "aborted"] = "open"


@dataclass
class Entry:
    """A record, or the marker that ends a transaction (without a value)."""

    value: bytes | None
    transaction: Transaction


@dataclass
class Log:
    """Raw, seen and events of one partition, the producer epoch of its task, and the consumer group's offset."""

    raw: list[Raw] = field(default_factory=list)
    seen: list[Entry] = field(default_factory=list)
    events: list[Entry] = field(default_factory=list)
    epoch: int = 0
    open: Transaction | None = None
    group: int = 0

    def say(self, out: Out) -> None:
        """Append to raw."""
        self.raw.append(Raw(len(self.raw), NOW, out.key, out.value, out.headers))

    def fence(self) -> int:
        """Return a new epoch; the transaction of the old one is aborted."""
        self._end("aborted")
        self.epoch += 1
        return self.epoch

    def begin(self, epoch: int) -> None:
        """Open a transaction."""
        self._check(epoch)
        self.open = Transaction()

    def append(self, epoch: int, topic: list[Entry], value: bytes) -> int:
        """Write into the open transaction, and give the offset."""
        self._check(epoch)
        assert self.open is not None
        topic.append(Entry(value, self.open))
        return len(topic) - 1

    def commit(self, epoch: int) -> None:
        """End the transaction well."""
        self._check(epoch)
        self._end("committed")

    def abort(self, epoch: int) -> None:
        """End the transaction as a task does that is cancelled; without an error where another has taken over."""
        if epoch == self.epoch:
            self._end("aborted")

    def time_out(self) -> None:
        """End a transaction that is open for too long, as the broker does: its producer is fenced."""
        if self.open is not None:
            self.fence()

    def read(self, topic: list[Entry], at: int, most: int) -> tuple[list[bytes], int]:
        """Return up to `most` committed values from an offset on, and the offset behind what was looked at."""
        values: list[bytes] = []
        while at < len(topic) and topic[at].transaction.state != "open" and len(values) < most:
            entry = topic[at]
            if entry.value is not None and entry.transaction.state == "committed":
                values.append(entry.value)
            at += 1
        return values, at

    def committed(self, topic: list[Entry]) -> list[bytes]:
        """Return everything that a reader of committed records sees."""
        return self.read(topic, 0, len(topic) + 1)[0]

    def _check(self, epoch: int) -> None:
        if epoch != self.epoch:
            raise Fenced

    def _end(self, state: Literal["committed", "aborted"]) -> None:
        if self.open is None:
            return
        self.open.state = state
        for topic in (self.seen, self.events):
            if topic and topic[-1].transaction is self.open:
                topic.append(Entry(None, self.open))
        self.open = None


class Process:
    """A process that may own the partition: its memory, and the life of its task."""

    def __init__(self, log: Log, tenants: Tenants, size: int, bug: Bug | None) -> None:
        self.log = log
        self.tenants = tenants
        self.size = size
        self.bug = bug
        self.seen = Seen()
        self.epoch = -1
        self.position = 0
        self.answer: Answer = "given"
        self._life = self._live()

    def step(self) -> None:
        """Go on to the next place where something may happen."""
        next(self._life)

    def crash(self) -> None:
        """Die: memory is gone, an open transaction stays open."""
        self.seen = Seen()
        self._life = self._live()

    def revoke(self) -> None:
        """Lose the partition in good order: the transaction is aborted, memory is kept for another time."""
        self.log.abort(self.epoch)
        self._life = self._live()

    def tick(self) -> None:
        """Commit the consumer's position to the group, as a timer does."""
        self.log.group = self.position

    def _live(self) -> Iterator[None]:
        """Own the partition again after every error: each begins with a new producer."""
        while True:
            try:
                if self.bug is Bug.RESTORE_BEFORE_FENCE:
                    yield from self._restore()
                    yield from self._fence()
                else:
                    yield from self._fence()
                    yield from self._restore()
                self.position = self.log.group if self.bug is Bug.POSITION_FROM_GROUP else self.seen.next_offset
                yield from self._run()
            except (Fenced, Doubtful):
                yield

    def _fence(self) -> Iterator[None]:
        self.epoch = self.log.fence()
        yield

    def _restore(self) -> Iterator[None]:
        """Read seen from where memory stands to the end that it has now."""
        end = len(self.log.seen)
        while self.seen.read_to < end:
            values, at = self.log.read(self.log.seen, self.seen.read_to, 2)
            if at == self.seen.read_to and self.bug is Bug.RESTORE_BEFORE_FENCE:
                return  # the predecessor's transaction is still open: it takes what can be read
            self.seen.apply(list(map(decode_record, values)), at)
            yield

    def _run(self) -> Iterator[None]:
        while True:
            batch = self.log.raw[self.position : self.position + self.size]
            self.position += len(batch)
            yield
            if batch:
                yield from self._commit(batch)

    def _commit(self, batch: list[Raw]) -> Iterator[None]:
        commit = decide(batch, self.seen, self.tenants, LIMITS, NOW)
        self.log.begin(self.epoch)
        for out in commit.events:
            self.log.append(self.epoch, self.log.events, out.value)
            yield
        end = self.log.append(self.epoch, self.log.seen, commit.seen_value) + 1
        record = decode_record(commit.seen_value)
        if self.bug is Bug.MEMORY_BEFORE_COMMIT:
            self.seen.apply([record], end)
        yield
        self._end_transaction()
        yield
        self._remember(record, end)

    def _end_transaction(self) -> None:
        answer, self.answer = self.answer, "given"
        if answer == "never asked":
            raise Doubtful
        self.log.commit(self.epoch)
        if answer == "lost":
            raise Doubtful

    def _remember(self, record: SeenRecord, end: int) -> None:
        if self.bug is not Bug.MEMORY_BEFORE_COMMIT:
            self.seen.apply([record], end)
