"""The webhooks of the demo: signed requests, as the platforms send them."""

import json
import shlex
import uuid
from typing import Final, Self

import aiohttp

from headrace_demo import senders
from headrace_demo.configuration import SECRETS, TENANTS
from headrace_demo.failure import Failed
from headrace_demo.scenario import Step

_SECONDS: Final = 60.0
"""For one delivery, Kafka being away included."""


class Webhooks:
    """The platforms' webhooks: signed requests to the receiver at `port`."""

    def __init__(self, port: int) -> None:
        self._url = f"http://127.0.0.1:{port}"
        self._senders = {
            (name, tenant): senders.make(name, tenant, secret=SECRETS.get(name, "demo"))
            for name in senders.SENDERS
            for tenant in TENANTS
        }

    async def __aenter__(self) -> Self:
        self._client = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=_SECONDS))
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._client.close()

    async def send(self, step: Step) -> None:
        """Deliver a webhook; raise `Failed` where it is not acknowledged."""
        sending = self._senders[step.provider, step.tenant].sending_of(step.payload)
        async with self._client.post(self._url + sending.path, data=sending.body, headers=sending.headers()) as answer:
            if answer.status not in (200, 202):
                raise Failed(f"a webhook of {step.provider} was answered {answer.status}: {await answer.text()}")

    def curl(self) -> str:
        """Return a curl command that sends a webhook of LeadSquared."""
        call = {
            "ProspectActivityId": str(uuid.uuid4()), "RelatedProspectId": str(uuid.uuid4()), "ActivityEvent": "22",
            "CreatedOn": "2026-11-20 12:00:00", "Data": {"Status": "Answered", "mx_Custom_3": "42"},
        }  # fmt: skip
        sending = self._senders["leadsquared", "acme"].sending_of(json.dumps([call], indent=1).encode())
        headers = (f"  -H {shlex.quote(f'{name}: {value}')}" for name, value in sending.headers().items())
        parts = (f"curl -i {self._url}{sending.path}", *headers, f"  -d {shlex.quote(sending.body.decode())}")
        return " \\\n".join(parts)
