"""Propose an event type for a native code by its name: a guess for people, with its reason. Nothing applies it.

Two things count, in this order: the name of another code of the same account that has a row of its own, and the words
of the name itself. A verb that does not go with the noun (a "payment link sent") makes no proposal, nor does a noun
whose verb would have to be made up.
"""

import difflib
import itertools
import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Final

from msgspec import Struct

from headrace.core.mapping import UNMAPPED
from headrace.core.proposal_words import (
    ALONE,
    ALONE_OF,
    CHANNEL_OF,
    CHANNELS,
    DENIALS,
    DIRECTIONS,
    NOUNS,
    OUTCOMES,
    PHRASES,
    VERBS,
    VERBS_OF,
)
from headrace_events import Type

_LONGEST: Final = 120
"""Characters of a name that are looked at."""
_WORD: Final = re.compile(r"[^\W\d_]+")
_HUMP: Final = re.compile(r"(?<=[a-z])(?=[A-Z])")
_ALIKE: Final = 0.85
"""How alike two names are that are taken for one (difflib's ratio): `Site Visit` and `Site Visits`."""
_SLIP: Final = 0.84
"""How alike a word is that is taken for a known one written wrongly, if it has as many letters as `_SURE` at least."""
_SURE: Final = 6
_COMPARED: Final = 500


class Proposal(Struct, frozen=True, omit_defaults=True):
    """A guess: the words of a row, and why."""

    type: str
    why: str
    direction: str | None = None
    channel: str | None = None
    outcome: str | None = None

    def words(self) -> dict[str, str]:
        """Return the keys of a row that are proposed, with their words."""
        found = {key: getattr(self, key) for key in ("type", "direction", "channel", "outcome")}
        return {key: word for key, word in found.items() if word is not None}


class Named(Struct, frozen=True):
    """A code of the same account that has a row of its own: how it is called, and what it is."""

    code: str
    name: str
    type: str


class _NameWord(Struct, frozen=True):
    """One word of a name as the tables have it, and as it was written."""

    word: str
    written: str


def propose(name: str, decided: Iterable[Named] = ()) -> Proposal | None:
    """Return what a code of this name may be, None where nothing is similar enough."""
    words = _words(name)
    if not words:
        return None
    return _by_name(words, decided) or _by_words({each.word: each.written for each in words})


def _by_name(words: list[_NameWord], decided: Iterable[Named]) -> Proposal | None:
    """Return the type of the code whose name is most like this one."""
    matcher = difflib.SequenceMatcher(b=_joined(words))  # which remembers what it knows of b
    best, found = _ALIKE, None
    for one in itertools.islice(decided, _COMPARED):
        matcher.set_seq1(_plain(one.name))
        bounds = (matcher.real_quick_ratio, matcher.quick_ratio, matcher.ratio)
        if one.type in _TYPES and all(bound() >= best for bound in bounds):
            best, found = matcher.ratio(), one
    return None if found is None else Proposal(type=found.type, why=f'named like code {found.code}, "{found.name}"')


@lru_cache(maxsize=_COMPARED * 4)
def _plain(name: str) -> str:
    return _joined(_words(name))


def _joined(words: list[_NameWord]) -> str:
    return " ".join(each.word for each in words)


def _by_words(words: dict[str, str]) -> Proposal | None:
    """Return what a noun and at most one verb hint at; `words` are in the order of the name."""
    nouns = [word for word in words if word in NOUNS]
    if not nouns or not DENIALS.isdisjoint(words):
        return None
    noun = next((word for word in nouns if NOUNS[word] == _ABOVE), nouns[-1])
    category = NOUNS[noun]
    verbs = _verbs(category, words)
    actions = {_action(category, verb) for verb in verbs} or {ALONE_OF.get(noun) or ALONE.get(category)}
    kind = f"{category}.{actions.pop()}"
    if actions or kind not in _TYPES:
        return None  # it tells two things, or none that this category has a word for
    hints = " and ".join(dict.fromkeys(f'"{words[word]}"' for word in (noun, *verbs)))
    by_word = _first(CHANNELS, words) if category == "message" else None
    return Proposal(
        type=kind,
        why=f"{hints} in the name",
        direction=_first(DIRECTIONS, words),
        channel=by_word or CHANNEL_OF.get(category),
        outcome=_first(OUTCOMES, words) if category == "call" else None,
    )


def _verbs(category: str, words: Iterable[str]) -> list[str]:
    """Return the words that hint at an action; a direction does where nothing else does."""
    found = [word for word in words if _action(category, word) is not None]
    return [word for word in found if word not in DIRECTIONS] or found


def _action(category: str, word: str) -> str | None:
    return VERBS_OF.get((category, word)) or VERBS.get(word)


def _first(table: Mapping[str, str], words: Iterable[str]) -> str | None:
    return next((table[word] for word in words if word in table), None)


def _words(name: str) -> list[_NameWord]:
    """Return the words of a name, put right where that is clear."""
    plain = [word.casefold() for word in _WORD.findall(_HUMP.sub(" ", name[:_LONGEST]))]
    found: list[_NameWord] = []
    while plain:
        pair = " ".join(plain[:2])
        taken = 2 if pair in PHRASES else 1
        written = " ".join(plain[:taken])
        found += [_NameWord(word, written) for word in PHRASES.get(pair, _known(written)).split()]
        del plain[:taken]
    return found


def _known(word: str) -> str:
    if word in NOUNS or word in VERBS:
        return word
    if word.endswith("s") and word[:-1] in NOUNS:
        return word[:-1]
    if len(word) < _SURE:
        return word
    return next(iter(difflib.get_close_matches(word, _LONG, n=1, cutoff=_SLIP)), word)


_TYPES: Final = frozenset(map(str, Type)) - {UNMAPPED}
_LONG: Final = [word for word in (*NOUNS, *VERBS) if len(word) >= _SURE]
_ABOVE: Final = "consent"
"""The category whose words count wherever they stand: "unsubscribed from newsletter"."""
