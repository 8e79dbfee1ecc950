import json
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]  # it ships no types
import msgspec
import pytest

from headrace.observe.notices import Notices
from headrace.records.notice import encode_notice
from headrace_events import (
    DeadLetter,
    NoticeKind,
    Problem,
    RawPosition,
    Source,
    Type,
    Word,
    decode,
    generate,
    taxonomy,
)
from headrace_events.public_topics import PUBLIC_TOPICS, PublicTopic

GOLDEN = (Path(__file__).parent / "golden.jsonl").read_bytes().splitlines()
TAXONOMY = generate.schemas()["taxonomy.json"]["$defs"]
FORMATS = jsonschema.FormatChecker()
NAMES = [json.loads(line)["id"] for line in GOLDEN]


def schema(name: str) -> dict[str, Any]:
    """Read a schema as consumers have it."""
    found: dict[str, Any] = json.loads((generate.FOLDER / name).read_bytes())
    return found


def properties() -> list[Any]:
    """Return every property of events, dead letters and their parts, with the file that it stands in."""
    files = {topic.file: schema(topic.file) for topic in PUBLIC_TOPICS}
    return [
        pytest.param(name, known, id=f"{whole['title']}: {part['title']}.{key}")
        for name, whole in files.items()
        for part in (whole, *whole["$defs"].values())
        for key, known in part["properties"].items()
    ]


@pytest.mark.parametrize(("name", "known"), properties())
def test_every_property_says_what_it_is(name: str, known: dict[str, Any]) -> None:
    """Each has a sentence, and examples that are what the schema allows there."""
    assert len(known["description"]) > 10
    assert known["description"][0].isupper()
    assert known["description"].endswith(".")
    assert known["examples"]
    for example in known["examples"]:
        jsonschema.validate(example, known | {"$defs": schema(name)["$defs"]}, format_checker=FORMATS)


@pytest.mark.parametrize("name", generate.files())
def test_the_schemas_have_not_drifted(name: str) -> None:
    """The files say what the structs say; `python -m headrace_events.generate` writes them anew."""
    assert (generate.FOLDER / name).read_bytes() == generate.encode(generate.files()[name])


@pytest.mark.parametrize("topic", PUBLIC_TOPICS, ids=[topic.name for topic in PUBLIC_TOPICS])
def test_the_example_of_a_schema_is_one(topic: PublicTopic) -> None:
    """It is whole, and what the schema allows."""
    found = schema(topic.file)
    for example in found["examples"]:
        jsonschema.validate(example, found, format_checker=FORMATS)
        assert set(found["properties"]) >= set(example) >= set(found["required"])


def test_no_other_schema_lies_about() -> None:
    """Each file in the folder is one that is generated."""
    assert {file.name for file in generate.FOLDER.iterdir()} == set(generate.files())


@pytest.mark.parametrize("name", generate.schemas())
def test_a_schema_is_a_schema(name: str) -> None:
    """Validators of the 2020-12 draft take it, it has an address, and nothing in it may be null."""
    found = schema(name)
    jsonschema.Draft202012Validator.check_schema(found)
    assert found["$id"].startswith("urn:headrace:")
    assert b'"null"' not in generate.encode(found)


def test_the_generator_writes_to_the_folder_it_is_given(tmp_path: Path) -> None:
    """Somebody may want the schemas elsewhere."""
    generate.main(tmp_path / "deep" / "down")
    assert {file.name for file in (tmp_path / "deep" / "down").iterdir()} == set(generate.files())


@pytest.mark.parametrize("line", GOLDEN, ids=NAMES)
def test_an_event_comes_back_byte_by_byte(line: bytes) -> None:
    """Decoding and encoding change nothing: the struct knows every key, in the order in which it is published."""
    assert msgspec.json.encode(decode(line)) == line


@pytest.mark.parametrize("line", GOLDEN, ids=NAMES)
def test_an_event_fits_its_schema(line: bytes) -> None:
    """What we publish is what the schema promises."""
    found = json.loads(line)
    jsonschema.validate(found, schema("event.schema.json"))
    assert schema("event.schema.json")["$id"] == found["dataschema"]


@pytest.mark.parametrize("line", GOLDEN, ids=NAMES)
def test_an_event_uses_known_words(line: bytes) -> None:
    """The words in the examples stand in the taxonomy."""
    event = decode(line)
    expected = {
        "Type": event.word,
        "Traffic": event.traffic,
        "Direction": event.data.direction,
        "Channel": event.data.channel,
        "Outcome": event.data.outcome,
        "ActorKind": event.data.actor.kind if event.data.actor else None,
        "Via": event.data.provenance.via,
    }
    for words, word in expected.items():
        assert word is None or word in [known["const"] for known in TAXONOMY[words]["oneOf"]]


@pytest.mark.parametrize("path", [(), ("data",), ("data", "native"), ("data", "provenance", "raw"), ("data", "refs")])
def test_unknown_fields_and_words_are_no_error(path: tuple[str, ...]) -> None:
    """A consumer of today reads the events of tomorrow."""
    event = json.loads(GOLDEN[0])
    part = event
    for key in path:
        part = part[key]
    part["novelty"] = "x"
    event["data"] |= {"direction": "sideways", "outcome": "levitated", "channel": "telepathy"}
    event |= {"type": "headrace.call.levitated.v1", "traffic": "imaginary"}
    found = decode(json.dumps(event).encode())
    assert (found.word, found.traffic, found.data.outcome) == ("call.levitated", "imaginary", "levitated")
    jsonschema.validate(event, schema("event.schema.json"))


@pytest.mark.parametrize("value", [b"", b"null", b"{}", b"[]", GOLDEN[0][:-1], b"\xff"])
def test_what_is_no_event_is_refused(value: bytes) -> None:
    """Bytes that are no event are an error that consumers can catch."""
    with pytest.raises(ValueError, match=r"."):
        decode(value)


def test_time_as_an_instant() -> None:
    """Times compare as instants, with a fraction or without; an event without a time has none."""
    assert decode(GOLDEN[0]).happened == datetime(2026, 10, 1, 6, 44, 5, tzinfo=UTC)
    assert decode(GOLDEN[1]).happened == datetime(2026, 10, 1, 6, 46, 40, 120_000, tzinfo=UTC)
    assert decode(GOLDEN[3]).happened is None


def test_a_dead_letter_fits_its_schema() -> None:
    """The problem beside a dead letter's bytes is what the schema promises."""
    letter = DeadLetter(
        problem=Problem("bad_value", "A value makes no sense", "no such day", Source(pointer="$.CreatedOn")),
        source="/leadsquared/cedar-eu",
        via="poll",
        received="2026-10-01T06:46:40.900Z",
        recordedtime="2026-10-01T06:46:41Z",
        raw=RawPosition("headrace.raw", 5, 78),
    )
    jsonschema.validate(json.loads(msgspec.json.encode(letter)), schema("dead-letter.schema.json"))


@pytest.mark.parametrize("kind", NoticeKind)
def test_a_notice_fits_its_schema(kind: NoticeKind) -> None:
    """Open and over, of a tenant and of a process, with an item and without."""
    notices = Notices()
    notices.note(kind, "/leadping/birch", "it says no")
    notices.note(kind, "/leadping/birch", "it says no", item="201", mapping="0b6d3e58")
    notices.note(kind, "/headrace/web-1/all", "gone")
    notices.note(kind, "/headrace/web-1/all", None)
    notices.settle({})
    notices.ends = True
    found = [json.loads(encode_notice(one).value) for one in notices.due()]
    assert [one["data"]["state"] for one in found] == ["open", "open", "over"]
    for one in found:
        jsonschema.validate(one, schema("notice.schema.json"), format_checker=FORMATS)
        assert schema("notice.schema.json")["$id"] == one["dataschema"]


def test_every_word_has_a_meaning() -> None:
    """No word stands in a list without a line on what it means, and none stands there twice."""
    for words in (words for words in Word.__subclasses__() if words.__module__ == taxonomy.__name__):
        constants = TAXONOMY[words.__name__]["oneOf"]
        assert [known["const"] for known in constants] == [str(word) for word in words] == list(words)
        assert all(len(known["description"]) > 2 for known in constants)
        assert len(words.__members__) == len(set(words))


def test_types_are_a_category_and_an_action() -> None:
    """A type has two parts, and only what nobody has mapped has one."""
    assert [word for word in Type if word.count(".") != 1] == ["unmapped"]
    assert taxonomy.TYPE_PREFIX + Type.CALL_COMPLETED + taxonomy.TYPE_SUFFIX == "headrace.call.completed.v1"


def test_the_generator_asks_for_a_folder_outside_of_a_clone(tmp_path: Path) -> None:
    """Beside an installed package stands no folder of schemas, and none is made there."""
    package = Path(generate.__file__).parent
    shutil.copytree(package, tmp_path / "site" / package.name)
    done = subprocess.run(
        [sys.executable, "-m", "headrace_events.generate"],
        capture_output=True,
        text=True,
        cwd=tmp_path / "site",
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "name the folder to write to: python -m headrace_events.generate FOLDER\n"
    assert not (tmp_path / "json").exists()
