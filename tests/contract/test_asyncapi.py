"""The AsyncAPI document, by the parser that its command line validates with."""

import json

import pytest

from headrace_events import generate
from headrace_events.public_topics import PUBLIC_TOPICS
from tests.contract.node_packages import run_script

ERROR = 0


@pytest.mark.slow
def test_the_document_is_valid_asyncapi() -> None:
    """Nothing is wrong with it, and it has the topics that it should have."""
    found = json.loads(run_script("validate_asyncapi.cjs", generate.FOLDER / generate.ASYNCAPI))
    assert [each for each in found["diagnostics"] if each["severity"] == ERROR] == []
    assert found["channels"] == [f"headrace.{topic.name}" for topic in PUBLIC_TOPICS]
