"""What LeadSquared packs into strings: custom objects as JSON, and notes as `Key{=}Value{next}` pairs.

Its own web client takes `{NEXT}` for `{next}`, and knows the prefix with an opening brace behind it.
"""

import re
from typing import Any, Final

import msgspec

_PREFIX: Final = re.compile(r"\s*\{keyvalueinfo\}(?:\{(?!next\}|=\}))?", re.IGNORECASE)
"""Notes of Lead Capture activities begin with it."""
_NEXT: Final = re.compile(r"\{next\}", re.IGNORECASE)
_encode: Final = msgspec.json.Encoder().encode
_decode: Final = msgspec.json.Decoder().decode


def unpack(note: str) -> dict[str, Any]:
    """Return the pairs of a note; keys occur twice and the first is often empty, so the last non-empty value counts."""
    pairs: dict[str, Any] = {}
    for part in parts(note):
        key, _, value = part.partition("{=}")
        if value:
            pairs[key] = value if value[0] not in "{[" else open_object(value)
    return pairs


def parts(note: str) -> list[str]:
    """Return the parts of a packed note, pairs or not, without its prefix."""
    prefix = _PREFIX.match(note)
    return _NEXT.split(note[prefix.end() :] if prefix else note)


def open_object(text: str) -> Any:
    """Return a custom object, decoded; `text` itself if it is no JSON object or list. Empty values stay, nulls go."""
    try:
        found = _decode(text)
        if not isinstance(found, dict | list):
            return text
        return without_nulls(found) if "null" in text else found
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return text


def is_faithful(text: str, decoded: Any) -> bool:
    """Return whether a decoded object still says all that its string says, to the letter."""
    return text.encode("utf-8", "surrogatepass") == _encode(decoded)


def without_nulls(value: Any) -> Any:
    """Return a JSON value without its nulls, however deep: an event never says null. Raises `RecursionError`."""
    if isinstance(value, dict):
        return {key: without_nulls(inner) for key, inner in value.items() if inner is not None}
    if isinstance(value, list):
        return [without_nulls(inner) for inner in value if inner is not None]
    return value
