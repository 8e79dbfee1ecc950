"""Mint a token at an OpenID issuer by the client's own credentials (RFC 6749, 4.4), in one HTTP exchange."""

import asyncio
import base64
import binascii
import re
import ssl
import time
from pathlib import Path
from typing import Final
from urllib.parse import quote, urlsplit

import aiohttp
import msgspec
from msgspec import Struct

from headrace import __version__
from headrace.config import KafkaSettings

DEADLINE_SECONDS: Final = 5.0
MOST_BYTES: Final = 64 * 1024
UNKNOWN_LIFE: Final = 60.0
"""Seconds for which a token is used that does not tell its life."""
_TOKEN: Final = re.compile(r"[A-Za-z0-9._~+/-]+=*")
_CODE: Final = re.compile(r"[a-z_]{1,40}")
_SERVER_ERROR: Final = 500


class IssuedToken(Struct, frozen=True):
    """A token, and the seconds for which it lives from now on. Its representation would be a secret: there is none."""

    value: str
    life: float

    def __repr__(self) -> str:
        return f"IssuedToken({self.life:.0f} s)"


class NotMinted(Exception):  # noqa: N818  (what happened, not whose error)
    """There is no token; the text is a sentence for the operator, and holds no credentials."""


class _Answer(Struct):
    access_token: str = ""
    expires_in: float | str | None = None
    error: str = ""


class _Claims(Struct):
    exp: float | None = None


async def mint_token(kafka: KafkaSettings) -> IssuedToken:
    """Ask the issuer of the settings for a token. Raises `NotMinted`."""
    host = urlsplit(kafka.sasl_oauth_token_url or "").netloc
    try:
        async with asyncio.timeout(DEADLINE_SECONDS):
            status, body = await _exchange(kafka)
    except TimeoutError:
        raise NotMinted(f"the issuer of tokens at {host} did not answer within {DEADLINE_SECONDS:.0f} s") from None
    except aiohttp.ClientConnectorCertificateError:
        hint = "set sasl_oauth_cafile in [kafka] to the certificate of its authority, or mend the name in the URL"
        raise NotMinted(f"the certificate of the issuer at {host} is not trusted here: {hint}") from None
    except (aiohttp.ClientError, OSError, ValueError) as error:  # its text may quote the URL
        raise NotMinted(f"the issuer of tokens at {host} cannot be reached ({type(error).__name__})") from None
    return _token_of(status, body, host)


async def _exchange(kafka: KafkaSettings) -> tuple[int, bytes]:
    secret = await asyncio.to_thread(_secret_of, kafka)
    credentials = f"{quote(kafka.sasl_oauth_client_id or '', safe='')}:{quote(secret, safe='')}"  # RFC 6749, 2.3.1
    headers = {
        "Authorization": f"Basic {base64.b64encode(credentials.encode()).decode()}",
        "Accept": "application/json",
        "User-Agent": f"headrace/{__version__}",
    }
    form = {"grant_type": "client_credentials"}
    if kafka.sasl_oauth_scope:
        form["scope"] = kafka.sasl_oauth_scope
    context = await asyncio.to_thread(ssl.create_default_context, cafile=kafka.sasl_oauth_cafile)
    async with (
        aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar(), trust_env=False) as session,
        session.post(
            kafka.sasl_oauth_token_url or "",
            data=form,
            headers=headers,
            ssl=context,
            allow_redirects=False,  # the credentials are for nobody else
        ) as answer,
    ):
        return answer.status, await answer.content.read(MOST_BYTES)


def _secret_of(kafka: KafkaSettings) -> str:
    """Return the client's secret, read anew where it has a file: it may have been rotated."""
    if kafka.sasl_oauth_client_secret_file:
        try:
            return Path(kafka.sasl_oauth_client_secret_file).read_text("utf-8-sig").strip()
        except (OSError, UnicodeDecodeError):
            pass  # what was read at the start may still be good
    return kafka.sasl_oauth_client_secret or ""


def _token_of(status: int, body: bytes, host: str) -> IssuedToken:
    """Return the token that an issuer answered with. What else it says may quote credentials: only codes are shown."""
    try:
        answer = msgspec.json.decode(body, type=_Answer)
    except msgspec.DecodeError:
        answer = _Answer()
    if status >= _SERVER_ERROR:
        raise NotMinted(f"the issuer of tokens at {host} answers with {status}")
    if answer.error or status in (400, 401, 403):
        code = answer.error if _CODE.fullmatch(answer.error) else f"status {status}"
        raise NotMinted(
            f"the issuer at {host} gives no token ({code}): mend sasl_oauth_client_id, sasl_oauth_client_secret or "
            "sasl_oauth_scope in [kafka]"
        )
    if not _TOKEN.fullmatch(answer.access_token):
        raise NotMinted(f"what is at {host} answers with {status} and no token: mend sasl_oauth_token_url in [kafka]")
    return IssuedToken(answer.access_token, _life_of(answer))


def _life_of(answer: _Answer) -> float:
    """Return the seconds for which a token lives: as the answer says, else as it says itself where it is a JWT."""
    try:
        if answer.expires_in is not None:
            return max(0.0, float(answer.expires_in))
    except ValueError:
        pass
    _, _, rest = answer.access_token.partition(".")
    claims = rest.partition(".")[0]
    try:
        decoded = msgspec.json.decode(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)), type=_Claims)
    except (binascii.Error, ValueError, msgspec.DecodeError):
        return UNKNOWN_LIFE
    return max(0.0, decoded.exp - time.time()) if decoded.exp is not None else UNKNOWN_LIFE
