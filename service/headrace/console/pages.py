"""The pages: each answers at once with what is known, and reads on demand what belongs to one event or letter alone."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, TypeVar

import click
import structlog
from aiohttp import web

from headrace.config.live import LiveConfig
from headrace.console.code_page import SINCE, CodePage, since_of
from headrace.console.event_page import EventPages
from headrace.console.letter_page import LetterPages
from headrace.console.parts import CATEGORIES, TYPES, Filter, parts_of
from headrace.console.rendering import render
from headrace.console.watch import RIGHTS, Watch
from headrace.kafka.client import KafkaError, why
from headrace.kafka.role_rights import REFUSED
from headrace.kafka.topic_follower import NoTopic
from headrace.kafka.topics import UnfitTopics
from headrace.records.newer_format import NewerFormat

_TOO_LONG: Final = (
    "What this page shows could not be read in time: others read as well, Kafka is slow, or it is much. Load it again, "
    "or choose a shorter time."
)
_NO_EVENT: Final = "There is no event at this place (any more)."
FAILED: Final = 500
READ_SECONDS: Final = 20.0
"""What reading for one page may take; then it says so."""

_log = structlog.get_logger()

T = TypeVar("T")
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class NotThere(Exception):  # noqa: N818  (what is the case)
    """What a page is about does not exist, or not any more: the text says so."""


class TooLong(Exception):  # noqa: N818  (what is the case)
    """Reading for a page takes longer than it may."""


class Pages:
    """Answers requests for pages."""

    def __init__(self, live: LiveConfig, watch: Watch) -> None:
        self._watch: Final = watch
        self._logs_in: Final = not live.config.console.is_open
        self._events: Final = EventPages(live)
        self._letters: Final = LetterPages(live)
        self._codes: Final = CodePage(live)

    def routes(self) -> Mapping[str, Handler]:
        """Return what answers each path."""
        return {
            "/": self._overview,
            "/events": self._event_list,
            r"/events/{partition:\d{1,6}}/{offset:\d{1,18}}": self._event,
            r"/events/{partition:\d{1,6}}/{offset:\d{1,18}}/trail": self._trail,
            "/letters": self._letter_list,
            r"/letters/{partition:\d{1,6}}/{offset:\d{1,18}}": self._letter,
            "/codes": self._code_list,
            "/codes/found": self._codes_found,
            "/partitions": self._partitions,
            "/favicon.ico": _icon,
        }

    async def explain(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Answer what goes wrong with a sentence: Kafka does not answer, a record is not there, it takes too long."""
        try:
            return await handler(request)
        except web.HTTPNotFound:
            title, sentence, status = "Not there", "There is no such page.", 404
        except web.HTTPException:
            raise
        except Exception as error:  # noqa: BLE001  (whatever it is, the page says so)
            title, sentence, status = _problem(error)
            if status == FAILED:
                _log.exception("console_page_failed", path=request.path)
        return self._page("problem.html", title=title, sentence=sentence, status=status)

    async def _overview(self, request: web.Request) -> web.StreamResponse:
        return self._live_page("overview", request)

    async def _event_list(self, request: web.Request) -> web.StreamResponse:
        return self._live_page("events", request, types=TYPES, categories=CATEGORIES)

    async def _partitions(self, request: web.Request) -> web.StreamResponse:
        return self._live_page("partitions", request)

    def _live_page(self, name: str, request: web.Request, **values: Any) -> web.Response:
        wanted = Filter.of(request.query)
        self._watch.look()
        parts = dict(parts_of(name, self._watch, wanted))
        query = {"page": name, **wanted.query}
        sources = sorted(self._watch.config.tenants.by_source)
        return self._page(f"{name}.html", page=name, parts=parts, wanted=wanted, query=query, sources=sources, **values)

    def _page(self, name: str, *, status: int = 200, **values: Any) -> web.Response:
        """Return a whole page."""
        return _html(render(name, logs_in=self._logs_in, **values), status)

    async def _event(self, request: web.Request) -> web.StreamResponse:
        found = await _in_time(self._events.read(*_place(request)))
        if found is None:
            raise NotThere(_NO_EVENT)
        return self._page("event.html", page="events", **found)

    async def _trail(self, request: web.Request) -> web.StreamResponse:
        found = await _in_time(self._events.trail(*_place(request)))
        if found is None:
            raise NotThere(_NO_EVENT)
        return _html(render("part_trail.html", **found))

    async def _letter_list(self, request: web.Request) -> web.StreamResponse:  # noqa: ARG002  (aiohttp's signature)
        found = await _in_time(self._letters.newest())
        return self._page("letters.html", page="letters", **found)

    async def _letter(self, request: web.Request) -> web.StreamResponse:
        found = await _in_time(self._letters.read(*_place(request)))
        if found is None:
            raise NotThere("There is no dead letter at this place (any more).")
        return self._page("letter.html", page="letters", **found)

    async def _code_list(self, request: web.Request) -> web.StreamResponse:
        since = since_of(request.query)
        return self._page("codes.html", page="codes", since=since, choices=SINCE)

    async def _codes_found(self, request: web.Request) -> web.StreamResponse:
        found = await _in_time(self._codes.read(since_of(request.query)))
        return _html(render("part_codes.html", **found))


async def _in_time(reading: Awaitable[T]) -> T:
    """Return what reading for a page brings. Raises `TooLong`."""
    try:
        async with asyncio.timeout(READ_SECONDS) as limit:
            return await reading
    except TimeoutError:
        if limit.expired():
            raise TooLong from None
        raise


def _problem(error: Exception) -> tuple[str, str, int]:
    """Return what a page says of an error: title, sentence and status."""
    title, sentence, status = "It failed", "This page failed, by a fault of the program: its log has more.", FAILED
    match error:
        case NotThere():
            title, sentence, status = "Not there", str(error), 404
        case TooLong():
            title, sentence, status = "It takes too long", _TOO_LONG, 503
        case click.ClickException(message=message):
            title, sentence, status = "Not readable", message, 503
        case NoTopic() | NewerFormat() | UnfitTopics():
            title, sentence, status = "Not readable", str(error), 503
        case KafkaError() if isinstance(error, REFUSED):
            title, sentence, status = "Kafka refuses it", f"{type(error).__name__}: {error}; {RIGHTS}.", 503
        case KafkaError() | TimeoutError() | OSError():
            sentence = f"Kafka did not answer in time ({why(error)}): load the page again."
            title, status = "Kafka does not answer", 503
    return title, sentence, status


def _place(request: web.Request) -> tuple[int, int]:
    return int(request.match_info["partition"]), int(request.match_info["offset"])


async def _icon(_: web.Request) -> web.StreamResponse:
    raise web.HTTPMovedPermanently("/static/icon.svg")


def _html(text: str, status: int = 200) -> web.Response:
    return web.Response(text=text, status=status, content_type="text/html")
