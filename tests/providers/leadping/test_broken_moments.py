"""Windows around moments that do not come: all else is in them once, in both directions."""

from random import Random

import pytest

from headrace.providers.leadping.broken_moments import BrokenMoments, half, within


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("backwards", [False, True])
def test_windows_around_moments_have_all_else_once(seed: int, *, backwards: bool) -> None:
    """One after the other they cover what there is, but the moments."""
    dice = Random(seed)
    begin, end = 1_000, 1_000 + dice.randrange(1, 60)
    broken = BrokenMoments()
    for moment in dice.choices(range(990, 1_070), k=dice.randrange(12)):
        dice.choice([broken.wait, broken.leave])(moment)
    first, last, covered = begin, end, list[int]()
    while first < last:
        found = broken.around(first, last, backwards=backwards)
        covered += range(*found)
        first, last = (first, found[0]) if backwards else (found[1], last)
    assert sorted(covered) == [each for each in range(begin, end) if each not in {*broken.waiting, *broken.left}]


def test_a_moment_waits_until_it_comes_or_is_left() -> None:
    """What is left is remembered, but for the oldest of many."""
    broken = BrokenMoments()
    broken.wait(7)
    broken.wait(8)
    broken.come(7)
    broken.leave(8)
    assert (broken.waiting, broken.left) == ([], [8])
    for moment in range(100, 120):
        broken.leave(moment)
    assert broken.left == list(range(100, 120))


@pytest.mark.parametrize("backwards", [False, True])
def test_half_of_a_window_and_the_rest_of_it_are_the_window(*, backwards: bool) -> None:
    """The rest is cut to the window that failed; other windows stay as they are."""
    found = half(10, 17, backwards=backwards)
    assert found is not None
    rest = (
        within((10, 17), 0, found[0], backwards=True) if backwards else within((10, 17), found[1], 50, backwards=False)
    )
    assert sorted([*range(*found), *range(*rest)]) == list(range(10, 17))
    assert within((10, 17), 17, 50, backwards=False) == (17, 50)
    assert within((10, 17), 0, 10, backwards=True) == (0, 10)
    assert half(10, 11, backwards=backwards) is None
