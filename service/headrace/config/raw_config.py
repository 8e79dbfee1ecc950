"""A TOML file with environment variables merged over it, before any value is checked.

`HEADRACE_KAFKA__BOOTSTRAP_SERVERS` is `bootstrap_servers` of `[kafka]`: `__` leads into a table. Tenants' names are
written with `_` for `-`: `HEADRACE_TENANTS__<PROVIDER>__ACME_EU__POLLING`. The tenants of `tenants.d` join those of the
file before.
"""

import contextlib
import difflib
import re
from collections.abc import Iterable, Mapping as Dict
from pathlib import Path
from typing import Any, Final

from headrace.config.file_stamps import FileStamps
from headrace.config.tenant_files import TENANTS, TomlFile, read_toml, tenant_files
from headrace.core.toml_lines import FileFault, KeyPath, line_of

PREFIX: Final = "HEADRACE_"
_TENANT_DEPTH: Final = 2
_ALIKE: Final = 0.85
# What Kubernetes sets in every pod for a Service whose name begins with "headrace": not ours.
_SERVICE_LINK: Final = re.compile(r"_SERVICE_(HOST|PORT)(_|$)|_PORT_\d+_(TCP|UDP|SCTP)")
_LINK_VALUE: Final = re.compile(r"^(tcp|udp|sctp)://")


class RawConfig:
    """The merged tree, where each of its values was set, and the faults found so far, each at the keys it is about."""

    def __init__(
        self, file: Path | None, environ: Dict[str, str], known: Iterable[KeyPath], stamps: FileStamps
    ) -> None:
        """Read and merge; `known` are the keys whose variables are known, to recognise misspelt ones.

        `stamps` gets all that is read. Raises `FileFaults` where the file cannot be.
        """
        self._faults: Final[dict[tuple[KeyPath, FileFault], None]] = {}
        self.stamps: Final = stamps
        self._main: Final = read_toml(file, stamps) if file is not None else TomlFile()
        self._elsewhere: Final[dict[KeyPath, TomlFile]] = {}
        """The files of tenants, and of providers, that the main one does not have."""
        self._variables: dict[KeyPath, str] = {}
        self.tree: Final = dict(self._main.tree)
        self._add_tenants(file.parent if file is not None else Path())
        self._lay_over(environ, {variable_of(keys): keys for keys in known})

    def faults(self, below: KeyPath = ()) -> list[FileFault]:
        """Return what is wrong at a path and below it, each once."""
        return list(dict.fromkeys(fault for keys, fault in self._faults if keys[: len(below)] == below))

    def faulty(self, below: KeyPath) -> set[KeyPath]:
        """Return the paths at a path and below it where something is wrong."""
        return {keys for keys, _ in self._faults if keys[: len(below)] == below}

    def is_sound(self, keys: KeyPath) -> bool:
        """Return whether nothing is wrong with a value, nor with the file that it is to be read from."""
        return not self.faults(keys) and not self.faults((*keys[:-1], f"{keys[-1]}_file"))

    def at(self, keys: KeyPath) -> Any:
        """Return the value at a path, None where there is none."""
        here: Any = self.tree
        for key in keys:
            here = here.get(key) if isinstance(here, dict) else None
        return here

    def from_environment(self, keys: KeyPath) -> bool:
        """Return whether an environment variable set this value."""
        return keys in self._variables

    def path(self, keys: KeyPath, name: str) -> Path:
        """Resolve a path that is set at `keys`: relative to the file that sets it, else to the working directory."""
        file = self._file(keys).path
        folder = file.parent if file and not self.from_environment(keys) else Path()
        with contextlib.suppress(RuntimeError):  # ~name of somebody who is none here: as a shell takes it
            return folder / Path(name).expanduser()
        return folder / name

    def read(self, keys: KeyPath, name: str) -> str | None:
        """Read a file that is named at `keys`; None where that fails, which is noted."""
        path = self.path(keys, name)
        self.stamps.note(path)
        # Somebody may have written the secret itself instead of its file's name: it is not repeated.
        shown = "the file that it names" if str(keys[-1]).endswith("_file") else str(path)
        try:
            return path.read_text("utf-8-sig")
        except OSError as error:
            self.fault(keys, f"{shown} cannot be read: {error.strerror}")
        except UnicodeDecodeError:
            self.fault(keys, f"{shown} is not UTF-8")
        self.stamps.unread.add(path)
        return None

    def fault(self, keys: KeyPath, reason: str) -> None:
        """Note what is wrong with the value at a path. `reason` never quotes a value: it may be a secret."""
        variable, named, file = self._variable(keys), ".".join(map(str, keys)), self._file(keys)
        if variable:
            self.note(keys, FileFault(variable, 0, "", reason))
        elif file.path:
            self.note(keys, FileFault(str(file.path), line_of(file.lines, keys), named, reason))
        else:
            self.note(keys, FileFault(named or "configuration", 0, "", reason))

    def note(self, keys: KeyPath, *faults: FileFault) -> None:
        """Note what is wrong elsewhere, as in a file that is named at a path."""
        self._faults.update(dict.fromkeys((keys, fault) for fault in faults))

    def _variable(self, keys: KeyPath) -> str | None:
        """Return the variable that set a value, or that made a table which the file does not have."""
        if keys in self._variables or keys in self._file(keys).lines:
            return self._variables.get(keys)
        return next((name for path, name in self._variables.items() if keys and path[: len(keys)] == keys), None)

    def _file(self, keys: KeyPath) -> TomlFile:
        """Return the file that a path stands in, or would."""
        of_tenant, of_provider = keys[: _TENANT_DEPTH + 1], keys[:_TENANT_DEPTH]
        return self._elsewhere.get(of_tenant) or self._elsewhere.get(of_provider) or self._main

    def _add_tenants(self, beside: Path) -> None:
        """Add the tenants of `tenants.d`. A tenant that stands in two files is noted with both."""
        faults: list[FileFault] = []
        for file in tenant_files(beside, self.stamps, faults):
            providers = self.tree.setdefault(TENANTS, {})
            if not isinstance(providers, dict):
                break  # which is noted when they are read
            for provider, named in file.tree.items():
                if provider not in providers:
                    self._elsewhere[TENANTS, provider] = file
                known = providers.setdefault(provider, {})
                if isinstance(known, dict):
                    self._add(provider, known, named, file)
        self.note((TENANTS,), *faults)

    def _add(self, provider: str, known: dict[str, Any], named: dict[str, Any], file: TomlFile) -> None:
        """Add the tenants of a provider that stand in a file."""
        for name, table in named.items():
            keys = (TENANTS, provider, name)
            if name in known:
                first = self._file(keys)
                reason = f"stands in {first.path}:{line_of(first.lines, keys)}, too: keep one of them"
                where = ".".join(keys)
                self.note(keys, FileFault(str(file.path), line_of(file.lines, keys), where, reason))
            else:
                known[name], self._elsewhere[keys] = table, file

    def _lay_over(self, environ: Dict[str, str], known: Dict[str, KeyPath]) -> None:
        """Merge variables over the file. One for `x` or `x_file` removes the other of the two from the file."""
        for name, value in sorted(environ.items()):
            if not name.startswith(PREFIX):
                continue
            keys = known.get(name) or (keys_of(name) if "__" in name else None)
            if keys:
                self._variables[keys] = name
                self._set(name, keys, value)
            elif not (_SERVICE_LINK.search(name) or _LINK_VALUE.match(value)):
                self._suspect(name, known)
        for keys in self._variables:
            table, twin = self.at(keys[:-1]), _twin(str(keys[-1]))
            if isinstance(table, dict) and (*keys[:-1], twin) not in self._variables:
                table.pop(twin, None)

    def _set(self, name: str, keys: KeyPath, value: str) -> None:
        here = self.tree
        for depth, key in enumerate(keys[:-1], 1):
            here = here.setdefault(str(key), {})
            if not isinstance(here, dict):
                self.note(keys, FileFault(name, 0, "", f"{'.'.join(map(str, keys[:depth]))} is not a table"))
                return
        here[str(keys[-1])] = value

    def _suspect(self, name: str, known: Dict[str, KeyPath]) -> None:
        """Note a variable that is nearly one of ours; others that begin like ours belong to somebody else."""
        single = {variable.replace("__", "_"): variable for variable in known}
        near = difflib.get_close_matches(name, single, n=1, cutoff=_ALIKE)
        if near:
            self.note((), FileFault(name, 0, "", f"unknown environment variable; did you mean {single[near[0]]}?"))
        elif name.startswith(f"{PREFIX}{TENANTS.upper()}_"):
            form = f"{PREFIX}TENANTS__PROVIDER__TENANT__KEY"
            self.note(
                (), FileFault(name, 0, "", f"unknown environment variable; two underscores lead into a table: {form}")
            )


def variable_of(keys: KeyPath) -> str:
    """Return the name of the variable that sets a key."""
    return PREFIX + "__".join(str(key).upper().replace("-", "_") for key in keys)


def keys_of(variable: str) -> KeyPath:
    """Return the path that a variable sets."""
    parts = variable.removeprefix(PREFIX).lower().split("__")
    if parts[0] == TENANTS and len(parts) > _TENANT_DEPTH:
        parts[_TENANT_DEPTH] = parts[_TENANT_DEPTH].replace("_", "-")
    return tuple(parts)


def _twin(key: str) -> str:
    return key.removesuffix("_file") if key.endswith("_file") else f"{key}_file"
