"""What tests of the spool share; run as a program, it appends until it is stopped."""

import asyncio
import resource
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

import structlog

from headrace.core.record import ProducerRecord
from headrace.spool import NoRoom, Spool, Waiting
from headrace.spool.writer import Job

LIMIT = 2**30
SOURCE = "/things/t"


def record(number: int, size: int = 200) -> ProducerRecord:
    """Make a record whose key is its number."""
    return ProducerRecord(
        str(number).encode(), bytes((number + at) % 251 for at in range(size)), [("headrace", b"\x01{}")]
    )


async def put(spool: Spool, *numbers: int, topic: str = "raw", size: int = 200) -> None:
    """Append records in one call."""
    await spool.append([(topic, SOURCE, record(number, size)) for number in numbers], received=1_000 + numbers[0])


async def waiting(spool: Spool, topic: str = "raw") -> list[Waiting]:
    """Return everything that waits."""
    return await spool.oldest(topic, 10**6, 2**40)


def numbers(records: Sequence[Waiting]) -> list[int]:
    """Return the numbers of records that are what was put."""
    return [int(one.out.key) for one in records if one.sound]


async def content(path: Path) -> list[int]:
    """Open a spool and give the numbers of what waits."""
    async with Spool(path, LIMIT) as spool:
        return numbers(await waiting(spool))


class Busy:
    """Keeps the spool's thread busy, as a slow disk does, until `go` is set."""

    def __init__(self, spool: Spool) -> None:
        self.go = threading.Event()
        self._began = threading.Event()
        spool._writer.submit(Job(self._work, lambda _: None, apart=True))
        assert self._began.wait(30)

    def _work(self, _: object) -> None:
        self._began.set()
        self.go.wait(30)


def state_of(path: Path) -> tuple[bytes, bytes]:
    """Return the bytes of a spool's file and of its WAL."""
    wal = path.with_name(path.name + "-wal")
    return path.read_bytes(), wal.read_bytes() if wal.exists() else b""


def make_copy(path: Path, main: bytes, wal: bytes) -> Path:
    """Write a spool's files down."""
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(main)
    path.with_name(path.name + "-wal").write_bytes(wal)
    return path


async def _append_for_ever(path: Path, first: int) -> None:
    """Append from several tasks, and write each number down once it is durable."""

    async def one(number: int) -> None:
        while True:
            await put(spool, number, size=100 + number % 9_000)
            sys.stdout.write(f"{number}\n")
            sys.stdout.flush()
            number += 8

    async with Spool(path, LIMIT) as spool:
        await asyncio.gather(*(one(first + offset) for offset in range(8)))


async def _fill_the_disk(path: Path) -> None:
    """Append until nothing goes, drain while nothing goes, append again when something does; print each number."""
    soft = 3 * 2**20
    async with Spool(path, LIMIT) as spool:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, resource.RLIM_INFINITY))
        number, refused = 0, 0
        while refused < 3:
            try:
                await put(spool, number, size=20_000)
                print(number)  # noqa: T201  (the parent reads it)
            except NoRoom:
                refused += 1
            number += 1
        print("has room" if spool.has_room else "no room")  # noqa: T201  (as above)
        drained = (await waiting(spool))[:5]
        spool.remove(drained)
        assert numbers(await waiting(spool))[0] == 5, "what was removed waits no longer"
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        await put(spool, number, size=20_000)
        print(number)  # noqa: T201  (as above)


if __name__ == "__main__":
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    asyncio.run(
        _append_for_ever(Path(sys.argv[2]), int(sys.argv[3]))
        if sys.argv[1] == "append"
        else _fill_the_disk(Path(sys.argv[2]))
    )
