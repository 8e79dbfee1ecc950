"""The canonical parts that polled events and webhook bodies have in common."""

from typing import Any, Final

from headrace.core import values
from headrace.core.mapping import Row
from headrace.core.problems import bad_time
from headrace.core.timestamps import canonical
from headrace_events import Actor, Parties, Party

_NESTED: Final = frozenset({dict, list})


def actor_of(row: Row, refs: dict[str, str], direction: str | None) -> Actor | None:
    """Return who did it where the row says so, else the user of what went out; the user of an open owns the mailbox."""
    if row.actor is not None:
        return Actor(kind=row.actor, id=refs.get(row.actor))
    if direction == "outbound" and "user" in refs:
        return Actor(kind="user", id=refs["user"])
    return None


def moment(text: str | None, pointer: str) -> str | None:
    """Return a time in canonical form, None where there is none. Raises `Undecodable` at `pointer`."""
    if not text:
        return None
    try:
        return canonical(text)
    except (ValueError, OverflowError):
        raise bad_time(pointer) from None


def without_nulls(value: Any) -> Any:
    """Return a value without the nulls in its objects, at any depth; the places of a list are kept."""
    kind = type(value)
    if kind is dict:
        return {
            key: without_nulls(item) if type(item) in _NESTED else item
            for key, item in value.items()
            if item is not None
        }
    if kind is list:
        return [without_nulls(item) if type(item) in _NESTED else item for item in value]
    return value


def parties_of(from_: Any, to: Any) -> Parties | None:
    """Return both ends by their addresses, where there are any."""
    if from_ is None and to is None:
        return None
    sender, receiver = values.address(from_), values.address(to)
    if sender is None and receiver is None:
        return None
    return Parties(
        from_=None if sender is None else Party(address=sender),
        to=None if receiver is None else Party(address=receiver),
    )
