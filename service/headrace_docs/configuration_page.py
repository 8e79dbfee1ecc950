"""Every key of `headrace.toml`, made from its JSON Schema."""

import json
from collections.abc import Iterator
from typing import Any

from headrace.cli._markdown import markdown_table
from headrace.config.json_schema import Schema, config_schema

_HEAD = """\
# Configuration keys

Every key with its form and its default. How they are used together stands under
[Configuration](../../service/docs/configuration.md). Editors read the same from
[`headrace.toml.schema.json`](../../schemas/headrace.toml.schema.json), a JSON Schema: those with Taplo by a first line
such as this:

```toml
#:schema ./headrace.toml.schema.json
```

Each `x_file` names a file that holds what `x` would. Every key may be set by an environment variable, which lies over
the file: `HEADRACE_KAFKA__BOOTSTRAP_SERVERS`, two underscores for nesting.
"""


def configuration_page() -> str:
    """Return the reference of all tables: the service's, then those of each provider's tenants."""
    whole = config_schema()
    parts, tables = whole["$defs"], dict(whole["properties"])
    tenants = tables.pop("tenants")["properties"]
    plain = {key: known for key, known in tables.items() if "$ref" not in known}
    lines = [_HEAD, "## At the top", "", *_keys(plain, parts), ""]
    for key, known in tables.items():
        if "$ref" in known:
            lines += _table(f"[{key}]", _named(known, parts), parts, 2)
    for provider, named in tenants.items():
        (settings,) = named["patternProperties"].values()
        lines += _table(f"[tenants.{provider}.NAME]", _named(settings, parts), parts, 2)
    return "\n".join(lines) + "\n"


def _named(known: Schema, parts: Schema) -> Schema:
    """Return what a reference names; of a table that may be a list, the table."""
    part: Schema = parts[known["$ref"].rpartition("/")[2]]
    return {**part["anyOf"][0], "description": part["description"]} if "anyOf" in part else part


def _table(title: str, part: Schema, parts: Schema, level: int) -> Iterator[str]:
    """Yield a table: its sentences, its keys, then the tables in it."""
    yield from (f"{'#' * level} `{title}`", "", part["description"], "")
    yield from (*_keys(part["properties"], parts), "")
    for key, known in part["properties"].items():
        if "$ref" in known:
            yield from _table(f"{title[:-1]}.{key}]", _named(known, parts), parts, level + 1)


def _keys(properties: Schema, parts: Schema) -> list[str]:
    rows = [(key, _form(known, parts), _default(known)) for key, known in properties.items()]
    return markdown_table(("key", "what it is", "default"), rows)


def _form(known: Schema, parts: Schema) -> str:
    """Return in words what a value may be."""
    if "$ref" in known:
        return "a table, or a list" if "anyOf" in parts[known["$ref"].rpartition("/")[2]] else "a table"
    if "enum" in known:
        return ", ".join(f"`{word}`" for word in known["enum"])
    if "title" in known:
        return str(known["title"])
    if known["type"] == "array":
        return f"a list: {_form(known['items'], parts)}"
    return _WORDS[known["type"]] + _bounds(known)


_WORDS = {
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "object": "a table of text",
}


def _bounds(known: Schema) -> str:
    least, most = known.get("minimum"), known.get("maximum")
    if most is not None:
        return f" from {least} to {most}"
    return "" if least is None else f", at least {least}"


def _default(known: Schema) -> str:
    default: Any = known.get("default")
    return "" if default is None else f"`{json.dumps(default)}`"
