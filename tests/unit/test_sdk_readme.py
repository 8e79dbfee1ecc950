"""`sdk/README.md` says what a provider may use: every name in it exists, and every name of the sdk is in it."""

import ast
import re
from collections import defaultdict
from pathlib import Path

import pytest

import headrace

SERVICE = Path(headrace.__file__).parent
README = (SERVICE / "sdk" / "README.md").read_text("utf-8")


def documented(room: str) -> dict[str, set[str]]:
    """Return the names that the table of a room lists, by file; a row without a file goes on with the one before."""
    section = README.split(f"## {room}/\n")[1].split("\n## ")[0]
    names: defaultdict[str, set[str]] = defaultdict(set)
    file = ""
    for line in section.splitlines():
        if line.startswith("| ") and not line.startswith("| file"):
            first, second = line.split("|")[1:3]
            file = first.strip(" `") or file
            names[file].update(re.findall(r"`(\w+)`", second))
    return dict(names)


def public(file: Path) -> set[str]:
    """Return the names that a module defines for others."""
    names: set[str] = set()
    for node in ast.parse(file.read_text("utf-8")).body:
        match node:
            case ast.ClassDef(name=name) | ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                names.add(name)
            case ast.AnnAssign(target=ast.Name(id=name)):
                names.add(name)
            case ast.Assign(targets=[ast.Name(id=name)]):
                names.add(name)
    return {name for name in names if not name.startswith("_")}


@pytest.mark.parametrize("room", ["sdk", "core"])
def test_every_name_on_the_page_exists(room: str) -> None:
    """What the page lists is defined in the file that it names."""
    wrong = {
        f"{room}/{file}: {name}"
        for file, names in documented(room).items()
        for name in names - public(SERVICE / room / file)
    }
    assert not wrong


def test_every_name_of_the_sdk_is_on_the_page() -> None:
    """Whoever adds something for providers says so on the page."""
    listed = documented("sdk")
    missing = {
        f"{file.name}: {name}"
        for file in (SERVICE / "sdk").glob("*.py")
        for name in public(file) - listed.get(file.name, set())
    }
    assert not missing
