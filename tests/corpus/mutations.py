"""Seeded changes of payloads: what platforms did, may do and must not do. Pure.

All of it draws from one `random.Random`: the same seed gives the same payloads on any machine.
"""

import json
import re
from collections.abc import Callable, Iterable
from random import Random
from typing import Any, Final

Path = tuple[str | int, ...]

_TIME: Final = re.compile(r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d)(?::(\d\d))?")
_TIME_FORMS: Final = (
    *("{d}T{m}:{s}Z", "{d} {m}:{s}", "{d}T{m}:{s}", "{d} {m}:{s}.000", "{d}T{m}:{s}.123Z", "{d}T{m}:{s}.123456+00:00"),
    *("{d}T{m}:{s}.1234567Z", "{d}T{m}:{s}+05:30", "{d}T{m}:{s}-0700", "{d}T{m}:{s}.5-07", "{d} {m}:{s} UTC"),
    *(
        "{d}T{m}Z",
        "{d}t{m}:{s}z",
        "{d}",
        "{d} {m}",
        " {d} {m}:{s} ",
        "{d}T24:00:00Z",
        "{d}T{m}:60Z",
        "0001-01-01T00:00:00",
    ),
    *("0000-00-00 00:00:00", "9999-12-31T23:59:59.999999-12:00", "2026-13-45 99:99:99", "/Date(1790000000000)/"),
    *("{d}T{m}:{s}.9999999999Z", "{d}T{m}:{s}.Z", "{d}T{m}:{s},250Z", "{d}T{m}:{s}+14:00", "{d}T{m}:{s}\u221201:00"),
)
_TEXTS: Final = (
    *("", " ", "\t\n", "0", "-1", "null", "None", "true"),
    *("Ünïcödé 漢字 🎺", "<p>Hi <b>there</b>&nbsp;&amp; you<br/></p>"),
    *("{", '{"a": null}', "[]", "a=1{next}b=2", "{=}{next}", "x\x00y", "\u2028", "a" * 300, "1e3", "١٢٣", "1,234.50"),
    *("00012", "+1 (202) 555-0101", "nobody@example.invalid", "https://files.example/a?b=c&d=%20", "\ufeffText", "﷐"),
)
_NUMBERS: Final = (
    *(0, -1, 1, 2**31, 2**53 + 1, 2**63 - 1, 2**63, 2**80, -(2**63) - 1, 0.1, -0.0, 1e-9, 1.5e300),
    *(12345678901234567890, 3.0, 1e16, 100.10),
)
_NESTED: Final[tuple[Any, ...]] = (
    {"a": None, "b": [None, {"c": None}], "d": {}},
    [None],
    [[], {}, [[]]],
    {"": "", "null": None, "ü": {"k": [1, "x", None]}},
    [{"name": "A", "value": 1}, {"name": None}],
)


def paths(document: Any, at: Path = ()) -> list[Path]:
    """Return the path of every value below the root of a document."""
    inner: Iterable[tuple[str | int, Any]] = ()
    if isinstance(document, dict):
        inner = document.items()
    elif isinstance(document, list):
        inner = enumerate(document)
    return [path for key, child in inner for path in ((*at, key), *paths(child, (*at, key)))]


def value_at(document: Any, path: Path) -> Any:
    """Return the value at a path."""
    for key in path:
        document = document[key]
    return document


def put(document: Any, path: Path, value: Any) -> Any:
    """Return a document with another value at a path."""
    if not path:
        return value
    copy: Any = dict(document) if isinstance(document, dict) else list(document)
    copy[path[0]] = put(copy[path[0]], path[1:], value)
    return copy


def without(document: Any, path: Path) -> Any:
    """Return a document without what stands at a path."""
    parent = value_at(document, path[:-1])
    copy: Any = dict(parent) if isinstance(parent, dict) else list(parent)
    del copy[path[-1]]
    return put(document, path[:-1], copy)


def mutated(document: Any, rng: Random) -> Any:
    """Return a document with one change anywhere in it."""
    path = _somewhere(document, rng)
    if not path:
        return rng.choice(_NESTED)
    change = rng.choice(_CHANGES)
    if change is without:
        return without(document, path)
    return put(document, path, change(value_at(document, path), rng))


def retimed(document: Any, rng: Random) -> Any:
    """Return a document with one of its times in another form, or at another moment."""
    times = [path for path in paths(document) if _is_time(value_at(document, path))]
    if not times:
        return mutated(document, rng)
    path = rng.choice(times)
    return put(document, path, _time(value_at(document, path), rng))


def written(document: Any, rng: Random) -> bytes:
    """Return a document as JSON in one of its forms."""
    ascii_only, spaced = rng.random() < 0.5, rng.random() < 0.2
    text = json.dumps(document, ensure_ascii=ascii_only, separators=None if spaced else (",", ":"))
    return text.encode("utf-8", "surrogatepass")


def damaged(value: bytes, rng: Random) -> bytes:
    """Return bytes that break off, hold noise, are in another encoding, or are nested too deeply."""
    at, how = rng.randrange(len(value) + 1), rng.randrange(6)
    if how <= 1:
        return value[:at]
    if how == 2:
        return value[:at] + rng.randbytes(rng.randrange(1, 6)) + value[at:]
    if how == 3:
        return value.decode("utf-8", "replace").encode(rng.choice(("utf-16", "utf-8-sig", "latin-1")), "replace")
    if how == 4:
        return value.rstrip().removesuffix(b"}") + b',"deep":' + b'{"a":[' * 5_000
    return rng.choice((b"", b" ", b"null", b"0", b"[]", b"{}", b'"\\ud800"', b'{"id":"\\ud800x"}', b"[null]"))


def _somewhere(document: Any, rng: Random) -> Path:
    """Return the path of a value, of an outer one more often than of an inner one; empty where there is none."""
    path: Path = ()
    while isinstance(document, (dict, list)) and document and (not path or rng.random() < 0.8):
        key: Any = rng.choice(list(document)) if isinstance(document, dict) else rng.randrange(len(document))
        path, document = (*path, key), document[key]
    return path


def _null(old: Any, rng: Random) -> Any:  # noqa: ARG001  (the form of a change)
    return None


def _text(old: Any, rng: Random) -> Any:  # noqa: ARG001  (the form of a change)
    return rng.choice(_TEXTS)


def _number(old: Any, rng: Random) -> Any:  # noqa: ARG001  (the form of a change)
    return rng.choice(_NUMBERS)


def _nested(old: Any, rng: Random) -> Any:  # noqa: ARG001  (the form of a change)
    return rng.choice(_NESTED)


def _other_type(old: Any, rng: Random) -> Any:
    """Return a number as text, a text as a number, or either in a list or object."""
    if isinstance(old, (int, float)):
        return rng.choice((str(old), f" {old} ", f"{old}.0", [old], not old))
    if isinstance(old, str):
        others: tuple[Any, ...] = (len(old), [old], {"value": old}, old.upper(), old.swapcase(), f" {old}", f"{old}ü")
        return rng.choice(others)
    return rng.choice((json.dumps(old), "", [old], True))


def _long(old: Any, rng: Random) -> Any:
    """Return a text beyond what is published whole, now and then."""
    if rng.random() < 0.9:
        return f"{old} " * rng.randrange(2, 30)
    return rng.choice(("word ", "wörd ", "<i>x</i>")) * rng.choice((2_000, 14_000))


def _time(old: Any, rng: Random) -> Any:
    """Return a time in another form, or some time later; anything else becomes one."""
    found = _TIME.match(old) if isinstance(old, str) else None
    if found is None:
        return rng.choice((1_790_000_000, 1_790_000_000_123, "1790000000", "2026-04-01T08:00:00.000Z"))
    day, minute, second = found[1], found[2], found[3] or "00"
    if rng.random() < 0.4:
        later = f"{rng.randrange(24):02d}:{rng.randrange(60):02d}"
        return str(old).replace(minute, later, 1)
    return rng.choice(_TIME_FORMS).format(d=day, m=minute, s=second)


def _is_time(value: Any) -> bool:
    return isinstance(value, str) and _TIME.match(value) is not None


_CHANGES: Final[tuple[Callable[[Any, Any], Any], ...]] = (
    *(without, without, _null, _null, _text, _text, _text, _number, _nested, _other_type, _other_type, _long),
    *(_time, _time),
)
