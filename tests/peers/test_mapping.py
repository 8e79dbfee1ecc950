"""The mapping by hand says the same as the service: what is compared is compared like with like."""

from collections import Counter

import msgspec
import pytest

from headrace.providers.discover import discover
from headrace.records.raw import HEADER, to_raw_record
from tests.benchmarks import load
from tests.peers import projection
from tests.peers.by_hand import event_of

EACH = 30


@pytest.mark.parametrize("kind", load.MIX, ids="-".join)
def test_the_mapping_by_hand_equals_our_events_reduced(kind: load.Kind) -> None:
    """For every kind of the load, event by event: nothing lacks, nothing is more, nothing differs."""
    for raw in load.raw_events(kind, EACH, seed=7):
        record = to_raw_record(discover()[raw.provider], raw)
        header = dict(record.headers)[HEADER]
        assert event_of(header, msgspec.json.decode(record.value)) == projection.of_raw(raw)


def test_every_kind_is_in_what_is_compared() -> None:
    """Three hundred records of the mixed load hold all eleven kinds, and duplicates."""
    kinds = Counter(number for number, _ in load.mixed(300))
    assert set(kinds) == {None, *range(len(load.MIX))}


def test_numbers_count_by_value() -> None:
    """One library writes 0.0 where another writes 0."""
    assert projection.digest_of({"a": [{"b": 0.0}]}) == projection.digest_of({"a": [{"b": 0}]})
    assert projection.digest_of({"a": 0.5}) != projection.digest_of({"a": 0})
