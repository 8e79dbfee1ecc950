"""Find the providers: every folder beside this file that offers a `provider`."""

import importlib
import pkgutil
from functools import cache

from headrace import providers
from headrace.core.mapping import Entry
from headrace.sdk.built_in_table import read_built_in_table
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
    return read_built_in_table(f"{providers.__name__}.{name}", discover()[name].tables)
