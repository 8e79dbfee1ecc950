"""Bring one record by its id into raw: what `headrace fetch` does.

It runs beside the poller, not under its budget, and mints no token: only the poller that owns the tenant does. It uses
the access token that the poller keeps.
"""

import time
from collections.abc import Sequence
from typing import Final

from headrace.config import Config
from headrace.config.tenants import Account
from headrace.core.record import Out
from headrace.kafka.admin import Topic
from headrace.kafka.appender import Appender
from headrace.kafka.raw_writer import RawWriter
from headrace.kafka.topics import describe
from headrace.poller.http_client import HttpClient, session
from headrace.poller.oauth_tokens import CannotOpen, TokenSealer
from headrace.poller.platform_client import client_of
from headrace.poller.watch_list import everything
from headrace.records.cursors import SealedTokens
from headrace.records.raw import to_raw_record
from headrace.sdk.faults import Denied, Fault, Gone, Rejected, TooHeavy
from headrace.sdk.feed import ApiClient, Call
from headrace.sdk.provider import RawEvent
from headrace.sdk.settings import PolledTenant
from headrace_events import RawPosition, Via

SOON: Final = 30.0


async def fetch(config: Config, account: Account, resource: str, id: str) -> list[RawPosition]:  # noqa: A002  (the design's word)
    """Ask for a record and append it to raw; return where it is durable.

    Raises `Unready` where the tenant cannot be asked, `Fault` for what the platform says (`Gone`: it has no such
    record), `KafkaError`, `TimeoutError`.
    """
    provider, settings, client = client_of(account)
    token = await _token(config, account, settings, client)
    async with session() as opened:
        body = await _first(HttpClient(opened, client.base_url), client, provider.single(settings, resource, id), token)
    now, name = int(time.time() * 1000), account.provider.name
    records: list[Out] = []
    for piece in account.provider.cut(body, resource):
        raw = RawEvent(
            provider=name,
            tenant=account.name,
            shape=piece.shape,
            value=piece.value,
            via=Via.POLL,
            received=now,
            hint=piece.hint,
        )
        records.append(to_raw_record(account.provider, raw))
    topic = (await describe(config))[f"{config.topic_prefix}raw"]
    _check_sizes(records, topic)
    async with Appender(config.kafka) as appender:
        writer = RawWriter(appender, topic)
        return [await writer.append(record) for record in records]


def _check_sizes(records: Sequence[Out], topic: Topic) -> None:
    """Refuse what raw does not take, before anything is appended. Raises `TooHeavy`."""
    largest, limit = max((record.size for record in records), default=0), int(topic.config["max.message.bytes"])
    if largest > limit:
        raise TooHeavy(f"the record takes {largest:,} bytes, {topic.name} takes {limit:,}: raise its max.message.bytes")


async def _first(http: HttpClient, client: ApiClient, calls: Sequence[Call], token: str | None) -> bytes:
    """Give the first good answer, trying the next call while there is nothing at one. Raises the `Fault` of the last.

    A path that a platform's generation does not have is `Rejected`: its 404 need not have a form.
    """
    gone: Fault = Gone("there is nothing to ask for it with")
    for call in calls:
        answer = await http.exchange(client.sign(call, token))
        fault = client.judge(answer, time.time())
        if fault is None:
            return answer.body
        if not isinstance(fault, Gone | Rejected):
            raise fault
        gone = fault
    raise gone


async def _token(config: Config, account: Account, settings: PolledTenant, client: ApiClient) -> str | None:
    """Give the access token that the poller keeps. Raises `Denied` with a sentence where there is none that holds."""
    if client.tokens is None:
        return None
    kept = (await everything(config)).of(account.source).token
    if kept is None or kept.expires / 1000 < time.time() + SOON:
        raise Denied("there is no access token that holds: the poller mints them, is it running?")
    return _opened(kept, settings)


def _opened(kept: SealedTokens, settings: PolledTenant) -> str:
    try:
        return TokenSealer(settings.token_key or "").open(kept.sealed).access
    except CannotOpen as error:
        raise Denied(f"{error}: give the key that sealed them as a further line of token_key") from None
