"""What a fault of a mapping's row adds for people who finish a draft: its code, and what is a comment still. Pure."""

import re
from typing import Any, Final

from headrace.core.lift import refusal
from headrace.core.mapping_keys import ROW_KEYS, WORDS
from headrace.core.suggestions import nearest
from headrace.core.toml_lines import KeyPath

_ROW: Final = re.compile(r"\s*\[\[")
_OPEN_TYPE: Final = re.compile(r"\s*#\s*type\s*=")
_TYPES: Final = frozenset(map(str, WORDS["type"]))


def code_of(rows: Any, path: KeyPath) -> str:
    """Return ` (code 201)` for what is below a row of one code, else an empty text: people know a row by it."""
    _, *below = path
    if not below or not isinstance(below[0], int):
        return ""
    code = rows[below[0]].get("code")
    return f" (code {code})" if isinstance(code, str) and code else ""


def open_type(text: str, line: int) -> str:
    """Return what to do with a row without a type where it has one as a comment; `line` is that of its `[[row]]`."""
    for each in text.split("\n")[line:]:
        if _ROW.match(each):
            break
        if _OPEN_TYPE.match(each):
            return ': take the "# " before it away, or delete the row'
    return ""


def section_left_out(key: str, value: Any) -> str:
    """Return which line above a row's unknown key is probably a comment; an empty text where the key has a slip."""
    if nearest(key, ROW_KEYS) is not None:
        return ""
    if isinstance(value, str) and refusal(value) is None:
        return '; is "[row.lift]" above it still a comment?'
    if value in _TYPES if isinstance(value, str) else isinstance(value, dict) and "type" in value:
        return '; is "[row.status]" above it still a comment?'
    return ""
