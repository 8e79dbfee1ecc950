"""What of its events a tenant leaves out or hashes, `[tenants.PROVIDER.NAME.redact]`, and in which places. Pure."""

from collections.abc import Iterator
from typing import ClassVar, Final

from msgspec import Struct

from headrace.core.contradiction import Contradiction
from headrace.core.suggestions import did_you_mean

SHORTEST_HASH_KEY: Final = 32
"""Characters: phone numbers are so few that a key which can be guessed hides none of them."""
NAMED: Final = ("fields", "refs", "urls", "native.extra")
"""Places with names below them that the platform or the tables choose."""
_PARTY: Final = ("address", "id", "name")
_TEXTS: Final = (
    "text",
    "title",
    "reason",
    *("actor", "actor.id", "actor.name"),
    "parties",
    *(each for end in ("from", "to") for each in (f"parties.{end}", *(f"parties.{end}.{name}" for name in _PARTY))),
    *("client", "client.city", "client.region", "client.host", "client.device"),
    *("change", "change.from", "change.to"),
    *("fields", "refs"),
    *("native.name", "native.status", "native.extra"),
)
_NUMBERS: Final = (
    *("client.lat", "client.lon", "duration_seconds"),
    *("cost", "cost.amount", "cost.currency", "cost.billable_seconds", "cost.status"),
    *("value", "value.amount", "value.currency"),
)
PLACES: Final = (*_TEXTS, "urls", *_NUMBERS, "subject")
_SEPARATORS: Final = str.maketrans("", "", "_- ")
_LISTED: Final = tuple(place for place in PLACES if "." not in place or place.startswith("native."))
_STAY: Final = frozenset(
    (
        *("id", "source", "type", "time", "times", "partitionkey", "provenance", "category", "action", "direction"),
        *("channel", "outcome", "native.provider", "native.tenant", "native.resource", "native.id", "native.code"),
    )
)


class Redaction(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Places of an event whose values are left out (`drop`), or replaced by a keyed hash (`hash`).

    Of two places of which one lies in the other, the inner one counts for what is in it. A list alone is one of `drop`.
    """

    list_of: ClassVar[str] = "drop"
    drop: list[str] = []
    hash: list[str] = []
    key: str | None = None
    key_file: str | None = None

    def __bool__(self) -> bool:
        """Return whether anything is redacted."""
        return bool(self.drop or self.hash)

    def faults(self) -> Iterator[Contradiction]:
        """Yield places that there are not, or that cannot be hashed, and a key that is missing or short."""
        for key, places in (("drop", self.drop), ("hash", self.hash)):
            for number, place in enumerate(places):
                if reason := _why_not(key, place):
                    yield Contradiction(key, f"{reason}, at [{number}]")
        if not set(map(folded, self.drop)).isdisjoint(map(folded, self.hash)):
            yield Contradiction("hash", "names a place that `drop` names, too: keep one", ("drop",))
        if self.hash and not self.key:
            yield Contradiction("hash", "needs key_file: a file with a key that nobody can guess", ("key",))
        if self.key and not self.hash:
            yield Contradiction("key", "has no effect without `hash`: leave it out", ("hash",))
        if self.key and ("\n" in self.key or len(self.key) < SHORTEST_HASH_KEY):
            reason = f"is one line of {SHORTEST_HASH_KEY} characters or more, as `openssl rand -base64 32` writes"
            yield Contradiction("key", reason)

    def __repr__(self) -> str:
        """Write the places: no key."""
        return f"Redaction(drop={self.drop}, hash={self.hash})"


def folded(path: str) -> str:
    """Return a path as it is compared: platforms write `mx_Phone` and `MxPhone` for one field."""
    return path.casefold().translate(_SEPARATORS)


def _why_not(action: str, place: str) -> str:
    """Return what is wrong with a place, an empty string where nothing is. What stands there is not repeated."""
    named = next((each for each in NAMED if place.startswith(f"{each}.") and len(place) > len(each) + 1), None)
    if named is None and place not in PLACES:
        if place in _STAY or place.startswith(("times.", "provenance.")):
            return "names what every event keeps: its ids, codes, words and times tell consumers what it is"
        known = f"{', '.join(_LISTED)}, nor one in these, such as parties.from.address"
        return f"names a place that is none of {known}{did_you_mean(place, PLACES)}"
    if action == "hash" and (named == "urls" or place == "urls" or place in _NUMBERS):
        return "names numbers or addresses, which a hash cannot stand for: drop them"
    if action == "drop" and place == "subject":
        return "names the subject, which every event has: hash it"
    return ""
