"""Our schemas at a real schema registry, by the command line: registered once, and guarded by FORWARD from then on."""

import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from headrace.cli._registry_subjects import Subject, SubjectState, register, subjects
from headrace.cli._schema_registry import base_url, open_registry
from tests.contract.apicurio import running_registry
from tests.integration.command import Headrace

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Yield the address of a registry that runs for the tests of this file."""
    with running_registry(tmp_path_factory.mktemp("registry")) as address:
        yield address


def get(address: str) -> Any:
    """Return what the registry answers to a plain request."""
    with urllib.request.urlopen(address, timeout=10) as answer:  # noqa: S310  (ours, on loopback)
        return json.load(answer)


def changed(subject: Subject, change: Any) -> Subject:
    """Return the subject with another schema."""
    schema = json.loads(subject.schema)
    change(schema["definitions"]["Data"]["properties"])
    return Subject(subject.name, json.dumps(schema))


async def register_at(url: str, subject: Subject, *, dry_run: bool = False) -> SubjectState:
    """Register one schema."""
    async with open_registry(base_url(url)) as registry:
        return await register(registry, subject, dry_run=dry_run)


def test_the_schemas_are_registered_once(url: str, tmp_path: Path) -> None:
    """A dry run changes nothing; the first run registers and sets the level, the second finds all as it should be."""
    headrace = Headrace(tmp_path, "127.0.0.1:1", "once.")

    def run(*words: str) -> list[dict[str, Any]]:
        done = headrace("schemas", "register", "--url", url, "--json", *words)
        return [json.loads(line) for line in done.stdout.splitlines()]

    (foreseen, *_), nothing = run("--dry-run"), get(f"{url}/subjects")
    assert (foreseen["subject"], foreseen["state"]) == ("once.events-value", "to register")
    assert "once.events-value" not in nothing
    (first, *_), (second, *_) = run(), run()
    assert (first["version"], first["compatibility"], first["state"]) == (1, "FORWARD", "registered")
    assert (second["version"], second["compatibility"], second["state"]) == (1, "FORWARD", "unchanged")
    assert get(f"{url}/config/once.events-value") == {"compatibilityLevel": "FORWARD"}
    stored = get(f"{url}/subjects/once.events-value/versions/latest")
    assert json.loads(stored["schema"]) == json.loads(subjects("once.")[0].schema)
    assert json.loads(stored["schema"])["$schema"].startswith("http://json-schema.org/draft-07/")


async def test_a_field_more_is_a_version_and_a_field_less_is_refused(url: str) -> None:
    """The registry draws the line where our own check does, and says so in a dry run, too."""
    (today, *_) = subjects("next.")
    more = changed(today, lambda data: data.update(mood={"type": "string"}))
    less = changed(today, lambda data: data.pop("title"))
    other = changed(today, lambda data: data.update(title={"type": "integer"}))
    assert (await register_at(url, today)).version == 1
    assert (await register_at(url, more, dry_run=True)).detail == "compatible with version 1"
    assert await register_at(url, more) == SubjectState("next.events-value", 2, "FORWARD", "registered")
    for broken in (less, other):
        assert (await register_at(url, broken, dry_run=True)).state == "refused"
        found = await register_at(url, broken)
        assert found.state == "refused"
        assert "409" in found.detail
    assert (await register_at(url, today)).state == "unchanged"  # an older program takes nothing back


async def test_a_level_that_somebody_changed_is_set_again(url: str) -> None:
    """With nothing to register, the level alone is brought to what it should be."""
    (today, *_) = subjects("level.")
    await register_at(url, today)
    async with open_registry(base_url(url)) as registry:
        await registry.set_compatibility(today.name, "NONE")
    assert (await register_at(url, today, dry_run=True)).state == "level to set"
    assert (await register_at(url, today)).state == "level set"
    assert get(f"{url}/config/{today.name}") == {"compatibilityLevel": "FORWARD"}
