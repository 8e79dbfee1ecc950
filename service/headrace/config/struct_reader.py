"""Read a table of the configuration as a Struct, key by key, so that every fault in it is found at once."""

import re
from collections.abc import Iterable, Iterator
from typing import Any, Final, Literal, TypeVar, get_args, get_origin

import msgspec
from msgspec import Meta, Struct
from msgspec.structs import FieldInfo

from headrace.config.raw_config import RawConfig
from headrace.core.contradiction import Contradiction
from headrace.core.suggestions import did_you_mean, unknown
from headrace.core.toml_lines import KeyPath
from headrace.core.units import Bytes, Seconds, in_bytes, seconds

S = TypeVar("S", bound=Struct)
Fields = dict[str, FieldInfo]

_FILE: Final = "_file"
_QUOTED: Final = re.compile(r"`(\w+)(?: \| null)?`")
_KINDS: Final = {
    "bool": "true or false",
    "str": "text",
    "int": "a whole number",
    "float": "a number",
    "array": "a list",
    "object": "a table",
}


def read_struct(raw: RawConfig, shape: type[S], keys: KeyPath, beside: tuple[str, ...] = ()) -> S | None:
    """Read the table at `keys`. What is wrong is noted in `raw`, and its default stands in its place.

    None where there is no table, or without a key that it must have. A shape's `faults` yields what contradicts: noted
    where all that it was judged by is sound. Keys in `beside` do not belong to the shape: they are read elsewhere.
    """
    table = raw.at(keys)
    if not isinstance(table, dict):
        raw.fault(keys, f"is a table: write [{'.'.join(map(str, keys))}]")
        return None
    fields = {field.encode_name: field for field in msgspec.structs.fields(shape)}
    found: dict[str, Any] = {}
    for key, value in table.items():
        if key in fields:
            read = _read_field(raw, fields[key], (*keys, key), value)
            found |= {} if read is None else {fields[key].name: read}
        elif key not in beside:
            raw.fault((*keys, key), unknown("key", key, (*fields, *beside)))
    missing = [key for key, field in fields.items() if field.required and key not in table]
    for key in missing:
        raw.fault(keys, f"{key} is missing")
    _read_secrets(raw, fields, keys, found)
    if any(field.required and field.name not in found for field in fields.values()):
        return None
    judged = shape(**(_as_if_there(fields, table) | found))
    _contradictions(raw, getattr(judged, "faults", tuple)(), keys, fields)
    return shape(**found)


def _as_if_there(fields: Fields, table: dict[str, Any]) -> dict[str, str]:
    """Return something for what may be left out and is not: a value that is wrong does not lack."""
    optional = (field for field in fields.values() if field.default is None)
    return {each.name: "?" for each in optional if table.keys() & {each.encode_name, each.encode_name + _FILE}}


def _contradictions(raw: RawConfig, found: Iterable[Contradiction], keys: KeyPath, fields: Fields) -> None:
    """Note what contradicts. Of a list, only elements are left that are sound alone: the others hide none of them."""
    table = raw.at(keys)
    for each in found:
        judged_by = each.by if get_origin(fields[each.key].type) is list else (each.key, *each.by)
        if all(raw.is_sound((*keys, key)) for key in judged_by):
            in_file = each.key not in table and each.key + _FILE in table
            raw.fault((*keys, each.key + _FILE if in_file else each.key), each.reason)


def _read_field(raw: RawConfig, field: FieldInfo, keys: KeyPath, value: Any) -> Any:
    if isinstance(field.type, type) and issubclass(field.type, Struct):
        if isinstance(value, list) and (named := getattr(field.type, "list_of", None)):
            raw.at(keys[:-1])[keys[-1]] = {named: value}
        return read_struct(raw, field.type, keys)
    from_environment = raw.from_environment(keys)
    try:
        if field.type == Seconds:
            return seconds(value if isinstance(value, str) else "")
        if field.type == Bytes:
            return in_bytes(value if isinstance(value, str) else "")
        if from_environment and get_origin(field.type) is list:
            value = _split(value)
        _refuse_nul(value)
        if get_origin(field.type) is list and isinstance(value, list):
            return list(_elements(raw, get_args(field.type)[0], keys, value))
        return msgspec.convert(value, field.type, strict=not from_environment)
    except msgspec.ValidationError as error:
        raw.fault(keys, _reason(str(error), field.type, value))
    except (ValueError, msgspec.DecodeError) as error:
        raw.fault(keys, str(error))
    return None


def _refuse_nul(value: Any) -> None:
    if isinstance(value, str) and "\0" in value:
        raise ValueError("holds a NUL character")


def _elements(raw: RawConfig, kind: Any, keys: KeyPath, value: list[Any]) -> Iterator[Any]:
    """Yield the elements of a list that are sound; the others are noted, each."""
    for number, each in enumerate(value):
        try:
            yield msgspec.convert(each, kind, strict=not raw.from_environment(keys))
        except msgspec.ValidationError as error:
            raw.fault(keys, f"{_reason(str(error), kind, each)}, at [{number}]")


def _read_secrets(raw: RawConfig, fields: Fields, keys: KeyPath, found: dict[str, Any]) -> None:
    """Read every `x_file` into `x`, and refuse empty secrets: a signature with an empty key proves nothing."""
    for name in [name for name in fields if name + _FILE in fields]:
        named = found.get(name + _FILE)
        secret = _read_file(raw, (*keys, name + _FILE), named) if named is not None else None
        if named is not None and secret is not None:
            if get_origin(fields[name].type) is list:
                found[name] = [*(found.get(name) or ()), *(line for line in secret.splitlines() if line)]
            elif name in found:
                raw.fault((*keys, name), f"{name} and {name}{_FILE} are both set: keep one")
            else:
                found[name] = secret
            found[name + _FILE] = str(raw.path((*keys, name + _FILE), named))
        value = found.get(name)
        if value == "" or (isinstance(value, list) and not all(value)):
            raw.fault((*keys, name), "a secret is empty")
            del found[name]
            found |= {name: [each for each in value if each]} if value else {}


def _read_file(raw: RawConfig, keys: KeyPath, name: str) -> str | None:
    """Read a file of secrets, one a line, each stripped."""
    text = raw.read(keys, name)
    if text is None:
        return None
    if not text.strip():
        raw.fault(keys, f"{raw.path(keys, name)} is empty")
        return None
    return "\n".join(line.strip() for line in text.strip().splitlines())


def _split(value: str) -> list[Any]:
    """Read a list from a variable: JSON, or words separated by commas."""
    if value.lstrip().startswith("["):
        try:
            found: list[Any] = msgspec.json.decode(value, type=list)
        except (msgspec.DecodeError, RecursionError):
            raise ValueError('is no JSON list: write ["one", "two"] or one,two') from None
        return found
    return [word.strip() for word in value.split(",") if word.strip()]


def _reason(message: str, kind: Any, value: Any) -> str:
    """Rewrite an error of msgspec for people, never with the value: it may be a secret in the wrong place."""
    words = words_of(kind)
    if words and isinstance(value, str):
        return f"expected one of {', '.join(words)}{did_you_mean(value, words)}"
    parts = (kind, *get_args(kind))  # what may be left out is `X | None`
    metas = (meta for part in parts for meta in getattr(part, "__metadata__", ()))
    titles = [meta.title for meta in metas if isinstance(meta, Meta) and meta.title]
    if titles and isinstance(value, str):
        return f"expected {titles[0]}"
    what, _, where = message.partition(" - at ")
    place = where.strip("`$")
    what = _QUOTED.sub(lambda found: _KINDS.get(found[1], found[1]), what)
    return what[:1].lower() + what[1:] + (f", at {place}" if place else "")


def words_of(kind: Any) -> list[str]:
    """Return the words of which a value is one; none where it may be others."""
    if get_origin(kind) is Literal:
        return [str(word) for word in get_args(kind)]
    return [word for part in get_args(kind) for word in words_of(part) if not isinstance(part, str)]
