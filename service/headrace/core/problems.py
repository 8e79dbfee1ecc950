"""Failure as data: one `Problem` for a dead letter and for a refused request, made from the decoder's error."""

import re
from typing import Final

import msgspec

from headrace_events import Problem, Source

__all__ = [
    "Problem",
    "Source",
    "Undecodable",
    "bad_time",
    "bad_value",
    "from_exception",
    "shift",
    "unquoted",
    "without_text",
]

_AT: Final = re.compile(r"^(?P<what>.*?)(?: - at `(?P<path>[^`]*)`)?$", re.DOTALL)
_MISSING: Final = re.compile(r"required field `(?P<name>[^`]*)`")
_LONGEST: Final = 500
_QUOTED: Final = re.compile(r"'.*'|\".*\"", re.DOTALL)
_HALF: Final = re.compile(rb"(?<!\\)(?:\\\\)*(?P<half>\\u[dD][89abAB][0-9a-fA-F]{2})(?!\\u[dD][c-fC-F][0-9a-fA-F]{2})")
_BYTE: Final = re.compile(r"\(byte (?P<offset>\d+)\)")


class Undecodable(Exception):  # noqa: N818  (the word of the design; it is an outcome, not a fault of ours)
    """A payload that cannot become an event; `problem` says why and where."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(str(problem))
        self.problem = problem


def bad_value(pointer: str, detail: str) -> Undecodable:
    """Return the error for one value that is well-formed but makes no sense, at a path such as `$.CreatedOn`."""
    return Undecodable(Problem("bad_value", "A value makes no sense", detail, Source(pointer=pointer)))


def bad_time(pointer: str) -> Undecodable:
    """Return the error for what is no time in ISO 8601; what Python says of it would tell nobody what is read."""
    return bad_value(pointer, "no time in ISO 8601 with a time of day, such as 2026-05-04T01:00:00.000Z")


def from_exception(error: Exception, payload: bytes) -> Problem:
    """Return any exception of one payload as a problem with a pointer or byte offset.

    Texts that quote the payload are cut: a dead letter must fit its topic together with the bytes.
    """
    problem = _problem(error, payload)
    source = problem.source
    if source is not None and source.pointer is not None and len(source.pointer) > _LONGEST:
        source = Source(pointer=source.pointer[:_LONGEST])
    return msgspec.structs.replace(problem, detail=problem.detail[:_LONGEST], source=source)


def unquoted(problem: Problem) -> Problem:
    """Return a problem whose sentence quotes nothing of the payload."""
    return msgspec.structs.replace(problem, detail=_QUOTED.sub("…", problem.detail))


def without_text(error: Exception) -> Exception:
    """Return an error of the same place in the code whose text, which may quote a payload, is the kind of this one."""
    return RuntimeError(type(error).__name__).with_traceback(error.__traceback__)


def _problem(error: Exception, payload: bytes) -> Problem:
    match error:
        case Undecodable():
            return error.problem
        case msgspec.ValidationError():
            return _mismatch(str(error))
        case msgspec.DecodeError():
            return _malformed(str(error), payload)
        case UnicodeDecodeError():
            at = Source(offset=_not_utf8(payload, error))
            return Problem("malformed", "The payload is not UTF-8", "no character begins or goes on with this byte", at)
        case RecursionError() | OverflowError():
            return _beyond_limits(error)
        case _:
            # The text of an unknown error may quote the payload: its kind is enough to find it.
            detail = f"{type(error).__name__} while it was read; the bytes are kept, redrive them after a fix"
            return Problem("internal", "An error of ours", detail, _root())


def _beyond_limits(error: RecursionError | OverflowError) -> Problem:
    """Return the problem of JSON that is valid but cannot be read: too deep, or a number of more than 64 bits."""
    if isinstance(error, RecursionError):
        return Problem("too_deep", "The payload is nested too deeply", "nesting beyond what we read", _root())
    return Problem("bad_value", "A value makes no sense", "a number beyond 64 bits", _root())


def shift(error: Undecodable, prefix: str) -> Undecodable:
    """Return the error with its pointer moved below `prefix`: `$.id` under `$.row` becomes `$.row.id`."""
    problem = error.problem
    if problem.source is None or problem.source.pointer is None:
        return error
    moved = prefix + problem.source.pointer.removeprefix("$")
    return Undecodable(msgspec.structs.replace(problem, source=Source(pointer=moved)))


def _root() -> Source:
    return Source(pointer="$")


def _mismatch(message: str) -> Problem:
    found = _AT.match(message)
    path = (found and found["path"]) or "$"
    detail = found["what"] if found else message
    missing = _MISSING.search(detail)
    if missing:
        path = f"{path}.{missing['name']}"
    return Problem("bad_shape", "The payload does not have the expected shape", detail, Source(pointer=path))


def _not_utf8(payload: bytes, error: UnicodeDecodeError) -> int:
    """Return the offset of the first invalid byte in the payload; msgspec counts from the start of one string."""
    try:
        payload.decode()
    except UnicodeDecodeError as whole:
        return whole.start
    return error.start


def _malformed(message: str, payload: bytes) -> Problem:
    found = _BYTE.search(message)
    offset = int(found["offset"]) if found else len(payload)
    # msgspec says of the first half of a pair that it was truncated, where less than the other half stands behind it.
    if not found and (half := _HALF.search(payload)):
        message, offset = "half of a surrogate pair stands alone", half.start("half")
    return Problem("malformed", "The payload is not JSON", message, Source(offset=offset))
