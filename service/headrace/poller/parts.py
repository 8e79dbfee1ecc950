"""Ask for the parts of rows: one that fails must neither starve the others nor be taken for one that does not exist.

1. Each of its calls is tried in turn, first the one that brought the last part of its kind.
2. Where none brings it, a control is asked for: a part of another row that came before. It fails as well: that is the
   platform's trouble, the turn ends and comes back.
3. The control comes, and the platform says that there is no such part: it is asked once more, and believed.
4. The control comes, and the platform fails: this part alone fails. It is asked for in further turns, and the row waits
   for it while all others go on (`Incomplete`). In the third turn the row goes on without it.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from headrace.poller.part_policy import PartPolicy
from headrace.sdk.faults import Denied, Fault, Gone, Incomplete, NoRoute, Rejected, TooHeavy, Unavailable
from headrace.sdk.feed import Call

_THERE_IS_NONE: Final = (Gone, NoRoute, Rejected)
_IT_FAILS: Final = (Denied, TooHeavy, Unavailable)
"""There is no smaller call than for one part: what is too heavy may come when there is more room, or never."""


class Parts:
    """The parts that one turn asks for.

    `call` brings a body; `check` throws it away; `now` is in seconds since the epoch; `given_up` is told the kind and
    id of each part without which a row goes on.
    """

    def __init__(
        self,
        policy: PartPolicy,
        *,
        call: Callable[[Call], Awaitable[bytes]],
        check: Callable[[Call], Awaitable[None]],
        now: Callable[[], float],
        given_up: Callable[[str, str], None],
    ) -> None:
        self._policy: Final = policy
        self._call: Final = call
        self._check: Final = check
        self._now: Final = now
        self._given_up: Final = given_up
        self._counted: Final[set[tuple[str, str]]] = set()
        self._waiting: Final[dict[tuple[str, str], Incomplete]] = {}
        """What is not asked for again in this turn: others come, and it does not."""

    async def ask(self, kind: str, part: str, calls: Sequence[Call], *, guess: bool = False) -> bytes | None:
        """Return a part, None where there is none. Raises `Incomplete` where its row is to wait, and `Fault`.

        `guess`: nothing says that there is such a part; that there is none is believed at once.
        """
        waits = self._waiting.get((kind, part))
        if waits is not None:
            raise waits
        # 1. each of its calls
        found = await self._look(kind, part, calls)
        if isinstance(found, bytes):
            return found
        if isinstance(found, _THERE_IS_NONE):
            if guess:
                return None
            if self._policy.has_none(kind):  # no control has shown it
                self._given_up(kind, part)
                return None
        # 2. a control
        proven = await self._others_come(kind, part, found)
        if proven and isinstance(found, _THERE_IS_NONE):
            # 3. once more
            again = await self._look(kind, part, calls)
            if isinstance(again, bytes):
                return again
            if isinstance(again, _THERE_IS_NONE):
                self._policy.settle(kind, part)
                return None
            found = again
        # 4. further turns
        self._wait_for(kind, part, found, proven=proven)
        return None

    async def _look(self, kind: str, part: str, calls: Sequence[Call]) -> bytes | Fault:
        """Return a part, or the fault that says most: what fails may be there."""
        faults: list[Fault] = []
        first = self._policy.first(kind)
        for index in sorted(range(len(calls)), key=lambda index: index != first):
            try:
                body = await self._call(calls[index])
            except (*_THERE_IS_NONE, *_IT_FAILS) as fault:
                faults.append(fault)
            else:
                self._policy.good(kind, part, calls[index], index)
                return body
        return next((fault for fault in faults if isinstance(fault, _IT_FAILS)), faults[0])

    async def _others_come(self, kind: str, part: str, fault: Fault) -> bool:
        """Return whether a control comes, False where none is known. Raises `Fault` where all of them fail."""
        failed: list[str] = []
        for control, call in self._policy.controls(kind, part):
            try:
                await self._check(call)
            except (*_THERE_IS_NONE, *_IT_FAILS):
                failed.append(control)
                continue
            for each in failed:
                self._policy.drop(kind, each)
            return True
        if failed:
            raise _trouble(kind, fault)
        return False

    def _wait_for(self, kind: str, part: str, fault: Fault, *, proven: bool) -> None:
        """Return where a row goes on without a part. Raises `Incomplete`, and `Fault` where it is not this one's."""
        now = self._now()
        if (kind, part) not in self._counted:
            self._counted.add((kind, part))
            self._policy.turn(kind, part, now)
        if isinstance(fault, _IT_FAILS) and not proven and not self._policy.fails_alone(kind, part):
            raise _trouble(kind, fault)
        if not self._policy.gives_up(kind, part, now, proven=proven):
            waits = Incomplete(f"one {kind} did not come: {fault}")
            if proven:
                self._waiting[kind, part] = waits
            raise waits
        self._given_up(kind, part)


def _trouble(kind: str, fault: Fault) -> Fault:
    """Return the fault of a platform that brings no part of a kind."""
    return fault if isinstance(fault, Denied) else Unavailable(f"no {kind} comes, whichever is asked for: {fault}")
