"""The problems that the program names: read from the places in its code that raise them."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

import headrace
from headrace.cli._markdown import markdown_table

HOME: Final = Path(headrace.__file__).parent
_CODE: Final = re.compile(r"[a-z]+(_[a-z]+)*")
_MAKERS: Final = ("Problem", "_refused", "bad_value")

_HEAD: Final = """\
# Problems

A failure is data: `code`, `title`, `detail`, and where it is (`source.pointer` in the payload, or `source.offset` in
its bytes). The same value is the body of a refused webhook (RFC 9457, `application/problem+json`, with the type
`urn:headrace:problem:CODE`), and the reason of a dead letter, whose form is
[`dead-letter.schema.json`](../../schemas/json/dead-letter.schema.json). Codes are added to, never renamed; they are the
values of `reason` in [`headrace_refusals_total` and `headrace_dead_letters_total`](../headrace/observe/METRICS.md).

What to do about refused webhooks, and about dead letters, stands in the runbook:
[HeadraceWebhooksRefused](../../deploy/RUNBOOK.md#headracewebhooksrefused),
[HeadraceDeadLetterBurst](../../deploy/RUNBOOK.md#headracedeadletterburst), [Redrive](../../deploy/RUNBOOK.md#redrive).
"""


class NamedProblem(NamedTuple):
    """A problem as a place in the code makes it; what is put together only as it happens is empty."""

    code: str
    status: str
    title: str
    detail: str
    by: str = ""


def problem_page() -> str:
    """Return both lists: refusals of the receiver by their status, and reasons of dead letters."""
    found = sorted(set(problems()))
    refusals = [one for one in found if one.status]
    letters = [one for one in found if not one.status]
    return "\n".join(
        (
            _HEAD,
            "## Of a refused request",
            "",
            *markdown_table(("code", "status", "what", "what to do", "by"), refusals),
            "",
            "## Of a dead letter",
            "",
            *markdown_table(("code", "what", "more", "by"), [(one.code, *one[2:]) for one in letters]),
            "",
        )
    )


def problems() -> Iterator[NamedProblem]:
    """Yield every problem that the code names by a word of its own."""
    for path in sorted(HOME.rglob("*.py")):
        parts, text = path.relative_to(HOME).parts, path.read_text("utf-8")
        if parts[0] != "cli" and any(f"{maker}(" in text for maker in _MAKERS):
            by = parts[1] if parts[0] == "providers" else ""
            yield from (found._replace(by=by) for found in _of_module(ast.parse(text)))


def _of_module(tree: ast.Module) -> Iterator[NamedProblem]:
    """Yield the problems of a module; texts that a function gives a name to are known in it."""
    numbers = dict(_numbers(tree))
    names: dict[ast.AST, dict[str, str]] = {}
    within: dict[ast.AST, str] = {}
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                known = dict(_assigned(node))
                names |= dict.fromkeys(ast.walk(node), known)
            case ast.Call(func=ast.Name("Refused"), args=[first, ast.Call() as inner, *_]):
                within[inner] = _number(first, numbers)
            case ast.Call(func=ast.Name(maker), args=[first, *rest]) if maker in _MAKERS:
                status = _number(first, numbers)
                texts = [_text(each, names.get(node, {})) for each in (rest if status else (first, *rest))]
                yield from _named(texts, status or within.get(node, ""), is_whole=maker == "Problem")


def _number(node: ast.AST, numbers: dict[str, str]) -> str:
    """Return a status, an empty text for what is none."""
    match node:
        case ast.Constant(int(number)):
            return str(number)
        case ast.Name(name):
            return numbers.get(name, "")
    return ""


def _numbers(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Yield the numbers that a module gives a name to."""
    for node in tree.body:
        match node:
            case ast.AnnAssign(target=ast.Name(name), value=ast.Constant(int(number))):
                yield name, str(number)


def _assigned(function: ast.AST) -> Iterator[tuple[str, str]]:
    """Yield the texts that a function gives a name to."""
    for node in ast.walk(function):
        match node:
            case ast.Assign(targets=[ast.Name(name)], value=value) if text := _text(value, {}):
                yield name, text


def _named(texts: list[str], status: str, *, is_whole: bool) -> Iterator[NamedProblem]:
    """Yield the problem of code, title and detail; a provider's own function knows the title, and leaves it out."""
    if texts and _CODE.fullmatch(texts[0]):
        code, *rest = texts
        title = rest.pop(0) if is_whole or len(rest) > 1 else ""
        yield NamedProblem(code, status, title, rest[0] if rest else "")


def _text(node: ast.AST, names: dict[str, str]) -> str:
    """Return a text; what is put into it as it happens is shown as `…`."""
    match node:
        case ast.Constant(str(text)):
            return text
        case ast.Name(name):
            return names.get(name, "")
        case ast.JoinedStr(values=values):
            return "".join(_text(each, {}) or "…" for each in values)
    return ""
