"""The platforms' control by HTTP, for whoever does not share their process. All bodies are JSON.

GET    /control                        how each one is: time, calls, our 429s, faults to come
POST   /control/{provider}/faults      {"kind": "502", "times": 3, …}: the fields of `Fault`; times -1 is for ever, or
                                       for as long as it `lasts`
DELETE /control/{provider}/faults      no more of them
PATCH  /control/{provider}/conduct     {"max_page": 25, …}: the fields of its `Conduct`
POST   /control/{provider}/advance     {"seconds": 3600}
GET    /control/{provider}/leads       the ids of all leads
GET    /control/{provider}/ledger      what must be known now: [[resource, id, mark], …]
POST   /control/{provider}/complaints  [[resource, id, text], …] of published events: the ledger's complaints
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec
from aiohttp import web

from headrace_demo.simulators.api_call import encode
from headrace_demo.simulators.faults import Fault
from headrace_demo.simulators.ledger import Found
from headrace_demo.simulators.server import Simulator

PREFIX: Final = "/control"


class Control:
    """Answers below `/control` for some platforms, by their names."""

    def __init__(self, platforms: Mapping[str, Simulator]) -> None:
        self._platforms: Final = platforms
        self._verbs: Final[Mapping[tuple[str, str], Callable[[Simulator, bytes], Any]]] = {
            ("POST", "faults"): _fault,
            ("DELETE", "faults"): lambda platform, _: platform.faults.clear(),
            ("PATCH", "conduct"): _conduct,
            ("POST", "advance"): _advance,
            ("GET", "leads"): lambda platform, _: platform.history.leads,
            ("GET", "ledger"): _ledger,
            ("POST", "complaints"): _complaints,
        }

    async def answer(self, request: web.BaseRequest, path: str) -> web.Response:
        """Answer one call; `path` is what follows `/control`."""
        name, _, verb = path.strip("/").partition("/")
        if not name:
            return _json({name: _state(platform) for name, platform in self._platforms.items()})
        platform, act = self._platforms.get(name), self._verbs.get((request.method, verb))
        if platform is None or act is None:
            return web.Response(status=404, text=__doc__)
        try:
            return _json(act(platform, await request.read()))
        except (ValueError, msgspec.MsgspecError) as error:
            return web.Response(status=400, text=f"{error}\n")


def _state(platform: Simulator) -> dict[str, Any]:
    return {
        "now": platform.clock.now,
        "answers": {str(status): number for status, number in platform.answers.items()},
        "exceeded": platform.quota.exceeded,
        "faults": platform.faults.coming,
        "come": dict(platform.faults.come),
        "spoiled": platform.spoiled,
        "events": len(platform.history.ledger.wanted(platform.clock.now)),
        "leads": len(platform.history.leads),
    }


def _fault(platform: Simulator, body: bytes) -> None:
    platform.faults.add(msgspec.json.decode(body, type=Fault))


def _conduct(platform: Simulator, body: bytes) -> Any:
    changes = msgspec.json.decode(body, type=dict[str, Any])
    kind = type(platform.conduct)
    if strange := changes.keys() - set(kind.__struct_fields__):
        raise ValueError(f"there is no {', '.join(sorted(strange))}: {', '.join(kind.__struct_fields__)}")
    platform.conduct = msgspec.convert(msgspec.to_builtins(platform.conduct) | changes, kind)
    return {name: str(getattr(platform.conduct, name)) for name in changes}


def _advance(platform: Simulator, body: bytes) -> float:
    return platform.clock.advance(msgspec.json.decode(body, type=dict[str, float])["seconds"])


def _ledger(platform: Simulator, _: bytes) -> Any:
    wanted = platform.history.ledger.wanted(platform.clock.now)
    return [(key.resource, key.id, mark) for key, mark in wanted.items()]


def _complaints(platform: Simulator, body: bytes) -> list[str]:
    found = msgspec.json.decode(body, type=list[Found])
    return platform.history.ledger.complaints(found, platform.clock.now)


def _json(value: Any) -> web.Response:
    return web.Response(body=encode(value), content_type="application/json")
