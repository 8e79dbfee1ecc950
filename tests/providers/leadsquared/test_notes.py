import pytest

from headrace.providers.leadsquared.translate import notes


def test_the_last_value_that_says_something_counts() -> None:
    """A key that occurs twice, first empty or last empty, keeps what was said."""
    note = "UserId{=}{next}UserId{=}u-1{next}Tag{=}a{next}Tag{=}{next}"
    assert notes.unpack(note)[0] == {"UserId": "u-1", "Tag": "a"}


def test_a_lead_capture_prefix_is_no_key() -> None:
    """The prefix of capture notes does not become a part of the first key."""
    assert notes.unpack("{keyvalueinfo}Source{=}Fair{next}Campaign{=}Roofs")[0] == {
        "Source": "Fair",
        "Campaign": "Roofs",
    }


@pytest.mark.parametrize("prefix", ["{keyvalueinfo}", "{keyvalueinfo}{", "{KeyValueInfo}", " {keyvalueinfo}{"])
@pytest.mark.parametrize("after", ["{next}", "{NEXT}", "{Next}"])
def test_a_note_is_read_as_the_vendors_client_does(prefix: str, after: str) -> None:
    """Separators in any case divide pairs, and a brace behind the prefix is none of the first key."""
    note = f"{prefix}Source{{=}}Fair{after}Campaign{{=}}Roofs{after}"
    assert notes.unpack(note)[0] == {"Source": "Fair", "Campaign": "Roofs"}


def test_objects_inside_notes_are_decoded() -> None:
    """SourceData is JSON inside a pair; what looks like JSON and is not stays text."""
    note = 'SourceData{=}{"SourceNumber":"+1","Tag":null}{next}Other{=}{not json{next}List{=}[1]'
    assert notes.unpack(note)[0] == {"SourceData": {"SourceNumber": "+1"}, "Other": "{not json", "List": [1]}


def test_a_value_may_hold_the_equals_sign_of_a_pair() -> None:
    """Only the first separator of a part divides it."""
    assert notes.unpack("a{=}b{=}c")[0] == {"a": "b{=}c"}


def test_a_decoded_string_is_kept_only_where_it_said_more() -> None:
    """Spacing, doubled keys and nulls are lost by decoding, plain compact objects lose nothing."""
    for text, faithful in (('{"a":1}', True), ('{"a": 1}', False), ('{"a":1,"a":2}', False), ('{"a":null}', False)):
        assert notes.is_faithful(text, notes.open_object(text)) is faithful
