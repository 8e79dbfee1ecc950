"""Follow a list page by page: a page that is too much, a token that got old or goes in a circle. To derive from.

The token alone says whether there is more: a page without rows may have pages behind it.
"""

from typing import Final

import msgspec
from msgspec import Raw, field

from headrace.sdk.faults import Gone, Rejected, TooHeavy, Unavailable
from headrace.sdk.feed import Api, Call
from headrace.sdk.page_probe import smaller
from headrace.sdk.page_size import halved
from headrace.sdk.pages import Page, open_page
from headrace.sdk.row_digests import Digests


class LeadPingPage(Page, rename="camel"):
    """A page as all lists have it."""

    rows: Raw = field(default=Raw(b""), name="items")
    continuation_token: str | None = None


page_decoder: Final = msgspec.json.Decoder(LeadPingPage)


class ListPages:
    """The pages of one query, from a token on. `whole` once the last one was read; `size`: rows to ask for.

    Where the platform does not take the token any more the reading begins again, if it got further since (`moved`).
    """

    def __init__(self, size: int, token: str | None = None) -> None:
        self.whole = False
        self.size = size
        self.token = token
        self.moved = True
        self.begun_again = False
        self._sent = Digests()
        self._last: Call | None = None

    async def page(self, api: Api) -> list[bytes]:
        """Return the rows of the next page. Raises `Fault`."""
        found, rows = await self.ask(api)
        if self.token is not None:  # none where an old one was refused
            self._sent.add(self.token.encode())
        self.token = found.continuation_token or None
        if self.token is not None and self.token.encode() in self._sent:
            raise Unavailable("the continuation token of a page is that of a page before: it would never end")
        self.whole = self.token is None
        return rows

    async def again(self, api: Api) -> list[bytes]:
        """Return the rows of the last page as they are now; none where it cannot be had again. Raises `Fault`."""
        try:
            answer = await api.call(self._last) if self._last else None
        except (Gone, Rejected, TooHeavy):
            return []
        try:
            return (await open_page(page_decoder, answer))[1] if answer is not None else []
        except (TooHeavy, Unavailable):
            return []  # no page: what it would tell is not urgent

    def call(self, size: int) -> Call:
        """Return the call for the next page."""
        raise NotImplementedError

    def changes(self, fault: Gone | Rejected) -> bool:  # noqa: ARG002  (for those who can)
        """Return whether a first page that was refused is asked for in another way."""
        return False

    async def shrink(self, api: Api, fault: TooHeavy | Unavailable) -> None:
        """Ask for a smaller page after one that failed. Raises `Fault` where that is no use."""
        if isinstance(fault, TooHeavy):
            self.size = halved(self.size, fault)
        else:
            self.size = await smaller(api, self.size, self.call(1), page_decoder, fault)

    def disturbed(self) -> None:
        """Note that a page failed for its size, or in an outage."""

    def answered(self, api: Api) -> None:
        """Note that a page came."""

    def begin_again(self) -> None:
        """Read from the first page. Raises `Rejected` where the reading got no further since it last did."""
        if not self.moved:
            raise Rejected("a page is refused again and again: its continuation token, or what it would bring")
        self.moved, self.begun_again = False, True
        self.from_the_first()

    def from_the_first(self) -> None:
        """Let the first page be the next."""
        self.token = None
        self._sent = Digests()

    async def ask(self, api: Api) -> tuple[LeadPingPage, list[bytes]]:
        """Return the next page, as large as the platform brings it. Raises `Fault`."""
        while True:
            self._last = self.call(self.size)
            try:
                found = await open_page(page_decoder, await api.call(self._last))
            except (TooHeavy, Unavailable) as fault:
                await self.shrink(api, fault)
                self.disturbed()
            except (Gone, Rejected) as fault:
                if self.token is not None:  # it may have expired: the list need not be gone
                    self.begin_again()
                elif not self.changes(fault):
                    raise
            else:
                self.answered(api)
                return found
