"""The writer of raw: what became of the items of one delivery."""

from headrace.core.record import ProducerRecord
from headrace.receiver.topic_writer import Item, _without


def test_items_that_say_the_same_are_distinguished() -> None:
    """Of two equal records of a delivery, one can be in Kafka while the other is left: both are counted."""
    first, second = (Item("/things/t", ProducerRecord(b"key", b"value", [])) for _ in range(2))
    assert first == second
    assert [item is first for item in _without([first, second], [second])] == [True]
