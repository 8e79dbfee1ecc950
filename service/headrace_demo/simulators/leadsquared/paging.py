"""Paging of LeadSquared's reads: offsets with one of four meanings, indexes, windows, sorting."""

from collections.abc import Mapping
from typing import Any, Final, Literal, NamedTuple

from headrace_demo.simulators.api_call import ApiError
from headrace_demo.simulators.clock import seconds_of

Offset = Literal["rows", "pages"]

UNPAGED: Final = 25
_TIME: Final = len("2026-07-31 05:33:50")


class Part(NamedTuple):
    """The part of the rows that a page is."""

    start: int
    size: int

    def of(self, rows: list[Any]) -> list[Any]:
        """Return the rows of the page."""
        return rows[self.start : self.start + self.size]


class Window(NamedTuple):
    """The span of a query, both ends included, and the order: by which column, newest first or not."""

    since: float
    until: float
    column: str
    newest_first: bool


def by_offset(paging: Mapping[str, Any], meaning: Offset, first: int, most: int) -> Part:
    """Read Offset and RowCount (or PageIndex and PageSize, which one client sends). Without them: 25 rows.

    What Offset means is not documented: `meaning` and `first`, the offset of the beginning, say it here.
    """
    if "PageIndex" in paging or "PageSize" in paging:
        return by_index(paging, most)
    if not paging:
        return Part(0, UNPAGED)
    size = _number(paging.get("RowCount", UNPAGED), "RowCount", most)
    place = max(0, _number(paging.get("Offset", first), "Offset") - first)
    return Part(place * size if meaning == "pages" else place, size)


def by_index(paging: Mapping[str, Any], most: int) -> Part:
    """Read PageIndex, from 1, and PageSize."""
    size = _number(paging.get("PageSize", UNPAGED), "PageSize", most)
    index = _number(paging.get("PageIndex", 1), "PageIndex")
    if index < 1:
        raise ApiError(500, "PageIndex must be greater than 0", "permanent")
    return Part((index - 1) * size, size)


def window_of(body: Mapping[str, Any]) -> Window:
    """Read FromDate, ToDate and Sorting; ModifiedOn where there is no column."""
    parameter, sorting = body.get("Parameter") or {}, body.get("Sorting") or {}
    column = str(sorting.get("ColumnName") or "ModifiedOn")
    if column not in {"ModifiedOn", "CreatedOn", "ProspectAutoId"}:
        raise ApiError(500, f"Cannot sort by {column}", "permanent")
    newest_first = str(sorting.get("Direction", 1)) == "1"
    return Window(_time(parameter, "FromDate"), _time(parameter, "ToDate"), column, newest_first)


def code_of(body: Mapping[str, Any]) -> int | None:
    """Read the activity code of a query, None for all."""
    code = (body.get("Parameter") or {}).get("ActivityEvent")
    return None if code is None else _number(code, "ActivityEvent")


def _time(parameter: Mapping[str, Any], name: str) -> float:
    text = str(parameter.get(name)).ljust(_TIME, "?")
    try:
        return seconds_of(text)
    except ValueError:
        raise ApiError(500, f"{name} is not a valid date", "permanent") from None


def _number(value: Any, name: str, most: int | None = None) -> int:
    try:
        number = int(value)
    except (TypeError, ValueError):
        raise ApiError(500, f"{name} is not a number", "permanent") from None
    if most is not None and number > most:
        raise ApiError(500, f"{name} can not be more than {most}", "permanent")
    return number
