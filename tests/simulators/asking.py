"""A call to a simulated platform, the endpoints that may answer it, and the ways to refuse it."""

import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import msgspec
from aiohttp import web
from msgspec import Struct

encode: Final = msgspec.json.Encoder().encode


class Ask(Struct):
    """One call that came, kept for the test to look at: `at` is in seconds since the epoch, real time."""

    method: str
    path: str
    query: str
    at: float
    status: int = 0
    fault: str = ""


class Asked(Struct):
    """A call on its way to an endpoint: the parts of the path that vary, the query (last of each name), the body."""

    request: web.BaseRequest
    names: Mapping[str, str]
    query: Mapping[str, str]
    body: bytes

    def json(self) -> dict[str, Any]:
        """Read the body as a JSON object. Raises `Wrong` where it is none."""
        try:
            return msgspec.json.decode(self.body or b"{}", type=dict[str, Any])
        except msgspec.MsgspecError as error:
            raise Wrong(400, f"The body cannot be read: {error}") from None


class Wrong(Exception):  # noqa: N818  (an answer, not a fault of ours)
    """A call that the platform refuses: the status, and what to say; `kind` is a word where platforms have several."""

    def __init__(self, status: int, said: str, kind: str = "") -> None:
        super().__init__(said)
        self.status = status
        self.said = said
        self.kind = kind


class Throttled(Wrong):
    """A call too many, or a platform at rest: with the headers that say when to come back."""

    def __init__(self, headers: Mapping[str, str], status: int = 429) -> None:
        super().__init__(status, "Too many calls")
        self.headers = headers


Handler = Callable[[Asked], Awaitable[web.Response]]


class Route(Struct, frozen=True):
    """An endpoint: `page` is whether it answers with rows."""

    method: str
    path: str
    handler: Handler
    page: bool = False

    def match(self, method: str, path: str) -> Mapping[str, str] | None:
        """Give the parts of a path that vary; None where it is another endpoint's."""
        pattern = re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", self.path)
        match = re.fullmatch(pattern, path) if method == self.method else None
        return match.groupdict() if match else None
