from textwrap import dedent

import pytest

from headrace.core.mapping import Mapping, Row, fold
from headrace.core.mapping_file import build, read

TABLES = ("activity",)


ROW = '[[row]]\ncode = "22"\ntype = "call.logged"\n'


def mapping(*texts: str, tables: tuple[str, ...] = TABLES) -> Mapping:
    """Build a mapping of built-in rows and, before them, overlays."""
    builtin, *overlays = [read(dedent(text), "mapping.toml", tables) for text in texts]
    return build(builtin, [entry for overlay in overlays for entry in overlay])


def test_a_code_decides() -> None:
    """A code gives the words of its row, whatever its case and separators are."""
    here = mapping(
        """
        [[row]]
        code = "Call_Conversation"
        type = "call.logged"
        direction = "outbound"
        channel = "voice"
        actor = "user"
        traffic = "real"
        reach = "only"
        note = "for people"
        fields = { queue = "a" }
        lift = { mx_1 = "duration_seconds" }
        """
    )
    assert here.find("activity", "call conversation") == Row(
        label="Call_Conversation",
        type="call.logged",
        direction="outbound",
        channel="voice",
        actor="user",
        traffic="real",
        reach="only",
        fields={"queue": "a"},
        lift={"mx_1": "duration_seconds"},
    )


def test_promise_4_a_code_without_a_row_is_unmapped() -> None:
    """Nothing is guessed, neither from a neighbour's code nor from another table's."""
    here = mapping(
        '[[row]]\ntable = "a"\ncode = "22"\ntype = "call.logged"\n[[row]]\ntable = "b"\ncode = "300-399"\n'
        'type = "custom.logged"',
        tables=("a", "b"),
    )
    for table, code in (
        ("a", "222"),
        ("b", "22"),
        ("a", "350"),
        ("b", "400"),
        ("b", "9" * 5_000),
        ("b", ""),
        ("b", "٣50"),
    ):
        row = here.find(table, code)
        assert (row.label, row.type, row.category, row.action) == ("unmapped", "unmapped", "unmapped", None)


def test_several_codes_share_a_row() -> None:
    """A list of codes is one decision, and its label says so."""
    here = mapping('[[row]]\ncode = ["1", "6"]\ntype = "call.logged"')
    assert here.find("activity", "1") is here.find("activity", "6")
    assert here.find("activity", "6").label == "1|6"


def test_a_range_stands_for_all_codes_in_it() -> None:
    """Both ends belong to a range, a row of its own beats it, and of two ranges the first that fits decides."""
    here = mapping(
        """
        [[row]]
        code = "100-299"
        type = "custom.logged"
        provisional = true
        [[row]]
        code = "150"
        type = "call.logged"
        [[row]]
        code = "200-400"
        type = "note.created"
        """
    )
    labels = {code: here.find("activity", code).label for code in ("99", "100", "150", "299", "300", "400", "401")}
    assert labels == {
        "99": "unmapped",
        "100": "100-299 (provisional)",
        "150": "150",
        "299": "100-299 (provisional)",
        "300": "200-400",
        "400": "200-400",
        "401": "unmapped",
    }
    assert here.find("activity", "100").provisional
    assert not here.find("activity", "150").provisional


WORDS = """
    [words.message]
    Sent = "message.sent"
    Failed = { type = "message.failed", outcome = "undeliverable" }
    "times.delivered" = "message.delivered"

    [[row]]
    code = "Sms"
    type = "message.logged"
    direction = "outbound"
    outcome = "connected"
    channel = "sms"
    words = "message"
    [row.status."In Progress"]
    type = "message.queued"
    [row.status.failed]
    type = "message.blocked"
    channel = "mms"
"""


@pytest.mark.parametrize(
    ("word", "row"),
    [
        (None, Row("Sms", "message.logged", "outbound", "sms", "connected")),
        ("nobody knows", Row("Sms", "message.logged", "outbound", "sms", "connected")),
        ("SENT", Row("Sms/Sent", "message.sent", "outbound", "sms")),
        ("in_progress", Row("Sms/In Progress", "message.queued", "outbound", "sms")),
        ("Failed", Row("Sms/failed", "message.blocked", "outbound", "mms")),
        ("times.delivered", Row("Sms + times.delivered", "message.delivered", "outbound", "sms")),
    ],
)
def test_a_status_word_refines(word: str | None, row: Row) -> None:
    """Shared words and the row's own, which win, inherit all but the outcome; an unknown word leaves the row."""
    assert mapping(WORDS).find("activity", "sms", word) == row


def test_an_overlay_comes_first() -> None:
    """A tenant's row replaces the built-in one of the same code, whole; all other codes stay."""
    here = mapping(
        ROW + '[row.status.Missed]\ntype = "call.unanswered"\n[[row]]\ncode = "23"\ntype = "call.failed"\n',
        '[[row]]\ncode = "22"\ntype = "meeting.held"',
    )
    assert here.find("activity", "22", "Missed").type == "meeting.held"
    assert here.find("activity", "23").type == "call.failed"


def test_an_overlays_range_does_not_hide_a_built_in_code() -> None:
    """A row for one code is more than a range, wherever it stands; of ranges the overlay's decides."""
    here = mapping(
        ROW + '[[row]]\ncode = "1-90"\ntype = "note.created"', '[[row]]\ncode = "20-30"\ntype = "custom.logged"'
    )
    types = [here.find("activity", code).type for code in ("22", "25", "40")]
    assert types == ["call.logged", "custom.logged", "note.created"]


@pytest.mark.parametrize("code", ["200", "200-299"])
def test_a_name_narrows_a_row(code: str) -> None:
    """A row with a name is for that native name alone, before the row without one, in whatever order they stand."""
    here = mapping(
        f'[[row]]\ncode = "{code}"\ntype = "custom.logged"\n[[row]]\ncode = "{code}"\nname = "Site Visit"\n'
        'type = "meeting.held"'
    )
    found = [here.find("activity", "200", name=name).type for name in (None, "site visit", "Site Visit ", "Other")]
    assert found == ["custom.logged", "meeting.held", "meeting.held", "custom.logged"]


def test_a_name_alone_leaves_the_rest_to_the_built_in_row() -> None:
    """Where an overlay's name does not fit, the provider's own row decides."""
    here = mapping(ROW, '[[row]]\ncode = "22"\nname = "Demo"\ntype = "meeting.held"')
    assert [here.find("activity", "22", name=n).type for n in ("Demo", "Call")] == ["meeting.held", "call.logged"]


def test_a_mapping_is_known_by_all_that_is_in_it() -> None:
    """The same tables have the same 8 hex digits, any change gives others."""
    here = mapping(ROW)
    assert here.id == mapping("\n# a comment\n" + ROW + 'note = "for people"').id
    assert len({here.id, mapping(ROW + 'direction = "inbound"').id, mapping(ROW, ROW).id, mapping("").id}) == 4
    assert len(here.id) == 8


def test_every_row_is_listed() -> None:
    """Whoever reports on a table meets each row of it, words among them."""
    labels = [row.label for row in mapping(WORDS).rows()]
    assert labels == ["Sms", "Sms/Sent", "Sms/failed", "Sms + times.delivered", "Sms/In Progress"]


def test_folding() -> None:
    """Case and separators do not count, everything else does."""
    assert fold("In Progress") == fold("in_progress") == fold("INPROGRESS") == fold("in-progress")
    assert fold("in.progress") != fold("inprogress")
    assert fold("Custom_3") == fold("custom 3") == fold("CUSTOM3")
    assert fold("ÜBER-Gabe") == fold("übergabe")
    assert fold("Step 1-1") != fold("Step 11")


@pytest.mark.parametrize(("one", "other"), [("-1", "1"), ("1_0", "10"), ("1-1", "11"), ("1 1", "11")])
def test_numbers_are_no_words(one: str, other: str) -> None:
    """What separates words is part of a number: as a code, as a status word, and inside a word."""
    here = mapping(f'[[row]]\ncode = "{other}"\ntype = "call.logged"\n[row.status]\n"{other}" = "call.completed"')
    assert here.find("activity", one).type == "unmapped"
    assert here.find("activity", other, one).type == "call.logged"
    assert here.find("activity", other, other).type == here.find("activity", f" {other} ", other).type
