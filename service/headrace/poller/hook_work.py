"""What `headrace hooks` does at the platform of one tenant: look, make what is missing, delete what is ours.

The steps of making a webhook, in an order in which a crash anywhere leaves none that nobody knows:
1. store the order,
2. call the platform, once,
3. store the id and that the order is done, or that it was refused,
4. list what is there, and compare it with what was ordered.
Where the outcome of 2 is not known the order stays: whoever looks next and finds the webhook takes it for ours.
"""

import contextlib
import time
from collections.abc import AsyncIterator, Collection, Sequence
from typing import Final

from msgspec import Struct

from headrace.config import Config
from headrace.config.tenants import Account
from headrace.poller.current_token import current_token
from headrace.poller.hook_calls import HookCalls, is_unknown
from headrace.poller.hook_list import hooks_of
from headrace.poller.hook_memory import HookMemory
from headrace.poller.hook_pace import HookPace
from headrace.poller.hook_states import HookRow, adopted, hook_rows
from headrace.poller.http_client import HttpClient, open_session
from headrace.poller.order_writer import announce_calls
from headrace.poller.platform_client import client_of
from headrace.poller.state import TenantState
from headrace.records.cursors import CursorEntry, entry, removed
from headrace.records.hooks import HookOrder, OwnHook
from headrace.sdk.faults import Denied, Fault, Gone, Throttled
from headrace.sdk.hooks import HookApi, HooksByHand, RegisteredHook, WantedHook

SETTLED_MS: Final = 120_000
"""After so long a webhook whose making had no answer is in the list, or was never made."""


class HookOutcome(Struct, frozen=True):
    """What became of one webhook; `well` is False where somebody has to look after it.

    `stops` says that no other call would go better: none is made.
    """

    tells: str
    sentence: str
    well: bool = True
    stops: bool = False


class HookWork:
    """The webhooks of one tenant, as a command reads and changes them; `state` is what `cursors` holds of it."""

    def __init__(
        self, account: Account, hooks: HookApi, calls: HookCalls, state: TenantState, memory: HookMemory
    ) -> None:
        self._account: Final = account
        self._hooks: Final = hooks
        self._calls: Final = calls
        self._state: Final = state
        self._memory: Final = memory
        self._there: Sequence[RegisteredHook] = ()

    async def look(self) -> list[HookRow]:
        """Return what is there beside what should be. Raises `Fault`."""
        found = self._there = await self._calls.registered()
        await self._store(list(adopted(self._account.source, self._state, found, _millis())))
        return hook_rows(self._hooks.wanted, found, self._state.hooks)

    async def create(self, tells: Collection[str]) -> list[HookOutcome]:
        """Make those of these that are missing. Raises `Fault` where the platform cannot be asked what is there."""
        rows = [row for row in await self.look() if row.to_create and row.tells in tells]
        outcomes: list[HookOutcome] = []
        made: list[str] = []
        for row in rows:
            outcome = await self._create(row)
            if outcome is None:
                made.append(row.tells)
                continue
            outcomes.append(outcome)
            if outcome.stops:
                break
        return [*outcomes, *(await self._read_back(made) if made else ())]

    async def delete(self, ids: Collection[str]) -> list[HookOutcome]:
        """Delete those of ours; each is asked for once, whatever comes of it. Raises `Fault` as `create` does."""
        there = {hook.id for hook in await self._calls.registered()}
        return [await self._delete(each, there=each in there) for each in ids if each in self._state.hooks]

    async def _create(self, row: HookRow) -> HookOutcome | None:
        """Make one; return None where it was made, as far as the answer says."""
        now, tells = _millis(), row.tells
        order = self._state.hook_orders.get(tells)
        if order is not None and now - order.at < SETTLED_MS:
            return HookOutcome(
                tells, "was ordered a moment ago, and its outcome is not known: run this again", well=False
            )
        source, secret = self._account.source, self._account.settings.webhook_secrets[0]
        before = tuple(hook.id for hook in self._there if hook.tells == tells)
        await self._store([entry(source, HookOrder(row.url, now, before), tells)])
        try:
            made = await self._calls.create(WantedHook(tells, row.url), secret)
        except Fault as fault:
            if is_unknown(fault):
                return HookOutcome(tells, f"may have been made or not ({fault}): run this again later", well=False)
            await self._store([removed(source, HookOrder, tells)])
            if isinstance(fault, Denied | Throttled):
                return HookOutcome(tells, f"was not made, nor anything behind it: {fault}", well=False, stops=True)
            return HookOutcome(tells, f"was refused: {fault}", well=False)
        if made:
            done = [entry(source, OwnHook(tells, row.url, now), made), removed(source, HookOrder, tells)]
            await self._store(done + ([removed(source, OwnHook, row.id)] if row.state == "gone" else []))
        return None

    async def _read_back(self, made: Sequence[str]) -> list[HookOutcome]:
        """Return what the platform made of what it was asked for: the numbers of its events may be others."""
        try:
            rows = {row.ordered or row.tells: row for row in await self.look() if row.needed}
        except Fault as fault:
            sentence = f"was made, but could not be read back ({fault}): headrace hooks show"
            return [HookOutcome(tells, sentence, well=False) for tells in made]
        return [_read(tells, rows[tells]) for tells in made]

    async def _delete(self, id: str, *, there: bool) -> HookOutcome:  # noqa: A002  (the design's word)
        forgotten, tells = removed(self._account.source, OwnHook, id), self._state.hooks[id].tells
        if not there:
            await self._store([forgotten])
            return HookOutcome(tells, f"{id} was gone already: it is forgotten")
        try:
            await self._calls.delete(id)
        except Gone:
            pass
        except Fault as fault:
            if is_unknown(fault):
                sentence = f"{id} may have been deleted or not ({fault}); it is not tried again: headrace hooks show"
                return HookOutcome(tells, sentence, well=False)
            return HookOutcome(tells, f"{id} was not deleted: {fault}", well=False)
        await self._store([forgotten])
        return HookOutcome(tells, f"{id} is deleted")

    async def _store(self, entries: Sequence[CursorEntry]) -> None:
        await self._memory.store(entries)
        for one in entries:
            self._state.apply(one)


@contextlib.asynccontextmanager
async def hook_work(config: Config, account: Account, state: TenantState, calls: int = 1) -> AsyncIterator[HookWork]:
    """Open the way to a tenant's platform; `calls` are to be made. They count in its budget before they are.

    Raises `Unready` where it cannot be called, `Denied` where it has no token that holds.
    """
    client, hooks = client_of(account), hooks_of(account, config.public_url or "")
    if hooks is None or isinstance(hooks, HooksByHand):
        raise TypeError("there are no calls for its webhooks")
    token = current_token(state, client)

    async def announce(some: int, within: int) -> None:
        await announce_calls(config, account.source, some, within=within)

    async with open_session() as session, HookMemory(config, account.source) as memory:
        pace = HookPace(client.limits, calls, announce if account.settings.polling else None)
        made = HookCalls(HttpClient(session, client.api.base_url), client.api, hooks, token, pace)
        yield HookWork(account, hooks, made, state, memory)


def _millis() -> int:
    return int(time.time() * 1000)


def _read(tells: str, row: HookRow) -> HookOutcome:
    """Return how what was made looks in the platform's own list."""
    match row.state:
        case "ok":
            return HookOutcome(tells, f"is registered: {row.id}")
        case "differs":
            sentence = f"was ordered, and the platform made {row.tells}: delete {row.id}, and register it by hand"
            return HookOutcome(tells, sentence, well=False)
        case "missing" | "gone":
            return HookOutcome(tells, "was made, and the platform does not list it: headrace hooks show", well=False)
        case _:
            return HookOutcome(tells, f"was made, and is {row.state}: {row.reason or row.id}", well=False)
