"""Queries of the list of events: filters in both syntaxes, sorting, pages by cursor and by offset."""

import base64
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

import msgspec

from headrace_demo.simulators.api_call import ApiError
from headrace_demo.simulators.clock import DAY, seconds_of

SORTED: Final = ("createdAt", "eventAt")
_MOST: Final = 1000
FIFTY: Final = 50
_DATE: Final = len("2026-10-01")
_RELATIONS: Final = frozenset({"account", "call", "mailing", "opportunity", "prospect", "task", "user"})
_INF: Final = float("inf")


class Span(NamedTuple):
    """A range of times, both ends in it."""

    since: float = -_INF
    until: float = _INF


class Query(NamedTuple):
    """One page of the list: its size, its order, its filters, its place (a cursor, or an offset), and whether to count.

    `spans` are by SORTED; `fits` looks at the row.
    """

    size: int
    sort: str
    backwards: bool
    spans: Mapping[str, Span]
    fits: Callable[[Mapping[str, Any]], bool] | None
    after: int | None
    again: list[int]
    by_cursor: bool
    offset: int
    counted: bool


def query_of(parameters: Mapping[str, str]) -> Query:
    """Read a query. Raises `ApiError` (422) for what the list of events does not know."""
    sort = parameters.get("sort", "createdAt")
    if sort.removeprefix("-") not in SORTED:
        raise ApiError(422, f"Events cannot be sorted by {sort}.")
    after, again = cursor_of(parameters.get("page[after]"))
    return Query(
        size=_number(parameters, "page[size]", _number(parameters, "page[limit]", FIFTY)),
        sort=sort.removeprefix("-"),
        backwards=sort.startswith("-"),
        spans={name: span_of(parameters, name) for name in SORTED},
        fits=_fits(parameters),
        after=after,
        again=again,
        by_cursor="page[size]" in parameters,
        offset=int(parameters.get("page[offset]", "0")),
        counted=parameters.get("count") == "true",
    )


def cursor(after: int, again: list[int]) -> str:
    """Return the cursor of the next page, opaque to clients."""
    return base64.urlsafe_b64encode(b"v2:" + msgspec.json.encode([after, again])).decode()


def cursor_of(cursor: str | None) -> tuple[int | None, list[int]]:
    """Read a cursor. Raises `ApiError`."""
    if cursor is None:
        return None, []
    try:
        return msgspec.json.decode(base64.urlsafe_b64decode(cursor).removeprefix(b"v2:"), type=tuple[int, list[int]])
    except (ValueError, msgspec.MsgspecError):
        raise ApiError(422, "The cursor is not valid.") from None


def span_of(parameters: Mapping[str, str], name: str) -> Span:
    """Read a range of times: `a..b`, `neginf..b`, `a..inf`, or the newer `[gte]` and `[lte]`."""
    low, high = parameters.get(f"filter[{name}][gte]"), parameters.get(f"filter[{name}][lte]")
    if (low or high) and parameters.get("newFilterSyntax") != "true":
        raise ApiError(422, "This filter needs newFilterSyntax=true.")
    if span := parameters.get(f"filter[{name}]"):
        low, dots, high = span.partition("..")
        if not dots:
            high = low
    return Span(_moment(low, -_INF), _moment(high, _INF, end=True))


def _moment(text: str | None, default: float, *, end: bool = False) -> float:
    if text in {None, "inf", "neginf"}:
        return default
    try:
        return seconds_of(text or "") + (DAY - 1 if end and len(text or "") == _DATE else 0.0)
    except ValueError:
        raise ApiError(422, f"{text!r} is no time.") from None


def _fits(parameters: Mapping[str, str]) -> Callable[[Mapping[str, Any]], bool] | None:
    """Return the filter by name and by related records, None where the query has none."""
    names = set(parameters.get("filter[name]", parameters.get("filter[name][]", "")).split(",")) - {""}
    related = {name: parameters[f"filter[{name}][id]"] for name in _RELATIONS if f"filter[{name}][id]" in parameters}
    known = {f"filter[{name}][id]" for name in _RELATIONS} | {"filter[name]", "filter[name][]"}
    known |= {f"filter[{name}]{bound}" for name in SORTED for bound in ("", "[gte]", "[lte]")}
    if strange := [name for name in parameters if name.startswith("filter[") and name not in known]:
        raise ApiError(422, f"Events cannot be filtered by {strange[0]}.")
    if not names and not related:
        return None

    def fits(row: Mapping[str, Any]) -> bool:
        if names and row["attributes"]["name"] not in names:
            return False
        others = (((row["relationships"][kind]["data"] or {}).get("id"), ident) for kind, ident in related.items())
        return all(str(there) == ident for there, ident in others)

    return fits


def _number(parameters: Mapping[str, str], name: str, default: int) -> int:
    text = parameters.get(name)
    if text is None:
        return default
    if not text.isdigit() or not 1 <= int(text) <= _MOST:
        raise ApiError(422, f"{name} is between 1 and {_MOST}.")
    return int(text)
