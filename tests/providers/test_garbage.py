"""Whatever bytes come in, the outcome is an event that can be written or a problem that says where."""

import json
from functools import cache
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from headrace.explain import Explanation, explain
from headrace.records.event import encode_event
from headrace.sdk.provider import UNREADABLE, Piece
from tests.providers import suite
from tests.providers.kit import RECEIVED, TENANT
from tests.providers.suite import HOMES, Home

EACH = pytest.mark.parametrize("home", HOMES, ids=lambda home: home.name)
THOROUGH = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])

ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(min_value=2**63, max_value=2**80),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=20),
    st.sampled_from(
        ["", " ", "0", "-1", "2026-13-45 99:99:99", "0000-00-00T00:00:00Z", "{", "{=}{next}", "\x00", "9" * 400]
    ),
    st.just("x" * 100_000),
    st.lists(st.integers(), max_size=2),
    st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=2),
    st.just([[[[{}]]]]),
)


@cache
def pieces(home: Home) -> list[Piece]:
    """Return one record of each sample, and one of each shape at least."""
    found: dict[tuple[str, str], Piece] = {}
    for sample in suite.samples(home):
        for piece in suite.pieces(home, sample):
            found.setdefault((sample.name, piece.shape), piece)
    return list(found.values())


@cache
def bodies(home: Home) -> list[bytes]:
    """Return the body of each sample."""
    return [sample.read_bytes() for sample in suite.samples(home)]


def check(found: Explanation) -> None:
    """Hold an explanation to the promise."""
    if found.event is not None:
        encode_event(found.event)
    if found.problem is not None:
        assert found.problem.code != "internal", found.problem
        where = found.problem.source
        assert where is not None
        assert where.pointer is not None or where.offset is not None
    assert found.fate in {"published", "mirror", "noop", "dead"}


def check_body(home: Home, body: bytes) -> None:
    """Cut and explain a body, the resource guessed and named."""
    provider = suite.provider_of(home)
    for resource in (None, *provider.resources):
        for found in explain(provider, TENANT, suite.mapping_of(home), body, resource=resource, now=RECEIVED):
            check(found)


def check_piece(home: Home, piece: Piece, value: bytes) -> None:
    """Explain other bytes under the shape and hint of a piece."""
    check(suite.explained(home, Piece(piece.shape, value, piece.hint)))


def paths(value: Any, at: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """Return the path of every value in a JSON document, the root's first."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [at, *(path for key, child in inner for path in paths(child, (*at, key)))]


def put(value: Any, path: tuple[str | int, ...], odd: Any) -> Any:
    """Return a document with another value at a path."""
    if not path:
        return odd
    copy: Any = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = put(copy[path[0]], path[1:], odd)
    return copy


@EACH
@THOROUGH
@given(data=st.data())
def test_a_value_of_the_wrong_type_is_a_problem_with_a_pointer(home: Home, data: st.DataObject) -> None:
    """Any value of a record may be anything else."""
    piece = data.draw(st.sampled_from([piece for piece in pieces(home) if piece.shape != UNREADABLE]))
    document = json.loads(piece.value)
    for _ in range(data.draw(st.integers(1, 3))):
        document = put(document, data.draw(st.sampled_from(paths(document))), data.draw(ODD))
    check_piece(home, piece, json.dumps(document).encode())


@EACH
@THOROUGH
@given(data=st.data())
def test_a_truncated_record_is_a_problem_with_an_offset(home: Home, data: st.DataObject) -> None:
    """A record may end anywhere."""
    piece = data.draw(st.sampled_from(pieces(home)))
    check_piece(home, piece, piece.value[: data.draw(st.integers(0, max(0, len(piece.value) - 1)))])


@EACH
@THOROUGH
@given(data=st.data())
def test_a_truncated_body_is_a_problem_with_an_offset(home: Home, data: st.DataObject) -> None:
    """A body may end anywhere."""
    body = data.draw(st.sampled_from(bodies(home)))
    check_body(home, body[: data.draw(st.integers(0, len(body)))])


@EACH
@THOROUGH
@given(data=st.data(), noise=st.binary(max_size=40))
def test_random_bytes_are_a_problem(home: Home, data: st.DataObject, noise: bytes) -> None:
    """Random bytes may stand alone or anywhere in a record, under any shape."""
    piece = data.draw(st.sampled_from(pieces(home)))
    at = data.draw(st.integers(0, len(piece.value)))
    check_piece(home, piece, noise)
    check_piece(home, piece, piece.value[:at] + noise + piece.value[at:])
    check_body(home, noise)


@EACH
@pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "utf-8-sig", "latin-1"])
def test_another_encoding_is_a_problem(home: Home, encoding: str) -> None:
    """A platform that changes its encoding gets problems, not crashes."""
    for piece in pieces(home):
        text = piece.value.decode("utf-8", "replace").replace("�", "?") + "é"
        check_piece(home, piece, text.encode(encoding, "replace"))
        check_body(home, text.encode(encoding, "replace"))


@EACH
@pytest.mark.parametrize("opening", [b"[", b'{"a":', b'{"data":[', b'[{"Data":', b'{"List":[{"x":'])
def test_deep_nesting_is_a_problem(home: Home, opening: bytes) -> None:
    """Nesting beyond any stack does not overflow ours."""
    body = opening * 100_000
    check_body(home, body)
    for piece in pieces(home):
        check_piece(home, piece, body)
        check_piece(home, piece, piece.value.rstrip().removesuffix(b"}") + b',"deep":' + body)


@EACH
@pytest.mark.parametrize(
    "body", [b"", b" ", b"null", b"0", b'""', b"[]", b"{}", b"[null]", b"[[]]", b"\x00", b"{" * 9, b'"\\ud800"']
)
def test_next_to_nothing_is_a_problem(home: Home, body: bytes) -> None:
    """Empty bodies and the smallest JSON documents are no events."""
    check_body(home, body)
    for piece in pieces(home):
        check_piece(home, piece, body)


@pytest.mark.slow
@EACH
def test_huge_values_pass_or_are_a_problem(home: Home) -> None:
    """A megabyte in any one place of a record is carried, or said to be wrong."""
    for piece in pieces(home):
        if piece.shape != UNREADABLE:
            document = json.loads(piece.value)
            for path in paths(document)[1:60]:
                check_piece(home, piece, json.dumps(put(document, path, "x" * 1_000_000)).encode())
