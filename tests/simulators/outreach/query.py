"""What the list of events may be asked: filters in both syntaxes, sorting, pages by cursor and by offset."""

import base64
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

import msgspec

from tests.simulators.asking import Wrong
from tests.simulators.clock import DAY, seconds_of

SORTED: Final = ("createdAt", "eventAt")
_MOST: Final = 1000
_FIFTY: Final = 50
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


def query_of(asked: Mapping[str, str]) -> Query:
    """Read a query. Raises `Wrong` (422) for what the list of events does not know."""
    sort = asked.get("sort", "createdAt")
    if sort.removeprefix("-") not in SORTED:
        raise Wrong(422, f"Events cannot be sorted by {sort}.")
    after, again = cursor_of(asked.get("page[after]"))
    return Query(
        size=_number(asked, "page[size]", _number(asked, "page[limit]", _FIFTY)),
        sort=sort.removeprefix("-"),
        backwards=sort.startswith("-"),
        spans={name: span_of(asked, name) for name in SORTED},
        fits=_fits(asked),
        after=after,
        again=again,
        by_cursor="page[size]" in asked,
        offset=int(asked.get("page[offset]", "0")),
        counted=asked.get("count") == "true",
    )


def cursor(after: int, again: list[int]) -> str:
    """Write the cursor of the next page, opaque to whoever follows it."""
    return base64.urlsafe_b64encode(b"v2:" + msgspec.json.encode([after, again])).decode()


def cursor_of(told: str | None) -> tuple[int | None, list[int]]:
    """Read a cursor. Raises `Wrong`."""
    if told is None:
        return None, []
    try:
        return msgspec.json.decode(base64.urlsafe_b64decode(told).removeprefix(b"v2:"), type=tuple[int, list[int]])
    except (ValueError, msgspec.MsgspecError):
        raise Wrong(422, "The cursor is not valid.") from None


def span_of(asked: Mapping[str, str], name: str) -> Span:
    """Read a range of times: `a..b`, `neginf..b`, `a..inf`, or the newer `[gte]` and `[lte]`."""
    low, high = asked.get(f"filter[{name}][gte]"), asked.get(f"filter[{name}][lte]")
    if (low or high) and asked.get("newFilterSyntax") != "true":
        raise Wrong(422, "This filter needs newFilterSyntax=true.")
    if told := asked.get(f"filter[{name}]"):
        low, dots, high = told.partition("..")
        if not dots:
            high = low
    return Span(_moment(low, -_INF), _moment(high, _INF, end=True))


def _moment(told: str | None, unsaid: float, *, end: bool = False) -> float:
    if told in {None, "inf", "neginf"}:
        return unsaid
    try:
        return seconds_of(told or "") + (DAY - 1 if end and len(told or "") == _DATE else 0.0)
    except ValueError:
        raise Wrong(422, f"{told!r} is no time.") from None


def _fits(asked: Mapping[str, str]) -> Callable[[Mapping[str, Any]], bool] | None:
    """Make the filter by name and by related records, None where none is asked for."""
    names = set(asked.get("filter[name]", asked.get("filter[name][]", "")).split(",")) - {""}
    related = {name: asked[f"filter[{name}][id]"] for name in _RELATIONS if f"filter[{name}][id]" in asked}
    known = {f"filter[{name}][id]" for name in _RELATIONS} | {"filter[name]", "filter[name][]"}
    known |= {f"filter[{name}]{bound}" for name in SORTED for bound in ("", "[gte]", "[lte]")}
    if strange := [name for name in asked if name.startswith("filter[") and name not in known]:
        raise Wrong(422, f"Events cannot be filtered by {strange[0]}.")
    if not names and not related:
        return None

    def fits(row: Mapping[str, Any]) -> bool:
        if names and row["attributes"]["name"] not in names:
            return False
        others = (((row["relationships"][kind]["data"] or {}).get("id"), ident) for kind, ident in related.items())
        return all(str(there) == ident for there, ident in others)

    return fits


def _number(asked: Mapping[str, str], name: str, unsaid: int) -> int:
    told = asked.get(name)
    if told is None:
        return unsaid
    if not told.isdigit() or not 1 <= int(told) <= _MOST:
        raise Wrong(422, f"{name} is between 1 and {_MOST}.")
    return int(told)
