"""Append one record to raw by its id: what `headrace fetch` does.

It runs beside the poller, which counts its calls in the tenant's budget. It uses the access token that the poller
stored, and mints none: only the poller that owns the tenant does.
"""

import time
from collections.abc import Sequence

from headrace.config import Config
from headrace.config.tenants import Account
from headrace.core.record import ProducerRecord
from headrace.kafka.admin import Topic
from headrace.kafka.appender import Appender
from headrace.kafka.raw_writer import RawWriter
from headrace.kafka.topics import describe
from headrace.poller.current_token import current_token
from headrace.poller.http_client import HttpClient, open_session
from headrace.poller.order_writer import announce_calls
from headrace.poller.platform_client import client_of
from headrace.poller.state import read_all
from headrace.records.raw import to_raw_record
from headrace.sdk.faults import Fault, Gone, NoRoute, Rejected, TooHeavy
from headrace.sdk.feed import ApiClient, Call
from headrace.sdk.provider import RawEvent
from headrace_events import RawPosition, Via


async def fetch(config: Config, account: Account, resource: str, id: str) -> list[RawPosition]:  # noqa: A002  (the design's word)
    """Ask for a record and append it to raw; return where it is durable.

    Raises `Unready` where the tenant cannot be polled, `Fault` for what the platform says (`Gone`: it has no such
    record), `KafkaError`, `TimeoutError`; where the poller cannot be told of the calls, none is made.
    """
    client = client_of(account)
    token = current_token((await read_all(config)).of(account.source), client) if client.api.tokens else None
    calls = client.provider.single(client.settings, resource, id)
    if account.settings.polling:
        await announce_calls(config, account.source, len(calls))
    async with open_session() as session:
        body = await _first(HttpClient(session, client.api.base_url), client.api, calls, token)
    now, name = int(time.time() * 1000), account.provider.name
    records: list[ProducerRecord] = []
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


def _check_sizes(records: Sequence[ProducerRecord], topic: Topic) -> None:
    """Refuse what raw does not take, before anything is appended. Raises `TooHeavy`."""
    largest, limit = max((record.size for record in records), default=0), int(topic.config["max.message.bytes"])
    if largest > limit:
        raise TooHeavy(f"the record takes {largest:,} bytes, {topic.name} takes {limit:,}: raise its max.message.bytes")


async def _first(http: HttpClient, api: ApiClient, calls: Sequence[Call], token: str | None) -> bytes:
    """Return the first good answer: the next call is made while one finds nothing. Raises the `Fault` of the last.

    A path that this version of a platform does not have may be `NoRoute` or `Rejected`.
    """
    gone: Fault = Gone("there is nothing to ask for it with")
    for call in calls:
        answer = await http.follow(api.sign(call, token))
        fault = api.judge(answer, time.time())
        if fault is None:
            return answer.body
        if not isinstance(fault, Gone | NoRoute | Rejected):
            raise fault
        gone = fault
    raise gone
