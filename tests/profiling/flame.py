"""A flame graph as SVG: one box a function, as wide as its share of the samples, its callees above it. Pure.

What is narrower than a quarter of a percent is left out: nobody could read it, and the file stays small.
"""

import zlib
from collections import Counter
from collections.abc import Iterator, Mapping
from html import escape
from typing import Final

from msgspec import Struct

from tests.profiling.steps import Stack

WIDTH: Final = 1_400
ROW: Final = 17
LEAST: Final = 0.0025
_LETTER: Final = 6.6
"""Pixels of one letter."""
_HEAD: Final = 34


class _Box(Struct):
    frame: str
    depth: int
    left: int
    count: int


def svg(title: str, stacks: Mapping[Stack, int]) -> str:
    """Return the graph of all stacks; the outermost functions that all share stand at the bottom."""
    total = sum(stacks.values()) or 1
    boxes = [box for box in _boxes(stacks) if box.count >= LEAST * total]
    height = _HEAD + ROW * (max((box.depth for box in boxes), default=0) + 1) + 8
    drawn = "\n".join(_drawn(box, total, height) for box in boxes)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}" '
        f'font-family="monospace" font-size="11">\n<rect width="100%" height="100%" fill="#fff"/>\n'
        f'<text x="8" y="21" font-size="15">{escape(title)}</text>\n{drawn}\n</svg>\n'
    )


def _boxes(stacks: Mapping[Stack, int]) -> Iterator[_Box]:
    """Yield the boxes: at each depth those of one caller beside each other, in the order of their names."""
    waiting = [(0, 0, Counter(stacks))]
    while waiting:
        depth, left, level = waiting.pop()
        groups: dict[str, Counter[Stack]] = {}
        for stack, count in level.items():
            if len(stack) > depth:
                groups.setdefault(stack[depth], Counter())[stack] += count
        for frame in sorted(groups):
            count = groups[frame].total()
            yield _Box(frame, depth, left, count)
            waiting.append((depth + 1, left, groups[frame]))
            left += count


def _drawn(box: _Box, total: int, height: int) -> str:
    """Return one box with its name, as much as fits, and all of it as its tooltip."""
    x, width = box.left / total * WIDTH, box.count / total * WIDTH
    y = height - 6 - ROW * (box.depth + 1)
    letters = int((width - 4) / _LETTER)
    name = box.frame if len(box.frame) <= letters else box.frame[: max(letters - 1, 0)] + "…"
    label = f'<text x="{x + 3:.1f}" y="{y + 12}">{escape(name)}</text>' if letters >= 4 else ""
    return (
        f'<g><title>{escape(box.frame)}: {box.count / total:.1%}</title><rect x="{x:.1f}" y="{y}" width="{width:.1f}" '
        f'height="{ROW - 1}" fill="{_colour(box.frame)}"/>{label}</g>'
    )


def _colour(frame: str) -> str:
    """Return a colour by whose code it is: ours, the Kafka client's, HTTP's, or another's; its shade by the file."""
    name, _, file = frame.partition(" (")
    for part, hue in (("headrace", 32), ("aiokafka", 205), ("aiohttp", 285), ("asyncio", 120), ("uvloop", 120)):
        if part in file or part in name:
            return f"hsl({hue},75%,{66 + zlib.crc32(file.encode()) % 16}%)"
    return f"hsl(0,0%,{76 + zlib.crc32(file.encode()) % 12}%)"
