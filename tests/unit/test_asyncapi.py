"""The AsyncAPI document says what the topics hold: it refers to nothing that is not there, and records fit it."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import jsonschema  # type: ignore[import-untyped]  # it ships no types
import msgspec
import pytest

from headrace import __version__
from headrace.records.dead_letter import encode_letter
from headrace.records.event import encode_event
from headrace_events import DeadLetter, Problem, RawPosition, asyncapi, decode, decode_dead_letter, generate
from headrace_events.about import about
from headrace_events.compatibility import breaks
from headrace_events.json_schema import draft_07, schema_of
from headrace_events.public_topics import PUBLIC_TOPICS, VERSION, PublicTopic

DOCUMENT = generate.files()["asyncapi.json"]
GOLDEN = (Path(__file__).parent / "golden.jsonl").read_bytes().splitlines()
NAMES = [json.loads(line)["id"] for line in GOLDEN]


def references(value: Any) -> Iterator[str]:
    """Yield every reference in a document."""
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for part in value.values():
            yield from references(part)
    elif isinstance(value, list):
        for part in value:
            yield from references(part)


def check(schema: dict[str, Any], value: object) -> None:
    """Validate a value against a schema inside of the document."""
    jsonschema.Draft7Validator({**schema, "components": DOCUMENT["components"]}).validate(value)


def test_the_version_is_that_of_the_service() -> None:
    """A contract is that of its release."""
    assert VERSION == __version__ == DOCUMENT["info"]["version"]


def test_every_reference_leads_somewhere() -> None:
    """The document is whole without any other file."""
    found = set(references(DOCUMENT))
    assert found
    for reference in found:
        part: Any = DOCUMENT
        for name in reference.removeprefix("#/").split("/"):
            part = part[name]


def test_every_topic_is_there() -> None:
    """Each has a channel with its key, an operation that sends, and a message."""
    for topic in PUBLIC_TOPICS:
        channel = DOCUMENT["channels"][topic.name]
        assert channel["address"] == f"headrace.{topic.name}"
        assert channel["x-key"]
        assert channel["x-partitioning"]
        assert DOCUMENT["operations"][f"publish-{topic.name}"]["action"] == "send"


@pytest.mark.parametrize("name", DOCUMENT["components"]["messages"])
def test_the_example_of_a_message_is_one(name: str) -> None:
    """Its headers and its value are what their schemas allow."""
    message = DOCUMENT["components"]["messages"][name]
    for example in message["examples"]:
        check(message["headers"], example["headers"])
        check(message.get("payload", {}), example.get("payload"))


@pytest.mark.parametrize("line", GOLDEN, ids=NAMES)
def test_an_event_fits_its_message(line: bytes) -> None:
    """The value as it is published, and its headers: none is missing, and none comes that is not listed."""
    record, message = encode_event(decode(line)), DOCUMENT["components"]["messages"]["event"]
    headers = {name: value.decode() for name, value in record.headers}
    check(message["payload"], json.loads(record.value or b""))
    check({**message["headers"], "additionalProperties": False}, headers)
    assert headers["content-type"] == message["contentType"]


@pytest.mark.parametrize("line", GOLDEN, ids=NAMES)
def test_the_key_is_what_the_document_says(line: bytes) -> None:
    """Made of the attributes that it names, and placed by the key alone."""
    record = encode_event(decode(line))
    assert record.key == DOCUMENT["channels"]["events"]["x-key"].format(**json.loads(line)).encode()
    assert record.partition is None


def test_a_topic_more_is_one_entry() -> None:
    """Its channel, message and parts follow, and consumers of the others notice nothing."""

    class Hum(msgspec.Struct):
        """A sound."""

        specversion: Annotated[str, about("The version of CloudEvents.", "1.0")]
        data: Annotated[str, about("How it sounds.", "mm")]

    hums = PublicTopic(
        name="hums",
        title="Hum",
        description="Sounds.",
        key="{specversion}",
        partitioning="by the key",
        content_type="application/cloudevents+json",
        struct=Hum,
        schema="hum",
    )
    found = asyncapi.document([*PUBLIC_TOPICS, hums])
    assert found["channels"]["hums"]["address"] == "headrace.hums"
    assert set(found["components"]["messages"]["hum"]["headers"]["properties"]) == {"content-type", "ce_specversion"}
    assert found["components"]["schemas"]["Hum"]["properties"].keys() == {"specversion", "data"}
    assert not breaks({"asyncapi.json": DOCUMENT}, {"asyncapi.json": found})


def test_a_dead_letter_fits_its_message() -> None:
    """The header is the schema's, as JSON."""
    raw = RawPosition("headrace.raw", 5, 78)
    letter = DeadLetter(
        problem=Problem("bad_value", "A value makes no sense", "no such day"),
        source="/leadsquared/cedar-eu",
        via="poll",
        received="2026-10-01T06:46:40.900Z",
        recordedtime="2026-10-01T06:46:41Z",
        raw=raw,
    )
    record = encode_letter(letter, b"key", b"{", [("headrace", b"\x01{}")], 5)
    headers = {name: json.loads(value) for name, value in record.headers if name != "headrace"}
    check(DOCUMENT["components"]["messages"]["dead-letter"]["headers"], headers)
    assert decode_dead_letter(record.headers) == letter


@pytest.mark.parametrize("topic", PUBLIC_TOPICS, ids=[topic.name for topic in PUBLIC_TOPICS])
def test_draft_07_means_the_same(topic: Any) -> None:
    """A registry's form of a schema takes the same example, and refuses what lacks any part that must be there."""
    schema = draft_07(schema_of(topic.struct, topic.schema_id))
    assert b"$defs" not in generate.encode(schema)
    jsonschema.Draft7Validator.check_schema(schema)
    (example,) = schema["examples"]
    jsonschema.Draft7Validator(schema).validate(example)
    assert msgspec.convert(example, topic.struct)
    for name in schema["required"]:
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.Draft7Validator(schema).validate({key: example[key] for key in example if key != name})
