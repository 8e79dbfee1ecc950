"""What comes from the Go module proxy: helm, built once below `build`, and the schemas of others' resources."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any, Final, NoReturn

import pytest
import yaml

from tests.build_step import failure_of
from tests.contract.node_packages import one_at_a_time
from tests.deploy.files import TOP

HELM: Final = "helm.sh/helm/v3/cmd/helm@v3.22.0"
GATEWAY_API: Final = ("sigs.k8s.io/gateway-api@v1.6.3", "config/crd/standard")
REQUIRE: Final = "HEADRACE_REQUIRE_HELM"
_REQUIRED: Final = bool(os.environ.get(REQUIRE) or os.environ.get("CI"))
_BUILD: Final = TOP / "build" / "go"
_WITHIN: Final = 900.0

Schema = dict[str, Any]


def helm() -> Path:
    """Return helm at an exact version."""
    home = _BUILD / f"helm-{HELM.rpartition('@')[2]}"
    program = home / "helm"
    with one_at_a_time(_BUILD / "helm.lock"):
        if not program.exists():
            _run("env", f"GOBIN={home}", "CGO_ENABLED=0", "go", "install", HELM)
    return program


def folder_of(module: tuple[str, str]) -> Path:
    """Return where a module's folder with definitions of custom resources is."""
    name, folder = module
    with one_at_a_time(_BUILD / "modules.lock"):
        _run("go", "mod", "download", name)
    cache = subprocess.run(("go", "env", "GOMODCACHE"), capture_output=True, text=True, check=True, timeout=60)
    return Path(cache.stdout.strip()) / name / folder


def definitions(module: tuple[str, str]) -> dict[tuple[str, str], Schema]:
    """Return the schemas of the custom resources in a module's folder, by apiVersion and kind."""
    found: dict[tuple[str, str], Schema] = {}
    for file in sorted(folder_of(module).glob("*.yaml")):
        for each in yaml.load_all(file.read_text("utf-8"), Loader=yaml.CSafeLoader):
            if each and each.get("kind") == "CustomResourceDefinition":
                found |= _versions(each["spec"])
    return found


def strict(schema: Schema) -> Schema:
    """Return a schema that takes no key which it does not name, as the API server would drop it with a warning."""
    found = {key: strict(value) if isinstance(value, dict) else value for key, value in schema.items()}
    open_to_all = schema.get("x-kubernetes-preserve-unknown-fields") or "additionalProperties" in schema
    return found if "properties" not in schema or open_to_all else found | {"additionalProperties": False}


def _versions(spec: dict[str, Any]) -> dict[tuple[str, str], Schema]:
    kind, group = spec["names"]["kind"], spec["group"]
    served = (version for version in spec["versions"] if version["served"])
    return {(f"{group}/{version['name']}", kind): version["schema"]["openAPIV3Schema"] for version in served}


def _run(*command: str) -> None:
    """Run one step, or give the test up with the end of what it says."""
    if shutil.which("go") is None:
        _give_up("there is no go here (apt-get install golang-go)")
    failure = failure_of(command, _BUILD, _WITHIN)
    if failure is not None:
        _give_up(failure)


def _give_up(reason: str) -> NoReturn:
    if _REQUIRED:
        pytest.fail(f"{REQUIRE} is set, but {reason}", pytrace=False)
    pytest.skip(reason)
