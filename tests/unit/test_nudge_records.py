import pytest

from headrace.core.record import ProducerRecord
from headrace.records.newer_format import NewerFormat
from headrace.records.nudge import AddressedNudge, decode_nudge, encode_nudge
from headrace.records.order import (
    CancelBackfill,
    Order,
    Pause,
    Resume,
    Rewind,
    SpentCalls,
    StartBackfill,
    Wake,
    decode_nudge_or_order,
    encode_order,
)


def test_a_nudge() -> None:
    """A nudge names a feed and what is known of its news, behind a version byte; the tenant is the key."""
    assert encode_nudge("/toy/acme", AddressedNudge(feed="things")) == ProducerRecord(
        b"/toy/acme", b'\x01{"feed":"things"}', []
    )
    whole = AddressedNudge(feed="things", lead="l", event="e", partition=3, offset=70, time=1_000)
    assert encode_nudge("/toy/acme", whole).value == (
        b'\x01{"feed":"things","lead":"l","event":"e","partition":3,"offset":70,"time":1000}'
    )


@pytest.mark.parametrize(
    "nudge",
    [
        AddressedNudge(feed="things"),
        AddressedNudge(feed="things", lead="l"),
        AddressedNudge(feed="things", event="e", partition=0, offset=0, time=1),
    ],
)
def test_a_nudge_comes_back_as_it_was(nudge: AddressedNudge) -> None:
    """What is written is what is read, with its source."""
    record = encode_nudge("/toy/acme", nudge)
    assert decode_nudge("headrace.nudges", record.key, record.value) == ("/toy/acme", nudge)


@pytest.mark.parametrize(("value", "written"), [(b"\x02{}", "02"), (b"", ""), (None, "")])
def test_a_nudge_of_a_newer_program(value: bytes | None, written: str) -> None:
    """A format that is not known yet is refused with a sentence on what to do."""
    with pytest.raises(NewerFormat, match=f"headrace.nudges has format {written}: upgrade this program"):
        decode_nudge("headrace.nudges", b"/toy/acme", value)


@pytest.mark.parametrize(("key", "value"), [(b"\xff", b'\x01{"feed":"things"}'), (b"/toy/acme", b"\x01{}")])
def test_a_damaged_nudge(key: bytes, value: bytes) -> None:
    """A nudge that cannot be read is distinguished from one of a newer program."""
    with pytest.raises(ValueError, match=r"utf-8|required field"):
        decode_nudge("headrace.nudges", key, value)


@pytest.mark.parametrize(
    ("order", "written"),
    [
        (Pause(), b'\x02{"order":"pause"}'),
        (Resume("things"), b'\x02{"order":"resume","feed":"things"}'),
        (Wake("things"), b'\x02{"order":"wake","feed":"things"}'),
        (Rewind(7, "things"), b'\x02{"order":"rewind","since":7,"feed":"things"}'),
        (
            StartBackfill("b1", "things", 1, 2, 0.25),
            b'\x02{"order":"backfill","id":"b1","feed":"things","since":1,"until":2,"share":0.25}',
        ),
        (Rewind(7, beyond=True), b'\x02{"order":"rewind","since":7,"beyond":true}'),
        (CancelBackfill("b1"), b'\x02{"order":"cancel","id":"b1"}'),
        (SpentCalls(2), b'\x02{"order":"spent","calls":2}'),
        (SpentCalls(2, 5), b'\x02{"order":"spent","calls":2,"within":5}'),
    ],
)
def test_an_order(order: Order, written: bytes) -> None:
    """An order has a version byte of its own: whoever knows none refuses it."""
    record = encode_order("/toy/acme", order)
    assert record == ProducerRecord(b"/toy/acme", written, [])
    assert decode_nudge_or_order("headrace.nudges", record.key, record.value) == ("/toy/acme", order)
    with pytest.raises(NewerFormat, match="has format 02"):
        decode_nudge("headrace.nudges", record.key, record.value)


def test_an_order_of_a_newer_program() -> None:
    """An order that is not known is refused, not passed over; a nudge is read as ever."""
    with pytest.raises(NewerFormat, match="has the order 'dance': upgrade this program"):
        decode_nudge_or_order("headrace.nudges", b"/toy/acme", b'\x02{"order":"dance"}')
    nudge = encode_nudge("/toy/acme", AddressedNudge(feed="things"))
    assert decode_nudge_or_order("headrace.nudges", nudge.key, nudge.value)[1] == AddressedNudge(feed="things")


@pytest.mark.parametrize(
    "value",
    [
        b'{"order":"spent","calls":0}',
        b'{"order":"spent","calls":10001}',
        b'{"order":"rewind"}',
        b'{"order":"backfill","id":"b\\u0000","feed":"f","since":1,"until":2,"share":0.25}',
        b'{"order":"backfill","id":"b","feed":"f","since":1,"until":2,"share":1.5}',
        b'{"order":"backfill","id":"b","feed":"f","since":1,"until":2,"share":0.0}',
        b"{",
        b"[]",
    ],
)
def test_a_damaged_order(value: bytes) -> None:
    """What no program of ours writes is damaged: numbers are bounded, ids are plain."""
    with pytest.raises(ValueError, match=r"."):
        decode_nudge_or_order("headrace.nudges", b"/toy/acme", b"\x02" + value)
