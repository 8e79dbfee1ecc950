"""The spool as a file: what was acknowledged is there, whatever happens to process, disk and file."""

import asyncio
import contextlib
import errno
import random
import re
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from headrace.spool import CannotSpool, NoRoom, Spool, store
from headrace.spool.file import SpoolFile
from headrace.spool.pages import PAGE_BYTES
from headrace.spool.writer import Job
from tests.integration.pipeline import until
from tests.unit.spool_harness import LIMIT, Busy, content, make_copy, numbers, put, state_of, waiting

CHILD = (sys.executable, "-m", "tests.unit.spool_harness")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "spool.db"


def room(spool: Spool) -> bool:
    """Ask anew: a type checker takes what was asserted of a property to last."""
    return spool.has_room


def files(path: Path) -> list[Path]:
    """Return all files of a spool."""
    return [*path.parent.glob(f"{path.name}*")]


async def test_what_was_appended_first_is_given_first_and_a_restart_changes_nothing(path: Path) -> None:
    """Records come back as they were put, in their order, each topic apart, from a file only its owner can read."""
    async with Spool(path, LIMIT) as spool:
        await asyncio.gather(*(put(spool, number, size=number * 300) for number in range(100)))
        await put(spool, 500, topic="nudges")
        assert {one.stat().st_mode & 0o777 for one in files(path)} == {0o600}
    async with Spool(path, LIMIT) as spool:
        found = await waiting(spool)
        assert numbers(found) == list(range(100))
        assert [len(one.out.value) for one in found] == [number * 300 for number in range(100)]
        assert (found[3].source, found[3].received, found[3].out.headers) == (
            "/things/t",
            1_003,
            [("headrace", b"\x01{}")],
        )
        assert numbers(await waiting(spool, "nudges")) == [500]
        assert spool.facts().oldest == 1_000
        assert numbers(await spool.oldest("raw", 3, LIMIT)) == [0, 1, 2]
        assert numbers(await spool.oldest("raw", 100, 1)) == [0], "one at least, however large"


async def test_a_file_that_was_moved_away_takes_nothing_until_it_is_back(path: Path) -> None:
    """A start would not find what it takes. What is in it can be read, and a file put in its place changes nothing."""
    path = path.parent / "volume" / path.name
    away = path.parent.with_name("away")
    async with Spool(path, LIMIT) as spool:
        await put(spool, 1)
        path.parent.rename(away)
        for _ in range(2):
            with pytest.raises(NoRoom, match="put it back"):
                await put(spool, 2)
            assert not room(spool)
            path.parent.mkdir(exist_ok=True)
            path.touch()
        assert numbers(await waiting(spool)) == [1]
        path.unlink()
        path.parent.rmdir()
        away.rename(path.parent)
        await until(lambda: spool.usable, "it is tried again")
        await put(spool, 3)
        assert numbers(await waiting(spool)) == [1, 3]


async def test_all_that_wait_share_one_commit(path: Path) -> None:
    """Appends that come while the disk is busy are one transaction."""
    async with Spool(path, LIMIT) as spool:
        commits: list[str] = []
        await spool._done(lambda file: file.db.set_trace_callback(commits.append), lambda _: None, 10, apart=True)
        busy = Busy(spool)
        appends = asyncio.gather(*(put(spool, number) for number in range(200)))
        await until(lambda: spool.waiting("raw") == 200, "all are on their way")
        assert spool.facts().waiting == 0
        busy.go.set()
        await appends
        assert commits.count("COMMIT") == 1
        assert spool.facts().waiting == 200


async def test_the_sums_hold_over_restarts(path: Path) -> None:
    """What was put is what was drained, waits and is set aside, and what is set aside can wait again."""
    async with Spool(path, LIMIT) as spool:
        await put(spool, *range(10))
        found = await waiting(spool)
        spool.remove(found[:4])
        spool.set_aside(found[4:6], "refused")
        assert spool.waiting("raw") == 4
        assert numbers(await waiting(spool)) == [6, 7, 8, 9]
    async with Spool(path, LIMIT) as spool:
        facts = spool.facts()
        assert (facts.put, facts.drained, facts.waiting, facts.set_aside) == (10, 4, 4, 2)
        assert await spool.take_back() == 2
        assert numbers(await waiting(spool)) == [4, 5, 6, 7, 8, 9]
        spool.remove(await waiting(spool))
        await put(spool, 10)
        assert numbers(await waiting(spool)) == [10]
        assert spool.facts().drained == 10


async def test_a_full_spool_refuses_and_takes_again_what_there_is_room_for(path: Path) -> None:
    """An append beyond the limit is refused at once; when something was drained there is room again."""
    async with Spool(path, 10_000) as spool:
        await put(spool, 1, size=9_000)
        assert room(spool)
        await put(spool, 2, size=100)
        assert not room(spool), "hardly anything fits any more"
        with pytest.raises(NoRoom, match="10,000"):
            await put(spool, 3, size=2_000)
        spool.remove((await waiting(spool))[:1])
        await until(lambda: spool.facts().bytes < 1_000, "it is gone")
        assert room(spool)
        await put(spool, 4, size=2_000)
        assert numbers(await waiting(spool)) == [2, 4]


async def test_one_delivery_that_does_not_fit_says_nothing_of_the_next(path: Path) -> None:
    """Where the largest of deliveries finds too little room, there is room all the same."""
    async with Spool(path, 10_000) as spool:
        await put(spool, 1, size=100)
        with pytest.raises(NoRoom, match="10,000"):
            await put(spool, 2, size=9_700)
        assert room(spool)
        await put(spool, 3, size=5_000)
        assert numbers(await waiting(spool)) == [1, 3]


async def test_a_spool_that_failed_once_is_tried_again_by_itself(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the disk refused an append and has room again, that shows within seconds, though nobody appends."""

    def refuse(*_: object) -> int:
        raise sqlite3.OperationalError("database or disk is full")

    async with Spool(path, LIMIT) as spool:
        with monkeypatch.context() as full:
            full.setattr(SpoolFile, "append", refuse)
            full.setattr(SpoolFile, "probe", refuse)
            with pytest.raises(NoRoom):
                await put(spool, 1)
            assert not room(spool)
        await until(lambda: room(spool), "it was tried again", deadline=10.0)


async def test_what_the_disk_does_not_take_is_refused_alone(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of deliveries that share one commit, those that fit are kept, though one among them is too large for the disk."""
    append = SpoolFile.append

    def refuse_large(file: SpoolFile, received: int, records: list[tuple[str, str, bytes]]) -> int:
        if any(len(record) > 50_000 for _, _, record in records):
            raise sqlite3.OperationalError("database or disk is full")
        return append(file, received, records)

    monkeypatch.setattr(SpoolFile, "append", refuse_large)
    async with Spool(path, LIMIT) as spool:
        busy = Busy(spool)
        puts = [asyncio.create_task(put(spool, number, size=60_000 if number == 5 else 100)) for number in range(9)]
        await until(lambda: spool.waiting("raw") == 9, "they are on their way")
        busy.go.set()
        results = await asyncio.gather(*puts, return_exceptions=True)
        assert [number for number, result in enumerate(results) if isinstance(result, NoRoom)] == [5]
        assert numbers(await waiting(spool)) == [0, 1, 2, 3, 4, 6, 7, 8]


async def test_what_a_hanging_disk_did_not_take_yet_is_bounded(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Deliveries that wait no longer stay on their way: beyond a bound in bytes others are refused at once."""
    monkeypatch.setattr(store, "APPEND_DEADLINE_SECONDS", 0.05)
    monkeypatch.setattr(store, "COMING_BYTES", 6_000)
    async with Spool(path, LIMIT) as spool:
        busy = Busy(spool)
        for number in range(4):
            with pytest.raises(NoRoom, match="TimeoutError"):
                await put(spool, number, size=1_000)
        with pytest.raises(NoRoom, match="on their way"):
            await put(spool, 4, size=1_000)
        busy.go.set()
        await until(lambda: not spool._coming_bytes, "the disk took them")
        assert numbers(await waiting(spool)) == [0, 1, 2, 3]


async def test_a_spool_has_one_owner(path: Path) -> None:
    """A second process, or a second spool in this one, is refused with a sentence until the first has closed."""
    async with Spool(path, LIMIT):
        with pytest.raises(CannotSpool, match="in use by process"):
            Spool(path, LIMIT)
    assert await content(path) == []


async def test_promise_1_a_file_cut_at_any_byte_has_what_was_acknowledged(path: Path, tmp_path: Path) -> None:
    """Of a WAL torn at any byte all is there that was acknowledged when it was so long, and nothing is damaged."""
    acknowledged: list[tuple[int, int]] = []
    async with Spool(path, LIMIT) as spool:
        for number in range(60):
            await put(spool, number, size=number * 150)
            acknowledged.append((len(state_of(path)[1]), number))
        main, whole = state_of(path)
    dice = random.Random(1)
    for turn in range(60):
        cut = dice.randint(0, len(whole))
        copy = make_copy(tmp_path / f"{turn}" / "spool.db", main, whole[:cut])
        async with Spool(copy, LIMIT) as torn:
            found = numbers(await waiting(torn))
            assert found == list(range(len(found))), f"cut at {cut}"
            assert len(found) >= sum(size <= cut for size, _ in acknowledged), f"cut at {cut}"
            assert torn.damage.times == 0


def test_promise_1_sigkill_loses_nothing_that_was_acknowledged(path: Path) -> None:
    """A process is killed twenty times at a random moment while it appends: every number it wrote down is there."""
    dice = random.Random(2)
    acknowledged: set[int] = set()
    for turn in range(20):
        first = turn * 100_000
        with subprocess.Popen((*CHILD, "append", path, str(first)), stdout=subprocess.PIPE, text=True) as child:
            assert child.stdout is not None
            for _ in range(dice.randint(1, 120)):
                acknowledged.add(int(child.stdout.readline()))
            child.kill()
            acknowledged.update(int(line) for line in child.stdout if line.endswith("\n"))
    assert len(acknowledged) > 200
    assert acknowledged <= set(asyncio.run(content(path)))
    assert [*path.parent.glob("*damaged*")] == []


async def test_a_full_disk_refuses_and_is_used_again_without_a_restart(path: Path) -> None:
    """Where the disk is full appends are refused; what is drained waits no longer; later appends are taken."""
    done = await asyncio.to_thread(
        subprocess.run, (*CHILD, "fill", path), capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    *before, state, after = done.stdout.split("\n")[:-1]
    assert state == "no room"
    assert len(before) > 20
    assert await content(path) == [*map(int, before[5:]), int(after)]


async def test_a_file_that_cannot_be_made_is_made_later(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the disk does not let us make the file, the spool opens without room, and takes records when it may."""

    def refuse(_: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as full:
        full.setattr(SpoolFile, "_create", staticmethod(refuse))
        spool = Spool(path, LIMIT)
        assert not room(spool)
        with pytest.raises(NoRoom):
            await put(spool, 1)
    async with spool:
        await put(spool, 2)
        assert room(spool)
        assert numbers(await waiting(spool)) == [2]


def _truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2 + 100])


def _wipe_the_beginning(path: Path) -> None:
    path.write_bytes(bytes(PAGE_BYTES) + path.read_bytes()[PAGE_BYTES:])


def _scribble(path: Path) -> None:
    """Overwrite one page in twenty."""
    found = bytearray(path.read_bytes())
    for at in range(5 * PAGE_BYTES, len(found), 20 * PAGE_BYTES):
        found[at : at + PAGE_BYTES] = random.Random(at).randbytes(PAGE_BYTES)
    path.write_bytes(found)


def _flip(path: Path) -> None:
    """Change one bit of a value."""
    found = bytearray(path.read_bytes())
    found[found.index(b"\xa0\xa1\xa2", PAGE_BYTES)] ^= 1
    path.write_bytes(found)


def _empty(path: Path) -> None:
    path.write_bytes(b"")


@pytest.mark.parametrize(
    ("hurt", "least"), [(_truncate, 90), (_wipe_the_beginning, 200), (_scribble, 150), (_empty, 0)]
)
async def test_what_a_damaged_file_still_holds_goes_on(path: Path, hurt: Callable[[Path], None], least: int) -> None:
    """Every record that is whole is salvaged; the damaged file stays beside the new one; the sums are right."""
    async with Spool(path, LIMIT) as spool:
        for number in range(200):
            await put(spool, number, size=3_000 if number % 5 else 30_000)
    hurt(path)
    async with Spool(path, LIMIT) as spool:
        found = await waiting(spool)
        facts = spool.facts()
        assert numbers(found) == sorted(set(numbers(found)))
        assert len(numbers(found)) == len(found) >= least
        assert facts.put == facts.drained + facts.waiting + facts.set_aside
        await put(spool, 1_000)
        assert numbers(await waiting(spool))[-1] == 1_000
        if least:
            assert (spool.damage.times, spool.damage.salvaged) == (1, len(found))
            assert len([one for one in files(path) if re.search(r"damaged-\d{8}T\d+Z$", one.name)]) == 1


async def test_damage_under_an_open_spool_is_noticed_and_survived(path: Path) -> None:
    """A file that breaks while it is in use is salvaged when that shows, and the counts are right again."""
    async with Spool(path, LIMIT) as spool:
        for number in range(100):
            await put(spool, number, size=3_000)
        await spool._done(lambda file: file.db.execute("PRAGMA cache_size = 0"), lambda _: None, 10, apart=True)
        await spool._done(
            lambda file: file.db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall(), lambda _: None, 10, apart=True
        )
        _scribble(path)
        found = await waiting(spool)
        assert spool.damage.times == 1
        assert len(found) == spool.waiting("raw") == spool.damage.salvaged
        spool.remove(found)
        await put(spool, 1_000)
        assert spool.waiting("raw") == 1


async def test_an_empty_file_beside_a_wal_is_salvaged_from_it(path: Path, tmp_path: Path) -> None:
    """SQLite would take the file for new and drop the WAL; what is in the WAL is kept."""
    async with Spool(path, LIMIT) as spool:
        await put(spool, *range(20))
        copy = make_copy(tmp_path / "copy" / "spool.db", b"", state_of(path)[1])
    assert await content(copy) == list(range(20))


async def test_a_record_whose_bytes_changed_is_not_taken_for_sound(path: Path) -> None:
    """A bit that flips inside a record is no damage to the file, and yet it is noticed."""
    async with Spool(path, LIMIT) as spool:
        await put(spool, 1, 2)
    _flip(path)
    async with Spool(path, LIMIT) as spool:
        assert sorted(one.sound for one in await waiting(spool)) == [False, True]


@pytest.mark.parametrize("done", [0, 1, 2])
def test_a_rescue_that_was_interrupted_is_taken_up(path: Path, done: int) -> None:
    """Killed at any of its steps, a rescue is finished by the next start."""
    asyncio.run(_filled(path))
    whole = path.read_bytes()
    _wipe_the_beginning(path)
    if done == 0:
        path.with_name("spool.db.salvaging").write_bytes(whole[: len(whole) // 2])
    else:
        path.with_name("spool.db.salvaged").write_bytes(whole)
    if done == 2:
        path.rename(path.with_name("spool.db.damaged-x"))
    assert asyncio.run(content(path)) == list(range(50))
    assert not path.with_name("spool.db.salvaged").exists()


async def _filled(path: Path) -> None:
    async with Spool(path, LIMIT) as spool:
        await put(spool, *range(50))


def _run(path: Path, statement: str) -> None:
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.execute(statement)


async def test_the_database_of_somebody_else_is_not_touched(path: Path) -> None:
    """A path that names some other database is refused with a sentence."""
    _run(path, "CREATE TABLE theirs (x)")
    before = state_of(path)
    with pytest.raises(CannotSpool, match="not a spool"):
        Spool(path, LIMIT)
    assert state_of(path) == before


async def test_a_newer_format_is_refused(path: Path) -> None:
    """A spool that a newer program wrote is refused with a sentence."""
    assert await content(path) == []
    _run(path, "PRAGMA user_version = 2")
    with pytest.raises(CannotSpool, match="upgrade"):
        Spool(path, LIMIT)


async def test_a_caller_that_is_cancelled_stops_nothing(path: Path) -> None:
    """Cancelled while the commit is pending, an append leaves the books right, and the spool closes in time."""
    spool = Spool(path, LIMIT)
    busy = Busy(spool)
    first, second = asyncio.create_task(put(spool, 1)), asyncio.create_task(put(spool, 2))
    await until(lambda: spool.waiting("raw") == 2, "both are on their way")
    first.cancel()
    await asyncio.wait([first])
    busy.go.set()
    await second
    assert spool.facts().waiting == spool.waiting("raw") == 2
    third = asyncio.create_task(put(spool, 3))
    await until(lambda: spool.waiting("raw") == 3, "it is on its way")
    spool.close()
    await third
    with pytest.raises(NoRoom):
        await put(spool, 4)
    assert await content(path) == [1, 2, 3]


async def test_an_error_of_ours_ends_neither_the_thread_nor_what_waits(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever a job raises, what came with it is kept all the same, and the next append is taken."""
    monkeypatch.setattr(store, "APPEND_DEADLINE_SECONDS", 60)  # on a busy machine, writing the traceback takes long

    def fail(_: object) -> None:
        raise SystemExit

    async with Spool(path, LIMIT) as spool:
        busy = Busy(spool)
        spool._writer.submit(Job(fail, lambda _: None))
        beside = asyncio.create_task(put(spool, 1))
        await until(lambda: spool.waiting("raw") == 1, "it is on its way")
        busy.go.set()
        await beside
        await put(spool, 2)
        assert numbers(await waiting(spool)) == [1, 2]
        assert spool.waiting("raw") == 2


async def test_unused_room_is_given_back(path: Path) -> None:
    """When all is drained the file shrinks."""
    async with Spool(path, LIMIT) as spool:
        await put(spool, *range(200), size=50_000)
    full = len(state_of(path)[0])
    async with Spool(path, LIMIT) as spool:
        spool.remove(await waiting(spool))
        spool.shrink()
    assert len(state_of(path)[0]) < full / 10
