"""What the receiver makes of a seen topic that cannot be told."""

from typing import Any, cast

import pytest
from aiokafka.errors import (
    ClusterAuthorizationFailedError,
    KafkaError,
    LeaderNotAvailableError,
    NodeNotReadyError,
    TopicAuthorizationFailedError,
    UnknownTopicOrPartitionError,
)

from headrace.config import Config, KafkaSettings
from headrace.config.tenants import Tenants
from headrace.kafka.raw_topic import RawTopic

PASSING = [LeaderNotAvailableError, NodeNotReadyError, TimeoutError]
"""Errors that say nothing about seen: it may have other partitions than raw all the same."""


class Failing:
    """An admin client that cannot describe any topic."""

    def __init__(self, error: type[Exception]) -> None:
        self._error = error

    async def topics(self, _: set[str]) -> object:
        """Fail."""
        raise self._error


def a_raw_topic() -> RawTopic:
    return RawTopic(Config(kafka=KafkaSettings(), tenants=Tenants([])))


@pytest.mark.parametrize(
    "error", [TopicAuthorizationFailedError, ClusterAuthorizationFailedError, UnknownTopicOrPartitionError]
)
async def test_a_seen_that_nobody_may_look_at_is_left_out(error: type[KafkaError]) -> None:
    """The receiver needs no right to it."""
    assert await a_raw_topic()._seen(cast("Any", Failing(error)), "seen") is None


@pytest.mark.parametrize("error", PASSING)
async def test_what_may_pass_is_raised_before_the_first_id_is_placed(error: type[Exception]) -> None:
    """Placed among other partitions than seen has, a record would be published again: the spool takes it meanwhile."""
    with pytest.raises(error):
        await a_raw_topic()._seen(cast("Any", Failing(error)), "seen")


@pytest.mark.parametrize("error", PASSING)
async def test_what_may_pass_stops_nobody_who_knows_where_ids_are_placed(error: type[Exception]) -> None:
    """That raw has as many partitions as before says enough."""
    topic = a_raw_topic()
    topic._placed_by = 12
    assert await topic._seen(cast("Any", Failing(error)), "seen") is None
