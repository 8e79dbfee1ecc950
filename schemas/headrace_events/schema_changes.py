"""What of a JSON Schema changed so that a reader of the old one could meet what it does not expect. Pure."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

from headrace_events.json_schema import Schema

_PROMISES: Final = (
    *("format", "pattern", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
    *("minLength", "maxLength", "minItems", "maxItems", "uniqueItems", "contentEncoding", "contentMediaType"),
)
"""Keywords that have to stay as they are; where there was none, one may come."""

_ANY: Final = "any value"
_DEEPEST: Final = 32


def changes(old: Schema, new: Schema, old_root: Schema | None = None, new_root: Schema | None = None) -> list[str]:
    """Return a sentence for each change that breaks readers of `old`, with the path of the property.

    References are looked up in the roots, which are the schemas themselves where none is named. Two equal references
    into `components` are not followed. Raises `LookupError` for a reference to nothing.
    """
    return list(_SchemaComparison(old_root or old, new_root or new).compare("", old, new))


def resolved(root: Schema, schema: Schema) -> Schema:
    """Return the schema that a reference leads to, or the schema itself; what stands beside it is left out."""
    for _ in range(_DEEPEST):
        (only,) = schema["allOf"] if len(schema.get("allOf", ())) == 1 else (schema,)
        if "$ref" not in only:
            return only
        schema = root
        for part in only["$ref"].removeprefix("#/").split("/"):
            schema = schema[part]
    raise LookupError(f"a reference leads nowhere: {schema}")


class _SchemaComparison:
    """Two documents, whose schemas are compared side by side."""

    def __init__(self, old_root: Schema, new_root: Schema) -> None:
        self._old: Final = old_root
        self._new: Final = new_root

    def compare(self, path: str, old: Schema, new: Schema, depth: int = 0) -> Iterator[str]:
        """Yield what breaks readers of `old` at a path and below it."""
        if depth > _DEEPEST or _same_component(old, new):
            return
        old, new = resolved(self._old, old), resolved(self._new, new)
        before, after = self._kinds(self._old, old), self._kinds(self._new, new)
        if len(before) == len(after) == 1:
            yield from self._compare_kinds(path, before[0], after[0], depth)
        elif not all(self._fits(kind, before, depth) for kind in after):
            yield f"{path} was {_listed(before)} and is {_listed(after)}"

    def _fits(self, kind: Schema, allowed: Sequence[Schema], depth: int) -> bool:
        return any(not list(self._compare_kinds("", each, kind, depth)) for each in allowed)

    @staticmethod
    def _kinds(root: Schema, schema: Schema) -> list[Schema]:
        """Return the alternatives of a schema, each of one type."""
        alternatives = [resolved(root, each) for each in schema.get("anyOf") or schema.get("oneOf") or (schema,)]
        if len(alternatives) > 1 and all("const" in each for each in alternatives):
            return [{**schema, "type": schema.get("type"), "enum": [each["const"] for each in alternatives]}]
        return [
            {**each, "type": kind} if kind else each
            for each in alternatives
            for kind in (each["type"] if isinstance(each.get("type"), list) else [each.get("type")])
        ]

    def _compare_kinds(self, path: str, old: Schema, new: Schema, depth: int) -> Iterator[str]:
        if not _is_within(new.get("type"), old.get("type")):
            yield f"{path or 'it'} was {_name(old)} and is {_name(new)}"
            return
        for keyword in _PROMISES:
            if keyword in old and old[keyword] != new.get(keyword):
                yield f"{path}: its {keyword} was {old[keyword]} and is {new.get(keyword, 'not stated')}"
        yield from _compare_words(path, old, new)
        yield from self._compare_properties(path, old, new, depth)
        yield from self._compare_rest(path, old, new, depth)

    def _compare_properties(self, path: str, old: Schema, new: Schema, depth: int) -> Iterator[str]:
        before, after = old.get("properties", {}), new.get("properties", {})
        for name, schema in before.items():
            at = f"{path}.{name}" if path else name
            if name not in after:
                yield f"{at} is gone"
                continue
            if name in old.get("required", ()) and name not in new.get("required", ()):
                yield f"{at} was always there and may be absent now"
            yield from self.compare(at, schema, after[name], depth + 1)
        if old.get("additionalProperties") is False:
            yield from (f"{path}.{name} is new where no other was allowed" for name in after if name not in before)

    def _compare_rest(self, path: str, old: Schema, new: Schema, depth: int) -> Iterator[str]:
        """Compare the elements of lists, and the values of objects whose keys are free."""
        for keyword, at in (("items", f"{path}[]"), ("additionalProperties", f"{path}.*")):
            if isinstance(old.get(keyword), dict):
                now = new.get(keyword)
                yield from self.compare(at, old[keyword], now if isinstance(now, dict) else {}, depth + 1)


def _same_component(old: Schema, new: Schema) -> bool:
    """Return whether both are one reference into `components`, which is compared in a file of its own."""
    (before,), (after,) = old.get("allOf", [old])[:1], new.get("allOf", [new])[:1]
    return before == after and str(before.get("$ref", "")).startswith("#/components/")


def _is_within(kind: str | None, allowed: str | None) -> bool:
    return allowed in (None, kind) or (kind, allowed) == ("integer", "number")


def _compare_words(path: str, old: Schema, new: Schema) -> Iterator[str]:
    before, after = _words(old), _words(new)
    if before is None:
        return
    if after is None:
        yield f"{path} was one of {', '.join(map(str, before))} and is any"
        return
    yield from (f'{path}: the word "{word}" is gone' for word in before if word not in after)
    added = (word for word in after if word not in before)
    yield from (f'{path}: the word "{word}" is new, and its validators refuse it' for word in added)


def _words(schema: Schema) -> list[Any] | None:
    return [schema["const"]] if "const" in schema else schema.get("enum")


def _name(schema: Schema) -> str:
    return str(schema.get("type", _ANY))


def _listed(kinds: Sequence[Schema]) -> str:
    return " or ".join(dict.fromkeys(map(_name, kinds)))
