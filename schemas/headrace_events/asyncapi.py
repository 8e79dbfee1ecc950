"""The AsyncAPI 3 document of the public topics, self-contained: made of the same structs as the JSON Schemas."""

from collections.abc import Sequence
from typing import Any, Final

from headrace_events.json_schema import Schema, example, parts_of
from headrace_events.public_topics import DEFAULT_PREFIX, PUBLIC_TOPICS, VERSION, PublicTopic

KEY: Final = "x-key"
PARTITIONING: Final = "x-partitioning"
_BINDING: Final = "0.5.0"
_ABOUT: Final = (
    "What Headrace publishes on Kafka. The prefix of the topics, headrace., is configurable. Fields and words may be "
    "added in any release and are never renamed: ignore those you do not know."
)


def document(topics: Sequence[PublicTopic] = PUBLIC_TOPICS) -> Schema:
    """Return the document, as seen by Headrace: it sends what consumers receive."""
    return {
        "asyncapi": "3.0.0",
        "id": "urn:headrace",
        "info": {
            "title": "Headrace",
            "version": VERSION,
            "description": _ABOUT,
            "license": {"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
        },
        "channels": {topic.name: _channel(topic) for topic in topics},
        "operations": {f"publish-{topic.name}": _operation(topic) for topic in topics},
        "components": {
            "messages": {topic.schema: _message(topic) for topic in topics},
            "schemas": parts_of([topic.struct for topic in topics], "#/components/schemas/{name}"),
        },
    }


def _channel(topic: PublicTopic) -> Schema:
    return {
        "address": DEFAULT_PREFIX + topic.name,
        "title": topic.title,
        "description": topic.description,
        "messages": {topic.schema: {"$ref": f"#/components/messages/{topic.schema}"}},
        "bindings": {"kafka": {"topic": DEFAULT_PREFIX + topic.name, "bindingVersion": _BINDING}},
        KEY: topic.key,
        PARTITIONING: topic.partitioning,
    }


def _operation(topic: PublicTopic) -> Schema:
    return {
        "action": "send",
        "title": f"Publish on {topic.name}",
        "channel": {"$ref": f"#/channels/{topic.name}"},
        "messages": [{"$ref": f"#/channels/{topic.name}/messages/{topic.schema}"}],
    }


def _message(topic: PublicTopic) -> Schema:
    """Describe the record: the struct is the payload with its attributes as headers, or it is one of the headers."""
    part = parts_of([topic.struct], "#/components/schemas/{name}")[topic.struct.__name__]
    reference = {"$ref": f"#/components/schemas/{topic.struct.__name__}"}
    whole = example(part)
    found: Schema = {
        "name": topic.schema,
        "title": topic.title,
        "contentType": topic.content_type,
        "bindings": {"kafka": {"key": {"type": "string", "description": topic.key}, "bindingVersion": _BINDING}},
    }
    if topic.header is not None:
        headers = {topic.header: {"description": "This, as JSON.", "allOf": [reference]}}
        return found | {
            "headers": {"type": "object", "properties": headers, "required": [topic.header]},
            "examples": [{"name": topic.schema, "headers": {topic.header: whole}}],
        }
    return found | {
        "headers": _attributes(part, topic.content_type),
        "payload": reference,
        "examples": [{"name": topic.schema, "headers": _as_headers(whole, topic.content_type), "payload": whole}],
    }


def _attributes(part: Schema, content_type: str) -> Schema:
    """Return the schema of the headers that repeat the attributes of a CloudEvent."""
    known = {f"ce_{key}": _header(value) for key, value in part["properties"].items() if key != "data"}
    return {
        "type": "object",
        "properties": {"content-type": {"type": "string", "const": content_type}, **known},
        "required": ["content-type", *(f"ce_{key}" for key in part["required"] if key != "data")],
    }


def _header(attribute: Schema) -> Schema:
    return {key: attribute[key] for key in ("type", "format", "description") if key in attribute}


def _as_headers(whole: dict[str, Any], content_type: str) -> dict[str, str]:
    return {"content-type": content_type, **{f"ce_{key}": value for key, value in whole.items() if key != "data"}}
