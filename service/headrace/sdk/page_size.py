"""How many rows to ask for after a page that was too much for the platform. Pure."""

from headrace.sdk.faults import TooHeavy


def halved(rows: int, fault: TooHeavy, fewest: int = 1) -> int:
    """Return half of `rows`, at least `fewest`, to ask for next. Raises `fault` where there is no smaller page."""
    if rows <= fewest:
        raise fault
    return max(rows // 2, fewest)
