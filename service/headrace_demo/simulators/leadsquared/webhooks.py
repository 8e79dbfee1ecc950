"""LeadSquared's Webhook.svc: a hook an event and activity code; ten failures switch it off; DELETE is a GET."""

import uuid
from collections.abc import Callable, Sequence
from typing import Any, Final

import aiohttp
import msgspec
from aiohttp import web

from headrace_demo.simulators.api_call import ApiCall, ApiError, Route, encode
from headrace_demo.simulators.history import Payload
from headrace_demo.simulators.hooks import Hook, RegisteredHooks

_SERVICE: Final = "/v2/Webhook.svc"
_EVENTS: Final = {
    "1": "Landing_Page_submission", "2": "LeadActivity_Post_Create", "3": "Lead_Post_Create", "4": "Lead_Owner_Change",
    "5": "Lead_Post_Stage_Change", "6": "Lead_Post_Update", "7": "Task_Create", "15": "LeadActivity_Post_Update",
}  # fmt: skip
_ACTIVITIES: Final = ("2", "15")
MOST_FAILURES: Final = 10


class Webhooks:
    """The endpoints of Webhook.svc. `numbers` says which event the account makes of a number: {"4": "6"}."""

    def __init__(self, numbers: Callable[[], dict[str, str]]) -> None:
        self.registered: Final = RegisteredHooks(MOST_FAILURES)
        self._numbers: Final = numbers

    def routes(self) -> Sequence[Route]:
        """Return the endpoints."""
        return (
            Route("POST", f"{_SERVICE}/Create", self._create),
            Route("POST", f"{_SERVICE}/Retrieve", self._retrieve),
            Route("GET", f"{_SERVICE}/Delete", self._delete),
        )

    async def deliver(self, http: aiohttp.ClientSession, event: str, items: Sequence[Payload]) -> int:
        """Deliver activities to the hooks of their codes; return how many deliveries were taken."""
        taken = 0
        for code in dict.fromkeys(str(item["ActivityEvent"]) for item in items):
            body = encode([item for item in items if str(item["ActivityEvent"]) == code])
            for hook in list(self.registered.about(event, code)):
                headers = {"Content-Type": "application/json; charset=utf-8", hook.header: hook.secret}
                taken += await self.registered.deliver(http, hook, body, headers)
        return taken

    async def _create(self, call: ApiCall) -> web.Response:
        body = call.json()
        number = str(body.get("WebhookEvent"))
        event = _EVENTS.get(self._numbers().get(number, number))
        if event is None or not body.get("URL"):
            raise ApiError(500, "The webhook is not valid", "permanent")
        code = str(body.get("ActivityEvent") or "")
        if number in _ACTIVITIES and (not code or not isinstance(body.get("WebhookProperties"), str)):
            raise ApiError(500, "You have not passed ActivityEvent.", "permanent")
        header = (body.get("CustomHeaders") or [{"Key": "", "Value": ""}])[0]
        ident = str(uuid.UUID(int=self.registered.made + 0x9DEE11E7B0AB02E89B2FB8F4))
        hook = Hook(ident, body["URL"], event, code=code, secret=header["Value"], header=header["Key"])
        return _json({"Status": "Success", "Message": {"Id": self.registered.add(hook).id}})

    async def _retrieve(self, call: ApiCall) -> web.Response:
        paging = call.json().get("Paging") or {}
        index, size = int(paging.get("PageIndex", 1)), int(paging.get("PageSize", 25))
        hooks = list(self.registered.all.values())
        rows = [_shown(hook) for hook in hooks[(index - 1) * size : index * size]]
        return _json({"RecordCount": len(hooks), "Response": rows})

    async def _delete(self, call: ApiCall) -> web.Response:
        if self.registered.all.pop(call.query.get("webhookId", ""), None) is None:
            raise ApiError(500, "Webhook does not exist", "permanent")
        return _json({"Status": "Success", "Message": {"AffectedRows": 1}})


def _shown(hook: Hook) -> Payload:
    properties = {"ActivityEvent": hook.code, "ActivityData": "[]", "WebPageNames": "[]"}
    return {
        "WebhookId": hook.id, "Description": "", "URL": hook.url, "Method": "POST", "ContentType": "application/json",
        "EventCode": hook.event, "StatusCode": hook.state, "NotifyOnFailure": True,
        "WebhookProperties": msgspec.json.encode(properties).decode() if hook.code else None,
        "CustomHeaders": [{"Key": hook.header, "Value": hook.secret}],
    }  # fmt: skip


def _json(value: Any) -> web.Response:
    return web.Response(body=encode(value), content_type="application/json")
