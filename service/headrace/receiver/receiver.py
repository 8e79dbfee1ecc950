"""The receiver: webhooks come in, are verified, made durable, and only then acknowledged.

Guarantees
- A 2xx is given after Kafka or the spool has the whole delivery, never before.
- What is not verified is never appended: only `accept` makes what can be.
- Nobody's slowness or greed stops the others: bodies, heads, connections, memory and rates are bounded.
- Not promised: that a delivery which got no 2xx was not kept. The sender sends it again, and the normalizer removes
  what comes twice.
"""

import asyncio
import time
import traceback
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final, NoReturn

import structlog
from aiohttp import hdrs, web

from headrace.config import Config
from headrace.config.live import LiveConfig
from headrace.config.tenants import Account, Tenants
from headrace.observe.admin import CannotServe
from headrace.observe.health import ReceiverHealth
from headrace.receiver import refusals
from headrace.receiver.acknowledgement import acknowledge
from headrace.receiver.body_reader import Bodies
from headrace.receiver.cutting import Cutter
from headrace.receiver.delivery_trace import DeliveryTrace, sent_context
from headrace.receiver.head_check import check_head
from headrace.receiver.http_server import Server, connection_of
from headrace.receiver.ingress import Ingress, RecordTooLarge
from headrace.receiver.listen import affordable, ask_for_body, linger, listening
from headrace.receiver.metrics import ReceiverMetrics
from headrace.receiver.responses import response_of
from headrace.receiver.token_bucket import LogThrottle, TokenBuckets
from headrace.receiver.topic_writer import Item
from headrace.sdk.provider import Accepted, Delivery, Refused
from headrace.spool import NoRoom

STOP_DEADLINE_SECONDS: Final = 8.0
"""What requests in progress get when the receiver stops: more than an append and the spool take."""
SWEEP_SECONDS: Final = 1.0
LOG_SECONDS: Final = 10.0
"""Between two lines about the same kind of refusal."""
UNKNOWN: Final = "unknown"
WEBHOOKS: Final = "/webhooks"
_NO_QUERY: Final[Mapping[str, str]] = MappingProxyType({})
_PARTS: Final = 4  # of the path: nothing, "webhooks", provider, tenant

_log = structlog.get_logger()


class Receiver:
    """Serves webhooks; `port` is the one it got, once it listens."""

    def __init__(self, live: LiveConfig, ingress: Ingress, metrics: ReceiverMetrics, health: ReceiverHealth) -> None:
        self.port: int | None = None
        self._live: Final = live
        self._ingress: Final = ingress
        self._metrics: Final = metrics
        self._health: Final = health
        limits = live.config.receiver
        self.bodies: Final = Bodies(limits.max_body, limits.max_bodies, limits.body_deadline)
        metrics.show_bodies(self.bodies)
        self._records: Final = TokenBuckets(limits.rate, limits.burst)
        self._bytes: Final = TokenBuckets(limits.rate_bytes, limits.burst_bytes)
        live.follow(self._take_limits)
        self._cutter: Final = Cutter(self._admit, self._charge)
        self._tracer: Final = metrics.tracer
        self._log_throttle: Final = LogThrottle(LOG_SECONDS)

    async def run(self) -> None:
        """Serve until cancelled, then finish the requests in progress. Raises `CannotServe` where the port is taken."""
        limits = self._live.config.receiver
        server = Server(
            self.answer,
            refused=lambda refused: self._count(None, refused),
            connections=affordable(limits.connections),
            head_deadline=limits.head_deadline,
            idle_deadline=limits.idle_deadline,
        )
        try:
            async with listening(server, limits.host, limits.port, STOP_DEADLINE_SECONDS) as self.port:
                self._health.listening(True)  # noqa: FBT003  (as the method reads)
                _log.info("receiver_opened", host=limits.host, port=self.port)
                await self._sweep(server)
        except OSError as error:
            sentence = f"{limits.host}:{limits.port} cannot be had ({error.strerror}): choose another [receiver] port"
            raise CannotServe(sentence) from None
        finally:
            self._health.listening(False)  # noqa: FBT003  (as the method reads)

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request, whatever it is.

        1. Find the tenant by the path, and check the head.
        2. Read the body within the limits.
        3. Let the provider verify and cut it: only `accept` makes what may be kept.
        4. Make its records durable.
        5. Acknowledge. What fails before that is refused.
        """
        began = time.monotonic()
        account: Account | None = None
        trace = None if self._tracer is None else DeliveryTrace(self._tracer)
        try:
            account = self._account(request)  # 1
            check_head(request, account.provider.methods, self.bodies.most)
            if hdrs.EXPECT in request.headers:
                await ask_for_body(request)
            with self.bodies.hold() as slot:
                body = await slot.read(request.content)  # 2
                sent = sent_context(request.headers)
                context = sent if trace is None else trace.join(sent)
                cut = await self._cutter.cut(account, _delivery(account, request, body), slot, context)  # 3
                await self._keep(cut.items, trace)  # 4
            accepted = cut.accepted
            self._count_accepted(account, accepted, body, time.monotonic() - began)
            if trace is not None:
                trace.accepted(account, accepted)
            return acknowledge(request, accepted)  # 5
        except Refused as refused:
            return await self._refuse(request, account, refused, trace)
        except Exception as error:  # noqa: BLE001  (the receiver goes on, whatever one delivery does to it)
            self._log_error(account, error)
            return await self._refuse(request, account, refusals.internal(), trace)

    def _account(self, request: web.BaseRequest) -> Account:
        """Return the tenant whose webhook it is. Raises `Refused`."""
        path, tenants = request.rel_url.raw_path, self._live.config.tenants
        account = tenants.by_source.get(path.removeprefix(WEBHOOKS)) if path.startswith(WEBHOOKS) else None
        return account if account is not None else self._unknown(request, tenants)

    def _unknown(self, request: web.BaseRequest, tenants: Tenants) -> NoReturn:
        """Refuse a path that is no configured webhook, with the reason. Raises `Refused`."""
        parts = request.rel_url.raw_path.split("/")
        if len(parts) != _PARTS or parts[1] != "webhooks":
            raise refusals.not_found()
        raise refusals.unknown_tenant() if parts[2] in tenants.providers else refusals.unknown_provider()

    async def _keep(self, items: Sequence[Item], trace: DeliveryTrace | None) -> None:
        """Make the records of a verified delivery durable. Raises `Refused`."""
        if not items:
            return
        if trace is not None:
            trace.verified()
        try:
            place = await self._ingress.keep(items)
            if trace is not None:
                trace.durable(place, len(items))
        except NoRoom:
            raise refusals.no_room() from None
        except RecordTooLarge:
            raise refusals.record_too_large() from None

    def _take_limits(self, config: Config) -> None:
        """Go on with the rates of another configuration."""
        limits, sources = config.receiver, config.tenants.by_source
        self._records.change(limits.rate, limits.burst, sources)
        self._bytes.change(limits.rate_bytes, limits.burst_bytes, sources)

    def _admit(self, source: str) -> None:
        """Raise `Refused` where a tenant has sent more than it may, until it may again."""
        now = time.monotonic()
        pause = max(self._records.pause(source, now), self._bytes.pause(source, now))
        if pause:
            limits = self._live.config.receiver
            raise refusals.rate_limited(limits.rate, limits.rate_bytes, pause)

    def _charge(self, source: str, records: int, size: int) -> None:
        """Charge a tenant for what it has sent."""
        now = time.monotonic()
        self._records.charge(source, records, now)
        self._bytes.charge(source, size, now)

    def _count_accepted(self, account: Account, accepted: Accepted, body: bytes, seconds: float) -> None:
        records = len(accepted.events)
        if not (records or body.strip()):
            self._metrics.checked(account.source)
            return
        self._metrics.accepted(account.source, seconds, records=records)
        if self._live.config.log.level == "debug":  # even a line that is not wanted costs as much as a signature
            _log.debug("delivery_kept", provider=account.provider.name, tenant=account.name, records=records)

    async def _refuse(
        self, request: web.BaseRequest, account: Account | None, refused: Refused, trace: DeliveryTrace | None
    ) -> web.Response:
        """Refuse a request: with an answer, or without one where the provider would take any for delivered."""
        self._count(account, refused)
        if trace is not None:
            trace.refused(account, refused)
        response = response_of(refused)
        if refusals.closes(refused, account.provider if account else None):
            connection_of(request).drop()
        elif not request.content.is_eof() and hdrs.EXPECT not in request.headers:
            await linger(request, response)
        return response

    def _count(self, account: Account | None, refused: Refused) -> None:
        provider, tenant = (account.provider.name, account.name) if account else (UNKNOWN, UNKNOWN)
        reason = refused.problem.code
        self._metrics.refused(provider, tenant, reason)
        count = self._log_throttle.count((provider, tenant, reason), time.monotonic())
        if count:
            _log.warning(
                "delivery_refused", provider=provider, tenant=tenant, reason=reason, status=refused.status, count=count
            )

    def _log_error(self, account: Account | None, error: Exception) -> None:
        """Log where an unexpected error happened, and never its text: it may quote the delivery."""
        kind = type(error).__name__
        if self._log_throttle.count(("error", kind), time.monotonic()):
            where = "".join(traceback.format_tb(error.__traceback__))
            source = account.source if account else UNKNOWN
            _log.error("delivery_failed", source=source, error=kind, where=where)

    async def _sweep(self, server: Server) -> None:
        """Drop connections that waited for too long, and report to health that the event loop turns."""
        while True:
            self._health.tick()
            server.sweep()
            if server.dropped and self._log_throttle.count(("dropped",), time.monotonic()):
                _log.warning("connections_dropped", count=server.dropped)
                server.dropped = 0
            await asyncio.sleep(SWEEP_SECONDS)


def _delivery(account: Account, request: web.BaseRequest, body: bytes) -> Delivery:
    return Delivery(
        tenant=account.name,
        method=request.method,
        headers=request.headers,
        query=request.query if request.rel_url.raw_query_string else _NO_QUERY,
        body=body,
        received=time.time_ns() // 1_000_000,
    )
