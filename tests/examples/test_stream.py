"""What the examples are judged by."""

from collections import Counter

import pytest

from headrace.kafka.partitioner import partitions
from tests.examples.cases import Case, cases
from tests.examples.feed import SEED, Published
from tests.examples.stream import PARTITIONS, committed, ends, latest_of, story
from tests.kafka.client import read_all


@pytest.mark.parametrize("case", cases(), ids=lambda case: case.about)
def test_the_judge_decides_each_case_as_written(case: Case) -> None:
    """The rule in Python finds the event that a person named."""
    ((latest, *_),) = latest_of(case.events).values()
    assert latest == case.latest


def test_the_story_holds_every_case_and_says_each_event_once() -> None:
    """What is committed has no id twice within a source, and each case ends as it does alone."""
    events = committed(story(SEED))
    assert max(Counter((each.source, each.id) for each in events).values()) == 1
    latest = latest_of(events)
    for case in cases():
        assert latest_of(case.events).items() <= latest.items()


def test_leads_that_differ_lie_in_partitions_that_differ() -> None:
    """The two leads of the cases are apart, and there is an end in each partition."""
    keys = [case.events[i].partitionkey.encode() for case in cases() if "another" in case.about for i in (0, -1)]
    assert len(set(partitions(keys, PARTITIONS))) > 1
    assert partitions([each.partitionkey.encode() for each in ends()], PARTITIONS) == list(range(PARTITIONS))


@pytest.mark.apache_kafka
async def test_what_was_taken_back_is_in_the_log(published: Published) -> None:
    """A reader of uncommitted records sees more, some of it twice: the examples are tried by it."""
    everything = await read_all(published.servers, published.topic, isolation="read_uncommitted")
    seen = await read_all(published.servers, published.topic)
    assert len(seen) == len(published.events)
    assert len(everything) > 1.3 * len(seen)
