"""Random rows of the fake provider without end, and which of them must be published."""

import contextlib
import random
from collections.abc import Iterable, Iterator

import msgspec

from headrace.kafka.consumer import Record
from tests.fake_provider import Row, decode_row


def random_rows(seed: int) -> Iterator[Row | bytes]:
    """Yield rows without end: new things, edits, edits that say nothing new, copies, and what is broken."""
    dice = random.Random(seed)
    things: list[list[Row]] = [[Row(10, 1, "the first")]]
    yield things[0][0]
    while True:
        kind = dice.choices(["new", "edit", "same", "copy", "broken"], [6, 3, 1, 4, 0.2])[0]
        thing = dice.choice(things)
        if kind == "broken":
            yield dice.choice([b'{"id":', b"\xff\xfe", b'{"id":1,"v":1,"do":"break"}', b""])
        elif kind == "copy":
            yield dice.choice(thing)
        elif kind == "new":
            things.append([Row(len(things) + 10, 1, f"{dice.random()}")])
            yield things[-1][0]
        else:
            text = thing[-1].text if kind == "same" else f"{dice.random()}"
            thing.append(Row(thing[-1].id, (thing[-1].v or 0) + dice.randint(1, 3), text))
            yield thing[-1]


def expected(raw: Iterable[Record]) -> set[str]:
    """Return the ids that must be published for these raw records: each newer version that says something else."""
    last: dict[int | str, tuple[int, str | None]] = {}
    wanted: set[str] = set()
    for record in raw:
        with contextlib.suppress(msgspec.DecodeError):
            row = decode_row(record.value or b"")
            version, text = last.get(row.id, (0, None))
            if row.v is None or row.do or row.v <= version:
                continue
            if row.text != text:
                wanted.add(f"thing/{row.id}/{row.v}")
            last[row.id] = row.v, row.text
    return wanted
