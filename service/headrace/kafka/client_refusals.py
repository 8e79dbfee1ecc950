"""Why a broker did not take us, as a sentence for the operator.

The client raises nothing but that no broker could be reached: what each connection failed of is noted here, by the
address. Sentences quote no credentials: what brokers answer is not repeated.
"""

import datetime as dt
import ssl
import time
from collections.abc import Iterator, Mapping
from functools import wraps
from pathlib import Path
from typing import Any, Final

from aiokafka.conn import AIOKafkaConnection, OAuthAuthenticator
from aiokafka.errors import (
    BrokerResponseError,
    IllegalSaslStateError,
    KafkaConnectionError,
    KafkaError,
    SaslAuthenticationFailed,
    UnsupportedSaslMechanismError,
)
from cryptography import x509

from headrace.config import KafkaSettings
from headrace.kafka.client_credentials import FreshContext, TurnedAway, refresh

LASTS_SECONDS: Final = 20.0
"""Time after which a failure says nothing about now."""
_OTHER_NAME: Final = (62, 64)
"""Codes of OpenSSL's X509_V_ERR: https://docs.openssl.org/master/man1/openssl-verification-options/#diagnostics."""
_NOT_NOW: Final[Mapping[int, str]] = {9: "is not valid yet", 10: "has expired"}

_NO_TLS: Final = "nobody speaks TLS at {}: mend security_protocol in [kafka], or the port in bootstrap_servers"
_ALERTS: Final = ("alert certificate", "alert bad certificate", "alert unknown ca", "alert handshake failure")
"""What OpenSSL calls a refusal of our certificate by the other side."""

_noted: Final[dict[tuple[str, int], tuple[float, str]]] = {}


def refusal() -> str:
    """Return why the newest connection that failed did, empty where that is not known or long ago."""
    newest = max(_noted.values(), default=(0.0, ""))
    return newest[1] if time.monotonic() - newest[0] < LASTS_SECONDS else ""


def why(error: BaseException) -> str:
    """Return what to write of an error of the client: the sentence where there is one, else the kind of error."""
    return str(error) if isinstance(error, TurnedAway) else refusal() or type(error).__name__


def note_refusals() -> None:
    """Let all connections of all clients of this process do so, with fresh credentials. Called once."""
    AIOKafkaConnection.connect = _noting(AIOKafkaConnection.connect)
    OAuthAuthenticator.step = _hearing_refusals(OAuthAuthenticator.step)


def _noting(connect: Any) -> Any:
    @wraps(connect)
    async def noting(connection: Any) -> Any:
        address = connection.host, connection.port
        try:
            await refresh(connection)
            connected = await connect(connection)
        except (KafkaError, OSError, TimeoutError, ValueError, AssertionError) as error:
            sentence = sentence_of(error, connection)
            _noted.pop(address, None)  # what it says now counts
            if sentence:
                _noted[address] = time.monotonic(), sentence
            if isinstance(error, ValueError | AssertionError):  # of SCRAM: the client would end its own tasks with it
                raise KafkaConnectionError(sentence or type(error).__name__) from error
            raise
        _noted.pop(address, None)
        return connected

    return noting


def _hearing_refusals(step: Any) -> Any:
    """Answer a broker that refuses a token as RFC 7628 asks (3.2.3): without it the client takes itself for welcome."""

    @wraps(step)
    async def hearing(authenticator: Any, payload: bytes | None) -> Any:
        if authenticator._token_sent and payload:  # noqa: SLF001  (nothing public tells it)
            return b"\x01", True
        return await step(authenticator, payload)

    return hearing


def sentence_of(error: BaseException, connection: Any) -> str:
    """Return what an operator must know of a connection that failed, empty where the kind of error says enough."""
    at = f"{connection.host}:{connection.port}"
    context = connection._ssl_context  # noqa: SLF001  (nothing public)
    for cause in _causes(error):
        if isinstance(cause, TurnedAway):
            return str(cause)
        if isinstance(cause, ssl.SSLError):
            return _of_tls(cause, at, connection.host, context.kafka if isinstance(context, FreshContext) else None)
        if isinstance(cause, BrokerResponseError):
            return _of_sasl(cause, at, connection._sasl_mechanism)  # noqa: SLF001  (as above)
    if isinstance(error, ValueError):
        return f"the broker at {at} does not prove that it knows our password: it is another one than you think"
    if isinstance(error, ConnectionResetError | ConnectionAbortedError) and isinstance(context, FreshContext):
        return _NO_TLS.format(at)
    return _of_closed(at, context) if isinstance(error, KafkaConnectionError) else ""


def _of_sasl(error: BaseException, at: str, mechanism: str) -> str:
    if isinstance(error, SaslAuthenticationFailed):
        return f"the broker at {at} refuses us: {_who(mechanism)}"
    if isinstance(error, UnsupportedSaslMechanismError):
        return f"the listener at {at} does not take {mechanism}: set sasl_mechanism in [kafka] to one that it takes"
    if isinstance(error, IllegalSaslStateError):
        return f"the listener at {at} wants no SASL: set security_protocol in [kafka] to PLAINTEXT or SSL"
    return ""


def _causes(error: BaseException) -> Iterator[BaseException]:
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__


def _who(mechanism: str) -> str:
    if mechanism == "OAUTHBEARER":
        return "it does not take the token; look which issuer, audience, scope and claims the listener expects"
    return f"mend sasl_username and sasl_password in [kafka], or make that user known for {mechanism}"


def _of_tls(error: ssl.SSLError, at: str, host: str, kafka: KafkaSettings | None) -> str:
    reason = (error.reason or "").lower().replace("_", " ")
    if isinstance(error, ssl.SSLCertVerificationError):
        if error.verify_code in _OTHER_NAME:
            return (
                f"the certificate of the broker at {at} is for other names than {host}: let bootstrap_servers and the "
                "broker's advertised.listeners use a name that is in it"
            )
        if error.verify_code in _NOT_NOW:
            return f"the certificate of the broker at {at} {_NOT_NOW[error.verify_code]}: renew it there"
        return (
            f"the certificate of the broker at {at} is signed by nobody who is trusted here: set ssl_cafile in [kafka] "
            "to the certificate of its authority"
        )
    if kafka is not None and any(word in reason for word in _ALERTS):
        return _of_ours(at, reason, kafka)
    if isinstance(error, ssl.SSLEOFError) or reason in ("wrong version number", "unexpected eof while reading"):
        return _NO_TLS.format(at)
    return f"TLS with the broker at {at} failed ({reason or 'no reason told'})"


def _of_closed(at: str, context: Any) -> str:
    """Return what a broker may mean that takes a connection, and ends it before it has answered a word."""
    closed = f"the broker at {at} closed the connection before it answered; if it goes on so"
    if not isinstance(context, FreshContext):
        return f"{closed}, its listener wants TLS or SASL, or it is no Kafka: see security_protocol, bootstrap_servers"
    return f"{closed}, {_of_ours('that address', 'no reason given', context.kafka)}"


def _of_ours(at: str, reason: str, kafka: KafkaSettings) -> str:
    """Return why a broker refuses our certificate: it says no more than a word."""
    if kafka.ssl_certfile is None:
        return f"the broker at {at} wants a certificate from us: set ssl_certfile and ssl_keyfile in [kafka]"
    ended = _end_of(kafka.ssl_certfile)
    if ended is not None and ended < dt.datetime.now(dt.UTC):
        return f"our certificate in ssl_certfile expired on {ended:%Y-%m-%d}: the broker at {at} refuses it; renew it"
    return (
        f"the broker at {at} refuses our certificate in ssl_certfile ({reason}): look whether the broker's truststore "
        "has its authority"
    )


def _end_of(certificate: str) -> dt.datetime | None:
    try:
        return x509.load_pem_x509_certificate(Path(certificate).read_bytes()).not_valid_after_utc
    except (OSError, ValueError):
        return None
