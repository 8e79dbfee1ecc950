"""The words of the code, as far as a program can judge them."""

import ast
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
NAMELESS = {"told", "said", "kept", "asked", "given"}
"""Identifiers that do not say which value they hold; hypothesis has a decorator of the last name."""
NOT_A_RETURN = ("Give ", "Say ", "Tell ")
"""What a docstring begins with that should begin with "Return"."""


@cache
def tree_of(path: Path) -> ast.Module:
    """Return a module as parsed once for all tests of a process."""
    return ast.parse(path.read_text("utf-8"))


def modules(*folders: str) -> Iterator[Path]:
    """Yield every module below these folders."""
    for folder in folders:
        yield from sorted((ROOT / folder).rglob("*.py"))


def nodes(paths: Iterable[Path]) -> Iterator[tuple[str, ast.AST]]:
    """Yield every node of these modules, with where it is."""
    for path in paths:
        for node in ast.walk(tree_of(path)):
            yield f"{path.relative_to(ROOT)}:{getattr(node, 'lineno', 1)}", node


def identifiers(node: ast.AST) -> Iterator[str]:
    """Yield the names that a node uses or defines."""
    for field in ("id", "attr", "arg", "name", "asname"):
        if isinstance(name := getattr(node, field, None), str):
            yield name


def test_no_identifier_names_nothing() -> None:
    """Variables, arguments, attributes, functions and classes say which value they are."""
    paths = modules("service", "schemas", "tests")
    suspects = [path for path in paths if any(word in path.read_text("utf-8").lower() for word in NAMELESS)]
    found = [
        where
        for where, node in nodes(suspects)
        for name in identifiers(node)
        if name.strip("_").lower() in NAMELESS and not (name == "given" and "tests/" in where)
    ]
    assert not found


def test_a_class_name_is_used_once() -> None:
    """Whoever reads a class name knows which class it is. (Simulated platforms have like parts, under like names.)"""
    paths = modules("service/headrace", "schemas")
    names = Counter(node.name for _, node in nodes(paths) if isinstance(node, ast.ClassDef))
    assert not [name for name, count in names.items() if count > 1]


def test_docstrings_say_return() -> None:
    """The first word of a docstring is the standard one."""
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    found = [
        where
        for where, node in nodes(modules("service", "schemas"))
        if isinstance(node, kinds) and (ast.get_docstring(node) or "").startswith(NOT_A_RETURN)
    ]
    assert not found
