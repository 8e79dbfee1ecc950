"""The dead letter: why a payload could not be read, in the header `headrace-problem` beside its bytes."""

from typing import Annotated

import msgspec
from msgspec import Struct, field

from headrace_events.about import about
from headrace_events.event import RawPosition


class Source(Struct, omit_defaults=True, gc=False):
    """Where in a payload a problem lies: a path such as `$.CreatedOn`, or the offset of a byte."""

    pointer: Annotated[str | None, about("The path of the value, from the top of the payload.", "$.CreatedOn")] = None
    offset: Annotated[int | None, about("The number of bytes before the place.", 52)] = None


class Problem(Struct, omit_defaults=True, gc=False):
    """Why something failed: a stable `code`, a `title` for people, the `detail` of this case and where it lies."""

    code: Annotated[str, about("What kind of problem it is: a word that stays.", "bad_value", "unknown_tenant")]
    title: Annotated[str, about("The same for people.", "A value makes no sense")]
    detail: Annotated[str, about("What was wrong in this case.", "no such day")]
    source: Annotated[Source | None, about("Where in the payload it lies.", {"pointer": "$.CreatedOn"})] = None

    def __str__(self) -> str:
        """One line for people: `bad_value at $.CreatedOn: …`."""
        where = self.source
        at = "" if where is None else f" at {where.pointer}" if where.pointer else f" at byte {where.offset}"
        return f"{self.code}{at}: {self.detail}"


_PROBLEM = {"code": "bad_value", "title": "A value makes no sense", "detail": "no such day"}
_RAW = {"topic": "headrace.raw", "partition": 5, "offset": 78}


class DeadLetter(Struct, omit_defaults=True, gc=False, kw_only=True):
    """The header `headrace-problem` of a record on `dead-letters`; the record's value is the payload, untouched.

    Of a tenant whose events are redacted the value is empty.
    """

    problem: Annotated[Problem, about("Why the payload could not be read.", _PROBLEM)]
    source: Annotated[str, about("The platform and the tenant.", "/leadsquared/cedar-eu")]
    resource: Annotated[str | None, about("What kind of record it is, where that could be read.", "activity")] = None
    id: Annotated[str | None, about("The platform's id of it, where that could be read.", "note-913")] = None
    via: Annotated[str, about("The way the record came in.", "poll")]
    received: Annotated[str, about("When Headrace received the record.", "2026-10-01T06:46:40.900Z")]
    recordedtime: Annotated[str, about("When the dead letter was written.", "2026-10-01T06:46:41Z")]
    raw: Annotated[RawPosition, about("The raw record with the bytes.", _RAW)]
    mapping: Annotated[
        str, about("Which version of the tables was used, 8 hex digits; empty where there was none.", "0b6d3e58")
    ] = field(default="")
    redacted: Annotated[
        bool,
        about("Whether the payload is left out, as its tenant's events are redacted: the raw record has it.", True),  # noqa: FBT003  (an example)
    ] = False


DEAD_LETTER_HEADER = "headrace-problem"

_letter = msgspec.json.Decoder(DeadLetter)


def decode_dead_letter(headers: list[tuple[str, bytes]] | tuple[tuple[str, bytes], ...]) -> DeadLetter:
    """Read the headers of a record on `dead-letters`.

    Raises `LookupError` without the header and `msgspec.DecodeError` where it cannot be read.
    """
    for name, value in headers:
        if name == DEAD_LETTER_HEADER:
            return _letter.decode(value)
    raise LookupError(f"the record has no header {DEAD_LETTER_HEADER}")
