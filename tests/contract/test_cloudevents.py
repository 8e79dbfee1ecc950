"""Our events are CloudEvents: the SDKs of Python and JavaScript read them, from the value and from the headers.

Where an SDK reads something that is allowed otherwise than it should, a test says so, and schemas/README.md what to do.
"""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cloudevents.core.bindings.kafka import KafkaMessage, from_kafka_event, from_structured_event, to_binary_event

from headrace.records.event import encode_event
from headrace_events import decode
from tests.contract.node_packages import run_script

GOLDEN = (Path(__file__).parents[1] / "unit" / "golden.jsonl").read_bytes().splitlines()
NAMES = [json.loads(line)["id"] for line in GOLDEN]
each_event = pytest.mark.parametrize("line", GOLDEN, ids=NAMES)


def message_of(line: bytes) -> KafkaMessage:
    """Return the record of an event, as it is published."""
    record = encode_event(decode(line))
    return KafkaMessage(headers=dict(record.headers), key=record.key, value=record.value or b"")


def comparable(event: dict[str, Any]) -> dict[str, Any]:
    """Return an event with its time as an instant, and offsets as JavaScript knows numbers."""
    found: dict[str, Any] = json.loads(json.dumps(event), parse_int=float)
    return found | ({"time": datetime.fromisoformat(found["time"])} if "time" in found else {})


@each_event
def test_python_reads_the_value(line: bytes) -> None:
    """In structured mode: every attribute, extensions too, and all of the data. An absent time becomes the present."""
    event, published = from_structured_event(message_of(line)), json.loads(line)
    attributes = dict(event.get_attributes())
    assert event.get_data() == published.pop("data")
    moment = attributes.pop("time")
    assert attributes == {name: value for name, value in published.items() if name != "time"}
    if "time" in published:
        assert moment == datetime.fromisoformat(published["time"])
    else:
        assert abs(datetime.now(UTC) - moment) < timedelta(minutes=5)


@each_event
def test_our_headers_are_those_that_python_writes(line: bytes) -> None:
    """What it writes of an event in binary mode is what we repeat of it: the same names and texts."""
    ours = dict(message_of(line).headers)
    written = dict(to_binary_event(from_structured_event(message_of(line))).headers)
    assert written.pop("content-type") == ours.pop("ce_datacontenttype")
    assert ours.pop("content-type").startswith(b"application/cloudevents+json")
    theirs, moment = written.pop("ce_time").decode(), ours.pop("ce_time", None)
    assert moment is None or datetime.fromisoformat(theirs) == datetime.fromisoformat(moment.decode())
    assert written == ours


@each_event
def test_python_takes_our_headers_for_binary_mode(line: bytes) -> None:
    """`from_kafka` looks at the headers before the content type: the data would be the event once more."""
    event = from_kafka_event(message_of(line))
    assert event.get_id() == json.loads(line)["id"]
    assert event.get_data() != json.loads(line)["data"]


@pytest.mark.slow
def test_javascript_reads_the_value() -> None:
    """`Kafka.toEvent` goes by the content type; it fails on an event without a time, which CloudEvents allow."""
    messages = [message_of(line) for line in GOLDEN]
    records = [
        {
            "key": message.headers["ce_partitionkey"].decode(),
            "value": message.value.decode(),
            "headers": {name: value.decode() for name, value in message.headers.items()},
        }
        for message in messages
    ]
    found = run_script("read_cloudevents.cjs", stdin="".join(json.dumps(record) + "\n" for record in records))
    for line, answer in zip(GOLDEN, map(json.loads, found.splitlines()), strict=True):
        published = json.loads(line)
        if "time" in published:
            assert comparable(answer["event"]) == comparable(published)
        else:
            assert answer == {"error": "RangeError: Invalid time value"}
