"""The digests of the corpus, block by block, as they are recorded in `digests.txt`."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Final

from msgspec import Struct

from headrace_events import decode_dead_letter
from tests.corpus.outputs import Output, packed

FILE: Final = Path(__file__).with_name("digests.txt")
BLOCK: Final = 250
"""Records of one line."""


class Block(Struct):
    """Records that stand together; `shapes` are theirs, each with its provider."""

    number: int
    digest: str
    shapes: Counter[str]
    fates: Counter[str]
    codes: Counter[str]
    """The codes of dead letters' problems."""


def blocks(outputs: Iterable[Output]) -> Iterator[Block]:
    """Yield the blocks of a run."""
    rest, number = iter(outputs), 0
    while together := list(islice(rest, BLOCK)):
        yield _block(number, together)
        number += 1


def read() -> list[str]:
    """Return the recorded digests."""
    return FILE.read_text("utf-8").split()


def write(found: Iterable[Block]) -> None:
    """Record the digests of a run."""
    FILE.write_text("".join(f"{block.digest}\n" for block in found), "utf-8")


def _block(number: int, outputs: list[Output]) -> Block:
    whole = hashlib.blake2b(digest_size=10)
    shapes, fates, codes = Counter[str](), Counter[str](), Counter[str]()
    for output in outputs:
        whole.update(packed(output))
        shapes[f"{output.input.raw.provider} {output.input.raw.shape}"] += 1
        fates[output.decision[1]] += 1
        if output.decision[1] == "dead":
            codes[decode_dead_letter(output.written[0].headers).problem.code] += 1
    return Block(number, whole.hexdigest(), shapes, fates, codes)
