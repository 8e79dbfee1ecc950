from typing import Any

import msgspec
import pytest
from msgspec import Struct

from headrace.core.problems import Problem, Source, Undecodable, bad_value, from_exception, shift


class Inner(Struct):
    name: str


class Outer(Struct):
    id: int
    inner: Inner | None = None
    many: list[Inner] = []


def decoding(data: bytes, kind: Any = Outer) -> Exception:
    """Return the error that decoding ends with."""
    try:
        msgspec.json.decode(data, type=kind)
    except Exception as error:  # noqa: BLE001  (it is what the test is about)
        return error
    raise AssertionError(f"{data!r} was decoded")


@pytest.mark.parametrize(
    ("data", "code", "source"),
    [
        (b'{"id": "x"}', "bad_shape", Source(pointer="$.id")),
        (b'{"id": 1, "inner": {"name": 3}}', "bad_shape", Source(pointer="$.inner.name")),
        (b'{"id": 1, "inner": {}}', "bad_shape", Source(pointer="$.inner.name")),
        (b'{"id": 1, "many": [{"name": "a"}, {}]}', "bad_shape", Source(pointer="$.many[1].name")),
        (b"{}", "bad_shape", Source(pointer="$.id")),
        (b"[]", "bad_shape", Source(pointer="$")),
        (b"null", "bad_shape", Source(pointer="$")),
        (b'{"id": 1', "malformed", Source(offset=8)),
        (b"", "malformed", Source(offset=0)),
        (b'{"id": x}', "malformed", Source(offset=7)),
        (b'{"id": 1} 2', "malformed", Source(offset=11)),
        (b'{"id": 1, "inner": {"name": "\xff"}}', "malformed", Source(offset=29)),
    ],
)
def test_promise_4_what_the_decoder_says_becomes_a_problem_that_points(data: bytes, code: str, source: Source) -> None:
    """Wrong shapes have a pointer, broken bytes an offset."""
    problem = from_exception(decoding(data), data)
    assert (problem.code, problem.source) == (code, source)
    assert problem.detail


def test_a_number_beyond_64_bits() -> None:
    """What cannot be written down again makes no sense as a value."""
    with pytest.raises(OverflowError) as overflow:
        msgspec.msgpack.encode(-(2**63) - 1)
    problem = from_exception(overflow.value, b"{}")
    assert (problem.code, problem.source) == ("bad_value", Source(pointer="$"))


def test_what_is_nested_too_deeply() -> None:
    """A payload that is all brackets is a problem of its own."""
    data = b"[" * 100_000
    problem = from_exception(decoding(data, Any), data)
    assert (problem.code, problem.source) == ("too_deep", Source(pointer="$"))


def test_a_value_that_makes_no_sense() -> None:
    """What a provider says about a value is reported unchanged."""
    error = bad_value("$.CreatedOn", "not a date")
    assert from_exception(error, b"{}") == error.problem
    assert str(error) == "bad_value at $.CreatedOn: not a date"


def test_promise_7_an_unknown_error_does_not_quote_itself() -> None:
    """The text of an error of ours may hold a payload: its kind is reported, its text is not."""
    problem = from_exception(KeyError("+12025550143"), b"{}")
    assert problem.code == "internal"
    assert "KeyError" in problem.detail
    assert "+12025550143" not in str(problem)


def test_what_quotes_the_payload_is_cut() -> None:
    """A letter fits its topic however long the value is that it complains about."""
    problem = from_exception(bad_value("$." + "k" * 9_000, "v" * 9_000), b"{}")
    assert problem.source is not None
    assert len(problem.detail) == len(problem.source.pointer or "") == 500


def test_a_pointer_moves_below_where_its_part_lies() -> None:
    """A part that was decoded alone is reported by its place in the whole."""
    assert shift(bad_value("$.id", "x"), "$.row").problem.source == Source(pointer="$.row.id")
    assert shift(bad_value("$", "x"), "$.row").problem.source == Source(pointer="$.row")


def test_an_offset_does_not_move() -> None:
    """Where only a byte is known there is nothing to move."""
    error = Undecodable(Problem("malformed", "not JSON", "x", Source(offset=3)))
    assert shift(error, "$.row") is error


@pytest.mark.parametrize(
    ("source", "line"),
    [(None, "c: d"), (Source(pointer="$.a"), "c at $.a: d"), (Source(offset=0), "c at byte 0: d")],
)
def test_a_problem_in_one_line(source: Source | None, line: str) -> None:
    """People read code, place and detail."""
    assert str(Problem("c", "t", "d", source)) == line


@pytest.mark.parametrize(
    ("payload", "at"),
    [
        (rb'{"a":"cut \ud83d"}', 10),
        (rb'{"a":"\ud83d\ude00 \\ud83d \uD83D"}', 27),
        (rb'{"a":"\\\ud83d"', 8),
    ],
)
def test_half_of_a_surrogate_pair_is_not_called_truncated(payload: bytes, at: int) -> None:
    """The place is where the half stands, not the end."""
    with pytest.raises(msgspec.DecodeError) as caught:
        msgspec.json.decode(payload)
    problem = from_exception(caught.value, payload)
    assert (problem.code, problem.detail) == ("malformed", "half of a surrogate pair stands alone")
    assert problem.source == Source(offset=at)
