"""The shape of `headrace.toml`, apart from its tenants: every key, its type and its default.

A struct that declares both `x` and `x_file` holds a secret: where `x_file` is set, `x` is read from that file; a list
takes one secret a line.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Final, Literal

from msgspec import Meta, Struct

from headrace.config.kafka_settings import KafkaSettings
from headrace.config.tenants import Tenants
from headrace.core.contradiction import Contradiction
from headrace.core.units import Bytes, Seconds

Port = Annotated[int, Meta(ge=0, le=65_535)]
"""A TCP port; 0 lets the system choose one that is free."""


Positive = Annotated[int, Meta(ge=1)]
"""A number of things, at least one."""

TopicPrefix = Annotated[str, Meta(pattern=r"^[a-zA-Z0-9._-]{0,200}\Z", title="letters, digits, dots, _ and -")]
"""What the names of all topics, groups and transactional ids begin with."""

PublicUrl = Annotated[
    str,
    Meta(
        pattern=r"^(https://[^\s/?#@]+|http://(localhost|127\.0\.0\.1)(:\d+)?)(/[^\s?#]*)?\Z",
        max_length=900,
        title="an https URL without query such as https://hooks.example.com",
    ),
]
"""Where platforms reach the receiver. Some take 1,024 characters at most: the path of a tenant stands behind it."""

Ratio = Annotated[float, Meta(ge=0, le=1)]
"""A share of a whole."""

CollectorUrl = Annotated[
    str,
    Meta(
        pattern=r"^https?://[^\s/?#@]+(/[^\s?#]*)?\Z",
        title="an http or https URL without query such as http://collector:4318",
    ),
]
"""Where spans go: a path of its own is used as it is, else it is /v1/traces, as OTLP has it."""

_HEADER: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+\s*=[\x20-\x7e]+")
"""A header of HTTP as OTEL_EXPORTER_OTLP_HEADERS writes it."""


LOOPBACK: Final = ("127.0.0.1", "::1", "localhost")
"""Addresses that only this machine reaches."""
SHORTEST_TOKEN: Final = 16
"""Characters of a token that cannot be guessed."""


class DedupeSettings(Struct, frozen=True, kw_only=True):
    """`[dedupe]`: for how many seconds an id is remembered."""

    window: Seconds = 30 * 86_400


class LedgerSettings(Struct, frozen=True, kw_only=True):
    """`[ledger]`: an hour of the loss ledger stays open for `settle` after its end: what comes later is lost."""

    settle: Seconds = 7_200


class SpoolSettings(Struct, frozen=True, kw_only=True):
    """`[spool]`: where deliveries wait while Kafka is away.

    An hour without Kafka at 200 deliveries a second are 720,000 records; 4 GiB give each of them 5.9 KiB, envelope
    included. A record older than `max_age` is set aside: its id may be forgotten, so it could be published twice. The
    default is at most the dedupe window.
    """

    path: str = "spool.db"
    max_bytes: Bytes = 4 * 2**30
    max_age: Seconds = 7 * 86_400


class ReceiverSettings(Struct, frozen=True, kw_only=True):
    """`[receiver]`: where webhooks come in, and the limits on slow or greedy senders.

    A whole head must arrive within `head_deadline`, the body after it within `body_deadline`. `idle_deadline` is for
    connections between two deliveries; a proxy in front must close idle ones sooner. `rate` and `burst` limit the
    verified records of one tenant, `rate_bytes` and `burst_bytes` the bytes of its bodies, each `rate` per second.
    """

    host: str = "0.0.0.0"  # noqa: S104  (platforms call it from outside)
    port: Port = 8080
    max_body: Bytes = 2**20
    max_bodies: Bytes = 64 * 2**20
    """Bytes that all bodies in memory may take together, with 1 KiB for each record that they were cut into."""
    connections: Positive = 1000
    head_deadline: Seconds = 10
    body_deadline: Seconds = 15
    idle_deadline: Seconds = 90
    rate: Positive = 1000
    burst: Positive = 5000
    rate_bytes: Bytes = 4 * 2**20
    burst_bytes: Bytes = 32 * 2**20

    def faults(self) -> Iterator[Contradiction]:
        """Yield limits that can never work."""
        if self.max_bodies < self.max_body:
            reason = "is for all bodies together: it must not be less than max_body"
            yield Contradiction("max_bodies", reason, ("max_body",))


class AdminSettings(Struct, frozen=True, kw_only=True):
    """`[admin]`: where health and metrics are served."""

    host: str = "0.0.0.0"  # noqa: S104  (probes and scrapers come from outside the container)
    port: Port = 9464


class ConsoleSettings(Struct, frozen=True, kw_only=True):
    """`[console]`: where the page is served, and who may see it.

    On this machine alone it is open; on any other address `token` logs in, or `auth = "proxy"` says that what stands in
    front lets nobody else through. `hosts` are the names by which browsers reach it, beside the address itself.
    `redacted_bytes` shows the raw bytes of tenants whose events are redacted, too.
    """

    host: str = "127.0.0.1"
    port: Port = 9465
    auth: Literal["token", "proxy"] = "token"
    token: str | None = None
    token_file: str | None = None
    hosts: list[str] = []
    redacted_bytes: bool = False

    @property
    def is_open(self) -> bool:
        """Whether nobody has to log in."""
        return self.auth == "proxy" or not self.token

    def faults(self) -> Iterator[Contradiction]:
        """Yield what would let everybody in."""
        if self.token is not None and len(self.token) < SHORTEST_TOKEN:
            yield Contradiction("token", f"is too short: take {SHORTEST_TOKEN} characters or more")
        if self.auth == "token" and not self.token and self.host not in LOOPBACK:
            reason = 'or auth = "proxy" is needed where others can reach the page: this machine alone is 127.0.0.1'
            yield Contradiction("token", reason, ("host",))

    def __repr__(self) -> str:
        """Write only what may be logged: no secrets."""
        return f"ConsoleSettings({self.host!r}, {self.port}, {self.auth!r}, {self.hosts})"


class LogSettings(Struct, frozen=True, kw_only=True):
    """`[log]`: `auto` writes for people on a terminal and JSON everywhere else."""

    format: Literal["auto", "json", "console"] = "auto"
    level: Literal["debug", "info", "warning", "error"] = "info"


class TracesSettings(Struct, frozen=True, kw_only=True):
    """`[traces]`: whether spans are recorded, of which share of the traces that begin here, and where they go.

    Without an `endpoint`, and for all that is not said here, the variables of OpenTelemetry's exporter apply
    (OTEL_EXPORTER_OTLP_ENDPOINT, …). `headers` are written as name=value.
    """

    enabled: bool = False
    endpoint: CollectorUrl | None = None
    ratio: Ratio = 0.01
    headers: list[str] = []
    headers_file: str | None = None

    @property
    def named_headers(self) -> dict[str, str]:
        """The headers by their names."""
        pairs = (header.partition("=") for header in self.headers)
        return {name.strip(): value.strip() for name, _, value in pairs}

    def faults(self) -> Iterator[Contradiction]:
        """Yield the headers that are none."""
        if not all(map(_HEADER.fullmatch, self.headers)):
            yield Contradiction("headers", "a header is written as name=value")

    def __repr__(self) -> str:
        """Write only what may be logged: no secrets."""
        return f"TracesSettings(enabled={self.enabled}, {self.endpoint!r}, {self.ratio})"


class ServiceSettings(Struct, frozen=True, kw_only=True):
    """Everything in `headrace.toml` but `[tenants]`."""

    topic_prefix: TopicPrefix = "headrace."
    public_url: PublicUrl | None = None
    kafka: KafkaSettings = KafkaSettings()
    dedupe: DedupeSettings = DedupeSettings()
    ledger: LedgerSettings = LedgerSettings()
    spool: SpoolSettings = SpoolSettings()
    receiver: ReceiverSettings = ReceiverSettings()
    admin: AdminSettings = AdminSettings()
    console: ConsoleSettings = ConsoleSettings()
    log: LogSettings = LogSettings()
    traces: TracesSettings = TracesSettings()


class Config(ServiceSettings, frozen=True, kw_only=True):
    """A valid configuration; `file` is None where there is none and defaults apply."""

    tenants: Tenants
    file: Path | None = None

    def __repr__(self) -> str:
        """Write the file, the brokers and the sources: no secrets."""
        return f"Config({self.file and str(self.file)!r}, {self.kafka!r}, tenants={list(self.tenants.by_source)})"
