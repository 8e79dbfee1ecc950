"""The shape of `[kafka]`: how to reach the brokers, and how they know us."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Final, Literal

from msgspec import Meta, Struct

from headrace.core.contradiction import Contradiction
from headrace.core.units import Seconds

_HOST: Final = r"(\[[0-9a-fA-F:]+\]|[^\s,:]+)(:\d+)?"
Servers = Annotated[
    str, Meta(pattern=rf"^{_HOST}(\s*,\s*{_HOST})*\Z", title="host:port, or several with commas between them")
]
"""Addresses of brokers."""

IssuerUrl = Annotated[
    str,
    Meta(
        pattern=r"^(https://[^\s/?#@]+|http://(localhost|127\.0\.0\.1)(:\d+)?)(/[^\s#]*)?\Z",
        max_length=900,
        title="an https URL such as https://login.example.com/oauth2/token",
    ),
]
"""Where tokens are issued. What is sent there is a secret: so never without TLS, but on this machine."""

SaslExtension = Annotated[str, Meta(pattern=r"^[\x20-\x7e\t\r\n]+\Z", title="printable characters")]
"""A value that goes to the broker with a token (RFC 7628, 3.1)."""
SaslExtensionName = Annotated[str, Meta(pattern=r"^[A-Za-z]+\Z", title="letters")]

_BY_MECHANISM: Final[Mapping[str, tuple[str, ...]]] = {
    "PLAIN": ("sasl_username", "sasl_password"),
    "SCRAM-SHA-256": ("sasl_username", "sasl_password"),
    "SCRAM-SHA-512": ("sasl_username", "sasl_password"),
    "OAUTHBEARER": ("sasl_oauth_token_url", "sasl_oauth_client_id", "sasl_oauth_client_secret"),
    "AWS_MSK_IAM": ("sasl_aws_region",),
}
"""What each mechanism needs."""
_ALSO: Final = ("sasl_oauth_scope", "sasl_oauth_extensions", "sasl_oauth_cafile")
"""What OAUTHBEARER may have as well."""
_OF_SASL: Final = (*dict.fromkeys(key for keys in _BY_MECHANISM.values() for key in keys), *_ALSO)
_OF_TLS: Final = ("ssl_cafile", "ssl_certfile", "ssl_keyfile", "ssl_keypassword")

CONSUMED: Final = ("events", "dead-letters")
"""How the names of topics end that consumers read."""


class KafkaSettings(Struct, frozen=True, kw_only=True):
    """`[kafka]`: how to reach the brokers. Paths of certificates are relative to the file that names them."""

    bootstrap_servers: Servers = "localhost:9092"
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER", "AWS_MSK_IAM"] | None = None
    sasl_username: str | None = None
    sasl_password: str | None = None
    sasl_password_file: str | None = None
    sasl_oauth_token_url: IssuerUrl | None = None
    sasl_oauth_client_id: str | None = None
    sasl_oauth_client_secret: str | None = None
    sasl_oauth_client_secret_file: str | None = None
    sasl_oauth_scope: str | None = None
    sasl_oauth_extensions: dict[SaslExtensionName, SaslExtension] | None = None
    sasl_oauth_cafile: str | None = None
    sasl_aws_region: Annotated[str, Meta(pattern=r"^[a-z0-9-]+\Z", title="a region such as eu-west-1")] | None = None
    ssl_cafile: str | None = None
    ssl_certfile: str | None = None
    ssl_keyfile: str | None = None
    ssl_keypassword: str | None = None
    ssl_keypassword_file: str | None = None
    compression: Literal["lz4", "zstd", "gzip", "snappy", "none"] | None = None
    """How records of all topics are compressed; None: as `codec` says."""
    session_timeout: Seconds = 45
    """Seconds without a heartbeat after which the group gives a process's partitions to others."""

    def codec(self, topic: str) -> str | None:
        """Return how records of a topic are compressed, None where they are not.

        Where nothing is configured: gzip for what consumers read, as no other is read by every client without something
        more; zstd for what only Headrace reads.
        """
        if self.compression is None:
            return "gzip" if topic.endswith(CONSUMED) else "zstd"
        return None if self.compression == "none" else self.compression

    def faults(self) -> Iterator[Contradiction]:
        """Yield the settings that contradict each other."""
        yield from (
            self._sasl_faults()
            if self.security_protocol.startswith("SASL_")
            else self._unused(("sasl_mechanism", *_OF_SASL), "SASL_SSL")
        )
        if not self.security_protocol.endswith("SSL"):
            yield from self._unused(_OF_TLS, "SSL or SASL_SSL")
        if self.ssl_keyfile and not self.ssl_certfile:
            reason = "a key needs the certificate it belongs to: set ssl_certfile"
            yield Contradiction("ssl_keyfile", reason, ("ssl_certfile",))

    def _sasl_faults(self) -> Iterator[Contradiction]:
        """Yield what SASL lacks, and what its mechanism has no use for."""
        mechanism, by = self.sasl_mechanism or "", ("security_protocol", "sasl_mechanism")
        needed = _BY_MECHANISM.get(mechanism, () if self._has_any(_OF_SASL[2:]) else _BY_MECHANISM["PLAIN"])
        for key in ("sasl_mechanism", *needed):
            if getattr(self, key) is None:
                asks = self.security_protocol if key == "sasl_mechanism" or not mechanism else mechanism
                yield Contradiction(key, f"{asks} needs it", by if mechanism else by[:1])
        for key in _OF_SASL if mechanism in _BY_MECHANISM else ():
            allowed = needed + (_ALSO if mechanism == "OAUTHBEARER" else ())
            if key not in allowed and getattr(self, key) is not None:
                others = [name for name, keys in _BY_MECHANISM.items() if key in keys] or ["OAUTHBEARER"]
                reason = (
                    f"has no effect under {mechanism}: set sasl_mechanism to {' or '.join(others)}, or leave it out"
                )
                yield Contradiction(key, reason, by)
        if mechanism == "AWS_MSK_IAM" and self.security_protocol != "SASL_SSL":
            yield Contradiction("sasl_mechanism", "AWS_MSK_IAM needs TLS: set security_protocol to SASL_SSL", by[:1])

    def _has_any(self, keys: tuple[str, ...]) -> bool:
        return any(getattr(self, key) is not None for key in keys)

    def _unused(self, keys: tuple[str, ...], needed: str) -> Iterator[Contradiction]:
        """Yield what has no effect under the protocol."""
        protocol = self.security_protocol
        for key in keys:
            if getattr(self, key) is not None:
                reason = f"has no effect under {protocol}: set security_protocol to {needed}, or leave it out"
                yield Contradiction(key, reason, ("security_protocol",))

    def __repr__(self) -> str:
        """Write only what may be logged: no secrets."""
        return f"KafkaSettings({self.bootstrap_servers!r}, {self.security_protocol})"
