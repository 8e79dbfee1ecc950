import contextlib
import random
from collections.abc import Sequence
from pathlib import Path

import pytest

from headrace.spool import NoRoom, Spool
from headrace.spool.volume import LOG_BYTES, MIXED, missing_bytes
from tests.unit.spool_harness import put

LIMIT = 12 * 2**20
MOST = 100_000
MIXTURE = [random.Random(7).choice([60, 900, 2_000, 4_200, 5_900, 9_000, 70_000]) for _ in range(5_000)]


@pytest.mark.parametrize("sizes", [[150], [900], [2_000], [4_200], [5_900], [8_100], [9_000], [70_000], MIXTURE])
async def test_a_full_spool_takes_no_more_than_its_limit_on_the_disk(tmp_path: Path, sizes: Sequence[int]) -> None:
    """Whatever the size of its records: pages that they leave half empty count, and an eighth is for mixtures."""
    path, number = tmp_path / "spool.db", 0
    async with Spool(path, LIMIT) as spool:
        with contextlib.suppress(NoRoom):
            while number < MOST:
                await put(spool, *range(number + 1, number + 51), size=sizes[number // 50 % len(sizes)])
                number += 50
        assert number < MOST
    assert path.stat().st_size <= LIMIT + LIMIT // MIXED
    assert path.stat().st_size >= LIMIT // 2


async def test_a_volume_that_is_too_small_is_found_at_the_start(tmp_path: Path) -> None:
    """What the file takes already counts as free, and the log of SQLite needs room as well."""
    path = tmp_path / "spool.db"
    assert missing_bytes(path, 2**20) == 0
    assert missing_bytes(path, 2**60) > 2**59 + LOG_BYTES
    before = missing_bytes(path, 2**60)
    async with Spool(path, LIMIT) as spool:
        await put(spool, *range(200), size=10_000)
        assert abs(missing_bytes(path, 2**60) - before) < 2**30
