"""Whether platforms could reach the receiver of a tenant, as far as that shows from here: a request without a body.

It delivers nothing: a receiver refuses it, or answers it as the check that some platforms make before they save a
webhook. What is answered shows whether it is ours, and whether it knows the tenant.
"""

import time
from typing import Final

import aiohttp
import msgspec
from msgspec import Struct

from headrace.config.tenants import Account
from headrace.poller.hook_list import receiver_url
from headrace.poller.http_client import HttpClient
from headrace.sdk.faults import Fault
from headrace.sdk.feed import Answer, Call
from headrace.sdk.provider import Delivery, Refused

REACH_SECONDS: Final = 10.0
_UNKNOWN: Final = ("unknown_tenant", "unknown_provider")
_REFUSED: Final = (405, "method_not_allowed")


class _Problem(Struct):
    code: str = ""


_problem: Final = msgspec.json.Decoder(_Problem).decode


class Reached(Struct, frozen=True):
    """What became of a request to the receiver: `fault` is a sentence, with what to do `next`; "" where it answers."""

    seconds: float
    fault: str = ""
    next: str = ""


async def reach(account: Account, public_url: str, session: aiohttp.ClientSession) -> Reached:
    """Ask the receiver for a tenant's webhook."""
    http = HttpClient(session, public_url, REACH_SECONDS)
    began = time.monotonic()
    try:
        answer = await http.exchange(Call(path=receiver_url(account, public_url)))
    except Fault as fault:
        return Reached(
            time.monotonic() - began,
            f"it cannot be reached from here: {fault}",
            "look at DNS, TLS and the proxy in front of the receiver; if only this machine is shut out, try another",
        )
    return Reached(time.monotonic() - began, *_judge(account, answer))


def _judge(account: Account, answer: Answer) -> tuple[str, str]:
    """Return what is wrong with an answer and what to do, twice "" where it is that of a receiver that knows us."""
    code = _code(answer.body)
    if (answer.status, code) == _REFUSED or _is_check(account, answer):
        return "", ""
    if code in _UNKNOWN:
        return "the receiver there does not know this tenant", "let it have this configuration; it follows its files"
    return (
        f"something else than a receiver answers there, with {answer.status}",
        "let the proxy pass POST /webhooks/PROVIDER/TENANT to the receiver as it is, and set public_url to its address",
    )


def _is_check(account: Account, answer: Answer) -> bool:
    """Return whether an answer is that to a check of the platform: of a request without a body."""
    if "GET" not in account.provider.methods:
        return False
    delivery = Delivery(account.name, "GET", {}, {}, b"", int(time.time() * 1000))
    try:
        accepted = account.provider.accept(delivery, account.settings)
    except Refused:
        return False
    return not accepted.events and (answer.status, answer.body) == (accepted.status, accepted.answer)


def _code(body: bytes) -> str:
    try:
        return _problem(body).code
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ""
