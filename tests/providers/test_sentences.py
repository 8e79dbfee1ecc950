"""What a dead letter says of a value is a sentence of ours, which says what is read; never one of Python's."""

import json
import re
from typing import Any, Final

import pytest

from headrace.sdk.provider import Piece
from tests.providers import suite
from tests.providers.suite import HOMES, Home

EACH = pytest.mark.parametrize("home", HOMES, ids=lambda home: home.name)
TIME: Final = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d|\d+/\d+/\d{4} ")
NO_TIMES: Final = (
    "04/05/2026 06:07:08",
    "04/05/2026",
    "a/b",
    "2026-05-04",
    "20260504",
    "2026-02-30T01:02:03Z",
    "2026-05-04T25:00:00Z",
    "next week",
    "1777942800",
    "9999-12-31T23:59:59-23:59",
    "2026-05-04 06:07:08 AM",
)
PYTHON: Final = re.compile(
    r"unpack|isoformat|must be in|out of range|invalid literal|unconverted|codec|NoneType|has no attribute|"
    r"unhashable|date value|start byte|continuation byte|\b(?:str|dict|bool|float|NoneType)$|Error\b"
)


def spoiled(value: Any, instead: str) -> list[Any]:
    """Return a structure once for each time in it, that time replaced."""
    if isinstance(value, str):
        return [instead] if TIME.match(value) else []
    if isinstance(value, dict):
        return [value | {key: new} for key, inner in value.items() for new in spoiled(inner, instead)]
    if isinstance(value, list):
        return [
            [*value[:at], new, *value[at + 1 :]] for at, inner in enumerate(value) for new in spoiled(inner, instead)
        ]
    return []


def pieces(home: Home) -> list[Piece]:
    """Return the first record of each shape of each sample, JSON only."""
    found = {(name.name, piece.shape): piece for name in suite.samples(home) for piece in suite.pieces(home, name)}
    return [piece for piece in found.values() if piece.shape != "unreadable"]


@EACH
def test_no_sentence_of_pythons_reaches_a_dead_letter(home: Home) -> None:
    """Each time of each sample, written in a way that nobody reads: what is refused says which forms are read."""
    refused = set()
    for piece in pieces(home):
        for instead in NO_TIMES:
            for body in spoiled(json.loads(piece.value), instead):
                problem = suite.explained(home, Piece(piece.shape, json.dumps(body).encode(), piece.hint)).problem
                if problem is not None:
                    refused.add(problem.detail)
    assert not [detail for detail in refused if PYTHON.search(detail)]
    assert home.name == "acme" or any("time of day" in detail for detail in refused)


@EACH
@pytest.mark.parametrize("value", [b'{"a":"\xff"}', b'{"a":"\xc3', b"[\xed\xa0\x80]", b"\xfe\xff"])
def test_bytes_that_are_no_text_have_a_sentence_too(home: Home, value: bytes) -> None:
    """A byte that is no UTF-8, wherever it stands."""
    for piece in [*suite.provider_of(home).cut(value), *(Piece(each.shape, value) for each in pieces(home))]:
        problem = suite.explained(home, piece).problem
        assert problem is not None
        assert not PYTHON.search(problem.detail), problem


@EACH
@pytest.mark.parametrize("instead", [True, [], {}, {"a": 1}, 7, None])
def test_a_value_of_another_kind_has_a_sentence_too(home: Home, instead: Any) -> None:
    """Each value of the top level replaced by one of another kind."""
    for piece in pieces(home):
        whole = json.loads(piece.value)
        for key in whole if isinstance(whole, dict) else ():
            body = json.dumps(whole | {key: instead}).encode()
            problem = suite.explained(home, Piece(piece.shape, body, piece.hint)).problem
            assert problem is None or not PYTHON.search(problem.detail), problem
