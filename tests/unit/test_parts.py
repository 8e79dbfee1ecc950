"""What is believed where a part of a row does not come, and how many calls that costs."""

import contextlib
from collections.abc import Callable
from typing import Any, cast

import pytest

from headrace.poller.checkpoints import Checkpoints
from headrace.poller.clock import Clock
from headrace.poller.feed_api import FeedApi
from headrace.poller.part_policy import CONTROLS, FORGOTTEN_SECONDS, MOST_SUSPECTS, UNPROVEN_SECONDS, PartPolicy
from headrace.poller.parts import Parts
from headrace.poller.platform_facts import LIFETIME_MS
from headrace.poller.scheduler import Work
from headrace.poller.state import TenantState
from headrace.records.cursors import PlatformFact, entry
from headrace.sdk.faults import Denied, Fault, Gone, Incomplete, NoRoute, Rejected, Throttled, TooHeavy, Unavailable
from headrace.sdk.feed import Call
from tests.unit.test_scheduler import NOW, Named

NONE_THERE = (Gone("404"), NoRoute("404"), Rejected("400"))
FAILS = (Unavailable("500"), TooHeavy("413"), Denied("403"))
ALL = [*NONE_THERE, *FAILS]


class Platform:
    """Brings parts, but those of `faults`, by path; `*` is all of them."""

    def __init__(self) -> None:
        self.policy = PartPolicy()
        self.faults: dict[str, Fault] = {}
        self.calls: list[str] = []
        self.given_up: list[str] = []
        self.now = 1000.0
        self.turn()

    def turn(self) -> None:
        """Begin a turn."""
        self.parts = Parts(
            self.policy,
            call=self._call,
            check=self._check,
            now=lambda: self.now,
            given_up=lambda _, part: self.given_up.append(part),
        )

    async def ask(self, part: str, *, guess: bool = False) -> bytes | None:
        """Ask for a part, which stands at one of two paths."""
        return await self.parts.ask("detail", part, [Call(path=f"/old/{part}"), Call(path=f"/{part}")], guess=guess)

    async def _call(self, call: Call) -> bytes:
        self.calls.append(call.path)
        if call.path.startswith("/old/"):
            raise NoRoute("404")
        for path in (call.path, "*"):
            if path in self.faults:
                raise self.faults[path]
        return call.path.encode()

    async def _check(self, call: Call) -> None:
        await self._call(call)


async def test_a_good_part_costs_one_call() -> None:
    """The path that brought the last one is tried first, and nothing is compared."""
    platform = Platform()
    for part in "abc":
        assert await platform.ask(part) == f"/{part}".encode()
    assert platform.calls == ["/old/a", "/a", "/b", "/c"]


@pytest.mark.parametrize("fault", NONE_THERE)
async def test_that_there_is_none_is_believed_where_others_come(fault: Fault) -> None:
    """One control, and once more."""
    platform = Platform()
    await platform.ask("a")
    platform.calls.clear()
    platform.faults["/b"] = fault
    assert await platform.ask("b") is None
    assert platform.calls == ["/b", "/old/b", "/a", "/b", "/old/b"]
    assert not platform.given_up


@pytest.mark.parametrize("fault", ALL)
async def test_where_no_control_comes_it_is_the_platforms_trouble(fault: Fault) -> None:
    """The turn fails, and nothing is known of the part, however often that is."""
    platform = Platform()
    for part in "abcd":
        await platform.ask(part)
    platform.faults["*"] = fault
    for _ in range(5):
        platform.turn()
        with pytest.raises(Denied if isinstance(fault, Denied) else Unavailable):
            await platform.ask("e")
    platform.faults.clear()
    assert await platform.ask("e") == b"/e"


@pytest.mark.parametrize("fault", FAILS)
async def test_what_fails_alone_is_asked_for_in_three_turns(fault: Fault) -> None:
    """Whatever a turn asks twice counts once; then it is given up, and at once in later turns."""
    platform = Platform()
    await platform.ask("a")
    platform.faults["/b"] = fault
    for _ in range(2):
        platform.turn()
        for _ in range(2):
            with pytest.raises(Incomplete):
                await platform.ask("b")
    platform.turn()
    assert await platform.ask("b") is None
    assert platform.given_up == ["b"]
    platform.turn()
    assert await platform.ask("b") is None
    platform.faults.clear()
    assert await platform.ask("b") == b"/b"


async def test_what_comes_in_between_counts_from_the_beginning() -> None:
    """Three turns in a row."""
    platform = Platform()
    await platform.ask("a")
    for turn in range(8):
        platform.turn()
        platform.faults = {"/b": Unavailable("500")} if turn % 3 < 2 else {}
        if platform.faults:
            with pytest.raises(Incomplete):
                await platform.ask("b")
        else:
            assert await platform.ask("b") == b"/b"
    assert not platform.given_up


@pytest.mark.parametrize("fault", FAILS)
async def test_without_a_control_three_that_fail_are_the_platforms_trouble(fault: Fault) -> None:
    """Two may be theirs alone."""
    platform = Platform()
    platform.faults["*"] = fault
    for part in "ab":
        with pytest.raises(Incomplete):
            await platform.ask(part)
    with pytest.raises(Denied if isinstance(fault, Denied) else Unavailable):
        await platform.ask("c")


async def test_without_a_control_nothing_is_given_up_for_a_while() -> None:
    """It is a restart, most of all, that meets an outage."""
    platform = Platform()
    platform.faults["*"] = Gone("404")
    for _ in range(9):
        platform.turn()
        with pytest.raises(Incomplete):
            await platform.ask("a")
        platform.now += (UNPROVEN_SECONDS - 1) / 9
    platform.now += UNPROVEN_SECONDS
    platform.turn()
    assert await platform.ask("a") is None


async def test_what_is_believed_without_a_control_is_told() -> None:
    """An outage of details alone that a start met cost details, and nothing showed but the first three."""
    platform = Platform()
    platform.faults["*"] = Gone("404")
    for _ in range(3):
        platform.turn()
        for part in "abcde":
            with contextlib.suppress(Incomplete):
                assert await platform.ask(part) is None
        platform.now += UNPROVEN_SECONDS
    assert sorted(platform.given_up) == list("abcde")


async def test_with_too_many_suspects_new_ones_wait() -> None:
    """They used to take the place of the oldest, so that none was ever in it for three turns."""
    platform = Platform()
    await platform.ask("a")
    bad = [str(number) for number in range(MOST_SUSPECTS + 10)]
    platform.faults = {f"/{part}": Unavailable("500") for part in bad}
    for _ in range(6):
        platform.turn()
        for part in set(bad) - set(platform.given_up):
            with contextlib.suppress(Incomplete):
                await platform.ask(part)
    assert sorted(platform.given_up) == sorted(bad)


def test_suspects_that_nobody_asks_for_make_room() -> None:
    """Their rows are gone, or their leads not watched any more."""
    policy = PartPolicy()
    for number in range(MOST_SUSPECTS):
        policy.turn("detail", f"old-{number}", NOW)
    for now in (NOW, *([NOW + FORGOTTEN_SECONDS] * 3)):
        assert not policy.gives_up("detail", "new", now, proven=True)
        policy.turn("detail", "new", now)
    assert policy.gives_up("detail", "new", NOW + FORGOTTEN_SECONDS, proven=True)


async def test_a_guess_that_is_not_there_is_believed() -> None:
    """It costs no control; but what fails is no answer."""
    platform = Platform()
    platform.faults["*"] = Gone("404")
    assert await platform.ask("a", guess=True) is None
    assert platform.calls == ["/old/a", "/a"]
    platform.faults["*"] = Unavailable("500")
    with pytest.raises(Incomplete):
        await platform.ask("a", guess=True)


async def test_a_dead_control_is_dropped_where_another_one_comes() -> None:
    """It says nothing about the others."""
    platform = Platform()
    for part in "ab":
        await platform.ask(part)
    platform.faults = {"/b": Unavailable("500"), "/c": Gone("404")}
    assert await platform.ask("c") is None
    assert [part for part, _ in platform.policy.controls("detail", "")] == ["a"]


async def test_a_platform_that_throttles_is_not_compared() -> None:
    """What is neither of the two is the runner's to treat."""
    platform = Platform()
    await platform.ask("a")
    platform.calls.clear()
    platform.faults["*"] = Throttled("429", 7.0)
    with pytest.raises(Throttled):
        await platform.ask("b")
    assert platform.calls == ["/b"]


def test_what_is_remembered_stays_bounded() -> None:
    """However many parts come and fail."""
    policy = PartPolicy()
    for number in range(3 * MOST_SUSPECTS):
        policy.turn("detail", f"bad-{number}", NOW)
        policy.good("detail", f"good-{number}", Call(path="/x"), 0)
    assert len(policy._suspects) == MOST_SUSPECTS
    assert len(policy.controls("detail", "")) == CONTROLS


class TestFacts:
    """What one turn learns about a platform."""

    def api(self, state: TenantState, now: Callable[[], float] = lambda: NOW) -> FeedApi:
        """Return the platform of one turn."""
        nothing: Any = None
        checkpoints = Checkpoints(
            "/toy/acme",
            Named("all"),
            Work("all"),
            began=NOW,
            watch_leads=nothing,
            by_lead=(),
            clock=nothing,
            state=state,
            raw=nothing,
            watch=nothing,
            statuses=nothing,
            writer=nothing,
        )
        self.facts = checkpoints.facts
        return FeedApi(
            "acme",
            clock=cast("Clock", _Still(now)),
            limiter=nothing,
            retries=nothing,
            state=state,
            checkpoints=checkpoints,
            answers=nothing,
            parts=PartPolicy(),
            given_up=nothing,
        )

    def test_one_turn_counts_once(self) -> None:
        """Two pages of one bad minute are one sighting."""
        state = TenantState()
        api = self.api(state)
        for _ in range(5):
            api.remember("plain", "yes")
        assert (api.recall("plain"), self.facts["plain"]) == (None, PlatformFact("yes", at=int(NOW * 1000), seen=1))
        state.apply(entry("/toy/acme", PlatformFact("yes", at=int(NOW * 1000), seen=1), "plain"))
        api = self.api(state)
        api.remember("plain", "yes")
        assert api.recall("plain") == "yes"
        later = self.api(state, lambda: NOW + LIFETIME_MS / 1000)
        assert later.recall("plain") is None

    def test_what_is_contrary_takes_it_back(self) -> None:
        """It is removed from what is stored; where nothing is stored, nothing is written."""
        state = TenantState()
        self.api(state).remember("plain", None)
        assert self.facts == {}
        state.apply(entry("/toy/acme", PlatformFact("yes", at=int(NOW * 1000), seen=2), "plain"))
        api = self.api(state)
        assert api.recall("plain") == "yes"
        api.remember("plain", None)
        assert (api.recall("plain"), self.facts) == (None, {"plain": None})


class _Still:
    def __init__(self, now: Callable[[], float]) -> None:
        self.now = now
