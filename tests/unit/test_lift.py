from typing import Any

import pytest

from headrace.core.lift import TARGETS, lift, misfits, refusal, takes
from headrace.sdk.provider import UNPUBLISHED
from headrace_events import Change, Data, Native, Value


def data(**fields: Any) -> Data:
    native = Native(provider="things", tenant="acme", resource="thing", id="a")
    return Data(category="call", native=native, provenance=UNPUBLISHED, fields=fields or None)


@pytest.mark.parametrize("target", ["title", "text", "reason"])
def test_a_field_becomes_a_text(target: str) -> None:
    """A field moves to a canonical text and is gone from the fields."""
    found = data(mx_1="hello", mx_2="stays")
    lift(found, {"mx_1": target})
    assert getattr(found, target) == "hello"
    assert found.fields == {"mx_2": "stays"}


@pytest.mark.parametrize(
    ("target", "value", "written"),
    [
        ("refs", 7, "7"),
        ("urls", "https://rec.example.net/9", "https://rec.example.net/9"),
        ("times", "2026-05-04T08:00:00.5+02:00", "2026-05-04T06:00:00.500Z"),
    ],
)
def test_a_field_joins_what_is_there(target: str, value: Any, written: str) -> None:
    """A named place is added beside the names that are there."""
    found = data(mx_1=value)
    setattr(found, target, {"lead": "a"})
    lift(found, {"mx_1": f"{target}.recording"})
    assert getattr(found, target) == {"lead": "a", "recording": written}
    assert found.fields is None


def test_a_field_makes_the_first_name_of_a_place() -> None:
    """A place that was not said comes into being."""
    found = data(mx_1="a")
    lift(found, {"mx_1": "refs.deal"})
    assert found.refs == {"deal": "a"}


def test_money_and_changes() -> None:
    """Parts of a value and of a change come from fields of their own, numbers as texts."""
    found = data(mx_1=12.5, mx_2="EUR", mx_3="stage", mx_4="a", mx_5="b")
    lift(
        found,
        {
            "mx_1": "value.amount",
            "mx_2": "value.currency",
            "mx_3": "change.field",
            "mx_4": "change.from",
            "mx_5": "change.to",
        },
    )
    assert found.value == Value("12.5", "EUR")
    assert found.change == Change("stage", "a", "b")
    assert found.fields is None


@pytest.mark.parametrize(
    ("value", "seconds"), [("73", 73), (73, 73), ("0", 0), (95.0, 95), ("12.5", 12.5), (12.5, 12.5)]
)
def test_a_duration(value: Any, seconds: float) -> None:
    """Seconds become the duration, whole where they are whole."""
    found = data(mx_1=value)
    lift(found, {"mx_1": "duration_seconds"})
    assert (found.duration_seconds, found.fields) == (seconds, None)


@pytest.mark.parametrize("value", ["1:13", "-5", -5, True, "", None, {"a": 1}, [1], "٣"])
def test_what_is_no_duration_stays_where_it_was(value: Any) -> None:
    """A value that does not fit is neither guessed nor lost."""
    found = data(mx_1=value)
    lift(found, {"mx_1": "duration_seconds"})
    assert (found.duration_seconds, found.fields) == (None, {"mx_1": value})


MISFITS = [
    *(("value.amount", value) for value in ("1,50,000.00", "Rs. 1500", True, "", {"a": 1})),
    *(("value.currency", value) for value in ("rupees", "Rs.", 978, "ABC")),
    *(("times.due", value) for value in ("2026-05-04", "tomorrow", 1777852800)),
    *(("urls.recording", value) for value in ("rec-9.mp3", "javascript:alert(1)", 9)),
    *(("refs.deal", value) for value in (True, "a\nb", 1.5)),
    ("title", [1]),
    ("change.to", {"a": 1}),
]


@pytest.mark.parametrize(("target", "value"), MISFITS)
def test_what_does_not_fit_its_place_stays_and_is_told(target: str, value: Any) -> None:
    """A typed place takes only what fits: the rest stays in the fields, and a sentence says so."""
    found = data(mx_1=value)
    lift(found, {"mx_1": target})
    assert found == data(mx_1=value)
    lines = misfits(found, {"mx_1": target, "mx_2": target})
    assert [line.partition(" ")[0] for line in lines] == ([] if value == "" else ["mx_1"])
    assert all((takes(target) or "plain text") in line for line in lines)


def test_what_fits_is_no_misfit() -> None:
    """Nothing is told of fields that moved, got a name, or said nothing."""
    found = data(mx_1="120.50", mx_2="x", mx_3=None)
    moves = {"mx_1": "value.amount", "mx_2": "fields.kind", "mx_3": "title", "mx_4": "times.due"}
    lift(found, moves)
    assert misfits(found, moves) == []
    assert found.value == Value("120.50")


def test_times_are_read_in_the_forms_of_their_provider() -> None:
    """A provider hands in how it writes times."""
    found = data(mx_1="5/4/2026 6:07:08 AM")
    lift(found, {"mx_1": "times.due"}, lambda text: {"5/4/2026 6:07:08 AM": "2026-05-04T06:07:08Z"}[text])
    assert found.times == {"due": "2026-05-04T06:07:08Z"}


def test_a_structure_is_no_text() -> None:
    """An object keeps its place and its form."""
    found = data(mx_1={"a": 1})
    lift(found, {"mx_1": "text"})
    assert (found.text, found.fields) == (None, {"mx_1": {"a": 1}})


@pytest.mark.parametrize(
    ("target", "name"),
    [("fields.next_step", "next_step"), ("fields.title", "title"), ("fields.channel", "channel")],
)
def test_a_field_gets_a_name(target: str, name: str) -> None:
    """A field may get another name, whatever its value is, that of a canonical place, too."""
    found = data(mx_1={"a": 1}, mx_2=2)
    lift(found, {"mx_1": target})
    assert found.fields == {name: {"a": 1}, "mx_2": 2}
    assert (found.title, found.channel) == (None, None)


def test_a_name_that_is_taken_is_not_overwritten() -> None:
    """Two fields never become one."""
    found = data(mx_1=1, notes=2)
    lift(found, {"mx_1": "fields.notes"})
    assert found.fields == {"mx_1": 1, "notes": 2}


def test_what_is_not_there_is_passed_over() -> None:
    """A row may name fields that a record does not have, and a record may have none."""
    found, empty = data(mx_2=2), data()
    for each in (found, empty):
        lift(each, {"mx_1": "title"})
    assert (found.fields, empty.fields, found.title) == ({"mx_2": 2}, None, None)


@pytest.mark.parametrize(
    ("written", "hint"),
    [
        ("txet", "did you mean text? for a field of your own write fields.txet; "),
        ("amount", "did you mean value.amount? for a field of your own write fields.amount; "),
        ("duration", "did you mean duration_seconds? for a field of your own write fields.duration; "),
        ("urls", "did you mean urls.NAME? for a field of your own write fields.urls; "),
        ("next step", "for a field of your own write fields.next_step; "),
        ("", "for a field of your own write fields.NAME; "),
        (
            "channel",
            'channel is one word for the whole row, channel = "…"; for a field of your own write fields.channel; ',
        ),
        ("ref.deal", "did you mean refs.deal? "),
        ("feilds.step", "did you mean fields.step? "),
        ("fields.next step", "did you mean fields.NAME? "),
        ("fields.a.b", "did you mean fields.NAME? "),
        ("value.amonut", "did you mean value.amount? "),
        ("change.form", "did you mean change.from? "),
        ("things.of.mine", ""),
    ],
)
def test_what_is_no_target_is_refused(written: str, hint: str) -> None:
    """A bare word that is no place is a slip, never a name: the message says what was meant and what is allowed."""
    assert refusal(written) == f"{hint}targets are {', '.join(target.name for target in TARGETS)}".replace(
        "? targets", "?; targets"
    )


@pytest.mark.parametrize("target", [target.name.replace("NAME", "deal_2") for target in TARGETS])
def test_what_is_a_target_is_taken(target: str) -> None:
    """Every target of the list may be written, and a field reaches it."""
    assert refusal(target) is None
    found = data(mx_1="7", mx_2="https://a.example/", mx_3="2026-05-04T06:07:08Z", mx_4="EUR")
    for native in ("mx_1", "mx_2", "mx_3", "mx_4"):
        lift(found, {native: target})
    assert len(found.fields or {}) < 4 or target.startswith("fields.")


def test_what_stands_in_a_place_is_not_overwritten() -> None:
    """The platform's own value stays, the field too, and a sentence says so; an equal value is one."""
    found = data(mx_1="mine", mx_2="lead-2", mx_3="2026-05-04T06:07:08Z", mx_4="more", mx_5="theirs", place="constant")
    found.title, found.refs, found.times = "theirs", {"lead": "lead-1"}, {"created": "2026-01-01T00:00:00Z"}
    moves = {"mx_1": "title", "mx_2": "refs.lead", "mx_3": "times.created", "mx_4": "fields.place", "mx_5": "title"}
    lift(found, moves)
    assert (found.title, found.refs, found.times) == (
        "theirs",
        {"lead": "lead-1"},
        {"created": "2026-01-01T00:00:00Z"},
    )
    assert found.fields == {
        "mx_1": "mine",
        "mx_2": "lead-2",
        "mx_3": "2026-05-04T06:07:08Z",
        "mx_4": "more",
        "place": "constant",
    }
    assert misfits(found, moves) == [
        f"{native} stays in fields: {target} has a value already" for native, target in list(moves.items())[:4]
    ]


def test_parts_of_a_value_are_places_of_their_own() -> None:
    """A currency joins an amount that is there; a change keeps what it says."""
    found = data(mx_1="EUR", mx_2="7", mx_3="b")
    found.value, found.change = Value("12"), Change("stage", "a")
    lift(found, {"mx_1": "value.currency", "mx_2": "value.amount", "mx_3": "change.to"})
    assert (found.value, found.change, found.fields) == (Value("12", "EUR"), Change("stage", "a", "b"), {"mx_2": "7"})
