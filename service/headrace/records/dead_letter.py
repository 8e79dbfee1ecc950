"""The records of `dead-letters`: a raw record as it was, and the problem as one more header. Pure."""

from typing import Final

import msgspec

from headrace.core.record import Headers, ProducerRecord
from headrace_events import DEAD_LETTER_HEADER, DeadLetter

_encode: Final = msgspec.json.Encoder().encode


def encode_letter(letter: DeadLetter, key: bytes, value: bytes, headers: Headers, partition: int) -> ProducerRecord:
    """Return the record of a dead letter: the raw record's key, bytes and headers as they were, and the problem.

    A letter that was redriven and fails again has the new problem alone. One that is `redacted` has no bytes.
    """
    problem = (DEAD_LETTER_HEADER, _encode(letter))
    return ProducerRecord(
        key,
        b"" if letter.redacted else value,
        [*(pair for pair in headers if pair[0] != DEAD_LETTER_HEADER), problem],
        partition,
    )
