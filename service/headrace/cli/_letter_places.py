"""Places on a topic as people read and write them: `3@120`."""

import re
from collections.abc import Iterable
from typing import Final

import click

Places = dict[int, set[int]]
"""Offsets by partition."""

_PLACE: Final = re.compile(r"(\d{1,9})@(\d{1,18})")


def place_of(partition: int, offset: int) -> str:
    """Return a place as people read it: `3@120`."""
    return f"{partition}@{offset}"


def places_of(texts: Iterable[str]) -> Places:
    """Return places from what the command line names. Raises `BadParameter`."""
    found: Places = {}
    for text in texts:
        match = _PLACE.fullmatch(text)
        if match is None:
            raise click.BadParameter(f'"{text}" is no place on dead-letters, PARTITION@OFFSET such as 3@120')
        found.setdefault(int(match[1]), set()).add(int(match[2]))
    return found
