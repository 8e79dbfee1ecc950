"""The programs of the control plane, built once below `build/kubernetes` from the Go module proxy."""

import hashlib
import re
import shutil
from pathlib import Path
from typing import Final

from tests.build_step import failure_of
from tests.contract.node_packages import one_at_a_time
from tests.deploy.files import TOP

_KWOK: Final = "sigs.k8s.io/kwok/cmd/kwok@v0.7.0"
_SOURCE: Final = Path(__file__).parent / "control_plane"
_BUILD: Final = TOP / "build" / "kubernetes"
_BUILDS_WITHIN: Final = 3_600.0
_NEEDED: Final = {"go": "golang-go", "etcd": "etcd-server", "kubectl": "kubernetes-client"}


def check_needed() -> None:
    """Raise SystemExit with the packages of Debian that are missing here."""
    missing = [package for program, package in _NEEDED.items() if shutil.which(program) is None]
    if missing:
        raise SystemExit(f"this needs {', '.join(missing)}: apt-get install {' '.join(missing)}")


def control_plane() -> Path:
    """Return the program that holds the control plane; the first build takes some minutes."""
    command = ("env", "CGO_ENABLED=0", "nice", "-n", "5", "go", "build", f"-ldflags={_flags()}", "-o", "control-plane")
    parts = [" ".join(command).encode(), *(file.read_bytes() for file in sorted(_SOURCE.iterdir()))]
    home = _BUILD / f"control-plane-{hashlib.sha256(b'|'.join(parts)).hexdigest()[:12]}"
    with one_at_a_time(home.with_suffix(".lock")):
        if not (home / "control-plane").exists():
            shutil.copytree(_SOURCE, home, dirs_exist_ok=True)
            _run(home, *command)
    return home / "control-plane"


def kwok() -> Path:
    """Return the program that plays nodes, and the pods on them."""
    home = _BUILD / f"kwok-{_KWOK.rpartition('@')[2]}"
    with one_at_a_time(_BUILD / "kwok.lock"):
        if not (home / "kwok").exists():
            home.mkdir(exist_ok=True)
            _run(home, "env", f"GOBIN={home}", "CGO_ENABLED=0", "nice", "-n", "5", "go", "install", _KWOK)
    return home / "kwok"


def _flags() -> str:
    """Return flags of the linker: no symbols, and the version, which releases get by such a flag as well."""
    (version,) = re.findall(r"^\s+k8s\.io/kubernetes (\S+)$", (_SOURCE / "go.mod").read_text("utf-8"), re.MULTILINE)
    return f"-s -w -X k8s.io/component-base/version.gitVersion={version}"


def _run(folder: Path, *command: str) -> None:
    failure = failure_of(command, folder, _BUILDS_WITHIN)
    if failure is not None:
        raise SystemExit(failure)
