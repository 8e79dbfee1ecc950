"""Find the providers: every folder beside this file that offers a `provider`."""

import importlib
import pkgutil
from functools import cache
from importlib.resources import files

from headrace import providers
from headrace.core.mapping import Entry
from headrace.core.mapping_file import read
from headrace.sdk.provider import Provider


@cache
def discover() -> dict[str, Provider]:
    """Return every provider by its name, each imported from its folder."""
    found: dict[str, Provider] = {}
    for module in pkgutil.iter_modules(providers.__path__):
        if module.ispkg:
            provider: Provider = importlib.import_module(f"{providers.__name__}.{module.name}").provider
            found[provider.name] = provider
    return found


@cache
def builtin(name: str) -> tuple[Entry, ...]:
    """Return a provider's own table. Raises `FileFaults` where it is wrong."""
    text = (files(f"{providers.__name__}.{name}") / "mapping.toml").read_text("utf-8")
    return tuple(read(text, f"{name}/mapping.toml", discover()[name].tables))
