"""Who did something: id and name of a user, or the platform itself."""

from headrace.providers.leadsquared.guids import one_guid
from headrace_events import Actor


def who_did(id: str | None, name: str | None) -> Actor | None:  # noqa: A002  (the word of the event)
    """Return the actor of an id and a name, None where both lack; what `System` did no user did."""
    guid = one_guid(id) if id else ""
    if not guid and not name:
        return None
    system = name is not None and name.strip().casefold() == "system"
    return Actor("system" if system else "user", guid or None, name)
