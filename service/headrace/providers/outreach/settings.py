"""The shape of `[tenants.outreach.*]`."""

from collections.abc import Iterable, Iterator
from typing import Annotated, Final

from msgspec import Meta, Struct, field

from headrace.core.contradiction import Contradiction
from headrace.core.units import Seconds
from headrace.providers.outreach.wire import FEED
from headrace.sdk.settings import PolledTenant, check

BASE_URL: Final = "https://api.outreach.io"


HookName = Annotated[
    str,
    Meta(
        pattern=r"^(\*|[A-Za-z]{1,100})\.(\*|[A-Za-z]{1,100})\Z",
        title="a resource and an action such as mailing.opened",
    ),
]
"""What a webhook is about; `*` is any."""


class EventsSettings(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How `events` is read: `page_size` rows a page, in windows of `window`, once in `every`.

    The first reading begins `history` ago. Rows that show up at most `look_back` late are still found: so much is read
    again behind what is read already.
    """

    page_size: Annotated[int, Meta(ge=1, le=1000)] = 500
    window: Seconds = 86_400
    look_back: Seconds = 6 * 3_600
    history: Seconds = 30 * 86_400
    every: Seconds = 180


class OutreachSettings(PolledTenant, kw_only=True):
    """An Outreach account: without `allow_unsigned` every delivery of a webhook needs a good signature.

    Either `access_token`, which is a bearer or S2S token that somebody else keeps fresh, or an OAuth app: client_id,
    client_secret, redirect_uri and the first refresh_token, which changes with every use and is kept from then on.

    `hooks` are the webhooks that `headrace hooks` looks after.
    """

    credentials = (("access_token",), ("client_id", "client_secret", "redirect_uri", "refresh_token"))

    allow_unsigned: bool = False
    access_token: str | None = None
    access_token_file: str | None = None
    client_id: str | None = None
    client_id_file: str | None = None
    client_secret: str | None = None
    client_secret_file: str | None = None
    redirect_uri: str | None = None
    refresh_token: str | None = None
    refresh_token_file: str | None = None
    hooks: list[HookName] = field(default_factory=lambda: ["*.*"])
    events: EventsSettings = EventsSettings()

    @property
    def takes_webhooks(self) -> bool:
        """See Tenant."""
        return self.allow_unsigned or super().takes_webhooks

    def faults(self) -> Iterable[Contradiction]:
        """Return what is missing where polling is on: credentials, and a key to seal tokens with where they change."""
        yield from check(self, (FEED,))
        yield from self._unsealed()

    def _unsealed(self) -> Iterator[Contradiction]:
        if not self.polling or not self.refresh_token:
            return
        if self.access_token:
            yield Contradiction("access_token", "stands beside refresh_token: keep one of them", ("refresh_token",))
        elif not self.token_key:
            reason = "is missing: the refresh tokens that follow the first are sealed with it"
            yield Contradiction("token_key", reason, ("access_token", "refresh_token"))
