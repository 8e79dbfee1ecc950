"""A feed run takes one turn of a feed, and writes what it yields."""

import inspect
from collections.abc import Iterator
from typing import Final

from headrace.core.weight import weight
from headrace.poller.checkpoints import Checkpoints
from headrace.poller.feed_api import FeedApi
from headrace.poller.raw_writer import RawEventWriter
from headrace.poller.scheduler import Work
from headrace.sdk.feed import Cursor, Feed, Note, Sighting, Skipped, Turn, Yield
from headrace.sdk.ids import can_be_id
from headrace.sdk.provider import RawEvent
from headrace_events import Via


class FeedRun:
    """Reads one feed to the end of its turn. `skipped` counts by reason the rows that the feed left out."""

    def __init__(self, feed: Feed, work: Work, api: FeedApi, raw: RawEventWriter, checkpoints: Checkpoints) -> None:
        self.unfinished = False
        """Whether the feed has more to bring at once."""
        self.whole = True
        """Whether the feed read everything that it should, by its own account."""
        self.unread = ""
        """What it cannot read with these settings, in a sentence."""
        self.skipped: Final[dict[str, int]] = {}
        self.since = 0
        """What is older (ms, by the platform's clock) the feed did not look at."""
        self._feed: Final = feed
        self._work: Final = work
        self._api: Final = api
        self._raw: Final = raw
        self._checkpoints: Final = checkpoints

    async def run(self) -> None:
        """Read to the end of the turn. Raises `Fault`, `KafkaError`, `TimeoutError`, and whatever breaks in a feed."""
        position = self._checkpoints.position
        work = self._work
        turn = Turn(lead=work.lead, event=work.event, around=work.around, span=work.span)
        items = self._feed.read(self._api, position.value if position else b"", turn)
        try:
            async for item in items:
                await self._take(item)
            self.unfinished = await self._checkpoints.finish()
        except Exception:
            await self._checkpoints.save()
            raise
        finally:
            if inspect.isasyncgen(items):  # a feed that is left in mid-page ends now, not when it is collected
                await items.aclose()

    async def _take(self, item: Yield) -> None:
        match item:
            case RawEvent():
                self._api.answers.release(weight(item.value))
                await self._raw.add(item)
            case Cursor():
                self._api.answers.release()
                self._checkpoints.hold(item)
                self.whole, self.since, self.unread = item.whole, item.since, item.unread
            case Sighting() if can_be_id(item.lead):
                await self._checkpoints.sight(item)
            case Note():
                self._checkpoints.take_note(item)
            case Skipped():
                self.skipped[item.reason] = self.skipped.get(item.reason, 0) + len(item.rows)
                await self._raw.pass_over(self._rows(item))

    def _rows(self, skipped: Skipped) -> Iterator[RawEvent]:
        """Yield the raw events of rows that were left out."""
        for row in skipped.rows:
            yield RawEvent(
                provider=self._raw.provider,
                tenant=self._api.tenant,
                shape=skipped.shape,
                via=Via.POLL,
                received=self._api.now,
                value=row,
            )
