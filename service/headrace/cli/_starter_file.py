"""The `headrace.toml` that `headrace init` writes: all its keys, as the Structs that read them declare them.

What has to be filled in is there and empty. Every other key stands behind "# " with its default, or … where it has
none. The sentences above the keys are the docstrings of their Structs.
"""

import inspect
import json
import textwrap
from collections.abc import Iterator, Sequence
from typing import Any, Final

import msgspec
from msgspec import Meta, Struct
from msgspec.structs import FieldInfo

from headrace.config.settings import ServiceSettings
from headrace.config.struct_reader import words_of
from headrace.core.units import Bytes, Seconds, size_text, span_text
from headrace.sdk.provider import Provider, Tenant
from headrace.sdk.settings import PolledTenant

COLUMNS: Final = 100
_FILE: Final = "_file"
_NONE: Final = "…"
_HEAD: Final = (
    'Begun by `headrace init`. A line behind "#" shows how it is without it, or … where nothing is set. What is empty '
    "and not behind one has to be filled in; instead of a secret, KEY_file may name a file that holds it. "
    "`headrace check` shows what is missing. Environment variables override all of it: HEADRACE_RECEIVER__PORT."
)
_NAME: Final = (
    "The last word is the tenant's name. It is a part of all ids that are published: choose it before the first event."
)
_POLLING: Final = "Polling needs {}. With polling = false webhooks come in alone, and the credentials may go."


def starter(providers: Sequence[Provider], tenant: str) -> str:
    """Return a configuration with a tenant of that name for each of these providers."""
    lines = [*_comment(_HEAD), *_service()]
    for provider in providers:
        lines += _tenant(provider, tenant)
    return "\n".join(lines) + "\n"


def _service() -> Iterator[str]:
    """Yield all that is no tenant's; addresses of Kafka are in force, since few have the default ones."""
    fields = msgspec.structs.fields(ServiceSettings)
    yield ""
    for field in fields:
        if not _is_table(field):
            yield from _default(field)
    for field in fields:
        if _is_table(field):
            yield from ("", *_documented(field.type), f"[{field.encode_name}]")
            for key in msgspec.structs.fields(field.type):
                shown = list(_default(key))
                yield from (line.removeprefix("# ") for line in shown) if key.name == "bootstrap_servers" else shown


def _tenant(provider: Provider, tenant: str) -> Iterator[str]:
    """Yield the section of a tenant: what has to be filled in, what every tenant has, then its provider's own keys."""
    settings = provider.Settings
    yield from ("", "", f"[tenants.{provider.name}.{tenant}]", *_comment(_NAME), *_to_fill_in(settings))
    shown = set(_needed(settings))
    for kind in reversed(settings.__mro__):
        if issubclass(kind, Tenant):
            own = [field for field in msgspec.structs.fields(kind) if field.name not in shown]
            shown |= {field.name for field in own}
            yield from ("", *_documented(kind, base=kind is not settings))
            for field in own:
                yield from _default(field)


def _needed(settings: type[Tenant]) -> list[str]:
    """Return the keys that are in force from the start."""
    credentials = settings.credentials[:1] if issubclass(settings, PolledTenant) else ()
    return ["webhook_secrets", *(["polling", *credentials[0]] if credentials else [])]


def _to_fill_in(settings: type[Tenant]) -> Iterator[str]:
    """Yield what has to be filled in."""
    for name in _needed(settings):
        if name == "polling" and issubclass(settings, PolledTenant):
            yield from (*_comment(_POLLING.format(settings.credentials_needed())), "polling = true")
        else:
            yield f"{name} = " + ('[""]' if name == "webhook_secrets" else '""')


def _default(field: FieldInfo, above: str = "") -> Iterator[str]:
    """Yield a key with its default, behind "# "; a table's keys with dots. What a file holds is left to the head."""
    key = above + field.encode_name
    if key.endswith(_FILE):
        return
    if _is_table(field):
        yield from ("#", *_documented(field.type))
        for each in msgspec.structs.fields(field.type):
            yield from _default(each, f"{key}.")
        return
    line, says = f"# {key} = {_value(field)}", _says(field.type)
    if len(line) > COLUMNS:
        line = "\n".join([f"# {key} = [", *(f"#     {json.dumps(each)}," for each in _default_of(field)), "# ]"])
    elif says and len(line) + len(says) + 4 <= COLUMNS:
        line = f"{line}  # {says}"
    elif says:
        yield from _comment(f"{key}: {says}")
    yield from line.split("\n")


def _value(field: FieldInfo) -> str:
    """Return a default as TOML."""
    default = _default_of(field)
    if default is None or default == "" or (default == 0 and not isinstance(default, bool)):
        return _NONE
    if field.type == Seconds:
        return json.dumps(span_text(default))
    return json.dumps(size_text(default) if field.type == Bytes else default, ensure_ascii=False)


def _default_of(field: FieldInfo) -> Any:
    return field.default if field.default_factory is msgspec.NODEFAULT else field.default_factory()


def _says(kind: Any) -> str:
    """Return what a value may be where that is not plain: the words of a list, or the title of its type."""
    if words := words_of(kind):
        return ", ".join(words)
    if kind in (Seconds, Bytes):
        return ""
    parts = (kind, *getattr(kind, "__args__", ()))
    metas = (meta for part in parts for meta in getattr(part, "__metadata__", ()))
    return next((meta.title for meta in metas if isinstance(meta, Meta) and meta.title), "")


def _is_table(field: FieldInfo) -> bool:
    return isinstance(field.type, type) and issubclass(field.type, Struct)


def _documented(kind: type, *, base: bool = False) -> list[str]:
    """Return the docstring of a Struct as comments. The first sentence of a `base` is for those who derive from it."""
    paragraphs = inspect.cleandoc(kind.__doc__ or "").split("\n\n")
    return [line for each in paragraphs[int(base) :] for line in _comment(each)]


def _comment(text: str) -> list[str]:
    return textwrap.wrap(text, COLUMNS, initial_indent="# ", subsequent_indent="# ", break_long_words=False)
