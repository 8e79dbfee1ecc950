"""Whole batches of what was fetched: what the client leaves out is left out, and nothing damaged is passed over.

The client's own classes read bytes as brokers send them; `_take` is compared with how they iterate.
"""

import random
import struct
from collections.abc import Sequence
from typing import Any, Final

import pytest
from aiokafka import TopicPartition
from aiokafka.consumer.fetcher import READ_COMMITTED, FetchResult, PartitionRecords
from aiokafka.consumer.subscription_state import SubscriptionState
from aiokafka.errors import CorruptRecordException
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.memory_records import MemoryRecords
from aiokafka.record.util import calc_crc32c

from headrace.kafka.batch_consumer import LogRecord, _take
from headrace.kafka.consumer import TOGETHER

AT: Final = TopicPartition("log", 0)
ATTRIBUTES: Final = 21
"""Where the attributes of a batch stand: https://kafka.apache.org/documentation/#recordbatch."""
CONTROL: Final = 0x20


def batch(offset: int, values: Sequence[bytes], producer: int, *, codec: int = 0, control: bool = False) -> bytes:
    builder = DefaultRecordBatchBuilder(2, codec, producer >= 0, producer, 0, 0, 1_000_000)
    for number, value in enumerate(values):
        builder.append(number, 1, value if control else b"key", value, [])
    built = bytearray(builder.build())
    struct.pack_into(">q", built, 0, offset)
    built[ATTRIBUTES + 1] |= CONTROL if control else 0
    struct.pack_into(">I", built, ATTRIBUTES - 4, calc_crc32c(bytes(built[ATTRIBUTES:])))
    return bytes(built)


class Log:
    """A stretch of a log: batches alone (producer -1), or of transactions, and where aborted ones begin."""

    def __init__(self) -> None:
        self.end = 0
        self.batches: list[tuple[int, bytes]] = []
        """Each with the offset behind it."""
        self.aborted: list[tuple[int, int, int]] = []
        """Producer, and where its transaction begins and ends."""

    def add(self, values: Sequence[bytes], producer: int = -1, **how: Any) -> int:
        begin = self.end
        self.end += len(values)
        self.batches.append((self.end, batch(begin, values, producer, **how)))
        return begin

    def finish(self, producer: int, begin: int, *, commit: bool) -> None:
        self.add([struct.pack(">HH", 0, int(commit))], producer, control=True)
        if not commit:
            self.aborted.append((producer, begin, self.end))

    def records(self, begin: int) -> PartitionRecords:
        """Return what a broker answers: from the batch that holds `begin` on, and what was aborted there."""
        data = b"".join(built for end, built in self.batches if end > begin)
        aborted = [(producer, first) for producer, first, end in self.aborted if end > begin]
        options = {"check_crcs": True, "isolation_level": READ_COMMITTED}
        return PartitionRecords(AT, MemoryRecords(data), aborted, begin, None, None, **options)

    def fetched(self, begin: int) -> FetchResult:
        state = SubscriptionState()
        state.assign_from_user([AT])
        assignment = state.subscription.assignment
        assignment.state_value(AT).seek(begin)
        return FetchResult(AT, assignment=assignment, partition_records=self.records(begin), backoff=0)


def random_log(dice: random.Random) -> Log:
    log, begun = Log(), dict[int, int]()
    for number in range(dice.randint(1, 60)):
        producer = dice.randint(-1, 3)
        values = [b"%d/%d" % (number, each) for each in range(dice.randint(1, 4))]
        begin = log.add(values, producer, codec=dice.choice((0, 0, 4)))
        if producer >= 0:
            begun.setdefault(producer, begin)
        if begun and dice.random() < 0.4:
            log.finish(*begun.popitem(), commit=dice.random() < 0.6)
    while begun:
        log.finish(*begun.popitem(), commit=dice.random() < 0.6)
    return log


def seen(records: Sequence[LogRecord]) -> list[tuple[int, bytes | None, bytes | None]]:
    return [(record.offset, record.key, record.value) for record in records]


@pytest.mark.parametrize("seed", range(100))
async def test_promise_2_batches_hold_what_the_client_reads(seed: int) -> None:
    """However transactions of several producers interleave and end, and wherever one begins to read."""
    dice = random.Random(seed)
    log = random_log(dice)
    for begin in {0, dice.randrange(log.end), dice.randrange(log.end)}:
        taken: list[LogRecord] = []
        fetched = log.fetched(begin)
        assert _take(fetched, taken)
        assert seen(taken) == seen(list(log.records(begin)))
        assert fetched._assignment.state_value(AT).position == log.end


async def test_one_turn_takes_so_many_records_and_the_next_goes_on_behind_them() -> None:
    """Whoever shares the loop has his turn between them."""
    log = Log()
    for number in range(TOGETHER + 10):
        log.finish(1, log.add([b"%d" % number], 1), commit=True)
    fetched, turns = log.fetched(0), [list[LogRecord](), list[LogRecord]()]
    assert [_take(fetched, taken) for taken in turns] == [False, True]
    assert [len(taken) for taken in turns] == [TOGETHER, 10]
    assert seen([*turns[0], *turns[1]]) == seen(list(log.records(0)))


async def test_promise_1_what_is_damaged_is_not_passed_over() -> None:
    """A batch whose checksum is another one is an error, and where we stand stays before what was taken with it."""
    log = Log()
    log.add([b"sound"])
    log.add([b"whole"])
    log.batches[1] = 2, log.batches[1][1].replace(b"whole", b"while")
    fetched = log.fetched(0)
    with pytest.raises(CorruptRecordException, match="before offset 2 is damaged"):
        _take(fetched, [])
    assert fetched._assignment.state_value(AT).position == 0
