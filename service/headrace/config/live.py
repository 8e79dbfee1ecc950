"""The configuration in force: a value that is replaced as a whole while the program runs, never changed.

Whoever works takes `LiveConfig.config` once, at the beginning of a unit (one delivery, one batch, the polling of one
tenant), and holds on to nothing of it beyond its end: so each unit sees one configuration.
"""

import time
from collections.abc import Callable
from typing import Any, Final

import msgspec
from msgspec import Struct

from headrace.config.settings import Config, ServiceSettings
from headrace.config.tenants import Account, Tenants

FOLLOWS: Final = frozenset(
    {
        *("log.level", "receiver.rate", "receiver.burst", "receiver.rate_bytes", "receiver.burst_bytes"),
        *("console.hosts", "console.redacted_bytes", "console.token", "console.token_file"),
    }
)
"""The keys beside tenants that are taken over while it runs; a changed one of the others needs a restart."""

Follower = Callable[[Config], None]


class TenantChanges(Struct, frozen=True):
    """The sources of tenants that differ between two configurations."""

    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        """Return whether any does."""
        return bool(self.added or self.removed or self.changed)


class LiveConfig:
    """Holds the configuration in force, and what stands in the files beyond it. Pure, but for the time of day.

    Used from the event loop alone. `since` is when (s since the epoch) the configuration in force was taken over,
    `refused` what is wrong with the files as they are now, `unread` how many of those that they name cannot be read,
    `needs_restart` the keys of which they hold other values.
    """

    def __init__(self, config: Config, clock: Callable[[], float] = time.time) -> None:
        self.config = config
        self.since = clock()
        self.refused: tuple[str, ...] = ()
        self.unread = 0
        self.needs_restart: tuple[str, ...] = ()
        self._clock: Final = clock
        self._started_with: Final = config
        self._followers: Final[list[Follower]] = []

    def follow(self, follower: Follower) -> None:
        """Call `follower` with each configuration that is taken over from now on."""
        self._followers.append(follower)

    def unfollow(self, follower: Follower) -> None:
        """Call it no more."""
        self._followers.remove(follower)

    def refuse(self, faults: list[str], unread: int = 0) -> None:
        """Note what is wrong with the files, and how many cannot be read: what is in force stays."""
        self.refused, self.unread = tuple(faults), unread

    def take_over(self, found: Config) -> TenantChanges:
        """Put a sound configuration into force, as far as it can change live; return which tenants that changes."""
        self.refused, self.unread = (), 0
        before = self.config
        after, self.needs_restart = _in_force(self._started_with, found)
        changes = _changes(before.tenants, after.tenants)
        if changes or not _same_service(before, after):
            self.config = msgspec.structs.replace(after, tenants=_with_known(before.tenants, after.tenants))
            self.since = self._clock()
            for follower in list(self._followers):
                follower(self.config)
        return changes


def same_account(one: Account, other: Account) -> bool:
    """Return whether two accounts mean the same."""
    return one.settings == other.settings and one.mapping_id == other.mapping_id


def _in_force(started_with: Config, found: Config) -> tuple[Config, tuple[str, ...]]:
    """Return what can be in force of a configuration, and the keys that need a restart."""
    sections: dict[str, Any] = {}
    waits: list[str] = []
    for name in ServiceSettings.__struct_fields__:
        old, new = getattr(started_with, name), getattr(found, name)
        if not isinstance(old, Struct):
            waits += [name] if old != new else []
            sections[name] = old
            continue
        differing = [key for key in old.__struct_fields__ if getattr(old, key) != getattr(new, key)]
        taken = {key: getattr(new, key) for key in differing if f"{name}.{key}" in FOLLOWS}
        waits += [f"{name}.{key}" for key in differing if key not in taken and not _is_read_anew(old, new, key)]
        sections[name] = msgspec.structs.replace(old, **taken)
    return Config(**sections, tenants=found.tenants, file=found.file), tuple(waits)


def _is_read_anew(old: Struct, new: Struct, key: str) -> bool:
    """Return whether a secret is read from the same file as before: connections to Kafka read it when they are made."""
    file = getattr(old, f"{key}_file", None)
    return file is not None and file == getattr(new, f"{key}_file")


def _same_service(one: Config, other: Config) -> bool:
    return all(getattr(one, name) == getattr(other, name) for name in ServiceSettings.__struct_fields__)


def _changes(before: Tenants, after: Tenants) -> TenantChanges:
    old, new = before.by_source, after.by_source
    return TenantChanges(
        added=tuple(source for source in new if source not in old),
        removed=tuple(source for source in old if source not in new),
        changed=tuple(source for source in new if source in old and not same_account(old[source], new[source])),
    )


def _with_known(before: Tenants, after: Tenants) -> Tenants:
    """Return the tenants of `after`, those that stayed as they were as the same values as before."""
    old = before.by_source
    return Tenants(
        [
            old[account.source] if account.source in old and same_account(old[account.source], account) else account
            for account in after
        ]
    )
