"""Step 9. The feed `events`: yield raw events, then the cursor that covers them. It never sleeps, stores or retries."""

from collections.abc import AsyncIterator, Sequence
from typing import Final

from headrace.sdk.feed import Api, Feed, Skipped, Turn, Yield
from headrace.sdk.provider import RawEvent, Tenant
from headrace.sdk.settings import settings_of
from headrace_events import Via
from tests.providers.tutorial.acme.pager import AcmePager, rewound
from tests.providers.tutorial.acme.settings import AcmeEventsSettings, AcmeSettings
from tests.providers.tutorial.acme.wire import EVENT, FEED, NAME


def feeds(settings: Tenant) -> Sequence[Feed]:
    """Return the one feed there is."""
    return (AcmeEventsFeed(settings_of(settings, AcmeSettings).events),)


class AcmeEventsFeed:
    """Reads all events of an account, those that are new or changed."""

    name: str = FEED
    by_lead: bool = False

    def __init__(self, settings: AcmeEventsSettings) -> None:
        self.every = settings.every
        self._settings: Final = settings

    def rewound(self, since: int, before: bytes) -> bytes:
        """See Feed."""
        return rewound(since, before)

    async def read(self, api: Api, cursor: bytes, turn: Turn) -> AsyncIterator[Yield]:  # noqa: ARG002  (no webhook nudges)
        """Read on from a cursor, empty at first, to the end of the list. Raises `Fault`."""
        pager = AcmePager(self._settings, cursor)
        while not pager.whole:
            repeated: list[bytes] = []
            for row in await pager.page(api):
                if pager.is_new(row):
                    yield RawEvent(
                        provider=NAME, tenant=api.tenant, shape=EVENT, value=row, via=Via.POLL, received=api.now
                    )
                else:
                    repeated.append(row)
            if repeated:
                yield Skipped("repeated", EVENT, repeated)
            yield pager.cursor()
