"""A model of the normalizer: Kafka's transactions in memory, and a task that takes its steps one at a time.

What is decided and remembered is the program's own code; what is modelled is the log around it and the order of the
steps, as `normalizer/task.py` has it. Every `yield` is a place where a process may die, pause, lose its partition or be
overtaken by another.
"""

from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from enum import Enum
from typing import Literal

from headrace.config.tenants import Tenants
from headrace.core.record import ProducerRecord
from headrace.normalizer.commit import Commit, note_held
from headrace.normalizer.decide import decide
from headrace.normalizer.dedupe import Seen
from headrace.normalizer.held import due, first_of, give_back
from headrace.records.seen import SeenRecord, decode_record, encode_barrier, is_barrier
from tests.unit.partition import LIMITS, NOW, Raw

Answer = Literal["given", "lost", "never asked"]


class Bug(Enum):
    """A mistake in the order of the steps, to see that the model would notice it."""

    MEMORY_BEFORE_COMMIT = "memory changes when the commit is written, not when it is committed"
    RESTORE_BEFORE_FENCE = "memory is restored while the predecessor can still commit"
    END_FROM_A_BROKER = "memory is restored to where a broker says that seen ends"
    NOTED_BEFORE_RETURNED = "it is committed that held records are back before they are"
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
    isolated: tuple[int, int] | None = None
    """Where raw and seen end, as a leader tells that is cut off from its peers."""

    def isolate(self) -> None:
        """Cut a leader off: it goes on telling what it knows now, and takes nothing more."""
        self.isolated = self.isolated or (len(self.raw), stable_end(self.seen))

    def heal(self) -> None:
        """Let it find its peers again."""
        self.isolated = None

    def ends(self, *, asks_isolated: bool) -> tuple[int, int]:
        """Return where raw and the committed records of seen end, as the broker tells that is asked."""
        return self.isolated if self.isolated and asks_isolated else (len(self.raw), stable_end(self.seen))

    def say(self, out: ProducerRecord) -> None:
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

    def read(self, topic: list[Entry], at: int, end: int) -> list[bytes]:
        """Return the committed values from an offset to another, before which no transaction is open."""
        entries = (entry for entry in topic[at:end] if entry.transaction.state == "committed")
        return [entry.value for entry in entries if entry.value is not None]

    def committed(self, topic: list[Entry]) -> list[bytes]:
        """Return everything that a reader of committed records sees."""
        return self.read(topic, 0, stable_end(topic))

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


def stable_end(topic: list[Entry]) -> int:
    """Return where the committed records of a topic end: before the first transaction that is open."""
    still_open = (n for n, entry in enumerate(topic) if entry.transaction.state == "open")
    return next(still_open, len(topic))


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
        self.asks_isolated = False
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
                    yield from self._restore(len(self.log.seen))
                    yield from self._fence()
                else:
                    yield from self._fence()
                    end = yield from self._set_barrier()
                    yield from self._restore(end)
                self.position = self.log.group if self.bug is Bug.POSITION_FROM_GROUP else self.seen.next_offset
                yield from self._run()
            except (Fenced, Doubtful):
                yield

    def _fence(self) -> Iterator[None]:
        self.epoch = self.log.fence()
        yield

    def _set_barrier(self) -> Generator[None, None, int]:
        """Commit a barrier, and return the offset behind it."""
        if self.bug is Bug.END_FROM_A_BROKER:
            return self.log.ends(asks_isolated=self.asks_isolated)[1]
        self.log.begin(self.epoch)
        end = self.log.append(self.epoch, self.log.seen, encode_barrier(b"")) + 1
        yield
        self._end_transaction()
        yield
        return end

    def _restore(self, end: int) -> Iterator[None]:
        """Read seen from where memory stands to an end, as far as the broker that is asked knows it."""
        while self.seen.read_to < end:
            at = min(self.seen.read_to + 2, end, self.log.ends(asks_isolated=self.asks_isolated)[1])
            if at <= self.seen.read_to and self.bug is Bug.RESTORE_BEFORE_FENCE:
                return  # the predecessor's transaction is still open: it takes what can be read
            if at > self.seen.read_to:
                commits = [v for v in self.log.read(self.log.seen, self.seen.read_to, at) if not is_barrier(v)]
                self.seen.apply(list(map(decode_record, commits)), at)
            yield

    def _run(self) -> Iterator[None]:
        while True:
            end, _ = self.log.ends(asks_isolated=self.asks_isolated)
            batch = self.log.raw[self.position : min(self.position + self.size, end)]
            self.position += len(batch)
            yield
            if batch:
                yield from self._commit(decide(batch, self.seen, self.tenants, LIMITS, NOW))
            yield from self._give_back()

    def _give_back(self) -> Iterator[None]:
        """Append what was held and goes on, outside of a transaction, then commit that it is back."""
        found = due(self.seen.held.values(), self.tenants, NOW, LIMITS.held_for)
        if not found:
            return
        at = first_of(self.seen.held, found)
        stretch = self.log.raw[at : at + self.size]
        back = give_back(
            self.seen.held, found, stretch, at + len(stretch), partition=LIMITS.partition, limit=LIMITS.raw_bytes
        )
        commit = note_held(self.seen, back.ranges)
        if self.bug is Bug.NOTED_BEFORE_RETURNED:
            yield from self._commit(commit)
        for copy in back.copies:
            self.log.say(copy)
            yield
        if self.bug is not Bug.NOTED_BEFORE_RETURNED:
            yield from self._commit(commit)

    def _commit(self, commit: Commit) -> Iterator[None]:
        self.log.begin(self.epoch)
        for out in commit.events:
            self.log.append(self.epoch, self.log.events, out.value)
            yield
        end = self.log.append(self.epoch, self.log.seen, commit.seen_value) + 1
        if (
            self.bug in (None, Bug.NOTED_BEFORE_RETURNED) and end != self.seen.read_to + 2
        ):  # with a mistake it is not checked: that would hide it
            raise Doubtful
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
