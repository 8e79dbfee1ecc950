"""A schema registry that speaks Confluent's API, one request at a time: under a deadline, with a bounded answer.

No error quotes a credential: what the registry says is shown with them left out.
"""

import asyncio
import base64
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import aiohttp
import msgspec
from yarl import URL

from headrace import __version__

DEADLINE_SECONDS: Final = 20.0
MOST_BYTES: Final = 4 * 1024 * 1024
_JSON: Final = "application/vnd.schemaregistry.v1+json"
_LONGEST: Final = 300
_NO_SUBJECT_OR_SCHEMA: Final = (40401, 40403, 40408)
"""There is no such subject, schema or level of its own: https://docs.confluent.io/platform/current/schema-registry/develop/api.html"""
_INCOMPATIBLE: Final = 409


class RegistryError(Exception):
    """Why the registry did not do it, in one sentence."""


class IncompatibleError(RegistryError):
    """The registry refuses the schema, as consumers of the version before could not read it."""


class Credentials(msgspec.Struct, frozen=True):
    """The value of `Authorization`, and what of it must not be shown."""

    header: str
    secrets: tuple[str, ...]

    def __repr__(self) -> str:
        return "Credentials(***)"

    def hide_in(self, text: str) -> str:
        """Return a text without the secrets."""
        for secret in self.secrets:
            text = text.replace(secret, "***")
        return text


NOBODY: Final = Credentials("", ())


def basic(text: str) -> Credentials:
    """Return the credentials of a file that holds `name:password`. Raises `ValueError`."""
    line = _one_line(text)
    name, colon, password = line.partition(":")
    if not (name and colon and password):
        raise ValueError("it must hold one line, name:password")
    encoded = base64.b64encode(line.encode()).decode()
    return Credentials(f"Basic {encoded}", _forms(encoded.rstrip("="), line, password))


def bearer(text: str) -> Credentials:
    """Return the credentials of a file that holds a token. Raises `ValueError`."""
    token = _one_line(text)
    if not token.isascii() or " " in token:
        raise ValueError("it must hold one line, a token")
    return Credentials(f"Bearer {token}", _forms(token))


def _forms(*secrets: str) -> tuple[str, ...]:
    """Return secrets as they are, and as a URL or JSON writes them, the longest first: a registry may repeat them."""
    written = {form(secret) for secret in secrets for form in (str, lambda each: quote(each, safe=""), _in_json)}
    return tuple(sorted(written, key=len, reverse=True))


def _in_json(secret: str) -> str:
    return msgspec.json.encode(secret).decode()[1:-1]


def _one_line(text: str) -> str:
    line = text.strip()
    if not line or not line.isprintable():
        raise ValueError("it must hold one line that can be printed")
    return line


def base_url(text: str) -> URL:
    """Return the address of a registry. Raises `ValueError` with what is wrong, which never quotes it."""
    try:
        url = URL(text)
    except ValueError:
        raise ValueError("it is no URL") from None
    if url.scheme not in {"http", "https"} or not url.host:
        raise ValueError("it must begin with https:// or http://, and name a host")
    if url.user is not None or url.password is not None:
        raise ValueError("it holds credentials: put them into a file, --basic-file FILE")
    if url.query_string or url.fragment:
        raise ValueError("it must end with its path, without ? and #")
    return url


class SchemaRegistry:
    """The registry at one address."""

    def __init__(self, session: aiohttp.ClientSession, url: URL, credentials: Credentials, deadline: float) -> None:
        self._session: Final = session
        self._url: Final = url
        self._credentials: Final = credentials
        self._deadline: Final = deadline

    async def version_of(self, subject: str, schema: str) -> int | None:
        """Return the version of just this schema in a subject, None where it has none. Raises `RegistryError`."""
        found = await self._call("POST", f"subjects/{quote(subject, safe='')}", _body(schema))
        return None if found is None else _integer(found, "version")

    async def latest(self, subject: str) -> int | None:
        """Return the latest version in a subject, None where there is no such subject. Raises `RegistryError`."""
        found = await self._call("GET", f"subjects/{quote(subject, safe='')}/versions/latest")
        return None if found is None else _integer(found, "version")

    async def compatibility(self, subject: str) -> str | None:
        """Return the compatibility level of a subject, None where it has none of its own. Raises `RegistryError`."""
        found = await self._call("GET", f"config/{quote(subject, safe='')}")
        level = None if found is None else found.get("compatibilityLevel")
        return level if isinstance(level, str) else None

    async def set_compatibility(self, subject: str, level: str) -> None:
        """Set the compatibility level of a subject. Raises `RegistryError`."""
        found = await self._call("PUT", f"config/{quote(subject, safe='')}", {"compatibility": level}) or {}
        if level not in {found.get("compatibility"), found.get("compatibilityLevel")}:  # the latter is Apicurio's word
            raise RegistryError(f"it did not set the compatibility to {level}")

    async def register(self, subject: str, schema: str) -> None:
        """Register a schema in a subject. Raises `IncompatibleError`, `RegistryError`."""
        if await self._call("POST", f"subjects/{quote(subject, safe='')}/versions", _body(schema)) is None:
            raise RegistryError("it has no such subject, and makes none")

    async def is_compatible(self, subject: str, schema: str) -> bool:
        """Return whether the latest version in a subject allows this one next. Raises `RegistryError`."""
        path = f"compatibility/subjects/{quote(subject, safe='')}/versions/latest"
        found = await self._call("POST", path, _body(schema)) or {}
        return found.get("is_compatible") is True

    async def _call(self, method: str, path: str, body: dict[str, str] | None = None) -> dict[str, Any] | None:
        """Return what the registry answers, None where it says that there is no such thing."""
        url = self._url.joinpath(path, encoded=True)
        headers = {"Accept": f"{_JSON}, application/json", "Content-Type": _JSON}
        if self._credentials.header:
            headers["Authorization"] = self._credentials.header
        try:
            async with (
                asyncio.timeout(self._deadline),
                self._session.request(
                    method,
                    url,
                    headers=headers,
                    data=None if body is None else msgspec.json.encode(body),
                    allow_redirects=False,
                ) as response,
            ):
                return self._answer(response.status, await _read(response.content))
        except TimeoutError:
            raise RegistryError(f"it did not answer within {self._deadline:.0f} s") from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise RegistryError(f"it does not answer ({type(error).__name__}): look at --url") from None

    def _answer(self, status: int, body: bytes) -> dict[str, Any] | None:
        try:
            found = msgspec.json.decode(body, type=dict[str, Any])
        except (msgspec.DecodeError, RecursionError):
            found = {}
        if status == 200:  # noqa: PLR2004  (HTTP's own number)
            return found
        if found.get("error_code") in _NO_SUBJECT_OR_SCHEMA:
            return None
        raise (IncompatibleError if status == _INCOMPATIBLE else RegistryError)(self._sentence(status, found))

    def _sentence(self, status: int, found: dict[str, Any]) -> str:
        if status in {301, 302, 303, 307, 308}:
            return f"it redirects ({status}): name the address to which it leads"
        if status in {401, 403}:
            return f"it denies access ({status}): name credentials that may, with --basic-file or --bearer-file"
        message = found.get("message")
        if not isinstance(message, str):
            return f"it answers {status}, not as a registry does: is this the path of its Confluent API?"
        return f"it answers {status}: {self._credentials.hide_in(message)[:_LONGEST]}"


def _body(schema: str) -> dict[str, str]:
    return {"schema": schema, "schemaType": "JSON"}


def _integer(found: dict[str, Any], key: str) -> int:
    value = found.get(key)
    if not isinstance(value, int):
        raise RegistryError(f"its answer has no {key}: is this the path of its Confluent API?")
    return value


async def _read(content: aiohttp.StreamReader) -> bytes:
    body = bytearray()
    async for chunk in content.iter_chunked(64 * 1024):
        body += chunk
        if len(body) > MOST_BYTES:
            raise RegistryError(f"it answers with more than {MOST_BYTES // 1024 // 1024} MiB")
    return bytes(body)


@asynccontextmanager
async def open_registry(
    url: URL, credentials: Credentials = NOBODY, ca_file: Path | None = None, deadline: float = DEADLINE_SECONDS
) -> AsyncIterator[SchemaRegistry]:
    """Open a registry: no cookies, no proxies or credentials from the environment. Raises `OSError` of the CA file."""
    trusted = ssl.create_default_context(cafile=ca_file)
    async with aiohttp.ClientSession(
        cookie_jar=aiohttp.DummyCookieJar(),
        connector=aiohttp.TCPConnector(ssl=trusted),
        headers={"User-Agent": f"headrace/{__version__}"},
        trust_env=False,
    ) as session:
        yield SchemaRegistry(session, url, credentials, deadline)
