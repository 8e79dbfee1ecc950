"""What a feed looks at in a row of an activity: lead, times, name. What cannot be read is not there. Pure."""

from typing import Final, NamedTuple

import msgspec
from msgspec import Struct

from headrace.core.problems import Undecodable
from headrace.providers.leadsquared.guids import one_guid
from headrace.providers.leadsquared.times import micros


class RowFacts(NamedTuple):
    """Times are in milliseconds since the epoch; `name` tells two rows of one list from each other."""

    lead: str = ""
    created: int | None = None
    modified: int | None = None
    name: object = None

    @property
    def newest(self) -> int:
        """The later of the two times: ModifiedOn may lie before CreatedOn."""
        return max(self.created or 0, self.modified or 0)

    def is_in(self, span: tuple[int, int]) -> bool:
        """Return whether a row was created or modified in a span; one without times belongs wherever it came."""
        times = [at for at in (self.created, self.modified) if at is not None]
        return not times or any(span[0] <= at < span[1] for at in times)


class _Row(Struct, rename="pascal", gc=False):
    id: str | None = None
    prospect_activity_id: str | None = None
    event_code: int | str | None = None
    related_prospect_id: str | None = None
    created_on: str | None = None
    modified_on: str | None = None


_decode: Final = msgspec.json.Decoder(_Row).decode


def facts_of(row: bytes) -> RowFacts:
    """Return what is known of a row of any read."""
    try:
        found = _decode(row)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return RowFacts(name=row)
    name = (found.id or found.prospect_activity_id, str(found.event_code))
    lead = one_guid(found.related_prospect_id or "")
    return RowFacts(lead, millis(found.created_on), millis(found.modified_on), name)


def millis(text: str | None) -> int | None:
    """Return a time in milliseconds since the epoch, None where there is none that can be read."""
    try:
        found = micros(text, "$")
    except Undecodable:
        return None
    return None if found is None else found // 1000
