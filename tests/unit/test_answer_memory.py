"""What feed runs hold of answers: counted as it comes, given back when it goes, and never beyond the limit."""

import pytest

from headrace.poller.answer_memory import FREE_BYTES, MOST_ANSWER_BYTES, AnswerMemory
from headrace.sdk.faults import TooHeavy

MIB = 2**20


def test_one_answer_has_a_largest_weight() -> None:
    """However much room there is, and whatever came before it in the same run."""
    with AnswerMemory().hold() as slot:
        slot.take(MOST_ANSWER_BYTES, beside=0)
        slot.take(MOST_ANSWER_BYTES, beside=0)
        with pytest.raises(TooHeavy, match="weighs more"):
            slot.take(1, beside=MOST_ANSWER_BYTES)


def test_where_it_is_used_up_small_answers_pass() -> None:
    """A run that holds little goes on beside runs that hold everything; a large answer has to wait for them."""
    memory = AnswerMemory(limit=4 * MIB)
    greedy, modest = memory.hold(), memory.hold()
    greedy.take(4 * MIB, beside=0)
    with pytest.raises(TooHeavy, match="no room"):
        greedy.take(1, beside=0)
    modest.take(FREE_BYTES, beside=0)
    with pytest.raises(TooHeavy, match="no room"):
        modest.take(1, beside=FREE_BYTES)
    greedy.release(2 * MIB)
    modest.take(MIB, beside=FREE_BYTES)
    assert (memory.weight, memory.highest) == (4 * MIB, 5 * MIB)


def test_nothing_is_left_behind_a_run() -> None:
    """Its end gives everything back, and no more than it had."""
    memory = AnswerMemory()
    with memory.hold() as slot:
        slot.take(MIB, beside=0)
        slot.release(5 * MIB)
        assert memory.weight == 0
        slot.take(MIB, beside=0)
    assert memory.weight == slot.weight == 0
