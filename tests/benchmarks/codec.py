"""What compression costs: the batches that a commit writes, and records that travel alone, in each codec."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from aiokafka import codec
from aiokafka.record.default_records import DefaultRecordBatchBuilder

from headrace.core.record import ProducerRecord
from headrace.kafka.codecs import gzip_encode, zstd_encode
from headrace.kafka.partitioner import partitions
from headrace.normalizer.batch_size import MOST_RECORDS
from headrace.normalizer.commit import CommitLimits
from headrace.normalizer.decide import decide
from headrace.normalizer.dedupe import Seen
from tests.benchmarks import load
from tests.benchmarks.measure import exhaust, in_turns, micros
from tests.benchmarks.sizes import Sizes
from tests.benchmarks.table import Row

PARTITIONS: Final = 12
HEAD: Final = 61
"""Bytes of a batch before its records: they are never compressed."""

_Codec = Callable[[bytes], bytes]
CODECS: Final[dict[str, tuple[_Codec, _Codec]]] = {
    "gzip": (gzip_encode, codec.gzip_decode),
    "lz4": (codec.lz4_encode, codec.lz4_decode),
    "zstd": (zstd_encode, codec.zstd_decode),
}


def rows(sizes: Sizes) -> Iterator[Row]:
    """Measure the time to compress and decompress a record, and its compressed size; there is no target."""
    events = _events(sizes.decided)
    for what, batches in (("events of a commit", _committed(events)), ("events alone", [[out] for out in events])):
        packed = [_packed(batch) for batch in batches]
        before = sum(map(len, packed)) / len(events)
        for name, (shrink, widen) in CODECS.items():
            shrunk = [shrink(data) for data in packed]
            to_write, to_read = in_turns(
                [_work(shrink, packed, len(events)), _work(widen, shrunk, len(events))], sizes.rounds
            )
            after = sum(map(len, shrunk)) / len(events)
            yield Row(
                f"{name}, {what}", f"{to_write:.1f} + {to_read:.1f} µs, {after:,.0f} bytes", f"{before:,.0f} bytes"
            )


def _work(work: _Codec, batches: Sequence[bytes], count: int) -> Callable[[], float]:
    return lambda: micros(lambda: exhaust(map(work, batches)), count)


def _events(count: int) -> list[ProducerRecord]:
    """Return the events that a load becomes, in the commits of one task."""
    records, seen, tenants = load.records(out for _, out in load.mixed(count)), Seen(), load.tenants()
    commits = (records[first : first + MOST_RECORDS] for first in range(0, len(records), MOST_RECORDS))
    return [
        out for batch in commits for out in decide(batch, seen, tenants, CommitLimits("raw", 0), load.RECEIVED).events
    ]


def _committed(events: Sequence[ProducerRecord]) -> list[list[ProducerRecord]]:
    """Spread events over partitions, as many at a time as a commit writes."""
    batches: dict[tuple[int, int], list[ProducerRecord]] = defaultdict(list)
    for number, partition in enumerate(partitions([out.key for out in events], PARTITIONS)):
        batches[number // MOST_RECORDS, partition].append(events[number])
    return list(batches.values())


def _packed(batch: Sequence[ProducerRecord]) -> bytes:
    builder = DefaultRecordBatchBuilder(2, 0, 0, -1, -1, -1, 2**30)
    for offset, out in enumerate(batch):
        builder.append(offset, 0, out.key, out.value, out.headers)
    return bytes(builder.build())[HEAD:]
