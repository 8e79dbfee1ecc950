"""What an answer is good for, by the rules that all platforms share; a client asks its own rules first. Pure."""

from typing import Final

import msgspec
from msgspec import Raw

from headrace.sdk.faults import Denied, Fault, Gone, Rejected, Throttled, TooHeavy, Unavailable
from headrace.sdk.feed import Answer
from headrace.sdk.json_structure import UNCUTTABLE, is_sound
from headrace.sdk.retry_after import retry_after

_decode: Final = msgspec.json.Decoder(Raw).decode

_AT_ONCE_BYTES: Final = 64 * 1024
"""So much is looked through within a few milliseconds."""
_GOOD: Final = range(200, 300)
_SERVER_ERRORS: Final = range(500, 600)
_NOT_FOUND: Final = 404
_THROTTLED: Final = 429
_RESTS: Final = 503
_TREATMENTS: Final[dict[int, type[Fault]]] = {
    401: Denied,
    403: Denied,
    408: Unavailable,
    410: Gone,
    413: TooHeavy,
    425: Unavailable,
}


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

    `word` is the platform's own for it, of a bounded set: it goes into the sentence. `now`: seconds since the epoch.
    """
    status = answer.status
    sentence = f"the platform answered {status}{f' ({word})' if word else ''}"
    if status in _GOOD:
        return None if is_object(answer.body) else Unavailable(f"{sentence} with something else than a JSON object")
    wait = retry_after(answer.headers.get("retry-after"), now)
    if status == _THROTTLED or (status == _RESTS and wait is not None):
        return Throttled(sentence, wait)
    if status == _NOT_FOUND:
        # A platform says in its own form that a record is gone; an HTML page means that the path does not exist.
        return Gone(sentence) if is_object(answer.body) else Rejected(f"{sentence}: look whether base_url is right")
    if status in _SERVER_ERRORS:
        return Unavailable(sentence)
    return _TREATMENTS.get(status, Rejected)(sentence)
