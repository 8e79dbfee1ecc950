"""Sealing: what Kafka keeps of tokens can be read with the key alone. Pure, but for the randomness inside."""

from base64 import urlsafe_b64encode
from hashlib import blake2b
from typing import Final

import msgspec
from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from msgspec import Struct


class CannotOpen(Exception):  # noqa: N818  (what happened; the text is for the operator)
    """What was sealed does not open with this key."""


class Secrets(Struct, frozen=True):
    """The tokens of a tenant: `refresh` is to be used next, `previous` was used before it.

    `first` is the refresh token of the configuration that all of them stem from.
    """

    refresh: str
    previous: str
    first: str
    access: str = ""


class Sealer:
    """Seals with the first key of `keys` (one a line), and opens with any."""

    def __init__(self, keys: str) -> None:
        self._fernet: Final = MultiFernet([_fernet(key) for key in keys.splitlines()])

    def seal(self, secrets: Secrets) -> str:
        """Seal tokens."""
        return self._fernet.encrypt(msgspec.json.encode(secrets)).decode()

    def open(self, sealed: str) -> Secrets:
        """Open what was sealed. Raises `CannotOpen`."""
        try:
            return msgspec.json.decode(self._fernet.decrypt(sealed), type=Secrets)
        except (InvalidToken, msgspec.DecodeError) as error:
            raise CannotOpen("the tokens kept in Kafka were sealed with another token_key") from error


def _fernet(key: str) -> Fernet:
    """Make a key of any text that is long enough: Fernet wants exactly 32 bytes."""
    return Fernet(urlsafe_b64encode(blake2b(key.encode(), digest_size=32, person=b"headrace-tokens").digest()))
