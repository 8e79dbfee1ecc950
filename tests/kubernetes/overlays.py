"""Installations as users write them: an overlay of ours over deploy/, and the chart with values."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from tests.deploy.rendered import try_helm

_IMAGES: Final = ("headrace", "images.example.com/headrace")


@dataclass(frozen=True)
class Overlay:
    """An overlay of the folder `of` of deploy/ in a namespace; `version` is a tag of the image, "" that of deploy/."""

    of: str
    namespace: str
    components: tuple[str, ...] = ()
    name: str = ""
    version: str = ""
    tenants: str = ""

    def write(self, home: Path) -> Path:
        """Write it beside the copy of deploy/ in `home`; return its folder."""
        folder = home / "overlay"
        folder.mkdir(exist_ok=True)
        settings: dict[str, Any] = {
            "namespace": self.namespace,
            "resources": [f"../deploy/{self.of}"],
            "components": [f"../deploy/components/{each}" for each in self.components],
            "configMapGenerator": [],
        }
        if self.name:
            pairs = {"app.kubernetes.io/instance": self.name}
            settings |= {"namePrefix": f"{self.name}-", "labels": [{"pairs": pairs, "includeSelectors": True}]}
        if self.version:
            config = (home / "deploy" / self.of / "headrace.toml").read_text("utf-8")
            (folder / "headrace.toml").write_text(f"# for {self.version}\n{config}")
            settings["images"] = [{"name": image, "newTag": self.version} for image in _IMAGES]
            settings["configMapGenerator"].append(_merged("headrace-config", "headrace.toml"))
        if self.tenants:
            (folder / "more.toml").write_text(self.tenants)
            settings["configMapGenerator"].append(
                _merged("headrace-tenants", "more.toml") | {"options": {"disableNameSuffixHash": True}}
            )
        (folder / "kustomization.yaml").write_text(yaml.safe_dump(settings))
        return folder


def _merged(name: str, file: str) -> dict[str, Any]:
    return {"name": name, "behavior": "merge", "files": [file]}


def chart(home: Path, release: str, values: Mapping[str, Any], *, version: str = "") -> str:
    """Return what `helm template` renders for a release; a version brings another configuration as well."""
    more = {"image": {"tag": version}, "config": {"spool": {"max_bytes": "5GiB"}}} if version else {}
    done = try_helm({**values, **more}, home, release)
    if done.returncode:
        raise SystemExit(done.stderr)
    return done.stdout
