"""Queries of LeadPing's lists, and the continuation tokens of their pages."""

import base64
import hashlib
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

import msgspec

from headrace_demo.simulators.api_call import ApiError
from headrace_demo.simulators.clock import seconds_of
from headrace_demo.simulators.ledger import Plan

_BOUNDS: Final[dict[str, Callable[[float, float], bool]]] = {
    "greaterThan": lambda at, bound: at > bound,
    "greaterThanOrEqual": lambda at, bound: at >= bound,
    "lessThan": lambda at, bound: at < bound,
    "lessThanOrEqual": lambda at, bound: at <= bound,
}
_FIELD: Final = "createdAt"


class Place(NamedTuple):
    """Where a page begins: a place in the order, the number of the page, and the rows to be repeated."""

    at: int | None
    page: int
    again: list[int]


class Query(NamedTuple):
    """One query of a list; its `digest` detects a token of another query."""

    size: int
    oldest_first: bool
    since: float
    until: float
    fits: Callable[[Plan], bool]
    matches: Callable[[Mapping[str, Any]], bool] | None
    counted: bool
    place: Place
    digest: str


def query_of(path: str, parameters: Mapping[str, str], body: Mapping[str, Any], most: int) -> Query:
    """Read a query. Raises `ApiError` (400) for an invalid query, and for a token of another query."""
    digest = _digest(path, parameters, body)
    bounds = [*_ranges(body), *_span(parameters)]
    lows = [bound for name, bound in bounds if name.startswith("greater")]
    highs = [bound for name, bound in bounds if name.startswith("less")]
    return Query(
        size=_size(body.get("pageSize"), most),
        oldest_first=_direction(body.get("orderBy")),
        since=max(lows, default=float("-inf")),
        until=min(highs, default=float("inf")),
        fits=lambda plan: all(_BOUNDS[name](plan.created, bound) for name, bound in bounds),
        matches=_matcher(body, parameters),
        counted=bool(body.get("includeCount")),
        place=_place(body.get("continuationToken"), digest),
        digest=digest,
    )


def token(digest: str, place: Place) -> str:
    """Return a token, opaque to clients."""
    return base64.b64encode(b"[{" + msgspec.json.encode([digest, *place]) + b"}]").decode()


def _place(token: Any, digest: str) -> Place:
    if token is None:
        return Place(None, 0, [])
    try:
        query, at, page, again = msgspec.json.decode(base64.b64decode(token, validate=True)[2:-2])
    except (ValueError, TypeError, msgspec.MsgspecError):
        raise ApiError(400, "The continuation token is malformed.") from None
    if query != digest:
        raise ApiError(400, "The continuation token belongs to another query.")
    return Place(at, page, again)


def _digest(path: str, parameters: Mapping[str, str], body: Mapping[str, Any]) -> str:
    filters = {name: value for name, value in body.items() if name not in {"continuationToken", "pageSize"}}
    text = msgspec.json.encode([path, dict(parameters), filters], order="sorted")
    return hashlib.blake2b(text, digest_size=6).hexdigest()


def _size(value: Any, most: int) -> int:
    """Read a page size, a number or a string of digits; what is too large is cut."""
    try:
        size = int(value) if value is not None else most
    except (TypeError, ValueError):
        raise ApiError(400, "pageSize is a number.") from None
    if size < 1:
        raise ApiError(400, "pageSize begins at 1.")
    return min(size, most)


def _direction(order: Any) -> bool:
    """Return whether the oldest come first; without an order the newest do."""
    if not order:
        return False
    first = order[0] if isinstance(order, list) and isinstance(order[0], dict) else {}
    if len(order) != 1 or first.get("field") != _FIELD:
        raise ApiError(400, f"Lists are ordered by {_FIELD}.")
    return str(first.get("direction") or "asc").lower() == "asc"


def _ranges(body: Mapping[str, Any]) -> list[tuple[str, float]]:
    found = []
    for entry in body.get("rangeFilters") or []:
        if entry.get("field") != _FIELD:
            raise ApiError(400, f"Ranges are of {_FIELD}.")
        found += [(name, _moment(entry[name])) for name in _BOUNDS if entry.get(name) is not None]
    return found


def _span(parameters: Mapping[str, str]) -> list[tuple[str, float]]:
    """Read startAt (inclusive) and endAt (exclusive) of the account's lists."""
    names = (("startAt", "greaterThanOrEqual"), ("endAt", "lessThan"))
    return [(bound, _moment(parameters[name])) for name, bound in names if name in parameters]


def _moment(text: Any) -> float:
    try:
        return seconds_of(text)
    except (TypeError, ValueError):
        raise ApiError(400, f"{text!r} is no time.") from None


def _matcher(body: Mapping[str, Any], parameters: Mapping[str, str]) -> Callable[[Mapping[str, Any]], bool] | None:
    exact = {entry["field"]: entry.get("value") for entry in body.get("filters") or []}
    if category := parameters.get("category"):
        exact["eventCategory"] = category
    word, fields = str(body.get("search") or "").lower(), body.get("searchFields") or ["summary", "description"]

    if not exact and not word:
        return None

    def matches(row: Mapping[str, Any]) -> bool:
        if any(row.get(name) != value for name, value in exact.items()):
            return False
        return not word or any(word in str(row.get(name) or "").lower() for name in fields)

    return matches
