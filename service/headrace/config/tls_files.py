"""The files of certificates and keys that `[kafka]` names, as one TLS context."""

import ssl
from pathlib import Path
from typing import Final

from headrace.config.kafka_settings import KafkaSettings

_OF_TWO: Final = "KEY_VALUES_MISMATCH"


class UnusableFile(Exception):  # noqa: N818  (a sentence for the operator)
    """A file of certificates cannot be used; `key` is what names it, the text is why, and quotes nothing of it."""

    def __init__(self, key: str, reason: str) -> None:
        super().__init__(f"{key} {reason}")
        self.key = key
        self.reason = reason


def tls_context(kafka: KafkaSettings) -> ssl.SSLContext:
    """Read the files and return a context that checks the broker's certificate and name. Raises `UnusableFile`."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        if kafka.ssl_cafile:
            context.load_verify_locations(kafka.ssl_cafile)
        else:
            context.load_default_certs()
    except (OSError, ValueError):
        raise UnusableFile("ssl_cafile", "holds no certificates in PEM that can be read") from None
    if kafka.ssl_certfile:
        _load_own(context, kafka, kafka.ssl_certfile)
    return context


def _load_own(context: ssl.SSLContext, kafka: KafkaSettings, certificate: str) -> None:
    """Load our own certificate. Without a callback, OpenSSL would ask at the terminal for a password."""
    password = _key_password(kafka)
    in_key = "ssl_keyfile" if kafka.ssl_keyfile else "ssl_certfile"
    try:
        context.load_cert_chain(certificate, kafka.ssl_keyfile, lambda: password)
    except ssl.SSLError as error:
        if error.reason == _OF_TWO:
            raise UnusableFile(in_key, "holds the key of another certificate than ssl_certfile") from None
        hint = "its password in ssl_keypassword is another one" if password else "it may need ssl_keypassword"
        raise UnusableFile(in_key, f"holds no key in PEM that can be read, or {hint}") from None
    except (OSError, ValueError):
        raise UnusableFile("ssl_certfile", "or its key cannot be read") from None


def _key_password(kafka: KafkaSettings) -> str:
    if not kafka.ssl_keypassword_file:
        return kafka.ssl_keypassword or ""
    try:
        return Path(kafka.ssl_keypassword_file).read_text("utf-8-sig").strip()
    except (OSError, UnicodeDecodeError):
        raise UnusableFile("ssl_keypassword_file", "names a file that cannot be read") from None
