"""Lines of a TOML file: what stands inside a value is no key and no table, whatever it looks like."""

from pathlib import Path

import pytest

from headrace.core.toml_lines import line_of, locate
from tests.unit.configs import faults, write

LOOKALIKES = {
    "a string of many lines": 'notes = """\n[kafka]\nport = 1\n"""\n',
    "a literal of many lines": "notes = '''\n[kafka]\nport = 1\n'''\n",
    "quotes inside": 'notes = """\n""[kafka]""\n\\"""\n[kafka]\nport = 1"""\n',
    "quotes at its end": 'notes = """\n[kafka]\n"""""\n',
    "an array of many lines": 'notes = [\n  "[kafka]",\n  [1],\n  "port = 1", # ]\n]\n',
    "an array in an array": "notes = [\n[\n[1]\n]\n]\n",
    "a table in an array": "notes = [\n{ port = 1 },\n]\n",
    "a comment": '# notes = """\n# [kafka]\n',
    "a quote in a comment": '# it\'s\nnotes = 1 # """\n',
    "a hash in a string": 'notes = "# \\" [kafka]"\n',
    "line ends of other kinds": 'notes = "a\u2028b\u0085c"\n',
    "Windows": 'notes = """\r\n[kafka]\r\n"""\r\n',
}


@pytest.mark.parametrize("before", LOOKALIKES.values(), ids=LOOKALIKES)
def test_what_stands_in_a_value_is_no_place(before: str) -> None:
    """The line of a key is where it stands, behind any value."""
    text = f"{before}[kafka]\nport = 2\n"
    begins = before.count("\n") + 1
    lines = locate(text)
    assert line_of(lines, ("kafka",)) == begins
    assert line_of(lines, ("kafka", "port")) == begins + 1
    assert [key for key in lines if key[0] not in {"notes", "kafka"}] == []


@pytest.mark.parametrize(
    ("text", "keys", "line"),
    [
        ('\n["a]b"."c=d"]\n"e\\"f" = 1\n', ("a]b", "c=d", 'e"f'), 3),
        ("\n[ 'a#b' . c ] # [d]\nx = 1\n", ("a#b", "c", "x"), 3),
        ('[[row]]\n[row.lift]\n"a.b" = 1\n[[row]]\n[row.lift]\n"a.b" = 1\n', ("row", 1, "lift", "a.b"), 6),
        ('a = 1\nb."\\u00e4".c = 2\n', ("b", "ä", "c"), 2),
    ],
)
def test_quoted_keys(text: str, keys: tuple[str | int, ...], line: int) -> None:
    """A key may hold whatever a header, a comment or an escape is made of."""
    assert locate(text)[keys] == line


def test_a_fault_behind_a_lookalike(tmp_path: Path) -> None:
    """`check` names the line of the key that is wrong."""
    path = write(tmp_path, 'topic_prefix = """\n[kafka]\ncompression = "lz4"\n"""\n[kafka]\ncompression = "lz5"\n')
    assert [fault.split(":")[1] for fault in faults(path)] == ["1", "6"]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a = 1\n\n[kafka\nb = 2\n", 3),
        ('"at line 9" = 1\n"at line 9" = 2\n', 2),
        ("a = 1\nb = '''\n\n", 2),
        ("x = [", 1),
    ],
)
def test_the_line_of_what_is_no_toml(tmp_path: Path, text: str, line: int) -> None:
    """A file that is no TOML is reported where it breaks, or where it ends."""
    assert [fault.split(":")[1] for fault in faults(write(tmp_path, text))] == [str(line)]
