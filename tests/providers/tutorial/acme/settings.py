"""Step 6. The shape of `[tenants.acme.*]`: what polling needs, beside what every tenant has."""

from collections.abc import Iterable
from typing import Annotated, Final

from msgspec import Meta, Struct

from headrace.core.contradiction import Contradiction
from headrace.core.units import Seconds
from headrace.sdk.settings import PolledTenant, check
from tests.providers.tutorial.acme.wire import FEED

BASE_URL: Final = "https://api.acme.example"


class AcmeEventsSettings(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How `events` is read: `page_size` rows a page, once in `every`; rows may show up `look_back` late."""

    page_size: Annotated[int, Meta(ge=1, le=1000)] = 100
    look_back: Seconds = 3_600
    every: Seconds = 300


class AcmeSettings(PolledTenant, kw_only=True):
    """An Acme account: `api_key` is for polling."""

    credentials = (("api_key",),)

    api_key: str | None = None
    api_key_file: str | None = None
    events: AcmeEventsSettings = AcmeEventsSettings()

    def faults(self) -> Iterable[Contradiction]:
        """Return what is missing where polling is on: the API key."""
        return check(self, (FEED,))
