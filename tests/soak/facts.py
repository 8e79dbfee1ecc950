"""What was offered and what was accepted: a digest of eight bytes for each fact, in a file that only grows."""

from collections.abc import Iterable
from hashlib import blake2b
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from headrace_demo.senders import Fact

Digests = NDArray[np.uint64]


def digest_of(source: str, resource: str, ident: str) -> int:
    """Return eight bytes that stand for a fact, or for any three texts."""
    return int.from_bytes(blake2b(f"{source}\0{resource}\0{ident}".encode(), digest_size=8).digest(), "little")


class FactFile:
    """A file of digests that is written."""

    def __init__(self, path: Path) -> None:
        self.count = 0
        self._file: Final = path.open("wb")

    def add(self, facts: Iterable[Fact]) -> None:
        """Append facts; they are in the file at the next `flush`."""
        for fact in facts:
            self._file.write(digest_of(*fact).to_bytes(8, "little"))
            self.count += 1

    def flush(self) -> None:
        """Write what was appended."""
        self._file.flush()


def facts_in(*paths: Path) -> Digests:
    """Return the digests of such files, each once, sorted."""
    return np.unique(np.concatenate([np.fromfile(path, dtype=np.uint64) for path in paths]))
