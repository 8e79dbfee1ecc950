"""Reload webhook secrets while the program runs: files of secrets are looked at every few seconds.

Kubernetes swaps a mounted secret by moving a symbolic link, editors write a new file: so it is the file behind the name
that is looked at, not the name. When one changed, the whole configuration is loaded again, and only webhook secrets are
taken over from it. What cannot be loaded changes nothing: the secrets that were good so far stay, and it is tried
again until it can, for what stands in the way may be mended in another file.
"""

import asyncio
import os
from collections.abc import Mapping as Dict
from typing import Final

import structlog

from headrace.config.load import load
from headrace.config.settings import Config
from headrace.core.toml_lines import FileFaults

LOOK_SECONDS: Final = 2.0

Stamp = tuple[int, int, int, int] | None
"""Device, inode, size and time of change in ns: a file that differs in one was changed; None where there is none."""

_log = structlog.get_logger()


class SecretReload:
    """Keeps the webhook secrets of a configuration as its files have them."""

    def __init__(self, config: Config, environ: Dict[str, str]) -> None:
        self._config: Final = config
        self._environ: Final = dict(environ)
        paths = {account.settings.webhook_secrets_file for account in config.tenants}
        self._stamps: Final = {path: _stamp(path) for path in paths if path is not None}
        self._faults: list[str] = []  # of the last try

    async def run(self, every: float = LOOK_SECONDS) -> None:
        """Look every `every` seconds, until cancelled."""
        while self._stamps:
            await asyncio.sleep(every)
            await asyncio.to_thread(self.look)

    def look(self) -> bool:
        """Look once; return whether secrets were taken over."""
        now = {path: _stamp(path) for path in self._stamps}
        if now == self._stamps and not self._faults:
            return False
        self._stamps.update(now)  # before they are read: what changes in between is read again
        try:
            loaded = load(self._config.file, self._environ)
        except FileFaults as faults:
            self._log_faults([str(fault) for fault in faults.faults])
            return False
        self._faults = []
        changed = [source for source in self._config.tenants.by_source if self._take_over(source, loaded)]
        if changed:
            _log.info("secrets_taken_over", sources=changed)
        return bool(changed)

    def _log_faults(self, faults: list[str]) -> None:
        if faults != self._faults:
            _log.error("secrets_kept", faults=faults)
        self._faults = faults

    def _take_over(self, source: str, loaded: Config) -> bool:
        """Take over a tenant's secrets, if they are new; a tenant that is gone keeps what it has."""
        account = loaded.tenants.by_source.get(source)
        ours = self._config.tenants.by_source[source].settings
        if account is None or account.settings.webhook_secrets == ours.webhook_secrets:
            return False
        ours.webhook_secrets = account.settings.webhook_secrets
        return True


def _stamp(path: str) -> Stamp:
    try:
        found = os.stat(path)  # noqa: PTH116  (follows links, which is the point)
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns
