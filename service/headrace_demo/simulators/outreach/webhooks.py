"""Outreach's list of webhooks: one pair of resource and action each; a secret is taken and never shown."""

import hmac
from collections.abc import Sequence
from typing import Final

import aiohttp
from aiohttp import web

from headrace_demo.simulators.api_call import ApiCall, ApiError, Route, encode
from headrace_demo.simulators.history import Payload
from headrace_demo.simulators.hooks import ENABLED, Hook, RegisteredHooks

_TYPE: Final = "application/vnd.api+json"
_PATH: Final = "/api/v2/webhooks"


class Webhooks:
    """The endpoints below /webhooks."""

    def __init__(self) -> None:
        self.registered: Final = RegisteredHooks()

    def routes(self) -> Sequence[Route]:
        """Return the endpoints."""
        return (
            Route("GET", _PATH, self._list),
            Route("POST", _PATH, self._create),
            Route("DELETE", f"{_PATH}/{{id}}", self._delete),
        )

    async def deliver(self, http: aiohttp.ClientSession, event: str, body: bytes) -> int:
        """Deliver a body to the hooks that are about its event, signed; return how many deliveries were taken."""
        taken = 0
        for hook in list(self.registered.about(event)):
            headers = {"Content-Type": _TYPE, "Outreach-Webhook-Id": hook.id}
            if hook.secret:
                headers["Outreach-Webhook-Signature"] = hmac.digest(hook.secret.encode(), body, "sha256").hex()
            taken += await self.registered.deliver(http, hook, body, headers)
        return taken

    async def _list(self, _: ApiCall) -> web.Response:
        rows = [_shown(hook) for hook in self.registered.all.values()]
        return _json({"data": rows, "meta": {"count": None, "count_truncated": False}})

    async def _create(self, call: ApiCall) -> web.Response:
        attributes = call.json().get("data", {}).get("attributes", {})
        if not str(attributes.get("url", "")).startswith("http") or not attributes.get("resource"):
            raise ApiError(422, "The webhook is not valid.")
        event = f"{attributes['resource']}.{attributes.get('action', '*')}"
        ident = str(30 + self.registered.made)
        hook = Hook(ident, attributes["url"], event, secret=attributes.get("secret") or "")
        return _json({"data": _shown(self.registered.add(hook))}, status=201)

    async def _delete(self, call: ApiCall) -> web.Response:
        if self.registered.all.pop(call.names["id"], None) is None:
            raise ApiError(404, "Could not find the webhook.")
        return web.Response(status=204)


def _shown(hook: Hook) -> Payload:
    resource, _, action = hook.event.partition(".")
    off = hook.state != ENABLED
    attributes = {
        "action": action, "active": True, "resource": resource, "url": hook.url, "secret": None, "payloadVersion": 2,
        "disabledReason": hook.reason or None, "disabledSince": "2026-11-20T10:00:00.000Z" if off else None,
        "disabledUntil": None, "createdAt": "2026-11-20T09:00:00.000Z", "updatedAt": "2026-11-20T09:00:00.000Z",
    }  # fmt: skip
    return {"type": "webhook", "id": int(hook.id), "attributes": attributes}


def _json(value: Payload, status: int = 200) -> web.Response:
    return web.Response(body=encode(value), content_type=_TYPE, status=status)
