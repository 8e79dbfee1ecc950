"""Pages and parts of pages from templates: whatever comes from outside is escaped, control characters are shown."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import jinja2
import msgspec
from markupsafe import Markup, escape

from headrace import __version__
from headrace.cli._formatting import span
from headrace.core.timestamps import from_millis, parse
from headrace.observe.escapes import escaped, escaped_lines

_encode: Final = msgspec.json.Encoder(decimal_format="string").encode
_QUOTED: Final = re.compile("`([^`]+)`")
_DEEPEST: Final = 40
_POINTS: Final = 100
"""Width of the box that a course is drawn in."""


def render(name: str, **values: Any) -> str:
    """Return a template, filled in."""
    return _templates.get_template(name).render(**values)


def _finalize(value: object) -> object:
    """Show what would reorder or hide the text around it."""
    return escaped(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def ago(moment: str | datetime, now: datetime | None = None) -> str:
    """Return how long ago a moment was, in words."""
    try:
        then = parse(moment) if isinstance(moment, str) else moment
    except ValueError:
        return f"at {moment}"
    return f"{span(max(0, int(((now or datetime.now(UTC)) - then).total_seconds())), 1)} ago"


def pretty(value: object) -> Markup:
    """Return a value as indented JSON, its parts marked for colours."""
    return _lines(msgspec.json.format(_encode(value), indent=2).decode())


def text_of(value: bytes) -> Markup:
    """Return bytes as text: JSON indented, anything else as it is, with what is no UTF-8 replaced."""
    try:
        return _lines((msgspec.json.format(value, indent=2) if _depth(value) <= _DEEPEST else value).decode())
    except (msgspec.DecodeError, UnicodeDecodeError):
        return _lines(value.decode("utf-8", "replace"))


def _depth(value: bytes) -> int:
    """Return how deep brackets are nested, those in strings counted as well: indented, each level costs every line."""
    deepest = depth = 0
    for byte in value:
        if byte in b"[{":
            depth += 1
            deepest = max(deepest, depth)
        elif byte in b"]}":
            depth -= 1
    return deepest


def sentence(text: str) -> Markup:
    """Return a sentence in which commands and keys stand between `…`, these marked as code."""
    return Markup(_QUOTED.sub(r"<code>\1</code>", str(escape(escaped(text)))))  # noqa: S704  (escaped, but for these tags)


def rate(number: float) -> str:
    """Return a rate as people read it."""
    if number >= 10:  # noqa: PLR2004  (two digits say enough)
        return f"{number:,.0f}"
    return f"{number:.1f}" if number else "0"


def points(course: Sequence[float], height: float) -> str:
    """Return the points of a polyline, in a box of `_POINTS` by `height`."""
    if not course:
        return ""
    step = _POINTS / max(1, len(course) - 1)
    return " ".join(f"{number * step:.1f},{height - value * height:.1f}" for number, value in enumerate(course))


def _lines(text: str) -> Markup:
    return escape(escaped_lines(text))


_templates: Final = jinja2.Environment(
    loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    finalize=_finalize,
    trim_blocks=True,
    lstrip_blocks=True,
)
_templates.filters |= {
    "ago": ago,
    "lines": _lines,
    "millis": from_millis,
    "points": points,
    "pretty": pretty,
    "rate": rate,
    "sentence": sentence,
    "text": text_of,
}
_templates.globals |= {"version": __version__}
