"""Go through the values of an event by their paths, and put others in their place. Pure."""

from collections.abc import Callable
from typing import Any, Final

from msgspec.structs import replace

from headrace_events import Event, Parties

Visit = Callable[[str, Any], Any]
"""Gets a path such as `parties.from.address` and its value; returns the value to stand there, None for none."""
NameOf = Callable[[str], str]

_PLAIN: Final = ("text", "title", "reason", "duration_seconds")
_STRUCTS: Final = {
    "actor": ("id", "name"),
    "client": ("city", "region", "host", "device", "lat", "lon"),
    "change": ("from_", "to"),
    "cost": ("amount", "currency", "billable_seconds", "status"),
    "value": ("amount", "currency"),
}
_PARTY: Final = ("address", "id", "name")


def put(event: Event, visit: Visit, name_of: NameOf = str) -> None:
    """Put what `visit` returns in the place of each value that may be redacted; what is empty then goes.

    `name_of` returns the name to stand for one in `fields` or `native.extra`.
    """
    data = event.data
    for plain in _PLAIN:
        if (value := getattr(data, plain)) is not None:
            setattr(data, plain, visit(plain, value))
    for name, keys in _STRUCTS.items():
        setattr(data, name, _renewed(getattr(data, name), keys, f"{name}.", visit))
    data.parties = _renewed_parties(data.parties, visit)
    native = data.native
    extra = _inside(native.extra, "native.extra", visit, name_of) or None
    data.native = replace(_renewed(native, ("name", "status"), "native.", visit), extra=extra)
    data.refs = _inside(data.refs, "refs", visit, str) or None
    data.urls = _inside(data.urls, "urls", visit, str) or None
    data.fields = _inside(data.fields, "fields", visit, name_of) or None
    kind, slash, named = event.subject.partition("/")
    event.subject = f"{kind}{slash}{visit('subject', named)}"


def _renewed_parties(parties: Parties | None, visit: Visit) -> Parties | None:
    if parties is None:
        return None
    found = Parties(
        from_=_renewed(parties.from_, _PARTY, "parties.from.", visit),
        to=_renewed(parties.to, _PARTY, "parties.to.", visit),
    )
    return None if _is_empty(found) else found


def _renewed(part: Any, attributes: tuple[str, ...], above: str, visit: Visit) -> Any:
    """Return a part with its values replaced; None where nothing is left of it. The part itself may be a constant."""
    if part is None:
        return None
    values = {name: value for name in attributes if (value := getattr(part, name)) is not None}
    changed = {name: visit(f"{above}{name.rstrip('_')}", value) for name, value in values.items()}
    found = replace(part, **changed)
    return None if values and _is_empty(found) else found


def _is_empty(part: Any) -> bool:
    return all(getattr(part, attribute) is None for attribute in part.__struct_fields__)


def _inside(value: Any, path: str, visit: Visit, name_of: NameOf) -> Any:
    """Return a structure with its values replaced; None where nothing is left of it."""
    if isinstance(value, dict):
        pairs = ((name_of(name), _inside(inner, f"{path}.{name}", visit, name_of)) for name, inner in value.items())
        found = {name: inner for name, inner in pairs if inner is not None}
        return found or (None if value else value)
    if isinstance(value, list):
        items = [inner for each in value if (inner := _inside(each, path, visit, name_of)) is not None]
        return items or (None if value else value)
    return None if value is None else visit(path, value)
