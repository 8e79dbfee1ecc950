"""Whether the volume of a spool has room for all that the spool may hold."""

import shutil
from pathlib import Path
from typing import Final

LOG_BYTES: Final = 128 * 2**20
"""What SQLite's log beside the file may take, and the file's own inner pages."""
MIXED: Final = 8
"""Records of mixed sizes fill pages worse than those of one size, by an eighth."""


def missing_bytes(path: Path, limit: int) -> int:
    """Return how many bytes the volume lacks for a spool of `limit` bytes, 0 where there is room.

    What the file takes already counts as free: it is used again. Raises `OSError`.
    """
    taken = sum(file.stat().st_size for file in (path, path.with_name(f"{path.name}-wal")) if file.exists())
    free = shutil.disk_usage(path.parent).free
    return max(0, limit + limit // MIXED + LOG_BYTES - taken - free)
