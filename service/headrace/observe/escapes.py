r"""Escape what could steer a terminal, forge a line or hide text: for everything that a person sees. Pure.

The escapes are those of JSON (`\n`, `\u001b`), so that a JSON text means the same after it.
"""

from typing import Final

_SHORT: Final = {"\b": r"\b", "\t": r"\t", "\n": r"\n", "\f": r"\f", "\r": r"\r"}
_CONTROLS: Final = (
    *range(0x20),
    *range(0x7F, 0xA0),  # DEL, and C1: a terminal takes U+009B for ESC [
    *range(0x2028, 0x202F),  # line separators, and what reorders the letters of a line
    *range(0x2066, 0x206A),
    *range(0xD800, 0xE000),  # nothing can encode a lone surrogate
)
_ESCAPES: Final = {code: _SHORT.get(chr(code), rf"\u{code:04x}") for code in _CONTROLS}


def escaped(text: str) -> str:
    """Return a text as one line in which every control character is written as its escape."""
    return text if text.isascii() and text.isprintable() else text.translate(_ESCAPES)


def escaped_lines(text: str) -> str:
    """Return a text with the same lines, and everything else in it escaped."""
    return "\n".join(map(escaped, text.split("\n")))
