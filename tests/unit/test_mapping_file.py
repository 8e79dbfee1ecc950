from textwrap import dedent

import pytest

from headrace.core.mapping_file import read
from headrace.core.mapping_keys import ROW_KEYS, STATUS_KEYS
from headrace.core.suggestions import did_you_mean
from headrace.core.toml_lines import FileFault, FileFaults, line_of, locate
from headrace_events import ActorKind, Channel, Outcome, Traffic

TABLES = ("activity",)
TARGETS = (
    "targets are title, text, reason, duration_seconds, value.amount, value.currency, change.field, change.from, "
    "change.to, refs.NAME, urls.NAME, times.NAME, fields.NAME"
)


ROW = '[[row]]\ncode = "22"\ntype = "call.logged"\n'


def faults(text: str, tables: tuple[str, ...] = TABLES) -> list[str]:
    """Return the lines of what is wrong."""
    with pytest.raises(FileFaults) as found:
        read(dedent(text), "acme.toml", tables)
    return str(found.value).splitlines()


FAULTS = {
    "not TOML": ("x = [", "acme.toml:1: not TOML: Invalid value (at end of document)"),
    "not TOML, with its line": (
        ROW + "x =",
        "acme.toml:4: not TOML: Invalid value (at end of document)",
    ),
    "an unknown table": (
        "[rows]\n",
        'acme.toml:1: rows: unknown table "rows"; did you mean "row"?; known are [[row]] and [words.NAME]',
    ),
    "a single row": ("[row]\ncode = 'a'", "acme.toml:1: row: rows are written as [[row]]"),
    "rows that are no tables": ("row = [3]", "acme.toml:1: row: rows are written as [[row]]"),
    "an unknown key": (
        ROW + "colour = 3",
        'acme.toml:4: row[0].colour (code 22): unknown key "colour"; known are ' + ", ".join(ROW_KEYS),
    ),
    "a key with a slip": (
        ROW + "outcom = 'busy'",
        'acme.toml:4: row[0].outcom (code 22): unknown key "outcom"; did you mean "outcome"?; known are '
        + ", ".join(ROW_KEYS),
    ),
    "a lift line whose section is a comment": (
        ROW + '# [row.lift]\nmx_Custom_5 = "value.amount"',
        (
            'acme.toml:5: row[0].mx_Custom_5 (code 22): unknown key "mx_Custom_5"; '
            'is "[row.lift]" above it still a comment?'
        ),
    ),
    "a status word whose section is a comment": (
        ROW + '# [row.status]\n"No Show" = "call.failed"',
        'acme.toml:5: row[0].No Show (code 22): unknown key "No Show"; is "[row.status]" above it still a comment?',
    ),
    "a draft's row that is not decided": (
        '[[row]]\ncode = "22"\n# type = "call.logged"    # a guess\n[[row]]\ncode = "23"\ntype = "call.logged"\n',
        ('acme.toml:1: row[0] (code 22): a row needs a "type": take the "# " before it away, or delete the row'),
    ),
    "no code": (
        '[[row]]\ntype = "call.logged"',
        'acme.toml:1: row[0]: a row needs a "code": a string, a list of strings or a range "100-299"',
    ),
    "a code that is a number": (
        '[[row]]\ncode = 22\ntype = "call.logged"',
        'acme.toml:2: row[0].code: a row needs a "code": a string, a list of strings or a range "100-299"',
    ),
    "an empty code": (
        '[[row]]\ncode = ["1", ""]\ntype = "call.logged"',
        'acme.toml:2: row[0].code: a row needs a "code": a string, a list of strings or a range "100-299"',
    ),
    "an empty range": (
        '[[row]]\ncode = "300-200"\ntype = "call.logged"',
        "acme.toml:2: row[0].code: the range 300-200 is empty: write the lower code first",
    ),
    "a range among codes": (
        '[[row]]\ncode = ["1", "100-200"]\ntype = "call.logged"',
        'acme.toml:2: row[0].code: a range stands alone: give "100-200" a row of its own',
    ),
    "no type": (
        '[[row]]\ncode = "22"',
        'acme.toml:1: row[0] (code 22): a row needs a "type", such as "call.completed"',
    ),
    "an unknown type": (
        '[[row]]\ncode = "22"\ntype = "call.complete"',
        (
            'acme.toml:3: row[0].type (code 22): unknown type "call.complete"; did you mean "call.completed"?; '
            "known of call are "
            "call.scheduled, call.queued, call.initiated, call.ringing, call.answered, call.completed, "
            "call.unanswered, call.voicemail_left, call.transferred, call.canceled, call.failed, call.blocked, "
            "call.updated, call.logged; `headrace taxonomy words type` lists all"
        ),
    ),
    "an unknown direction": (
        ROW + 'direction = "in"',
        'acme.toml:4: row[0].direction (code 22): unknown direction "in"; known are inbound, outbound',
    ),
    "an unknown channel": (
        ROW + 'channel = "whatsap"',
        'acme.toml:4: row[0].channel (code 22): unknown channel "whatsap"; did you mean "whatsapp"?; known are '
        + ", ".join(Channel),
    ),
    "an unknown outcome": (
        ROW + 'outcome = "conected"',
        'acme.toml:4: row[0].outcome (code 22): unknown outcome "conected"; did you mean "connected"?; known are '
        + ", ".join(Outcome),
    ),
    "an unknown actor": (
        ROW + 'actor = "robot"',
        'acme.toml:4: row[0].actor (code 22): unknown actor "robot"; known are ' + ", ".join(ActorKind),
    ),
    "an unknown traffic": (
        ROW + 'traffic = "warm-up"',
        'acme.toml:4: row[0].traffic (code 22): unknown traffic "warm-up"; did you mean "warmup"?; known are '
        + ", ".join(Traffic),
    ),
    "an unknown reach": (
        ROW + 'reach = "nugde"',
        (
            'acme.toml:4: row[0].reach (code 22): unknown reach "nugde"; did you mean "nudge"?; known are same, '
            "nudge, only"
        ),
    ),
    "a word that is no string": (
        ROW + "channel = 3",
        "acme.toml:4: row[0].channel (code 22): channel is a string in quotes",
    ),
    "provisional that is no boolean": (
        ROW + 'provisional = "yes"',
        "acme.toml:4: row[0].provisional (code 22): provisional is true or false",
    ),
    "fields that are no pairs": (
        ROW + 'fields = "x"',
        'acme.toml:4: row[0].fields (code 22): fields holds pairs of strings, such as { campaign = "spring" }',
    ),
    "fields that are no strings": (
        ROW + "fields = { x = 3 }",
        'acme.toml:4: row[0].fields.x (code 22): fields holds pairs of strings, such as { campaign = "spring" }',
    ),
    "a lift that is no pair": (
        ROW + 'lift = ["text"]',
        'acme.toml:4: row[0].lift (code 22): lift holds pairs of strings, such as { mx_Custom_1 = "text" }',
    ),
    "a place that nothing can be lifted to": (
        ROW + '[row.lift]\nmx_1 = "value.size"',
        'acme.toml:5: row[0].lift.mx_1 (code 22): cannot lift mx_1 to "value.size": ' + TARGETS,
    ),
    "two fields in one place": (
        ROW + '[row.lift]\nmx_1 = "text"\nmx_2 = "text"',
        (
            'acme.toml:6: row[0].lift.mx_2 (code 22): cannot lift mx_2 to "text": mx_1 is lifted there, and a '
            "place holds one value"
        ),
    ),
    "a constant and a field in one place": (
        ROW + 'fields = { place = "a" }\nlift = { mx_1 = "fields.place" }',
        (
            'acme.toml:5: row[0].lift.mx_1 (code 22): cannot lift mx_1 to "fields.place": a constant stands there, '
            "and a place holds one value"
        ),
    ),
    "a slip in a place": (
        ROW + 'lift = { mx_1 = "txet" }',
        (
            'acme.toml:4: row[0].lift.mx_1 (code 22): cannot lift mx_1 to "txet": did you mean text? '
            "for a field of your own write fields.txet; " + TARGETS
        ),
    ),
    "a bare word that is no place": (
        ROW + 'lift = { mx_1 = "next step" }',
        (
            'acme.toml:4: row[0].lift.mx_1 (code 22): cannot lift mx_1 to "next step": '
            "for a field of your own write fields.next_step; " + TARGETS
        ),
    ),
    "words that do not exist": (
        ROW + 'words = "mesage"\n[words.message]\nSent = "message.sent"',
        (
            'acme.toml:4: row[0].words (code 22): unknown set of words "mesage"; did you mean "message"?; known '
            "are message"
        ),
    ),
    "words that are no table": (
        "words = 3",
        "acme.toml:1: words: words is a table, or a type in quotes for one status word",
    ),
    "a set of words that is no table": (
        "[words]\nmessage = 3",
        "acme.toml:2: words.message: message is a table, or a type in quotes for one status word",
    ),
    "words that nobody uses are checked, too": (
        '[words.message]\nSent = "message.send"',
        (
            'acme.toml:2: words.message.Sent.type: unknown type "message.send"; did you mean "message.sent"?; known of '
            "message are message.scheduled, message.queued, message.sent, message.delivered, message.received, "
            "message.failed, message.blocked, message.canceled, message.logged; "
            "`headrace taxonomy words type` lists all"
        ),
    ),
    "a status that is no table": (
        ROW + "status = 3",
        "acme.toml:4: row[0].status (code 22): status is a table, or a type in quotes for one status word",
    ),
    "a status word with a slip in it": (
        ROW + '[row.status.Answered]\ntype = "call.completed"\nlabl = "x"',
        'acme.toml:6: row[0].status.Answered.labl (code 22): unknown key "labl"; known are ' + ", ".join(STATUS_KEYS),
    ),
    "a status word twice": (
        ROW + '[row.status]\n"In Progress" = "call.answered"\nin_progress = "call.failed"',
        (
            'acme.toml:6: row[0].status.in_progress (code 22): "in_progress" is "In Progress" again: '
            "case and separators do not count"
        ),
    ),
    "a code twice": (
        ROW + '[[row]]\ncode = ["21", "22"]\ntype = "call.failed"',
        'acme.toml:5: row[1].code: code "22" of table activity has a row already, in line 1',
    ),
    "a code with a name twice": (
        (
            '[[row]]\ncode = "A"\nname = "x y"\ntype = "call.logged"\n'
            '[[row]]\ncode = "a"\nname = "X_Y"\ntype = "call.failed"'
        ),
        'acme.toml:6: row[1].code: code "a" of table activity has a row already, in line 1',
    ),
    "a range twice": (
        '[[row]]\ncode = "1-9"\ntype = "call.logged"\n[[row]]\ncode = "1-9"\ntype = "call.failed"',
        'acme.toml:5: row[1].code: code "1-9" of table activity has a row already, in line 1',
    ),
}


def test_every_pair_is_judged() -> None:
    """A field that is lifted to something that is no text hides no slip in another."""
    found = faults(ROW + 'lift = { mx_Custom_1 = "txet", mx_Custom_2 = 7 }')
    assert [each.partition(": ")[2].partition(":")[0] for each in found] == [
        "row[0].lift.mx_Custom_1 (code 22)",
        "row[0].lift.mx_Custom_2 (code 22)",
    ]


@pytest.mark.parametrize(("text", "line"), FAULTS.values(), ids=FAULTS)
def test_what_is_wrong_is_reported_with_its_line(text: str, line: str) -> None:
    """Each fault is one sentence with file, line, place and what to do."""
    assert faults(text) == [line]


def test_a_row_of_several_tables_says_which() -> None:
    """Where a provider has more than one table a row must name it, rightly."""
    two = ("calls", "texts")
    assert faults(ROW, two) == ['acme.toml:1: row[0] (code 22): a row needs a "table", one of calls, texts']
    assert faults(ROW + 'table = "call"', two) == [
        'acme.toml:4: row[0].table (code 22): unknown table "call"; did you mean "calls"?; known are calls, texts'
    ]
    assert faults(ROW + "table = 3", two) == [
        'acme.toml:4: row[0].table (code 22): unknown table "3"; known are calls, texts'
    ]


def test_a_status_word_without_a_type() -> None:
    """An unknown word is reported at its place, even where the row is used elsewhere."""
    line = 'acme.toml:4: row[0].status.Busy (code 22): a row needs a "type", such as "call.completed"'
    assert faults(ROW + '[row.status.Busy]\noutcome = "busy"') == [line]


def test_everything_that_is_wrong_is_reported_at_once() -> None:
    """Whoever mends a file does it in one go; a row that is wrong elsewhere may repeat a code, too."""
    found = faults(
        """\
        [words.shared]
        A = "call.ended"
        [[row]]
        code = "1"
        type = "call.logged"
        words = "shared"
        [[row]]
        code = "1"
        type = "call.loged"
        words = "shared"
        colour = "red"
        [[row]]
        code = "1"
        type = "call.logged"
        """
    )
    assert [line.split(":")[1] for line in found] == ["2", "8", "9", "11", "13"]


def test_no_near_word_no_suggestion() -> None:
    """A guess is offered only where a known word is near."""
    assert did_you_mean("polling", ["poling", "x"]) == '; did you mean "poling"?'
    assert did_you_mean("zebra", ["poling", "x"]) == ""


def test_lines_of_a_file() -> None:
    """Tables, rows and keys are found, quoted and dotted ones among them; what is unknown is near something known."""
    lines = locate('a = 1\n[b."c.d"]\n"e f" = 2\ng.h = 3\n[[row]]\nx = 1\n[row.y]\n[[row]]\n[row.y]\nz = 4\n')
    assert lines == {
        ("a",): 1,
        ("b", "c.d"): 2,
        ("b", "c.d", "e f"): 3,
        ("b", "c.d", "g", "h"): 4,
        ("row", 0): 5,
        ("row", 0, "x"): 6,
        ("row", 0, "y"): 7,
        ("row", 1): 8,
        ("row", 1, "y"): 9,
        ("row", 1, "y", "z"): 10,
    }
    places = [("row", 1, "y", "nowhere"), ("row", 0, "x", "deep"), ("b",), ("nowhere",), ()]
    assert [line_of(lines, path) for path in places] == [9, 6, 2, 1, 1]


def test_faults_in_the_order_of_the_files() -> None:
    """Faults of several files are sorted by file and line; a fault without a line, or a place, leaves it out."""
    found = [
        FileFault("b", 2, "x", "r"),
        FileFault("a", 10, "", "r"),
        FileFault("a", 9, "y", "r"),
        FileFault("a", 0, "z", "r"),
    ]
    assert str(FileFaults(found)).splitlines() == ["a: z: r", "a:9: y: r", "a:10: r", "b:2: x: r"]


def test_a_range_is_the_whole_code() -> None:
    """A code that only begins like one is a code: with a newline behind it, it named other records."""
    (entry,) = read('[[row]]\ncode = "100-200\\n"\ntype = "call.logged"\n', "acme.toml", TABLES)
    assert (entry.codes, entry.low, entry.high) == (("100-200\n",), None, None)
    (entry,) = read('[[row]]\ncode = "100-200"\ntype = "call.logged"\n', "acme.toml", TABLES)
    assert (entry.codes, entry.low, entry.high) == ((), 100, 200)
