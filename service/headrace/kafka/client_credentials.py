"""What the client says of itself to brokers, read anew from its files for each connection.

Passwords and certificates are rotated while clients are open for weeks: a new connection is made with what the files
hold then. What cannot be read any more leaves in use what was read last; connections that are open stay open.
"""

import asyncio
import ssl
from pathlib import Path
from typing import Any, Final, Self

import structlog
from aiokafka.errors import KafkaConnectionError

from headrace.config import KafkaSettings
from headrace.config.file_stamps import Stamp, stamp_of
from headrace.config.tls_files import UnusableFile, tls_context

READ_SECONDS: Final = 5.0
"""A mount that hangs holds up no connection for longer."""

_log = structlog.get_logger()


class TurnedAway(KafkaConnectionError):  # type: ignore[misc]  # noqa: N818  (the client ships no types; what happened)
    """There is no connection for want of credentials; the text is a sentence for the operator."""


class PasswordFile(str):
    """A password that knows the file that it came from, and what that held when it was last read."""

    __slots__ = ("newest", "path")
    newest: str
    path: Path

    def __new__(cls, password: str, path: str) -> Self:
        """Return the password as it was read from a file."""
        made = super().__new__(cls, password)
        made.newest, made.path = password, Path(path)
        return made

    def again(self) -> None:
        """Read the file. Raises `UnusableFile`: what was read before stays in use."""
        try:
            found = self.path.read_text("utf-8-sig").strip()
        except (OSError, UnicodeDecodeError):
            raise UnusableFile("sasl_password_file", "names a file that cannot be read") from None
        if not found:
            raise UnusableFile("sasl_password_file", "names a file that is empty")
        self.newest = found


class FreshContext(ssl.SSLContext):
    """A TLS context that reads its files again where they have changed. Raises `UnusableFile` when it is made."""

    def __new__(cls, kafka: KafkaSettings) -> Self:  # noqa: ARG004  (__init__ takes it)
        """Return a context of a client."""
        return super().__new__(cls, ssl.PROTOCOL_TLS_CLIENT)

    def __init__(self, kafka: KafkaSettings) -> None:
        self.kafka: Final = kafka
        self._stamps = self._look()
        self._newest = tls_context(kafka)

    def again(self) -> None:
        """Read the files, where they have changed. Raises `UnusableFile`: what was read before stays in use."""
        stamps = self._look()
        if stamps != self._stamps:
            self._newest = tls_context(self.kafka)
            self._stamps = stamps

    def wrap_bio(self, *args: Any, **options: Any) -> Any:
        """See ssl.SSLContext: event loops begin TLS by this call alone."""
        return self._newest.wrap_bio(*args, **options)

    def _look(self) -> list[Stamp]:
        kafka = self.kafka
        names = (kafka.ssl_cafile, kafka.ssl_certfile, kafka.ssl_keyfile, kafka.ssl_keypassword_file)
        return [stamp_of(Path(name)) for name in names if name]


def context_of(kafka: KafkaSettings) -> FreshContext | None:
    """Return the TLS context of the settings, None without TLS. Raises `TurnedAway`."""
    if kafka.security_protocol not in ("SSL", "SASL_SSL"):
        return None
    try:
        return FreshContext(kafka)
    except UnusableFile as unusable:
        raise TurnedAway(str(unusable)) from unusable


def password_of(kafka: KafkaSettings) -> str | None:
    """Return the password of the settings."""
    if kafka.sasl_password is None or kafka.sasl_password_file is None:
        return kafka.sasl_password
    return PasswordFile(kafka.sasl_password, kafka.sasl_password_file)


async def refresh(connection: Any) -> None:
    """Let a connection that is about to be made use what the files hold now."""
    context, password = connection._ssl_context, connection._sasl_plain_password  # noqa: SLF001  (nothing public)
    try:
        async with asyncio.timeout(READ_SECONDS):
            if isinstance(context, FreshContext):
                await asyncio.to_thread(context.again)
            if isinstance(password, PasswordFile):
                await asyncio.to_thread(password.again)
    except UnusableFile as unusable:
        _log.warning("credentials_unreadable", reason=str(unusable), used="what was read before")
    except TimeoutError:
        _log.warning("credentials_unreadable", reason="a mount hangs", used="what was read before")
    if isinstance(password, PasswordFile):
        connection._sasl_plain_password = password.newest  # noqa: SLF001  (as above)
