"""Which rows of the list of all leads are news: in readings to the platform's now, and in those of a span."""

from collections.abc import Iterator
from functools import cached_property
from typing import Final, Literal, Protocol

from headrace.providers.leadping import wire
from headrace.providers.leadping.bundles import HydratedRow, may_be_open
from headrace.providers.leadping.hydrate import EventHead, read_head
from headrace.providers.leadping.known_rows import KnownRows, key_of, slice_of
from headrace.providers.leadping.pager import created, was_listed
from headrace.providers.leadping.tenant_cursor import TenantPlan, Window, is_outside
from headrace.providers.leadping.tenant_span import SpanPlan
from headrace.sdk.feed import Api, Note
from headrace.sdk.row_digests import Digests

Reason = Literal["outside", "unchanged", "repeated"]
_MOST_FORGOTTEN: Final = 5_000
"""Slices that one turn looks at to forget them: a month has 4,320."""


class Books(Protocol):
    """What is known of rows while windows are read."""

    def skips(self, row: bytes, window: Window) -> Reason | None:
        """Return why a row of a window is left out, None where it is news."""

    def add(self, found: HydratedRow) -> None:
        """Know a row that was brought."""

    def notes(self) -> Iterator[Note]:
        """Yield what is to be noted with the next cursor."""


class NewsBooks:
    """The books of a reading to now: what was shown before as it is now is no news, whichever feed brought it.

    They look at the clock when the first rows have come: before the first answer of a process it is ours.
    """

    def __init__(self, api: Api, plan: TenantPlan, look_back: int) -> None:
        self._api: Final = api
        self._plan: Final = plan
        self._look_back: Final = look_back
        self._repeated: Final = Digests()

    @cached_property
    def _now(self) -> int:
        return self._api.now

    @cached_property
    def _since(self) -> int:
        return self._now - self._look_back

    @cached_property
    def _oldest(self) -> int:
        return slice_of(self._since) - 1

    @cached_property
    def _known(self) -> KnownRows:
        return KnownRows(self._api, self._oldest)

    def skips(self, row: bytes, window: Window) -> Reason | None:
        """See Books."""
        head = read_head(row)
        made = created(head)
        if made is not None and made < self._since and (self._plan.backwards or is_outside(made, window)):
            return "outside"  # what is shown else is news, whichever window it belongs to
        if made is not None and made < self._plan.at.again and not self._plan.backwards:
            return "repeated" if row in self._repeated else None
        state = self._known.state(row, head, made)
        if state == "new" and self._was_listed(row, head):
            self._know(row, head, is_open=False)
            return "unchanged"
        if state == "open" and self._plan.backwards and made is not None:
            return None if may_be_open(made, self._now) else "unchanged"
        return None if state == "new" else "unchanged"

    def add(self, found: HydratedRow) -> None:
        """See Books."""
        self._repeated.add(found.row)
        self._know(found.row, found.head, is_open=found.is_open(self._now))

    def notes(self) -> Iterator[Note]:
        """See Books."""
        return self._known.notes()

    def forgotten(self) -> Iterator[Note]:
        """Yield the notes of slices that nobody looks back to any more."""
        at = self._plan.at
        upto = min(self._oldest, at.oldest + _MOST_FORGOTTEN) if at.oldest else self._oldest
        for key in map(key_of, range(at.oldest or upto, upto)):
            if self._api.note(wire.TENANT_FEED, key):
                yield Note(key, b"")
        at.oldest = max(upto, at.oldest)

    def _know(self, row: bytes, head: EventHead | None, *, is_open: bool) -> None:
        self._known.add(row, head, created(head), is_open=is_open)

    def _was_listed(self, row: bytes, head: EventHead | None) -> bool:
        """Return whether the feed of its lead brought a row: a nudge woke that one before."""
        lead = head.lead_id if head is not None else None
        return bool(lead) and was_listed(self._api.position(wire.FEED, lead or ""), row)


class SpanBooks:
    """The books of a span: every row is news, once."""

    def __init__(self, plan: SpanPlan) -> None:
        self._plan: Final = plan

    def skips(self, row: bytes, window: Window) -> Reason | None:
        """See Books."""
        if is_outside(created(read_head(row)), window):
            return "outside"
        return "repeated" if row in self._plan.passed else None

    def add(self, found: HydratedRow) -> None:
        """See Books."""
        self._plan.passed.add(found.row)

    def notes(self) -> Iterator[Note]:
        """See Books."""
        return iter(())
