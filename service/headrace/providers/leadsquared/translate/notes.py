"""What LeadSquared packs into strings: custom objects as JSON, and notes as `Key{=}Value{next}` pairs."""

from typing import Any, Final

import msgspec

_PREFIX: Final = "{keyvalueinfo}"
"""Notes of Lead Capture activities begin with it."""
_encode: Final = msgspec.json.Encoder().encode
_decode: Final = msgspec.json.Decoder().decode


def unpack(note: str) -> dict[str, Any]:
    """Decode a note of pairs; keys occur twice and the first is often empty, so the last non-empty value counts."""
    told: dict[str, Any] = {}
    for part in note.removeprefix(_PREFIX).split("{next}"):
        key, _, value = part.partition("{=}")
        if value:
            told[key] = value if value[0] not in "{[" else said(value)
    return told


def said(text: str) -> Any:
    """Decode a custom object; `text` itself where it is no JSON object or list. Empty values stay, nulls go."""
    try:
        found = _decode(text)
        if not isinstance(found, dict | list):
            return text
        return without_nulls(found) if "null" in text else found
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return text


def is_faithful(text: str, decoded: Any) -> bool:
    """Tell whether a decoded object still says all that its string said, to the letter."""
    return text.encode("utf-8", "surrogatepass") == _encode(decoded)


def without_nulls(value: Any) -> Any:
    """Drop the nulls of a JSON value, however deep: an event never says null. Raises `RecursionError`."""
    if isinstance(value, dict):
        return {key: without_nulls(inner) for key, inner in value.items() if inner is not None}
    if isinstance(value, list):
        return [without_nulls(inner) for inner in value if inner is not None]
    return value
