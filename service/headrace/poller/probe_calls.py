"""Try how a tenant's platform takes it: what `headrace check --online` does beside the poller.

It changes nothing: no token is minted, nothing is stored, and its calls count in the tenant's budget before they are
made. Where that cannot be told to the poller, none is made.
"""

import asyncio
import time
from typing import Final

import aiohttp
from msgspec import Struct
from msgspec.structs import replace

from headrace.config import Config
from headrace.config.tenants import Account
from headrace.kafka.client import KafkaError
from headrace.poller.budget import LONG_WINDOW_SECONDS, Span, restored
from headrace.poller.clock import Clock, date_of
from headrace.poller.current_token import current_token
from headrace.poller.hook_list import hooks_of, registered
from headrace.poller.hook_pace import HookPace
from headrace.poller.hook_states import hook_rows
from headrace.poller.hook_watch import report_of
from headrace.poller.http_client import MOST_REDIRECTS, HttpClient
from headrace.poller.order_writer import announce_calls
from headrace.poller.platform_client import PlatformClient, client_of
from headrace.poller.state import TenantState
from headrace.records.hooks import HookReport
from headrace.sdk.faults import Fault, Gone, NoRoute, Rejected, Unavailable
from headrace.sdk.feed import Answer, Call, Quota
from headrace.sdk.hooks import HooksByHand
from headrace.sdk.probe import AccessProbe, ShowsAccess

ANSWER_SECONDS: Final = 15.0
"""A call that changes nothing and brings little has no reason to take longer."""
HOOKS_SECONDS: Final = 60.0
"""For all pages of the list of webhooks together."""
_ANOTHER_WAY: Final = (Gone, NoRoute, Rejected)


class NotTried(Exception):  # noqa: N818  (a sentence for the operator)
    """The platform was not called, and why."""


class Tried(Struct, frozen=True, kw_only=True):
    """What trying a platform came to: `fault` None is a good answer, `status` 0 none at all.

    `seconds` is how long it took, `skew` how far the platform's clock is ahead of ours; None where it did not say.
    `hooks` is what was found of the webhooks, where these were looked at: a report, or why there is none.
    """

    probe: AccessProbe
    fault: Fault | None
    status: int = 0
    seconds: float = 0.0
    skew: float | None = None
    quota: Quota | None = None
    hooks: HookReport | Fault | None = None


class ProbeCalls:
    """The calls of one command to one tenant's platform."""

    def __init__(self, http: HttpClient, client: PlatformClient, token: str | None, pace: HookPace) -> None:
        self._http: Final = http
        self._api: Final = client.api
        self._token: Final = token
        self._pace: Final = pace
        self._clock: Final = Clock()
        self._answer: Answer | None = None
        self._seconds = 0.0

    async def probe(self, probe: AccessProbe) -> Tried:
        """Make the calls in turn, until one of them shows how the platform takes the tenant."""
        faults: list[Fault] = []
        for call in probe.calls:
            try:
                body = await self.call(call)
            except _ANOTHER_WAY as fault:
                faults.append(fault)
            except Fault as fault:
                return self._tried(probe, fault)
            else:
                good = probe.is_answer(body)
                return self._tried(probe, None if good else NoRoute(f"what answers does not list {probe.reads}"))
        # A gateway knows nothing of the question: the platform's own word goes before.
        return self._tried(probe, next((one for one in faults if not isinstance(one, NoRoute)), faults[0]))

    async def call(self, call: Call) -> bytes:
        """Return the body of a good answer. Raises `Fault`; and `NotTried` before a call is made."""
        self._answer = None
        signed = self._api.sign(call, self._token)
        for _ in range(MOST_REDIRECTS):
            answer = await self._exchange(signed)
            onward = self._http.onward(signed, answer)
            if onward is None:
                fault = self._api.judge(answer, time.time())
                if fault is not None:
                    raise fault
                return answer.body
            signed = onward
        raise Unavailable("it redirects without end: check base_url")

    async def _exchange(self, call: Call) -> Answer:
        await self._pace.admit()
        began, sent = time.monotonic(), time.time()
        self._answer = answer = await self._http.exchange(call)
        self._seconds = time.monotonic() - began
        self._clock.compare(answer.headers, sent, sent + self._seconds)
        return answer

    def _tried(self, probe: AccessProbe, fault: Fault | None) -> Tried:
        answer = self._answer
        if answer is None:
            return Tried(probe=probe, fault=fault)
        return Tried(
            probe=probe,
            fault=fault,
            status=answer.status,
            seconds=self._seconds,
            skew=None if date_of(answer.headers) is None else self._clock.skew,
            quota=self._api.quota(answer, self._clock.theirs()),
        )


def left_of(account: Account, state: TenantState, now: float) -> dict[Span, int]:
    """Return the calls that are left of the tenant's own budget, as its poller has stored it; `now` in seconds.

    A short window beside longer ones is left out: a poller's lease fills it, and seconds later it is free. Raises
    `Unready` where it cannot be called.
    """
    limits = client_of(account).limits
    left = dict(restored(limits, state.spending).left(now))
    if len(left) > 1 and limits.window <= LONG_WINDOW_SECONDS:
        del left["window"]
    return left


async def try_platform(
    config: Config,
    account: Account,
    state: TenantState,
    session: aiohttp.ClientSession,
    *,
    counted: bool,
    hooks: bool,
) -> Tried:
    """Call a tenant's platform, and list its webhooks where `hooks` says so.

    The calls are `counted` in the budget of its poller, where it may have one. Raises `Unready` where it cannot be
    called, `Denied` where it has no token that holds, `NotTried` where it is not.
    """
    client, provider = client_of(account), account.provider
    if not isinstance(provider, ShowsAccess):
        raise NotTried(f"{provider.name} has no call that shows how its platform takes a tenant")
    _check_budget(client, state, time.time() + state.standing.ahead)
    token = current_token(state, client)

    async def announce(some: int, within: int) -> None:
        try:
            await announce_calls(config, account.source, some, within=within)
        except (KafkaError, TimeoutError, OSError) as error:
            raise NotTried(f"it was not called: its budget could not count it ({type(error).__name__})") from error

    pace = HookPace(client.limits, 2 if hooks else 1, announce if counted else None)
    http = HttpClient(session, client.api.base_url, ANSWER_SECONDS)
    calls = ProbeCalls(http, client, token, pace)
    tried = await calls.probe(provider.probe(account.settings, int(time.time() * 1000)))
    if not hooks or tried.fault is not None:
        return tried
    return replace(tried, hooks=await _look_at_hooks(config, account, state, calls))


async def _look_at_hooks(
    config: Config, account: Account, state: TenantState, calls: ProbeCalls
) -> HookReport | Fault | None:
    """Return what is registered beside what is needed, or why it cannot be told; None where a person sees to it."""
    hooks = hooks_of(account, config.public_url or "")
    if hooks is None or isinstance(hooks, HooksByHand):
        return None
    try:
        async with asyncio.timeout(HOOKS_SECONDS):
            found = await registered(hooks, calls.call)
    except Fault as fault:
        return fault
    except TimeoutError:
        return Unavailable(f"the list of webhooks did not come within {HOOKS_SECONDS:g} s")
    return report_of(hook_rows(hooks.wanted, found, state.hooks), HookReport(0), int(time.time() * 1000))


def _check_budget(client: PlatformClient, state: TenantState, now: float) -> None:
    """Raise `NotTried` where the poller would make no call now, however long it waits."""
    budget = restored(client.limits, state.spending)
    for span, left in budget.left(now).items():
        if span != "window" and left <= 0:
            raise NotTried(f"it was not called: its budget has no calls left of the {span}")
    held = state.spending.held if state.spending else 0.0
    if held > now:
        raise NotTried(f"it was not called: it wants no call for {held - now:,.0f} s")
