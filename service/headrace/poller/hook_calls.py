"""Calls about webhooks that a command makes beside the poller: each once, with the token that the poller stored."""

import time
from typing import Final

from headrace.poller.hook_list import registered
from headrace.poller.hook_pace import HookPace
from headrace.poller.http_client import HttpClient
from headrace.sdk.faults import Denied, Fault, Gone, NoRoute, Rejected, Throttled
from headrace.sdk.feed import Answer, ApiClient, Call
from headrace.sdk.hooks import HookApi, RegisteredHook, WantedHook

_NOTHING_HAPPENED: Final = (Denied, Gone, NoRoute, Rejected, Throttled)
"""The platform, or what stands before it, refused: after any other fault nobody knows."""
_NO_CONTENT: Final = 204


def is_unknown(fault: Fault) -> bool:
    """Return whether a call that changes something may have done so all the same."""
    return not isinstance(fault, _NOTHING_HAPPENED)


class HookCalls:
    """The calls of one command about one tenant."""

    def __init__(self, http: HttpClient, api: ApiClient, hooks: HookApi, token: str | None, pace: HookPace) -> None:
        self._http: Final = http
        self._api: Final = api
        self._hooks: Final = hooks
        self._token: Final = token
        self._pace: Final = pace

    async def registered(self) -> list[RegisteredHook]:
        """Return all webhooks at the platform. Raises `Fault`."""
        return await registered(self._hooks, self._call)

    async def create(self, wanted: WantedHook, secret: str) -> str:
        """Make a webhook; return its id, empty where the answer has none. Raises `Fault`."""
        return self._hooks.created(await self._call(self._hooks.create(wanted, secret)))

    async def delete(self, id: str) -> None:  # noqa: A002  (the design's word)
        """Delete a webhook. Raises `Fault`."""
        await self._call(self._hooks.delete(id))

    async def _call(self, call: Call) -> bytes:
        await self._pace.admit()
        answer = await self._http.exchange(self._api.sign(call, self._token))
        fault = None if _is_empty(answer) else self._api.judge(answer, time.time())
        if fault is not None:
            raise fault
        return answer.body


def _is_empty(answer: Answer) -> bool:
    """Return whether it is the good answer that has no body."""
    return answer.status == _NO_CONTENT
