"""Find the row that breaks every page of the list of all leads that it is on, and ask for it alone.

The window of a page that fails at its smallest is halved until it is the moment of that row.
"""

from typing import Final

from headrace.providers.leadping.list_pages import LeadPingPage, page_decoder
from headrace.providers.leadping.tenant_list import page_call
from headrace.sdk.faults import Fault, Gone, Incomplete, NoRoute, Rejected, TooHeavy, Unavailable
from headrace.sdk.feed import Api
from headrace.sdk.pages import open_page

MOST_WAITING: Final = 5
"""With more moments at a time that do not come it is the platform that fails, and not a row."""
_BESIDE_MS: Final = 24 * 3_600_000
_KIND: Final = "row"


async def refuse_outage(api: Api, path: str, fault: Fault) -> None:
    """Return where the list brings a page of 1970, when nothing happened. Raises the fault where it does not."""
    try:
        await open_page(page_decoder, await api.call(page_call(path, 0, 1, 1)))
    except (Gone, NoRoute, Rejected, TooHeavy, Unavailable):
        raise fault from None


async def rows_of_moment(
    api: Api, path: str, moment: int, size: int, fault: Fault
) -> tuple[LeadPingPage, list[bytes]] | None:
    """Return a page with the rows of a moment (ms) where they come now, None where they are given up.

    Raises `Incomplete` where they are to be asked for in further turns, and the fault where no row beside them comes.
    """
    behind = page_call(path, moment + 1, max(moment + 2, api.now), 1)
    before = page_call(path, max(moment - _BESIDE_MS, 0), moment, 1)
    try:
        await api.part(_KIND, f"beside {moment}", [behind, before])
    except (Incomplete, Unavailable):
        raise fault from None
    answer = await api.part(_KIND, str(moment), [page_call(path, moment, moment + 1, size)])
    return None if answer is None else await open_page(page_decoder, answer)
