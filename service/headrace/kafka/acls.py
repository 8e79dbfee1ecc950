"""What each role, and each kind of command, does with Kafka, as the ACLs that it needs, and no more. Pure.

READ and WRITE bring DESCRIBE with them, so that stands alone where neither is needed. A producer that is idempotent
needs nothing more since Kafka 3.0. Numbers and names of operations: https://kafka.apache.org/documentation/#operations_in_kafka.
"""

from collections.abc import Iterator, Mapping
from typing import Final, Literal

from msgspec import Struct

Kind = Literal["topic", "group", "transactional-id", "cluster"]
Operation = Literal["READ", "WRITE", "CREATE", "ALTER", "DESCRIBE", "DESCRIBE_CONFIGS"]

READ: Final = "READ"
WRITE: Final = "WRITE"
CREATE: Final = "CREATE"
DESCRIBE: Final = "DESCRIBE"
DESCRIBE_CONFIGS: Final = "DESCRIBE_CONFIGS"

_SEEN_AT_ALL: Final = (READ, WRITE)
"""What brings DESCRIBE with it."""


class Acl(Struct, frozen=True):
    """One operation on a resource of Kafka; `prefixed`: on all whose names begin with `name`.

    Without an `optional` one a role goes on, and says what it does not do.
    """

    kind: Kind
    name: str
    operation: Operation
    prefixed: bool = False
    optional: bool = False


class _Use(Struct, frozen=True):
    """What somebody does with topics, by their short names, which are separated by spaces.

    Of those that are `looked_at` the settings are read. A `member` has the group and the transactional ids of its name.
    """

    reads: str = ""
    writes: str = ""
    creates: str = ""
    looked_at: str = ""
    optional: str = "notices"
    member: str = ""


_ALL: Final = "raw events seen cursors nudges dead-letters"
_AND_NOTICES: Final = f"{_ALL} notices"
_READ_BY_PEOPLE: Final = "raw events seen cursors dead-letters notices"
"""What a nudge or an order came to stands in cursors."""

_USES: Final[Mapping[str, _Use]] = {
    # Its spool takes what raw does not; seen is compared with raw, notices are written where that is allowed.
    "receiver": _Use(reads="notices", writes="raw notices", looked_at="raw seen", optional="seen notices"),
    # It reads what it writes, too: for transactions that hang. What it held goes back to raw.
    "normalizer": _Use(
        reads="raw seen events nudges dead-letters notices",
        writes="raw seen events nudges dead-letters notices",
        looked_at=_ALL,
        member="normalizer",
    ),
    # It finds leads in events, and brings back to raw what a feed did not bring.
    "poller": _Use(
        reads="raw events cursors nudges notices",
        writes="raw cursors dead-letters notices",
        looked_at=_ALL,
        member="poller",
    ),
    # The page: what it may not read it does not show, and says so.
    "console": _Use(reads=_READ_BY_PEOPLE, looked_at=_READ_BY_PEOPLE, optional=_READ_BY_PEOPLE),
    # Commands that change nothing: status, feeds, find, explain, tail, dead-letters, ledger, taxonomy, topics show.
    "viewer": _Use(reads=_READ_BY_PEOPLE, looked_at=_AND_NOTICES),
    # And those that do: ingest, redrive, replay, leads, backfill, fetch, hooks, feeds pause, spool drain. What calls a
    # platform writes so to nudges, for the budget: `check --online`, too.
    "operator": _Use(reads=_READ_BY_PEOPLE, writes="raw cursors nudges", looked_at=_AND_NOTICES),
    # `topics apply`: the first record of seen is written by it.
    "creator": _Use(reads="seen", writes="seen", creates=_AND_NOTICES, looked_at=_AND_NOTICES, optional=""),
}
ROLES: Final = tuple(_USES)
"""Those that need ACLs: the roles of the service, then the kinds of commands."""
END_HANGING: Final = Acl("cluster", "", "ALTER", optional=True)
"""What it takes to end transactions that Kafka forgot to end. It is the right to change ACLs as well."""


def acls(role: str, prefix: str) -> list[Acl]:
    """Return what a role needs, for a topic prefix."""
    return list(_needed(_USES[role], prefix))


def _needed(use: _Use, prefix: str) -> Iterator[Acl]:
    for topic in _AND_NOTICES.split():
        for operation in _operations(use, topic):
            yield Acl("topic", prefix + topic, operation, optional=topic in use.optional.split())
    if use.member:
        yield Acl("group", prefix + use.member, READ)
        yield Acl("transactional-id", f"{prefix}{use.member}-", WRITE, prefixed=True)


def _operations(use: _Use, topic: str) -> list[Operation]:
    """Return the operations on a topic."""
    wanted: tuple[tuple[Operation, str], ...] = (
        (READ, use.reads),
        (WRITE, use.writes),
        (CREATE, use.creates),
        (DESCRIBE_CONFIGS, use.looked_at),
    )
    found = [operation for operation, topics in wanted if topic in topics.split()]
    return [DESCRIBE, *found] if found and not set(_SEEN_AT_ALL) & set(found) else found
