"""What a message says of a word that nobody knows: the one that was probably meant, and which there are."""

import difflib
from collections.abc import Collection, Iterable
from typing import Final

_LISTED: Final = 40
"""Words that a message lists whole; of more, those of one category."""


def nearest(word: str, known: Iterable[str]) -> str | None:
    """Return the known word that is most like this one, None where none is near."""
    return next(iter(difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)), None)


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return `; did you mean "x"?` where a known word is near, else an empty string."""
    near = nearest(word, known)
    return f'; did you mean "{near}"?' if near else ""


def unknown(kind: str, word: str, known: Collection[str]) -> str:
    """Return `unknown KIND "WORD"`, with the word that was probably meant and those that are allowed."""
    return f'unknown {kind} "{word}"{did_you_mean(word, known)}; {_allowed(kind, word, known)}'


def _allowed(kind: str, word: str, known: Collection[str]) -> str:
    if len(known) <= _LISTED:
        return f"known are {', '.join(known)}" if known else f"there is no {kind} here"
    categories = list(dict.fromkeys(each.partition(".")[0] for each in known))
    category = nearest(word.partition(".")[0], categories)
    if category is None:
        return f"{kind}s begin with {', '.join(categories)}; `headrace taxonomy words {kind}` lists all"
    of_it = [each for each in known if each.partition(".")[0] == category]
    return f"known of {category} are {', '.join(of_it)}; `headrace taxonomy words {kind}` lists all"
