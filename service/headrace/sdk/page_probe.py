"""Find out whether a page that fails is too much for the platform: it, or the gateway before it, may not say so.

Above some size a platform times out, or answers 500 as in an outage. In an outage the smallest page fails as well.
"""

from typing import TypeVar

import msgspec

from headrace.sdk.faults import Gone, NoRoute, Rejected, TooHeavy, Unavailable
from headrace.sdk.feed import Api, Call
from headrace.sdk.page_size import halved
from headrace.sdk.pages import Page, open_page

_P = TypeVar("_P", bound=Page)


async def smaller(api: Api, size: int, one: Call, decoder: "msgspec.json.Decoder[_P]", fault: Unavailable) -> int:
    """Return how many rows to ask for where `one`, the call for the same page with one row, brings a page.

    Raises `fault` where it does not, and other `Fault`s.
    """
    if size == 1:
        raise fault
    try:
        await open_page(decoder, await api.call(one))
    except (Gone, NoRoute, Rejected, TooHeavy, Unavailable):
        raise fault from None
    return halved(size, TooHeavy(str(fault)))
