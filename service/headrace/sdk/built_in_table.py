"""The table that a provider brings with it: `mapping.toml` in its folder."""

from collections.abc import Mapping as Headers
from importlib.resources import files

from headrace.core.mapping import Entry
from headrace.core.mapping_file import read


def read_built_in_table(package: str, tables: Headers[str, str]) -> tuple[Entry, ...]:
    """Return the table of the provider in `package`. Raises `FileFaults` where it is wrong."""
    text = (files(package) / "mapping.toml").read_text("utf-8")
    return tuple(read(text, f"{package.rpartition('.')[2]}/mapping.toml", tables))
