"""Dead letters with their bytes: read by their places or by a filter, and what today's code and tables make of them."""

import base64
import contextlib
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, Final, Literal

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from headrace.cli._kafka_errors import existing_topics
from headrace.cli._letter_filter import LetterFilter
from headrace.cli._letter_places import Places, place_of
from headrace.cli._newest import Newest
from headrace.cli._topic_reader import read_dead_letters
from headrace.config import Config
from headrace.config.tenants import Account
from headrace.core.json_places import BytePlace, find_place
from headrace.core.timestamps import parse
from headrace.explain import Explanation, explain_raw
from headrace.kafka.consumer import Consumer, Record
from headrace.kafka.records_at import records_at
from headrace.records.raw import from_raw_record
from headrace.sdk.provider import UNREADABLE, RawEvent
from headrace_events import DeadLetter, decode_dead_letter

MOST_TODAY: Final = 5
"""Records of a body that could not be cut that are explained."""
Waits = Literal["", "paused", "unknown"]
_encode: Final = msgspec.json.Encoder(decimal_format="string").encode


class ShownLetter(Struct):
    """A dead letter: its place, the bytes, what was received beside them, and what each record of it is today.

    `raw` is None where Headrace did not append the record; `today` is empty then, and where no bytes are in the letter
    or its tenant is not configured. `more` says that the body holds further records. `waits` says why what is sent back
    would be held: its tenant is "paused" or "unknown".
    """

    place: str
    letter: DeadLetter
    value: bytes
    raw: RawEvent | None
    at: BytePlace | None
    today: list[Explanation]
    more: bool = False
    waits: Waits = ""

    def line(self) -> bytes:
        """Return the line of `--json`: the bytes as text, or as base64 where they are no UTF-8."""
        return _encode(
            {"place": self.place, "letter": self.letter, "size": len(self.value)}
            | _as_text(self.value)
            | {"at": self.at, "received": self.raw and _envelope(self.raw), "today": self.today, "more": self.more}
        )


async def letters_at(config: Config, places: Places) -> tuple[list[ShownLetter], list[str]]:
    """Return the letters at these places, and the places at which there is none."""
    (topic,) = await existing_topics(config, "dead-letters")
    found: list[ShownLetter] = []
    empty = [place_of(p, offset) for p in places if p >= topic.partitions for offset in places[p]]
    async with Consumer(config.kafka) as log:
        for partition in sorted(p for p in places if p < topic.partitions):
            left = set(places[partition])
            async with contextlib.aclosing(records_at(log, topic.name, partition, places[partition])) as records:
                async for offset, record in records:
                    if record is not None and (letter := _letter(record)) is not None:
                        found.append(shown(config, record, letter))
                        left.discard(offset)
            empty += [place_of(partition, offset) for offset in sorted(left)]
    return found, empty


async def newest_letters(config: Config, wanted: LetterFilter, most: int) -> tuple[list[ShownLetter], str]:
    """Return the `most` newest letters that are wanted, oldest first, and a remark where there are others."""
    newest = Newest[tuple[Record, DeadLetter]](most)
    async with contextlib.aclosing(read_dead_letters(config)) as letters:
        async for record, letter in letters:
            if wanted.wants(letter):
                newest.take(parse(letter.recordedtime), len(record.value or b""), (record, letter))
    found = [shown(config, *each) for each in newest.in_order()]
    return found, newest.remark("")


def shown(config: Config, record: Record, letter: DeadLetter) -> ShownLetter:
    """Return a letter as it is shown."""
    value = record.value or b""
    raw: RawEvent | None = None
    with contextlib.suppress(LookupError, ValueError, RecursionError):
        raw = from_raw_record(record.headers, value)
    today, more = _today(config, raw) if raw is not None and value else ([], False)
    place = place_of(record.partition, record.offset)
    waits = _waits(config.tenants.by_source.get(letter.source))
    return ShownLetter(place, letter, value, raw, _at(letter, value), today, more, waits)


def _waits(account: Account | None) -> Waits:
    if account is None:
        return "unknown"
    return "paused" if account.settings.paused else ""


def _letter(record: Record) -> DeadLetter | None:
    try:
        return decode_dead_letter(record.headers)
    except (LookupError, msgspec.DecodeError):
        return None


def _at(letter: DeadLetter, value: bytes) -> BytePlace | None:
    """Return the bytes to which a problem points; of an array or object its bracket."""
    where = letter.problem.source
    if where is None or not value:
        return None
    if where.pointer is None:
        begin = min(where.offset or 0, len(value))
        return BytePlace(begin, min(begin + 1, len(value)))
    place = find_place(value, where.pointer)
    opens = value[place.begin : place.begin + 1] in {b"{", b"["}
    return replace(place, end=place.begin + 1) if opens else place


def _today(config: Config, raw: RawEvent) -> tuple[list[Explanation], bool]:
    """Return what today's code and tables make of the records of a letter, as `redrive` would send them."""
    account = config.tenants.by_source.get(raw.source)
    if account is None:
        return [], False
    records = islice(_records(account.provider.cut(raw.value, None), raw), MOST_TODAY + 1)
    found = [
        explain_raw(account.provider, account.mapping, one, number=n, redactor=account.redactor)
        for n, one in enumerate(records, 1)
    ]
    return found[:MOST_TODAY], len(found) > MOST_TODAY


def _records(pieces: Iterable[Any], raw: RawEvent) -> Iterator[RawEvent]:
    if raw.shape != UNREADABLE:
        yield raw
        return
    for piece in pieces:
        yield replace(raw, shape=piece.shape, value=piece.value, hint=piece.hint or raw.hint)


def _envelope(raw: RawEvent) -> dict[str, Any]:
    fields: dict[str, Any] = msgspec.to_builtins(replace(raw, value=b""))
    return fields


def _as_text(value: bytes) -> dict[str, str]:
    try:
        return {"text": value.decode()}
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(value).decode()}
