"""The AsyncAPI document, by the parser that its command line validates with."""

import json
from pathlib import Path
from typing import Any

import pytest

from headrace_events import generate
from headrace_events.public_topics import PUBLIC_TOPICS
from tests.contract.node_packages import run_script

ERROR = 0
MISTAKES: tuple[tuple[tuple[str, ...], object], ...] = (
    (("channels", "events", "messages", "event", "$ref"), "#/components/messages/none"),
    (("operations", "publish-events", "action"), "shout"),
    (("components", "schemas", "Event", "type"), "sentence"),
)


def validate(*files: Path) -> list[dict[str, Any]]:
    """Return what the parser finds in each document: the channels, and what it says."""
    return [json.loads(line) for line in run_script("validate_asyncapi.cjs", *files).splitlines()]


def errors(found: dict[str, Any]) -> list[str]:
    """Return what the parser says is wrong, without its advice."""
    return [each["message"] for each in found["diagnostics"] if each["severity"] == ERROR]


@pytest.mark.slow
def test_the_document_is_valid_asyncapi() -> None:
    """Nothing is wrong with it, and it has the topics that it should have."""
    (found,) = validate(generate.FOLDER / generate.ASYNCAPI)
    assert errors(found) == []
    assert found["channels"] == [f"headrace.{topic.name}" for topic in PUBLIC_TOPICS]


@pytest.mark.slow
def test_a_document_that_is_wrong_is_refused(tmp_path: Path) -> None:
    """The parser looks at references, at its own words, and at schemas; examples are up to tests/unit."""
    files = [tmp_path / f"{number}.json" for number, _ in enumerate(MISTAKES)]
    for (path, value), file in zip(MISTAKES, files, strict=True):
        document: Any = generate.files()[generate.ASYNCAPI]
        part = document
        for key in path[:-1]:
            part = part[key]
        part[path[-1]] = value
        file.write_bytes(generate.encode(document))
    assert all(errors(found) for found in validate(*files))
