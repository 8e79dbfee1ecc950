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


def unpack(note: str) -> tuple[dict[str, Any], list[str]]:
    """Return the pairs of a note, and its parts that are none.

    Keys occur twice and the first is often empty, so the last non-empty value counts.
    """
    pairs: dict[str, Any] = {}
    loose: list[str] = []
    for part in _parts(note):
        key, is_pair, value = part.partition("{=}")
        if value:
            pairs[key] = value if value[0] not in "{[" else open_object(value)
        elif part and not is_pair:
            loose.append(part)
    return pairs, loose


def _parts(note: str) -> list[str]:
    """Return the parts of a packed note, pairs or not, without its prefix."""
    first = note[:1]
    prefix = _PREFIX.match(note) if first == "{" or first.isspace() else None
    bare = note[prefix.end() :] if prefix else note
    found = bare.split("{next}")
    # By far the most notes spell the separator in one way, and need no expression.
    return found if bare.count("{n") < len(found) and "{N" not in bare else _NEXT.split(bare)


def open_object(text: str) -> Any:
    """Return a custom object, decoded; `text` itself if it is no JSON object or list. Empty values stay, nulls go."""
    try:
        found = _decode(text)
        if type(found) is not dict and type(found) is not list:
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
