"""The files of `tenants.d`, beside `headrace.toml`: each holds `[tenants.PROVIDER.NAME]` tables, and nothing else."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from msgspec import Struct

from headrace.config.file_stamps import FileStamps
from headrace.core.toml_lines import FileFault, FileFaults, KeyPath, line_of, locate, parse

FOLDER: Final = "tenants.d"
TENANTS: Final = "tenants"


class TomlFile(Struct, frozen=True):
    """A file that was read: what it says, and on which lines. Without a `path` it is the environment alone."""

    path: Path | None = None
    tree: dict[str, Any] = {}
    lines: dict[KeyPath, int] = {}


def read_toml(path: Path, stamps: FileStamps) -> TomlFile:
    """Read a file. Raises `FileFaults` with the reason why that cannot be."""
    stamps.note(path)
    try:
        text = path.read_text("utf-8-sig")
    except OSError as error:
        raise FileFaults([FileFault(str(path), 0, "", f"cannot be read: {error.strerror}")]) from None
    except UnicodeDecodeError:
        raise FileFaults([FileFault(str(path), 0, "", "is not UTF-8")]) from None
    return TomlFile(path, parse(str(path), text), locate(text))


def tenant_files(beside: Path, stamps: FileStamps, faults: list[FileFault]) -> Iterator[TomlFile]:
    """Yield the files of `tenants.d` in a folder by their names; what is wrong is added to `faults`.

    Only names that end in `.toml` count, and none with a dot in front: Kubernetes keeps its links there.
    """
    folder = beside / FOLDER
    stamps.note(folder)
    try:
        names = sorted(os.listdir(folder))  # noqa: PTH208  (names alone)
    except FileNotFoundError:
        return
    except OSError as error:
        faults.append(FileFault(str(folder), 0, "", f"cannot be read: {error.strerror}"))
        return
    for name in names:
        if name.endswith(".toml") and not name.startswith("."):
            try:
                yield _with_tenants_alone(read_toml(folder / name, stamps), faults)
            except FileFaults as error:
                faults += error.faults


def _with_tenants_alone(file: TomlFile, faults: list[FileFault]) -> TomlFile:
    """Return a file with its sound tables of tenants; the rest is noted."""
    for key in file.tree:
        if key != TENANTS:
            reason = f"only [{TENANTS}.PROVIDER.NAME] stands in {FOLDER}: everything else belongs into headrace.toml"
            faults.append(FileFault(str(file.path), line_of(file.lines, (key,)), key, reason))
    named = file.tree.get(TENANTS, {})
    written = f"tenants are written as [{TENANTS}.PROVIDER.NAME]"
    if not isinstance(named, dict):
        faults.append(FileFault(str(file.path), line_of(file.lines, (TENANTS,)), TENANTS, written))
        return TomlFile(file.path, {}, file.lines)
    for provider in [key for key, tables in named.items() if not isinstance(tables, dict)]:
        where = f"{TENANTS}.{provider}"
        faults.append(FileFault(str(file.path), line_of(file.lines, (TENANTS, provider)), where, written))
        del named[provider]
    return TomlFile(file.path, named, file.lines)
