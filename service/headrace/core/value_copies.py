"""Find what repeats a value that was redacted, in the spellings in which platforms repeat one. Pure.

A text repeats a value where it is equal to it, holds it (as it is, or as JSON, a URL, HTML or base64 writes it,
whatever the case), is its beginning, or has five words in a row in common with it. Phone numbers are compared by their
digits, amounts as numbers. Where a text has a value only in the form of `plain_form.py`, all of it goes. README.md says
what is not found.
"""

import html
import json
import re
from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping as Dict
from typing import Final
from urllib.parse import quote, quote_plus

from headrace.core.number_copies import Span, amount_of, amounts_in, phone_of, phones_in, tail_of
from headrace.core.plain_form import plain

REDACTED: Final = "[redacted]"
"""What stands in a text for the part that was taken out."""
LEAST_WHOLE: Final = 4
"""Characters of a value that is looked for as the whole of another one…"""
LEAST_INSIDE: Final = 6
"""… and inside of others."""
LEAST_BEGINNING: Final = 12
"""Characters of a text that is taken for the beginning of a value."""
WORDS_IN_A_ROW: Final = 5
MOST_WORK: Final = 20_000_000
"""What `work_of` may be, which takes 0.2 s or less: beyond it, every text is taken for a copy."""
_PIECE: Final = re.compile(r"[^\W\d]+|\d+|[&%\\]")
_WORK_OF_PIECE: Final = 100
_PASSES: Final = 3
_SHORT: Final = 320
"""Characters of a value that is an address, and no text that may quote one: so long may an e-mail address be."""
_SAY_NOTHING: Final = frozenset(("true", "false", "null", "none"))
_WORD: Final = re.compile(r"\w+")
_MAIL: Final = re.compile(r"[^\s<>()\[\],;:\"]+@[^\s<>()\[\],;:\"]+")
_NO_DIGIT: Final = re.compile(r"\D+")
_LEAST_AMOUNT: Final = 5
"""Characters of an amount without the zeros at its end that is looked for in others."""
_LEAST_BASE64: Final = 7
_PLAIN: Final = re.compile(r"[a-z0-9]+")
_BASE64: Final = re.compile(r"[A-Za-z0-9+/_-]{7,}")


class ValueCopies:
    """Looks for `values`, each with what replaces it: None where it is left out.

    `texts` are all that are looked at later: what is in none of them is looked for once.
    """

    def __init__(self, values: Dict[str, str | None], texts: Iterable[str]) -> None:
        texts = tuple(texts)
        self._texts: Final = "\0".join(texts)
        values = _with_addresses(values)
        self._all: Final = work_of(values, self._texts) > MOST_WORK
        self._whole: Final[dict[str, str | None]] = {}
        self._begins: Final[dict[str, list[str]]] = {}
        self._inside: Final[dict[str, str]] = {}
        self._base64: Final[dict[str, str | None]] = {}
        self._phones: Final[dict[str, tuple[str, str]]] = {}
        self._amounts: Final[dict[str, str]] = {}
        self._rows: Final[dict[tuple[str, ...], str | None]] = {}
        self._plain_whole: Final[dict[str, str | None]] = {}
        self._plain_inside: Final[dict[str, str | None]] = {}
        if self._all:
            return
        self._folded: Final = _folded(self._texts)
        self._forms: Final = {text: plain(text) for text in texts}
        self._plain: Final = "\0".join(self._forms.values())
        self._digits: Final = _NO_DIGIT.sub("", f"{self._texts}\0{self._plain}")
        self._longest: Final = max(map(len, _BASE64.findall(self._texts)), default=0)
        for value, instead in values.items():
            self._add(value.strip(), instead)

    def without(self, text: str) -> str | None:
        """Return a text without the copies in it, the same object where there are none; None where all of it is one."""
        if self._all:
            return None
        lower = _folded(text)
        bare = lower.strip()
        if bare in self._whole:
            return self._whole[bare]
        for core, instead in self._base64.items():
            if core in text:
                return instead
        spans = [*self._spans(lower), *phones_in(text, self._phones), *amounts_in(text, self._amounts)]
        if spans:
            text = _replaced(text, spans)
            if text.strip() == REDACTED:
                return None
        for copied, instead in (self._is_part(bare, _folded(text)), self._is_in_plain(text)):
            if copied:
                return instead
        return text

    def _add(self, value: str, instead: str | None) -> None:
        lower = _folded(value)
        if len(value) < LEAST_WHOLE or lower in _SAY_NOTHING:
            return
        self._whole.setdefault(lower, instead)
        self._begins.setdefault(lower[:LEAST_BEGINNING], []).append(lower)
        self._add_plain(plain(value), instead)
        if len(value) < LEAST_INSIDE:
            return
        if not value.isdecimal() and self._may_stand_in(lower):  # in a longer number it would be found by chance
            found = (form for form in _forms(value) if form in self._folded and form not in self._inside)
            self._inside.update(dict.fromkeys(found, instead or REDACTED))
        if len(value) * 8 // 6 - 2 <= self._longest:
            cores = _cores(value.encode("utf-8", "surrogatepass"))
            self._base64.update({core: instead for core in cores if core in self._texts})
        words = _WORD.findall(lower)
        for row in zip(*(words[at:] for at in range(WORDS_IN_A_ROW)), strict=False):
            self._rows.setdefault(row, instead)

    def _add_plain(self, value: str, instead: str | None) -> None:
        """Add a value in its plain form: as a text, a phone number and an amount."""
        digits, amount = phone_of(value), amount_of(value)
        if digits is not None and (tail := tail_of(digits)) in self._digits:
            self._phones.setdefault(tail, (digits, instead or REDACTED))
        is_long = amount is not None and len(value) >= LEAST_INSIDE and len(amount) >= _LEAST_AMOUNT
        if amount is not None and is_long and _NO_DIGIT.sub("", amount) in self._digits:
            self._amounts.setdefault(amount, instead or REDACTED)
        if len(whole := amount or value) >= LEAST_WHOLE:
            self._plain_whole.setdefault(whole, instead)
        if amount is None and len(value) >= LEAST_INSIDE and value in self._plain:
            self._plain_inside.setdefault(value, instead)

    def _may_stand_in(self, lower: str) -> bool:
        """Return whether a text has the longest plain word of a value, which every spelling but base64 leaves alone."""
        return max(_PLAIN.findall(lower), key=len, default="") in self._folded

    def _spans(self, lower: str) -> Iterator[Span]:
        for form, instead in self._inside.items():
            at = lower.find(form)
            while at >= 0:
                yield at, at + len(form), instead
                at = lower.find(form, at + len(form))

    def _is_part(self, bare: str, left: str) -> tuple[bool, str | None]:
        """Return whether a text is the beginning of a value or shares a row of words with one, and what replaces it."""
        beginning = bare.rstrip(".… ")
        if len(beginning) >= LEAST_BEGINNING:
            for whole in self._begins.get(beginning[:LEAST_BEGINNING], ()):
                if whole.startswith(beginning):
                    return True, self._whole[whole]
        if self._rows:
            words = _WORD.findall(left)
            for row in zip(*(words[at:] for at in range(WORDS_IN_A_ROW)), strict=False):
                if row in self._rows:
                    return True, self._rows[row]
        return False, None

    def _is_in_plain(self, left: str) -> tuple[bool, str | None]:
        """Return whether what is left of a text has a value in its plain form, and what replaces all of it."""
        form = self._forms[left] if left in self._forms else plain(left)
        whole = amount_of(form) or form
        if whole in self._plain_whole:
            return True, self._plain_whole[whole]
        for value, instead in self._plain_inside.items():
            if value in form:
                return True, instead
        for _, _, number in (*phones_in(form, self._phones), *amounts_in(form, self._amounts)):
            return True, None if number == REDACTED else number
        return False, None


def work_of(values: Dict[str, str | None], texts: str) -> int:
    """Return what it costs to look for values: each in every character, and each word, number and escape once."""
    work = (len(values) + _PASSES) * len(texts)
    if work > MOST_WORK:
        return work
    return work + _WORK_OF_PIECE * sum(len(_PIECE.findall(text)) for text in (texts, *values))


def _with_addresses(values: Dict[str, str | None]) -> dict[str, str | None]:
    """Return values and the e-mail addresses in short ones."""
    found = dict(values)
    for value, instead in values.items():
        for address in _MAIL.findall(value) if len(value) <= _SHORT else ():
            found.setdefault(address, instead)
    return found


def _folded(text: str) -> str:
    """Return a text without case, each character at its place."""
    if text.isascii():
        return text.lower()
    return "".join(low if len(low := each.casefold()) == 1 else each for each in text)


def _forms(value: str) -> Iterator[str]:
    """Yield a value in lower case, as it is and as it stands in a JSON text (in one more, too), a URL and HTML."""
    as_json = [json.dumps(value, ensure_ascii=ascii)[1:-1] for ascii in (False, True)]  # noqa: A001  (JSON's word)
    nested = [json.dumps(each)[1:-1] for each in as_json]
    slashes = [each.replace("/", "\\/") for each in as_json]
    plain = value.encode("utf-8", "replace").decode()
    in_urls = [quote(plain, safe=""), quote(plain), quote_plus(plain)]
    in_html = [html.escape(value, quote=quotes) for quotes in (False, True)]
    lines = [value.replace("\r\n", "\n"), value.replace("\r\n", "\n").replace("\n", "\r\n")]
    yield from {_folded(form) for form in (value, *as_json, *nested, *slashes, *in_urls, *in_html, *lines)}


def _cores(data: bytes) -> Iterator[str]:
    """Yield what base64 makes of bytes, wherever in a longer text they begin; without the ends that depend on it."""
    for shift in range(3):
        encoded = b64encode(bytes(shift) + data).decode()
        core = encoded[-(-shift * 8 // 6) : (shift + len(data)) * 8 // 6]
        if len(core) >= _LEAST_BASE64:
            yield core
            yield core.translate(str.maketrans("+/", "-_"))


def _replaced(text: str, spans: list[Span]) -> str:
    """Return a text with its spans replaced; of two that overlap, both go, for what replaces the first."""
    parts: list[str] = []
    end = 0
    for begin, after, instead in sorted(spans, key=lambda span: (span[0], -span[1])):
        if begin >= end:
            parts += [text[end:begin], instead]
        end = max(end, after)
    return "".join((*parts, text[end:]))
