"""The pace of a command's calls, on a clock of its own."""

import pytest

from headrace.poller.budget import Budget
from headrace.poller.hook_pace import HookPace
from headrace.sdk.limits import CallLimits
from tests.unit.test_scheduler import NOW

TAKES_SECONDS = 0.1


class Beside:
    """A platform that counts calls in any `window`, and a poller beside the command that makes all that it may."""

    def __init__(self, limits: CallLimits) -> None:
        self.now = NOW
        self.announced: list[int] = []
        self.calls: list[float] = []
        self._limits = limits
        self._budget = Budget(limits)
        self._taken: list[tuple[float, int, int]] = []

    async def announce(self, calls: int, within: int) -> None:
        """Let the poller know a second later."""
        self.announced.append(calls)
        self._taken.append((self.now + 1.0, calls, within))

    async def sleep(self, seconds: float) -> None:
        """Let time go on; the poller makes its calls."""
        until = self.now + seconds
        while self.now < until:
            while self._taken and self._taken[0][0] <= self.now:
                _, calls, within = self._taken.pop(0)
                self._budget.spend(calls, self.now, within)
            if self._budget.wait(self.now) == 0.0:
                self._budget.start(self.now)
                self._budget.end(self.now)
                self.calls.append(self.now)
            else:
                self.now += 0.05

    def most(self) -> int:
        """Return the most calls of a window."""
        calls = sorted(self.calls)
        return max(sum(at <= call < at + self._limits.window for call in calls) for at in calls)


@pytest.mark.parametrize(("per_window", "window"), [(10, 5.0), (25, 5.0), (3, 1.0)])
async def test_a_command_and_a_poller_keep_to_the_limit_together(per_window: int, window: float) -> None:
    """However many webhooks there are to make."""
    there = Beside(CallLimits(per_window=per_window, window=window))
    pace = HookPace(CallLimits(per_window=per_window, window=window), 43, there.announce, there.sleep)
    await there.sleep(2 * window)
    for _ in range(45):
        await pace.admit()
        there.calls.append(there.now)
        await there.sleep(TAKES_SECONDS)
    await there.sleep(2 * window)
    assert there.most() <= per_window
    assert there.announced == [43, 1, 1]


async def test_without_a_poller_nobody_is_told_and_nobody_is_waited_for() -> None:
    """The calls keep to the limit by themselves."""
    limits = CallLimits(per_window=10, window=5.0)
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    pace = HookPace(limits, 2, None, sleep)
    for _ in range(3):
        await pace.admit()
    assert waits == [0.625, 0.625]
