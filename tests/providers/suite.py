"""The functions of the contract suite. Nothing here imports a provider before a test asks for it.

So a provider that is not complete yet fails its own cases of this suite; whatever loads a configuration needs every
provider to import.
"""

import importlib
import json
import pkgutil
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from headrace import providers
from headrace.core.mapping import Mapping
from headrace.core.mapping_file import build, read
from headrace.explain import Explanation, explain_piece
from headrace.sdk.provider import Accepted, Delivery, Piece, Provider
from tests.providers.kit import RECEIVED, TENANT, Kit, load_kit

SECRETIVE = (".headers.json", ".expected.json")


@dataclass(frozen=True)
class Home:
    """Where a provider lives: its folder, and the modules of the provider and of its kit."""

    name: str
    folder: Path
    module: str
    kit: str


def homes() -> list[Home]:
    """Return every provider's home, the tutorial's among them, found by folder and not by import."""
    built_in = [
        Home(
            name=info.name,
            folder=Path(providers.__path__[0]) / info.name,
            module=f"{providers.__name__}.{info.name}",
            kit=f"tests.providers.{info.name}.kit",
        )
        for info in pkgutil.iter_modules(providers.__path__)
        if info.ispkg
    ]
    here = Path(__file__).parent / "tutorial"
    tutorial = Home("acme", here / "acme", "tests.providers.tutorial.acme", "tests.providers.tutorial.kit")
    return [*built_in, tutorial]


HOMES = homes()


@cache
def provider_of(home: Home) -> Provider:
    """Import the provider."""
    found: Provider = importlib.import_module(home.module).provider
    return found


@cache
def mapping_of(home: Home) -> Mapping:
    """Read the provider's own table."""
    file = home.folder / "mapping.toml"
    return build(read(file.read_text("utf-8"), f"{home.name}/mapping.toml", provider_of(home).tables))


@cache
def kit_of(home: Home) -> Kit:
    """Import the provider's kit."""
    return load_kit(home.kit)


def samples(home: Home) -> list[Path]:
    """Return the bodies among a provider's samples, without their headers and expectations."""
    return sorted(
        file
        for file in (home.folder / "samples").glob("*")
        if file.is_file() and not file.name.endswith(SECRETIVE) and not file.name.startswith(".")
    )


def beside(sample: Path, suffix: str) -> Path:
    """Return the file that belongs to a sample: `x.json` and `.expected.json` make `x.expected.json`."""
    return sample.with_name(sample.stem + suffix)


def delivery_of(home: Home, sample: Path) -> Delivery:
    """Make the signed delivery of a sample that has headers."""
    written: dict[str, str] = json.loads(beside(sample, ".headers.json").read_text("utf-8"))
    body = sample.read_bytes()
    headers = {name.lower(): value for name, value in written.items() if not name.startswith("?")}
    return Delivery(
        tenant=TENANT,
        method="POST",
        headers=kit_of(home).sign({"content-type": "application/json"} | headers, body),
        query={name.removeprefix("?"): value for name, value in written.items() if name.startswith("?")},
        body=body,
        received=RECEIVED,
    )


def accepted(home: Home, delivery: Delivery) -> Accepted:
    """Return what the provider accepts of a delivery, under the kit's settings."""
    return provider_of(home).accept(delivery, kit_of(home).settings)


def pieces(home: Home, sample: Path) -> list[Piece]:
    """Cut a sample, or take what `accept` makes of it where it was delivered."""
    if beside(sample, ".headers.json").exists():
        events = accepted(home, delivery_of(home, sample)).events
        return [Piece(raw.shape, raw.value, raw.hint) for raw in events]
    return list(provider_of(home).cut(sample.read_bytes()))


def explained(home: Home, piece: Piece) -> Explanation:
    """Explain one piece as the tenant of the samples."""
    return explain_piece(provider_of(home), TENANT, mapping_of(home), piece, now=RECEIVED)


def explanations(home: Home) -> Iterator[Explanation]:
    """Explain every record of every sample."""
    for sample in samples(home):
        for piece in pieces(home, sample):
            yield explained(home, piece)


def expectation(explanation: Explanation) -> dict[str, Any]:
    """Write an explanation as `x.expected.json` holds it: without hashes, offsets and times of receipt."""
    found: dict[str, Any] = {}
    if explanation.identity is not None:
        found["identity"] = msgspec.to_builtins(explanation.identity)
    if explanation.problem is not None:
        found["problem"] = msgspec.to_builtins(explanation.problem)
    elif explanation.event is None:
        found |= {"dropped": explanation.fate, "row": explanation.row}
    else:
        event: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(explanation.event))
        if explanation.identity is not None and explanation.identity.version == "unknown":
            del event["id"]  # it ends in a hash
        del event["recordedtime"]
        event["data"]["provenance"] = {"row": event["data"]["provenance"]["row"]}
        found["event"] = event
    return found
