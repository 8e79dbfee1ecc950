"""What breaks consumers of a release is refused with a sentence; what is added is not."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from headrace_events import compatibility, generate
from headrace_events.compatibility import breaks
from headrace_events.schema_changes import changes

Files = dict[str, Any]


@pytest.fixture
def today() -> Files:
    """Return the contract of today, to be changed."""
    return copy.deepcopy(generate.files())


def removed_field(files: Files) -> None:
    del files["event.schema.json"]["$defs"]["Data"]["properties"]["title"]


def removed_part_of_a_part(files: Files) -> None:
    del files["dead-letter.schema.json"]["$defs"]["Source"]["properties"]["pointer"]


def retyped_field(files: Files) -> None:
    files["event.schema.json"]["$defs"]["Cost"]["properties"]["amount"]["type"] = "number"


def widened_field(files: Files) -> None:
    del files["event.schema.json"]["$defs"]["Data"]["properties"]["text"]["type"]


def one_type_more(files: Files) -> None:
    files["event.schema.json"]["$defs"]["Data"]["properties"]["duration_seconds"]["anyOf"].append({"type": "string"})


def retyped_values(files: Files) -> None:
    del files["event.schema.json"]["$defs"]["Data"]["properties"]["refs"]["additionalProperties"]


def retyped_elements(files: Files) -> None:
    files["event.schema.json"]["$defs"]["Data"]["properties"]["truncated"]["items"] = {"type": "object"}


def removed_attribute(files: Files) -> None:
    del files["event.schema.json"]["properties"]["subject"]
    files["event.schema.json"]["required"].remove("subject")


def optional_attribute(files: Files) -> None:
    files["event.schema.json"]["required"].remove("partitionkey")


def other_form_of_time(files: Files) -> None:
    del files["event.schema.json"]["properties"]["recordedtime"]["format"]


def other_name_of_the_schema(files: Files) -> None:
    files["event.schema.json"]["$id"] = "urn:headrace:event:2"


def removed_file(files: Files) -> None:
    del files["dead-letter.schema.json"]


def removed_word(files: Files) -> None:
    del files["taxonomy.json"]["$defs"]["Outcome"]["oneOf"][0]


def removed_list(files: Files) -> None:
    del files["taxonomy.json"]["$defs"]["Via"]


def changed_key(files: Files) -> None:
    files["asyncapi.json"]["channels"]["events"]["x-key"] = "{id}"


def changed_partitioning(files: Files) -> None:
    files["asyncapi.json"]["channels"]["events"]["x-partitioning"] = "at random"


def renamed_topic(files: Files) -> None:
    files["asyncapi.json"]["channels"]["events"]["address"] = "headrace.happenings"


def removed_topic(files: Files) -> None:
    del files["asyncapi.json"]["channels"]["dead-letters"]


def removed_header(files: Files) -> None:
    headers = files["asyncapi.json"]["components"]["messages"]["event"]["headers"]
    del headers["properties"]["ce_type"]
    headers["required"].remove("ce_type")


def optional_header(files: Files) -> None:
    files["asyncapi.json"]["components"]["messages"]["dead-letter"]["headers"]["required"].remove("headrace-problem")


def other_content_type(files: Files) -> None:
    files["asyncapi.json"]["components"]["messages"]["event"]["contentType"] = "application/json"


def other_value(files: Files) -> None:
    files["asyncapi.json"]["components"]["messages"]["event"]["payload"] = {"type": "string"}


def other_type_of_key(files: Files) -> None:
    del files["asyncapi.json"]["components"]["messages"]["event"]["bindings"]["kafka"]["key"]["type"]


BROKEN: dict[Callable[[Files], None], str] = {
    removed_field: "event.schema.json: data.title is gone",
    removed_part_of_a_part: "dead-letter.schema.json: problem.source.pointer is gone",
    retyped_field: "event.schema.json: data.cost.amount was string and is number",
    widened_field: "event.schema.json: data.text was string and is any value",
    one_type_more: "event.schema.json: data.duration_seconds was integer or number and is integer or number or string",
    retyped_values: "event.schema.json: data.refs.* was string and is any value",
    retyped_elements: "event.schema.json: data.truncated[] was string and is object",
    removed_attribute: "event.schema.json: subject is gone",
    optional_attribute: "event.schema.json: partitionkey was always there and may be absent now",
    other_form_of_time: "event.schema.json: recordedtime: its format was date-time and is not stated",
    other_name_of_the_schema: "event.schema.json: its $id was urn:headrace:event:1 and is urn:headrace:event:2",
    removed_file: "dead-letter.schema.json is gone",
    removed_word: "taxonomy.json: the word connected of Outcome is gone",
    removed_list: "taxonomy.json: the list Via is gone",
    changed_key: 'topic headrace.events: its key was "{source}/{subject}" and is "{id}"',
    changed_partitioning: 'topic headrace.events: its partitioning was "murmur2 of the key, as in Java clients" '
    'and is "at random"',
    renamed_topic: 'topic headrace.events: its name was "headrace.events" and is "headrace.happenings"',
    removed_topic: "topic headrace.dead-letters is gone",
    removed_header: "topic headrace.events: header ce_type is gone",
    optional_header: "topic headrace.dead-letters: header headrace-problem was always there and may be absent now",
    other_content_type: "topic headrace.events: its content type was "
    '"application/cloudevents+json; charset=UTF-8" and is "application/json"',
    other_type_of_key: "topic headrace.events: its key has another type, or what else its bindings promise",
    other_value: "topic headrace.events: its value has another schema",
}


@pytest.mark.parametrize(("change", "sentence"), BROKEN.items(), ids=[change.__name__ for change in BROKEN])
def test_what_breaks_consumers(today: Files, change: Callable[[Files], None], sentence: str) -> None:
    """Each is one sentence, and the way back is as sound as it can be: what was added may be missed by nobody."""
    change(today)
    assert breaks(generate.files(), today) == [sentence]


def added_field(files: Files) -> None:
    files["event.schema.json"]["$defs"]["Data"]["properties"]["mood"] = {"type": "string"}


def added_attribute(files: Files) -> None:
    files["event.schema.json"]["properties"]["sequence"] = {"type": "string"}
    files["event.schema.json"]["required"].append("sequence")


def field_always_there(files: Files) -> None:
    files["event.schema.json"]["$defs"]["Data"]["required"].append("action")


def narrower_field(files: Files) -> None:
    files["event.schema.json"]["$defs"]["Client"]["properties"]["lat"]["type"] = "integer"


def one_type_less(files: Files) -> None:
    files["event.schema.json"]["$defs"]["Data"]["properties"]["duration_seconds"]["anyOf"].pop()


def added_form(files: Files) -> None:
    files["event.schema.json"]["$defs"]["Native"]["properties"]["code"]["maxLength"] = 80


def other_words_about_it(files: Files) -> None:
    files["event.schema.json"]["properties"]["id"] |= {"description": "Otherwise.", "examples": ["x/1"]}


def renamed_part(files: Files) -> None:
    parts = files["event.schema.json"]["$defs"]
    parts["Ends"] = parts.pop("Parties")
    parts["Data"]["properties"]["parties"]["$ref"] = "#/$defs/Ends"


def added_word(files: Files) -> None:
    files["taxonomy.json"]["$defs"]["Type"]["oneOf"].append({"const": "call.hummed", "description": "somebody hums"})


def added_topic(files: Files) -> None:
    document = files["asyncapi.json"]
    document["channels"]["moods"] = document["channels"]["events"] | {"address": "headrace.moods"}
    files["mood.schema.json"] = files["event.schema.json"]


def added_header(files: Files) -> None:
    files["asyncapi.json"]["components"]["messages"]["event"]["headers"]["properties"]["ce_mood"] = {"type": "string"}


SOUND = (
    *(added_field, added_attribute, field_always_there, narrower_field, one_type_less, added_form),
    *(other_words_about_it, renamed_part, added_word, added_topic, added_header),
)


@pytest.mark.parametrize("change", SOUND, ids=[change.__name__ for change in SOUND])
def test_what_breaks_nobody(today: Files, change: Callable[[Files], None]) -> None:
    """More is none of a consumer's troubles, and less of what could come neither."""
    change(today)
    assert not breaks(generate.files(), today)


@pytest.mark.parametrize(
    ("old", "new", "sentences"),
    [
        ({"enum": ["a", "b"]}, {"enum": ["a"]}, ['kind: the word "b" is gone']),
        ({"enum": ["a"]}, {"enum": ["a", "b"]}, ['kind: the word "b" is new, and its validators refuse it']),
        ({"oneOf": [{"const": "a"}, {"const": "b"}]}, {"enum": ["a"]}, ['kind: the word "b" is gone']),
        ({"const": "a"}, {"type": "string"}, ["kind was one of a and is any"]),
        ({"type": ["string", "null"]}, {"type": "string"}, []),
        ({"type": "string"}, {"type": ["string", "null"]}, ["kind was string and is string or null"]),
        ({"type": "integer"}, {"type": "number"}, ["kind was integer and is number"]),
        ({}, {"type": "string"}, []),
        (
            {"type": "object", "additionalProperties": False},
            {"type": "object", "properties": {"a": {}}},
            ["kind.a is new where no other was allowed"],
        ),
    ],
)
def test_changes_of_one_property(old: Files, new: Files, sentences: list[str]) -> None:
    """Words that a schema lists are closed to validators: there, one more breaks them as well."""
    whole = [{"type": "object", "properties": {"kind": kind}} for kind in (old, new)]
    assert changes(whole[0], whole[1]) == sentences


def test_a_schema_that_holds_itself() -> None:
    """A comparison ends, however deep it could go."""
    schema = {"$defs": {"Node": {"type": "object", "properties": {"next": {"$ref": "#/$defs/Node"}}}}}
    root = schema | {"$ref": "#/$defs/Node"}
    assert not changes(root, copy.deepcopy(root))


def test_consumers_of_every_release_read_what_is_published(capsys: pytest.CaptureFixture[str]) -> None:
    """The check of `make contract`, as it is run."""
    assert compatibility.main() == 0
    assert "0.1.0" in capsys.readouterr().out


def test_a_release_that_is_broken_is_named(tmp_path: Path, today: Files, capsys: pytest.CaptureFixture[str]) -> None:
    """Each change with the release that promised otherwise, then what to do; exit code 1."""
    added_field(today)
    (tmp_path / "0.3.0").mkdir()
    for name, schema in today.items():
        (tmp_path / "0.3.0" / name).write_bytes(generate.encode(schema))
    assert compatibility.main(tmp_path) == 1
    first, *_ = capsys.readouterr().err.splitlines()
    assert first == "since 0.3.0: event.schema.json: data.mood is gone"


def test_nothing_to_compare_with_is_no_success(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An empty folder, or none, is a mistake in the call."""
    assert compatibility.main(tmp_path) == compatibility.main(tmp_path / "none") == 1
    assert "no release" in capsys.readouterr().err
