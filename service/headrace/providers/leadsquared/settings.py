"""The shape of `[tenants.leadsquared.*]`."""

from collections.abc import Iterable
from typing import Annotated, Final, Literal, get_args

from msgspec import Meta, Struct, field

from headrace.core.contradiction import Contradiction
from headrace.core.units import Seconds
from headrace.providers.leadsquared.guids import one_guid
from headrace.providers.leadsquared.wire import BY_CODE, FEED, LEADS
from headrace.sdk.settings import HeaderName, PolledTenant, check

BASE_URL: Final = "https://api.leadsquared.com"


class LeadActivitiesSettings(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How `lead-activities` is read: `page_size` rows a page, each lead at most once in `every` unless it is woken.

    `codes` are the activity codes to ask for, one reading each; all in one where there are none. `file_urls` asks for
    the URLs of files in custom objects as well. `look_back` is how late a row may show up, counted from the later of
    CreatedOn and ModifiedOn: what is older than that before the last whole reading, and was not in it, is left out.
    """

    page_size: Annotated[int, Meta(ge=10, le=1000)] = 500
    codes: list[int] = []
    file_urls: bool = False
    look_back: Seconds = 7 * 86_400
    every: Seconds = 600


HookEvent = Literal["activity_created", "activity_updated", "lead_created", "lead_owner_changed", "lead_stage_changed"]


class LeadSquaredHooksSettings(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The webhooks that `headrace hooks` looks after: one an event, of activities one for each of `codes`.

    Without `codes` they are those of `activities_by_code`, of `lead_activities`, or else those of telephone calls.
    """

    events: list[HookEvent] = field(default_factory=lambda: list(get_args(HookEvent)))
    codes: list[int] = []


class ActivitiesByCodeSettings(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How `activities-by-code` is read: where nothing happens, one call in `every` for all codes together.

    `codes` are the activity codes to read; without any, those of the account's catalogue. `extra_codes` are tried
    beside them: the platform's own (3001, 3002), which no catalogue has. The first reading of a code begins `history`
    ago. Rows that show up at most `look_back` late are still found. `recently_modified` False never asks for all codes
    at once.
    """

    page_size: Annotated[int, Meta(ge=25, le=1000)] = 1000
    codes: list[int] = []
    extra_codes: list[int] = []
    history: Seconds = 86_400
    look_back: Seconds = 6 * 3_600
    recently_modified: bool = True
    every: Seconds = 120


class ModifiedLeadsSettings(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How `modified-leads` is read: `page_size` leads a page, once in `every`.

    The first reading begins `history` ago; the last `look_back` is read again with every turn.
    """

    page_size: Annotated[int, Meta(ge=25, le=5000)] = 1000
    history: Seconds = 86_400
    look_back: Seconds = 600
    every: Seconds = 120


class LeadSquaredSettings(PolledTenant, kw_only=True):
    """A LeadSquared account: `webhook_header` names the header that carries the secret of webhooks.

    `access_key` and `secret_key` are those of a user; they travel in headers, or in the URL where `keys_in` says so.
    """

    credentials = (("access_key", "secret_key"),)

    webhook_header: HeaderName = "X-Headrace-Secret"
    access_key: str | None = None
    access_key_file: str | None = None
    secret_key: str | None = None
    secret_key_file: str | None = None
    keys_in: Literal["headers", "url"] = "headers"
    lead_activities: LeadActivitiesSettings = LeadActivitiesSettings()
    hooks: LeadSquaredHooksSettings = LeadSquaredHooksSettings()
    activities_by_code: ActivitiesByCodeSettings = ActivitiesByCodeSettings()
    modified_leads: ModifiedLeadsSettings = ModifiedLeadsSettings()

    def canonical_lead(self, lead: str) -> str | None:
        """Return a GUID in lower case, as identities and subjects have it."""
        found = super().canonical_lead(lead)
        return found and (one_guid(found) or None)

    def faults(self) -> Iterable[Contradiction]:
        """Return what is missing where polling is on: the keys."""
        return check(self, (FEED, BY_CODE, LEADS))
