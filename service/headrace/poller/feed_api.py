"""The platform, as a feed sees it in one turn: calls, parts of rows, and what was learned about it."""

from collections.abc import Callable, Sequence
from typing import Final

from headrace.core.weight import weight
from headrace.poller.answer_memory import AnswerSlot
from headrace.poller.checkpoints import Checkpoints
from headrace.poller.clock import Clock
from headrace.poller.paced_limiter import Limiter
from headrace.poller.part_policy import PartPolicy
from headrace.poller.parts import Parts
from headrace.poller.platform_facts import known, noted
from headrace.poller.retries import Retries
from headrace.poller.state import TenantState
from headrace.poller.turn_trace import TurnTrace
from headrace.records.cursors import PlatformFact
from headrace.sdk.feed import Call


class FeedApi:
    """The platform, as a feed sees it during one run."""

    def __init__(
        self,
        tenant: str,
        *,
        clock: Clock,
        limiter: Limiter,
        retries: Retries,
        state: TenantState,
        checkpoints: Checkpoints,
        answers: AnswerSlot,
        parts: PartPolicy,
        given_up: Callable[[str, str], None],
        check: Callable[[], None] = lambda: None,
        trace: TurnTrace | None = None,
    ) -> None:
        self.tenant: Final = tenant
        self.calls = 0
        """Calls so far, without those that were made again."""
        self.given_up = 0
        """What does not come, and is waited for no more."""
        self.answers: Final = answers
        """Memory of what was answered in this run, until the feed passes it on or a cursor covers it."""
        self.trace: Final = trace
        self._clock: Final = clock
        self._limiter: Final = limiter
        self._retries: Final = retries
        self._state: Final = state
        self._checkpoints: Final = checkpoints
        self._seen: Final[set[str]] = set()
        self._note_given_up: Final = given_up
        self._check_order: Final = check
        self._parts: Final = Parts(parts, call=self.call, check=self._check, now=clock.now, given_up=self.leave_out)

    @property
    def now(self) -> int:
        """See Api."""
        return int(self._clock.theirs() * 1000)

    async def call(self, call: Call) -> bytes:
        """See Api. What the feed yielded before is stored first. Raises `TurnStopped` where people want no more."""
        self._check_order()
        await self._checkpoints.before_call(at_once=self._limiter.is_free())
        self.calls += 1
        answer = self._retries.call(call, self.answers)
        return await (answer if self.trace is None else self.trace.call(answer))

    async def part(self, kind: str, id: str, calls: Sequence[Call], *, guess: bool = False) -> bytes | None:  # noqa: A002  (the design's word)
        """See Api."""
        return await self._parts.ask(kind, id, calls, guess=guess)

    def leave_out(self, kind: str, id: str) -> None:  # noqa: A002  (the design's word)
        """See Api."""
        self.given_up += 1
        self._note_given_up(kind, id)

    async def _check(self, call: Call) -> None:
        """Make a call whose answer is not held."""
        self.answers.release(weight(await self.call(call)))

    def note(self, feed: str, key: str) -> bytes:
        """See Api."""
        return self._checkpoints.note(feed, key)

    def position(self, feed: str, lead: str) -> bytes:
        """See Api."""
        found = self._state.positions.get((feed, lead))
        return found.value if found else b""

    def recall(self, name: str) -> str | None:
        """See Api."""
        return known(self._fact(name), self._millis())

    def remember(self, name: str, value: str | None) -> None:
        """See Api. What a run sees again and again counts once."""
        before = self._fact(name)
        if value is None:
            if before is not None:
                self._checkpoints.facts[name] = None
        elif before is None or before.value != value or name not in self._seen:
            fact = noted(before, value, self._millis())
            if fact != before:
                self._checkpoints.facts[name] = fact
            self._seen.add(name)

    def _fact(self, name: str) -> PlatformFact | None:
        facts = self._checkpoints.facts
        return facts[name] if name in facts else self._state.facts.get(name)

    def _millis(self) -> int:
        return int(self._clock.now() * 1000)
