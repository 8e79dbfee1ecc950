"""What an answer is good for, by the rules that all platforms share; a client asks its own rules first. Pure."""

from typing import Final

import msgspec
from msgspec import Raw

from headrace.sdk.faults import Denied, Fault, Gone, NoRoute, Rejected, Throttled, TooHeavy, Unavailable
from headrace.sdk.feed import Answer
from headrace.sdk.json_structure import UNCUTTABLE, is_sound
from headrace.sdk.retry_after import retry_after

_decode: Final = msgspec.json.Decoder(Raw).decode

_AT_ONCE_BYTES: Final = 64 * 1024
"""So much is looked through within a few milliseconds."""
_GOOD: Final = range(200, 300)
_SERVER_ERRORS: Final = range(500, 600)
_REDIRECTS: Final = range(300, 400)
_THROTTLED: Final = 429
_RESTS: Final = 503
_NO_PATH: Final = frozenset({404, 405, 410})
_GONE: Final = frozenset({404, 410})
_FORBIDDEN: Final = 403
_WHOEVER_SAYS_IT: Final[dict[int, type[Fault]]] = {
    401: Denied,
    403: Denied,
    408: Unavailable,
    413: TooHeavy,
    425: Unavailable,
}
"""These mean the same in every form: that of the platform, of what stands before it, or in none."""


def is_object(body: bytes) -> bool:
    """Return whether a body is one whole JSON object: no HTML, and nothing that was cut off.

    What is broken in its values is for those who read them. A large one is a page: whether that has an end is seen
    where it is opened, in slices.
    """
    try:
        return bytes(memoryview(_decode(body))[:1]) == b"{"
    except UNCUTTABLE:
        if len(body) <= _AT_ONCE_BYTES:
            return is_sound(body, b"{")
        return body.lstrip()[:1] == b"{" and body.rstrip()[-1:] == b"}"


def judge(answer: Answer, now: float, word: str = "") -> Fault | None:
    """Return what is wrong with an answer by its status, None for a good one that is a JSON object.

    Who answered counts as much: a JSON object may be the platform's own word on the question, anything else is that of
    a gateway, which knows nothing of the question. `word` is the platform's own for it, of a bounded set: it goes into
    the sentence. `now`: seconds since the epoch.
    """
    status = answer.status
    sentence = f"the platform answered {status}{f' ({word})' if word else ''}"
    if status in _GOOD:
        return None if is_object(answer.body) else Unavailable(f"{sentence} with something else than a JSON object")
    wait = retry_after(answer.headers.get("retry-after"), now)
    if status == _THROTTLED or (status == _RESTS and wait is not None):
        return Throttled(sentence, wait)
    if status in _SERVER_ERRORS or (status == _FORBIDDEN and _is_page(answer.body)):
        return Unavailable(sentence)
    if status in _WHOEVER_SAYS_IT:
        return _WHOEVER_SAYS_IT[status](sentence)
    return _of_platform(status, sentence) if is_object(answer.body) else _of_gateway(status, sentence)


def no_route(sentence: str) -> NoRoute:
    """Return the fault of a path that nobody knows."""
    return NoRoute(f"{sentence}: look whether base_url is right")


def _of_platform(status: int, sentence: str) -> Fault:
    return Gone(sentence) if status in _GONE else Rejected(sentence)


def _of_gateway(status: int, sentence: str) -> Fault:
    if status in _NO_PATH or status in _REDIRECTS:
        return no_route(sentence)
    return Unavailable(f"{sentence} with something else than a JSON object")


def _is_page(body: bytes) -> bool:
    """Return whether it is a page for people."""
    return body.lstrip()[:1] == b"<"
