"""What differs between two versions of an event."""

from typing import Any, Final

import msgspec

from headrace_events import Event

_ASIDE: Final = ("id", "recordedtime", "partitionkey", "data.category", "data.action", "data.provenance")


def changes(before: Event, after: Event) -> dict[str, tuple[Any, Any]]:
    """Return what differs between two versions of an event, by path: not where they came from, nor their ids."""
    old, new = (_flat(msgspec.to_builtins(one)) for one in (before, after))
    return {
        path: (old.get(path), new.get(path))
        for path in sorted(old.keys() | new.keys())
        if old.get(path) != new.get(path)
    }


def _flat(value: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, inner in value.items():
        path = f"{prefix}{name}"
        if path in _ASIDE:
            continue
        if isinstance(inner, dict):
            found |= _flat(inner, f"{path}.")
        else:
            found[path] = inner
    return found
