"""Bring the many spellings of a text to one, in which two are compared: no place in it is one of the text. Pure."""

import re
from html import unescape
from typing import Final
from unicodedata import normalize
from urllib.parse import unquote

_ROUNDS: Final = 3
"""Formats that lie in each other, and are undone."""
_BACKSLASHES: Final = re.compile(r"\\+(?:u([0-9a-fA-F]{4})|[nrt])?")
_FOLDED: Final = {
    "-": "\u2010\u2011\u2012\u2013\u2014\u2015\u2043\u2212",
    "'": "\u2018\u2019\u02bc\u2032\u00b4",
    "": "\u00ad\u200b\u200c\u200d\u2060\ufeff\ufdfa\ufdfb",
}
"""What stands for which characters; nothing for those that are unseen, and two that NFKC makes 18 times as long."""


def plain(text: str) -> str:
    """Return a text without the escapes of JSON, HTML and URLs, in one form of letters, dashes and white space."""
    for _ in range(_ROUNDS):
        before = text
        if "\\" in text:
            text = _paired(_BACKSLASHES.sub(_unescaped, text))
        if "&" in text:
            text = unescape(text)
        if "%" in text:
            text = unquote(text)
        if text == before:
            break
    if not text.isascii():
        for instead, characters in _FOLDED.items():
            for each in characters:
                text = text.replace(each, instead)
        text = normalize("NFKC", normalize("NFKC", text).casefold())
    return " ".join(text.replace("+", " ").casefold().split())  # a URL's "+" is a space, so each is


def _unescaped(found: re.Match[str]) -> str:
    """Return what a letter after backslashes stands for; other backslashes go."""
    if code := found[1]:
        return chr(int(code, 16))
    return " " if found[0][-1] in "nrt" else ""


def _paired(text: str) -> str:
    """Return a text in which two halves of one character are one."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
