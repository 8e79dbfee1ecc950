from typing import cast

import pytest

from headrace.core.record import ProducerRecord
from headrace.kafka.admin import Topic
from headrace.kafka.appender import Appender
from headrace.kafka.raw_writer import GROUP_BYTES, GROUP_RECORDS, RawWriter
from headrace.records.raw import digest, place
from headrace_events import RawPosition

RAW = Topic("headrace.raw", 12, 1, {"max.message.bytes": "2097152"})


class Log:
    """Stands for the topic: what was appended in which order, and what it refuses."""

    def __init__(self) -> None:
        self.appended: list[tuple[str, int, ProducerRecord]] = []
        self.refused: list[ProducerRecord] = []

    async def append(self, topic: str, partition: int, record: ProducerRecord) -> int:
        if record in self.refused:
            raise TimeoutError(record.value.decode())
        self.appended.append((topic, partition, record))
        return len(self.appended) - 1


@pytest.fixture
def log() -> Log:
    return Log()


@pytest.fixture
def writer(log: Log) -> RawWriter:
    return RawWriter(cast("Appender", log), RAW)


def record(number: int, size: int = 10) -> ProducerRecord:
    return ProducerRecord(digest("/toy/acme", "thing", str(number)), b"%d" % number + b"x" * size, [])


async def test_records_go_to_the_partitions_of_their_keys_in_their_order(log: Log, writer: RawWriter) -> None:
    """Nothing is appended before it is flushed, and then everything is, as it was added."""
    records = [record(number) for number in range(100)]
    for each in records:
        await writer.add(each)
    assert (log.appended, writer.appended) == ([], 0)
    await writer.flush()
    assert log.appended == [("headrace.raw", place(each.key, 12), each) for each in records]
    assert writer.appended == 100


@pytest.mark.parametrize(("size", "expected"), [(10, GROUP_RECORDS), (100_000, GROUP_BYTES // 100_200)])
async def test_a_full_group_is_appended_before_the_next_record(
    size: int, expected: int, log: Log, writer: RawWriter
) -> None:
    """What is in flight stays below the records and the bytes of a group."""
    for number in range(GROUP_RECORDS + 1):
        await writer.add(record(number, size))
        if log.appended:
            break
    assert len(log.appended) == expected


async def test_one_record_is_appended_behind_those_before_it(log: Log, writer: RawWriter) -> None:
    """Where it stands is known once it is durable, and what was added before stands before it."""
    await writer.add(record(1))
    one = record(2)
    assert await writer.append(one) == RawPosition("headrace.raw", place(one.key, 12), 1)
    assert [each.value[:1] for _, _, each in log.appended] == [b"1", b"2"]
    assert writer.appended == 2


async def test_a_failure_is_raised_once_all_of_the_group_has_ended(log: Log, writer: RawWriter) -> None:
    """The first failure is what the caller gets; what else was appended is not counted."""
    log.refused = [record(1)]
    for number in range(3):
        await writer.add(record(number))
    with pytest.raises(TimeoutError, match=r"^1x"):
        await writer.flush()
    assert len(log.appended) == 2
    assert writer.appended == 0


@pytest.mark.parametrize(("config", "limit"), [({"max.message.bytes": "5000"}, 5000), ({}, 2**63 - 1)])
def test_the_limit_is_the_topics(config: dict[str, str], limit: int, log: Log) -> None:
    """A broker that tells no limit sets none."""
    assert RawWriter(cast("Appender", log), Topic("raw", 1, 1, config)).limit == limit
