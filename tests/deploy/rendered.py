"""Render what Kubernetes would get, by `kubectl kustomize` and `helm template`, and lay it out as pods see it."""

import os
import shutil
import subprocess
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from tests.deploy.files import DEPLOY, documents
from tests.deploy.go_tools import helm

Object = dict[str, Any]

BASE: Final = DEPLOY / "base"
CHART: Final = DEPLOY / "chart"
SECRETS: Final = "/run/secrets/headrace/"
POD_OWNERS: Final = frozenset({"Deployment", "StatefulSet", "Job"})
VERSIONS: Final = ("1.30", "1.37")
"""The oldest Kubernetes that is supported, and the newest whose schemas we have."""
REQUIRE_KUBECTL: Final = "HEADRACE_REQUIRE_KUBECTL"
_SECONDS: Final = 60.0
# A secret that every provider takes: "whsec_" and base64 for those that sign with it.
_SECRET: Final = "whsec_ZGV2ZWxvcG1lbnQtb25seQ=="  # noqa: S105 - made up


def kustomize(folder: Path) -> list[Object]:
    """Render a folder as `kubectl apply -k` does; kubectl 1.27 or newer."""
    if shutil.which("kubectl") is None:
        if os.environ.get(REQUIRE_KUBECTL):
            pytest.fail(f"{REQUIRE_KUBECTL} is set, and there is no kubectl")
        pytest.skip("there is no kubectl to render with")
    return documents(_output("kubectl", "kustomize", folder))


def component(folder: Path, name: str) -> list[Object]:
    """Render the base with a component, in an empty folder."""
    (folder / "deploy").symlink_to(DEPLOY)
    home = folder / "overlay"
    home.mkdir()
    settings = {"resources": ["../deploy/base"], "components": [f"../deploy/components/{name}"]}
    (home / "kustomization.yaml").write_text(yaml.safe_dump(settings))
    return kustomize(home)


def helm_template(values: Mapping[str, Any], folder: Path, release: str = "headrace") -> list[Object]:
    """Render the chart with these values on top of its own."""
    done = try_helm(values, folder, release)
    assert done.returncode == 0, done.stderr
    return documents(done.stdout)


def try_helm(values: Mapping[str, Any], folder: Path, release: str = "headrace") -> "subprocess.CompletedProcess[str]":
    """Run `helm template` and return how it ended."""
    file = folder / "values.yaml"
    file.write_text(yaml.safe_dump(dict(values)))
    oldest = f"{VERSIONS[0]}.0"  # helm renders for 1.20 where nobody says for which, and the chart refuses that
    return _run(helm(), "template", release, CHART, "--values", file, "--kube-version", oldest)


def pods(objects: list[Object]) -> dict[str, Object]:
    """Return the pod templates by the name of what makes them."""
    owners = (each for each in objects if each["kind"] in POD_OWNERS)
    return {owner["metadata"]["name"]: owner["spec"]["template"] for owner in owners}


def of_kind(objects: list[Object], kind: str) -> list[Object]:
    """Return the objects of a kind."""
    return [each for each in objects if each["kind"] == kind]


def selectors(each: Object) -> Iterator[dict[str, str]]:
    """Yield every set of labels by which an object selects pods."""
    spec = each.get("spec", {})
    if each["kind"] == "Service":
        yield spec["selector"]
    if "matchLabels" in spec.get("selector", {}):
        yield spec["selector"]["matchLabels"]
    if "podSelector" in spec:
        yield spec["podSelector"]["matchLabels"]
    inside = spec.get("template", {}).get("spec", {})
    for spread in inside.get("topologySpreadConstraints", ()):
        yield spread["labelSelector"]["matchLabels"]


def lay_out(objects: list[Object], folder: Path) -> tuple[Path, dict[str, str]]:
    """Write the configuration as the pods find it; return its file, and variables that name secrets made up here.

    Whoever mounts something else into a pod than the base does is not laid out.
    """
    (pod, *_) = pods([each for each in objects if each["kind"] == "Job"]).values()
    volumes = {volume["name"]: volume for volume in pod["spec"]["volumes"]}
    maps = {each["metadata"]["name"]: each for each in of_kind(objects, "ConfigMap")}
    etc = folder / "etc"
    for name, place in {"config": etc, "tenants": etc / "tenants.d"}.items():
        place.mkdir(parents=True)
        for key, text in maps[volumes[name]["configMap"]["name"]].get("data", {}).items():
            (place / key).write_text(text)
    files = [etc / "headrace.toml", *sorted((etc / "tenants.d").glob("*.toml"))]
    return files[0], _secrets(files, folder / "secrets")


def _secrets(files: list[Path], folder: Path) -> dict[str, str]:
    """Make up every secret that these files name below the mounted Secret; return the variables that point to them."""
    folder.mkdir()
    environ: dict[str, str] = {}
    for file in files:
        for keys, value in _leaves(tomllib.loads(file.read_text("utf-8"))):
            if isinstance(value, str) and value.startswith(SECRETS):
                made = folder / value.removeprefix(SECRETS)
                made.write_text(_SECRET)
                environ[f"HEADRACE_{'__'.join(keys)}".upper()] = str(made)
    return environ


def _leaves(tree: Mapping[str, Any], above: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    for key, value in tree.items():
        if isinstance(value, dict):
            yield from _leaves(value, (*above, key))
        else:
            yield (*above, key), value


def _output(*command: str | Path) -> str:
    done = _run(*command)
    assert done.returncode == 0, done.stderr
    return done.stdout


def _run(*command: str | Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=_SECONDS)
