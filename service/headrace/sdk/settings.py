"""The settings that every polled tenant has, beside those of its provider."""

from collections.abc import Iterator, Sequence
from typing import Annotated, ClassVar, Final, TypeVar
from urllib.parse import urlsplit

from msgspec import Meta, Struct
from msgspec.structs import replace

from headrace.core.contradiction import Contradiction
from headrace.core.suggestions import did_you_mean
from headrace.core.units import Seconds
from headrace.sdk.ids import can_be_id
from headrace.sdk.limits import CallLimits
from headrace.sdk.provider import Tenant

Calls = Annotated[int, Meta(ge=1)]
BaseUrl = Annotated[
    str, Meta(pattern=r"^https?://[^\s/?#]+(/[^\s?#]*)?\Z", title="a URL such as https://api.example.com")
]
HeaderName = Annotated[
    str, Meta(pattern=r"^[!#$%&'*+.^_`|~0-9A-Za-z-]+\Z", title="the name of an HTTP header such as X-Headrace-Secret")
]
"""RFC 9110, 5.1: https://www.rfc-editor.org/rfc/rfc9110#section-5.1."""
SHORTEST_KEY: Final = 32
_S = TypeVar("_S", bound=Tenant)


class Allowance(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`budget = { … }`: how many calls a tenant may make; what is left out is as its provider has it."""

    per_window: Calls = 0
    window: Seconds = 0
    per_day: Calls = 0
    per_year: Calls = 0

    def over(self, limits: CallLimits) -> CallLimits:
        """Return the limits of a provider with what is set here laid over them."""
        own = {name: getattr(self, name) for name in self.__struct_fields__}
        return replace(limits, **{name: value for name, value in own.items() if value})


class HoleSettings(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`ledger = { … }`: an hour in which one way lost more than this share of all facts is a hole.

    It is logged; with `backfill`, what happened in that hour is read once more.
    """

    holes_over: Annotated[float, Meta(ge=0.0, le=1.0)] = 1.0
    backfill: bool = False


class PolledTenant(Tenant, forbid_unknown_fields=True, kw_only=True):
    """What a polled tenant may set; a provider's `Settings` derives from it and adds its credentials.

    `base_url` and `feeds` are the provider's own where they are empty. `leads` are watched in addition to those that
    are found; no lead is unread for longer than `max_staleness`, or it is shown that the budget is too small for that.
    `token_key` seals the tokens that are stored in Kafka: 32 characters or more, such as `openssl rand -base64 32`
    writes; of several lines the first seals, and all open.
    """

    credentials: ClassVar[Sequence[Sequence[str]]] = ()
    """Sets of keys that hold credentials, the most usual first: where a tenant is polled, one of them must be whole."""

    base_url: BaseUrl = ""
    feeds: list[str] = []  # noqa: RUF012  (every Struct gets a list of its own)
    leads: list[str] = []  # noqa: RUF012  (as above)
    max_staleness: Seconds = 86_400
    budget: Allowance = Allowance()
    ledger: HoleSettings = HoleSettings()
    token_key: str | None = None
    token_key_file: str | None = None

    @classmethod
    def credentials_needed(cls) -> str:
        """Return in words what polling needs."""
        return ", or ".join(" and ".join(each) for each in cls.credentials)

    def reads(self, feed: str) -> bool:
        """See Tenant."""
        return self.polling and (not self.feeds or feed in self.feeds)

    def canonical_lead(self, lead: str) -> str | None:
        """Return a lead's id as the provider's subjects have it; None where this can be none. See `can_be_id`."""
        stripped = lead.strip()
        return stripped if can_be_id(stripped) else None


def check(settings: PolledTenant, feeds: Sequence[str]) -> Iterator[Contradiction]:
    """Return the faults of unknown feeds, leads that are none, a key that can be guessed, and missing credentials."""
    if settings.base_url and not _has_address(settings.base_url):
        yield Contradiction("base_url", "has no host, or no port of 1 to 65535 behind it")
    for name in settings.feeds:
        if name not in feeds:
            # What stands there is not repeated: it may be something that went astray.
            yield Contradiction("feeds", f"names a feed that is none of {', '.join(feeds)}{did_you_mean(name, feeds)}")
    if not all(map(settings.canonical_lead, settings.leads)):
        yield Contradiction("leads", "names something that can be no lead's id")
    if settings.token_key and any(len(key) < SHORTEST_KEY for key in settings.token_key.splitlines()):
        reason = f"is short: give {SHORTEST_KEY} characters or more, as `openssl rand -base64 32`"
        yield Contradiction("token_key", reason)
    if settings.polling and not any(all(getattr(settings, key) for key in each) for each in settings.credentials):
        yield Contradiction("polling", f"needs {settings.credentials_needed()} (or each with _file behind it)")


def _has_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def settings_of(settings: Tenant, kind: type[_S]) -> _S:
    """Return settings as the `kind` that a provider's own are. Raises `TypeError` for those of another provider."""
    if not isinstance(settings, kind):
        raise TypeError("these are the settings of another provider")
    return settings
