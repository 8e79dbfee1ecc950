import pytest

from headrace.core.record import ProducerRecord
from headrace.records.newer_format import NewerFormat
from headrace.records.nudge import AddressedNudge, decode_nudge, encode_nudge


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
