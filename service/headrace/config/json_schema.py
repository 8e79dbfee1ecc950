"""The JSON Schema of `headrace.toml`, for editors: `python -m headrace.config.json_schema FILE` writes it.

It knows what a key is and which values have its form. What contradicts, and files that cannot be read, `headrace check`
finds. Each table's sentences are the docstring of its struct.
"""

import inspect
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import Meta, Struct

from headrace.config.load import TENANT_NAME
from headrace.config.settings import ServiceSettings
from headrace.core.units import Bytes, Seconds, size_text, span_text
from headrace.providers.discover import discover

Schema = dict[str, Any]

DRAFT: Final = "https://json-schema.org/draft/2020-12/schema"
_TEMPLATE: Final = "#/$defs/{name}"
_HEAD: Final = "What stands in headrace.toml and tenants.d/*.toml, made from the code by `make schemas`."
_UNIT_FORMS: Final[tuple[tuple[Any, str, Callable[[int], str]], ...]] = (
    (Seconds, r"^\s*\d{1,9}\s*[dhms]\s*$", span_text),
    (Bytes, r"^\s*\d{1,9}\s*([KMGT]iB|B)\s*$", size_text),
)


def config_schema() -> Schema:
    """Return the schema: the tables of the service, and for each provider that of its tenants."""
    providers = discover()
    shapes: list[type[Struct]] = [ServiceSettings, *(provider.Settings for provider in providers.values())]
    roots, parts = msgspec.json.schema_components(shapes, ref_template=_TEMPLATE)
    lists_of = {struct.__name__: struct for shape in shapes for struct in _structs(shape)}
    found = {name: _table(part, lists_of[name]) for name, part in sorted(parts.items())}
    service = found.pop(ServiceSettings.__name__)
    service["properties"]["tenants"] = _tenants(dict(zip(providers, roots[1:], strict=True)))
    head = {"$schema": DRAFT, "$id": "urn:headrace:configuration:1", "title": "headrace.toml", "description": _HEAD}
    return {**service, **head, "$defs": found}


def encoded() -> bytes:
    """Return the schema as its file holds it."""
    return msgspec.json.format(msgspec.json.encode(config_schema()), indent=2) + b"\n"


def _structs(shape: type[Struct]) -> Iterator[type[Struct]]:
    """Yield a struct, and those of the tables in it."""
    yield shape
    for field in msgspec.structs.fields(shape):
        if isinstance(field.type, type) and issubclass(field.type, Struct):
            yield from _structs(field.type)


def _tenants(of_providers: dict[str, Schema]) -> Schema:
    """Return the schema of `[tenants.PROVIDER.NAME]`."""
    named = {
        provider: {
            "type": "object",
            "patternProperties": {f"^{TENANT_NAME.pattern}$": settings},
            "additionalProperties": False,
        }
        for provider, settings in of_providers.items()
    }
    return {"type": "object", "properties": named, "additionalProperties": False}


def _table(part: Schema, struct: type[Struct]) -> Schema:
    """Return the schema of a table: unknown keys are faults, and a table that may be a list is one or the other."""
    whole: Schema = {
        "type": "object",
        "description": inspect.cleandoc(part.get("description", "")),
        "properties": {key: _property(known) for key, known in part["properties"].items()},
        "additionalProperties": False,
    }
    if required := part.get("required"):
        whole["required"] = required
    named = getattr(struct, "list_of", None)
    if named is None:
        return whole
    return {"description": whole.pop("description"), "anyOf": [whole, whole["properties"][named]]}


def _property(known: Schema) -> Schema:
    """Return the schema of a key as it is written in TOML: never null; durations and sizes are texts."""
    kinds = [kind for kind in known.get("anyOf", ()) if kind != {"type": "null"}]
    shown = {key: value for key, value in known.items() if key != "anyOf"} | (kinds[0] if len(kinds) == 1 else {})
    if shown.get("default", "") in (None, "") or "$ref" in shown:
        shown.pop("default", None)
    if "pattern" in shown:
        shown["pattern"] = shown["pattern"].replace(r"\Z", "$")
    for kind, pattern, text in _UNIT_FORMS:
        if shown.get("title") == _title(kind):
            default = {"default": text(shown["default"])} if shown.get("default") else {}
            shown = {"title": shown["title"], "type": "string", "pattern": pattern, **default}
    return shown


def _title(kind: Any) -> str | None:
    (meta,) = (each for each in kind.__metadata__ if isinstance(each, Meta))
    return meta.title


if __name__ == "__main__":
    Path(sys.argv[1]).write_bytes(encoded())
