"""Whom to believe about leaders: the newest epoch."""

from typing import Any, NamedTuple

from aiokafka.cluster import ClusterMetadata
from aiokafka.structs import TopicPartition

from headrace.kafka.cluster_view import LeaderEpochs, merge
from headrace.kafka.hanging_transactions import ProducerEpoch, open_before


class Answer(NamedTuple):
    """What a broker answers to DescribeLeaders."""

    brokers: list[Any]
    topics: list[Any]
    controller_id: int = 1


def answer_of(*rows: tuple[int, int, int], topic: str = "raw", error: int = 0) -> Answer:
    """Return an answer over partitions, each with its leader and the leader's epoch."""
    brokers = [(node, f"host-{node}", 9092, None) for node in sorted({1} | {leader for _, leader, _ in rows})]
    partitions: list[Any] = [(0, number, leader, epoch, [1, 2, 3], [leader], []) for number, leader, epoch in rows]
    return Answer(brokers, [(error, topic, False, partitions)])


def test_of_several_brokers_the_one_with_the_newest_epoch_is_believed() -> None:
    """Each partition is led by whom the newest epoch names, whoever is asked first; the client understands it."""
    isolated, other = answer_of((0, 1, 4), (1, 1, 9)), answer_of((0, 2, 5), (1, 3, 8))
    for answers in ([isolated, other], [other, isolated]):
        cluster = ClusterMetadata()
        cluster.update_metadata(merge(answers))
        leaders = [cluster.leader_for_partition(TopicPartition("raw", number)) for number in (0, 1)]
        assert leaders == [2, 1]
        assert {broker.nodeId for broker in cluster.brokers()} == {1, 2, 3}


def test_a_broker_that_does_not_know_a_topic_hides_nothing() -> None:
    """A topic that was just created is known to some brokers first."""
    for answers in ([answer_of(error=3), answer_of((0, 2, 0))], [answer_of((0, 2, 0)), answer_of(error=3)]):
        cluster = ClusterMetadata()
        cluster.update_metadata(merge(answers))
        assert cluster.leader_for_partition(TopicPartition("raw", 0)) == 2


def test_an_older_epoch_is_old_news_until_all_say_so() -> None:
    """A view never goes back by one broker's word; where the newest of all is older, the topic was created anew."""
    epochs = LeaderEpochs()
    epochs.note([answer_of((0, 2, 5))])
    assert epochs.goes_back(answer_of((0, 1, 4)))
    assert not epochs.goes_back(answer_of((0, 1, 5), (1, 1, 0)))
    assert not epochs.goes_back(answer_of((0, 1, 0), topic="events"))
    epochs.note([answer_of((0, 3, 0)), answer_of((0, 3, 1))])
    assert epochs.goes_back(answer_of((0, 3, 0)))
    assert not epochs.goes_back(answer_of((0, 3, 1)))


class Producers(NamedTuple):
    """What a leader answers to DescribeProducers."""

    topics: list[
        tuple[str, list[tuple[int, int, str | None, list[tuple[int, int, int, int, int, int, object]], object]], object]
    ]


def test_only_what_was_begun_under_an_older_epoch_of_ours_hangs() -> None:
    """What is open under our epoch is ours, under a newer one our successor's, under another id nobody's business."""
    producers = [(7, 3, 10), (7, 4, 20), (7, 5, 30), (8, 1, 40), (7, 2, -1)]
    rows: list[Any] = [(number, epoch, 0, 0, 1, start, {}) for number, epoch, start in producers]
    answer = Producers([("events", [(0, 0, None, rows, {})], {})])
    assert [(found.epoch, found.start) for found in open_before(answer, ProducerEpoch(7, 4))] == [(3, 10)]
