"""A call to a simulated platform, its endpoints, and the errors that they answer with."""

import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import msgspec
from aiohttp import web
from msgspec import Struct

encode: Final = msgspec.json.Encoder().encode


class LoggedCall(Struct):
    """One call as logged for tests to look at: `at` is in seconds since the epoch, real time."""

    method: str
    path: str
    query: str
    at: float
    status: int = 0
    fault: str = ""


class ApiCall(Struct):
    """A call on its way to an endpoint: the parts of the path that vary, the query (last of each name), the body."""

    request: web.BaseRequest
    names: Mapping[str, str]
    query: Mapping[str, str]
    body: bytes

    def json(self) -> dict[str, Any]:
        """Read the body as a JSON object. Raises `ApiError` where it is none."""
        try:
            return msgspec.json.decode(self.body or b"{}", type=dict[str, Any])
        except msgspec.MsgspecError as error:
            raise ApiError(400, f"The body cannot be read: {error}") from None


class ApiError(Exception):
    """A call that the platform refuses: status and message.

    `kind` selects a form where the platform has several; `name` is what it calls the error, "" as the status is called.
    """

    def __init__(self, status: int, message: str, kind: str = "", name: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.kind = kind
        self.name = name


class ThrottledError(ApiError):
    """A call too many, or a platform in maintenance: with the headers that say when to retry."""

    def __init__(self, headers: Mapping[str, str], status: int = 429, name: str = "") -> None:
        super().__init__(status, "Too many calls", name=name)
        self.headers = headers


Handler = Callable[[ApiCall], Awaitable[web.Response]]


class Route(Struct, frozen=True):
    """An endpoint: `page` is whether it answers with rows."""

    method: str
    path: str
    handler: Handler
    page: bool = False

    def match(self, method: str, path: str) -> Mapping[str, str] | None:
        """Return the parts of a path that vary; None where the path belongs to another endpoint."""
        pattern = re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", self.path)
        match = re.fullmatch(pattern, path) if method == self.method else None
        return match.groupdict() if match else None
