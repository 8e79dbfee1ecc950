"""How many rows a page may have, and how many to ask for after a page that was too much. Pure."""

from itertools import islice

from headrace.sdk.array_items import array_items
from headrace.sdk.faults import TooHeavy
from headrace.sdk.limits import MOST_RECORDS


def rows_of(array: bytes) -> list[bytes]:
    """Return the rows of a page, at most `MOST_RECORDS`, whatever was asked for; `null` has none.

    Raises `TooHeavy` beyond that, and what msgspec raises where it is no array.
    """
    if array == b"null":
        return []
    rows = list(islice(array_items(array), MOST_RECORDS + 1))
    refuse_too_many(rows)
    return rows


def refuse_too_many(rows: list[bytes]) -> None:
    """Raise `TooHeavy` for more than `MOST_RECORDS` rows."""
    if len(rows) > MOST_RECORDS:
        raise TooHeavy(f"a page came that has more than {MOST_RECORDS:,} rows")


def halved(rows: int, fault: TooHeavy, fewest: int = 1) -> int:
    """Return half of `rows`, at least `fewest`, to ask for next. Raises `fault` where there is no smaller page."""
    if rows <= fewest:
        raise fault
    return max(rows // 2, fewest)
