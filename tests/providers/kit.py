"""What a provider tells the contract suite about itself: `tests/providers/<name>/kit.py` offers one `kit = Kit(…)`.

Everything else the suite finds by itself: the table in `mapping.toml` and the samples, which are

- `samples/x.json` (or another suffix for what is not JSON): one body as the platform sends it, a page or a
  webhook;
- `samples/x.headers.json`: the headers it was delivered with. It makes the sample a webhook delivery that goes through
  `accept`, signed by the kit. Names that start with `?` are parameters of the query: `{"?kind": "lead_created"}`;
- `samples/x.expected.json`: what must come of it, written by `pytest --update-samples` and reviewed by reading.

A sample without headers is cut by `Provider.cut(body)`, the resource guessed.
"""

import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from headrace.core.timestamps import micros
from headrace.sdk.provider import Piece, Tenant
from headrace_events import Via

TENANT = "acme"
"""The tenant that every sample belongs to."""

RECEIVED = micros("2027-01-01T00:00:00Z") // 1000
"""When every sample is received, in milliseconds since the epoch: later than any time in one, and what is signed."""

Headers = Mapping[str, str]
Sign = Callable[[dict[str, str], bytes], dict[str, str]]


@dataclass(frozen=True)
class Rendering:
    """One way in which a fact reaches us: a record as `cut` or `accept` gives it, and the way it came."""

    piece: Piece
    via: Via


@dataclass(frozen=True)
class Twin:
    """One record of a platform through its life: `versions`, oldest first, each in equivalent renderings.

    In the order of versions, whatever the order and the repetitions inside one, exactly `published` events come out:
    one a version where nothing is said (fewer where a version changes nothing that counts).
    """

    name: str
    versions: Sequence[Sequence[Rendering]]
    published: int | None = None

    @property
    def expected(self) -> int:
        """How many events must come out."""
        return len(self.versions) if self.published is None else self.published


def unsigned(headers: dict[str, str], body: bytes) -> dict[str, str]:  # noqa: ARG001  (the shape of every `Sign`)
    """Sign nothing."""
    return headers


def no_twins() -> Sequence[Twin]:
    """Offer no twins."""
    return ()


@dataclass(frozen=True)
class Kit:
    """The facts of one provider that the suite cannot find out.

    `settings` is what `accept` gets; `sign` adds to a sample's headers what proves it genuine under those settings, at
    `RECEIVED`. `not_payloads` are glob patterns of file names under `HEADRACE_EXTRA_SAMPLES/<name>/` that hold no
    activity data (error bodies, requests, API documents), relative to that folder: `"error-*.json"`, `"api/*-403-*"`.
    `twins` returns the twins of every resource; it is called by tests only, never while they are collected.
    `credentials` are the settings that a polled tenant needs.
    """

    settings: Tenant
    sign: Sign = unsigned
    not_payloads: Sequence[str] = ()
    twins: Callable[[], Sequence[Twin]] = no_twins
    credentials: Mapping[str, Any] = field(default_factory=dict)


def load_kit(module: str) -> Kit:
    """Import a kit. Raises `ImportError` or `AttributeError` where there is none yet."""
    found: Any = importlib.import_module(module).kit
    assert isinstance(found, Kit), f"{module}.kit is a {type(found).__name__}, not a Kit"
    return found
