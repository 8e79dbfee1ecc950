"""Nudges of tenants that are not polled: they go back to raw, or wait while their tenant is paused."""

from headrace.poller.state import PartitionState
from headrace.poller.unpolled_nudges import UnpolledNudges
from headrace.records.nudge import AddressedNudge

SOURCE, DAY = "/toy/acme", 86_400.0


def nudge(number: int) -> AddressedNudge:
    return AddressedNudge(feed="rows", partition=0, offset=number, record=f"{number:032x}", time=number)


def unpolled(state: PartitionState, *paused: str) -> UnpolledNudges:
    return UnpolledNudges(state, (), paused=paused, window=30 * DAY, raw_lifetime=30 * DAY)


def test_they_go_back_at_once() -> None:
    """Nobody will bring them."""
    nudges = unpolled(PartitionState())
    nudges.take(SOURCE, nudge(1), 1)
    assert nudges.look_after() == [(SOURCE, nudge(1))]


def test_they_wait_while_their_tenant_is_paused() -> None:
    """Its feeds go on some time and bring them; what raw would not hold until then goes back all the same."""
    state = PartitionState()
    nudges = unpolled(state, SOURCE)
    now = int(nudges._clock.now() * 1000)
    nudges.take(SOURCE, nudge(1), now)
    nudges.take(SOURCE, nudge(2), now - int(25 * DAY * 1000))
    assert nudges.look_after() == [(SOURCE, nudge(2))]
    state.apply(nudges.take_unstored())
    assert {key for key, found in state.of(SOURCE).nudges.items() if not found.returned} == {("rows", nudge(1).record)}
    assert unpolled(state, SOURCE).look_after()[1:] == []
    assert (SOURCE, nudge(1)) in unpolled(state).look_after(), "no longer paused, and not polled either"


def test_they_are_taken_over_and_left() -> None:
    """A tenant that begins to be polled takes its own with it; one that ends leaves them here."""
    state = PartitionState()
    nudges = unpolled(state)
    nudges.take(SOURCE, nudge(1), 1)
    state.apply(nudges.take_unstored_of(SOURCE))
    assert not nudges.take_unstored_of(SOURCE)
    nudges.release(SOURCE)
    assert not nudges.look_after()
    nudges.returned(SOURCE, nudge(1))
    nudges.adopt(SOURCE)
    assert nudges.look_after() == [(SOURCE, nudge(1))]
