"""What a pod mounts, laid out on this machine as the kubelet lays it out."""

import base64
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from tests.deploy.rendered import Object

_READABLE: Final = 0o644
_FOLDER_OF_GROUP: Final = 0o2775
"""What the kubelet makes of a volume's folder where the pod has an fsGroup."""


class ProjectedFolder:
    """The folder of a ConfigMap or a Secret: a version is swapped in as a whole, by moving the link `..data`."""

    def __init__(self, folder: Path, *, mode: int = _READABLE, group: int = 0) -> None:
        folder.mkdir(parents=True)
        self.path = folder
        self.files: dict[str, bytes] = {}
        self._mode, self._group, self._count = mode, group, 0

    def swap(self, files: Mapping[str, bytes]) -> None:
        """Let exactly these files be there, from one moment to the next."""
        self._count += 1
        version = self.path / f"..version_{self._count}"
        version.mkdir()
        for name, content in files.items():
            (version / name).write_bytes(content)
            (version / name).chmod(self._mode)
            os.chown(version / name, 0, self._group)
        (self.path / "..data_tmp").symlink_to(version.name)
        (self.path / "..data_tmp").rename(self.path / "..data")
        for name in files.keys() - self.files.keys():
            (self.path / name).symlink_to(f"..data/{name}")
        for name in self.files.keys() - files.keys():
            (self.path / name).unlink()
        self.files = dict(files)


def content_of(each: Object) -> dict[str, bytes]:
    """Return the files of a ConfigMap or a Secret."""
    plain = {name: text.encode() for name, text in each.get("data", {}).items() if each["kind"] == "ConfigMap"}
    coded = {name: base64.b64decode(text) for name, text in each.get("data", {}).items() if each["kind"] == "Secret"}
    return plain | coded


def claimed(folder: Path, group: int) -> Path:
    """Return the folder of a PersistentVolumeClaim, made where it is not there yet; the group may write to it."""
    if not folder.exists():
        folder.mkdir(parents=True)
        os.chown(folder, 0, group)
        folder.chmod(_FOLDER_OF_GROUP)
    return folder


def mode_of(volume: Mapping[str, Any]) -> int:
    """Return the mode of the files of a Secret."""
    return int(volume["secret"].get("defaultMode", _READABLE))
