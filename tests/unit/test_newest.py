"""The newest of many things, whatever the order in which partitions are read."""

import random

from headrace.cli._newest import Newest


def test_the_newest_are_those_of_the_latest_times() -> None:
    """Not those that came last; they are given oldest first."""
    newest = Newest[int](5)
    times = list(range(1_000))
    random.Random(7).shuffle(times)
    for at in times:
        newest.take(at, 1, at)
    assert newest.in_order() == [995, 996, 997, 998, 999]
    assert newest.remark(" events") == "These are the newest 5 of 1,000 events: -n shows more"


def test_of_equal_times_the_order_stays() -> None:
    """Many things happen in one millisecond."""
    newest = Newest[str](3)
    for name in "abcde":
        newest.take(0, 1, name)
    assert newest.in_order() == ["c", "d", "e"]


def test_what_is_kept_fits_memory() -> None:
    """Ten thousand records of some MiB do not: the newest stay, one at least, and that is said."""
    newest = Newest[int](1_000, most_bytes=4 << 20)
    for at in range(10):
        newest.take(at, 1 << 20, at)
    assert newest.in_order() == [6, 7, 8, 9]
    assert newest.remark("") == "These are the newest 4 of 10: they fill 4 MiB, --since and --until choose others"
    newest.take(10, 9 << 20, 10)
    assert newest.in_order() == [10]


def test_nothing_is_said_where_all_are_there() -> None:
    """As many as were asked for are not too few."""
    newest = Newest[int](2)
    newest.take(1, 1, 1)
    newest.take(2, 1, 2)
    assert newest.remark("") == ""
