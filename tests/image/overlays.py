"""The overlays as they are tried: each as it is rendered, with the Kafka of this machine."""

import base64
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import yaml

from headrace_demo.senders import Sender
from tests.deploy.files import DEPLOY
from tests.deploy.rendered import Object, kustomize, of_kind

SERVER: Final = "kafka:9092"
"""What development and the base call their Kafka."""
_SECRET: Final = "headrace-secrets"  # noqa: S105  (its name)
_ONE_BROKER: Final = """\
- {op: replace, path: /spec/template/spec/containers/0/args, value: [topics, apply, --profile, dev]}
"""


def render(name: str, folder: Path) -> list[Object]:
    """Render an overlay.

    Production is an example whose `headrace.toml` is to be replaced by one's own: the one here names a single broker.
    """
    if name == "development":
        return kustomize(DEPLOY / "overlays" / name)
    (folder / "deploy").symlink_to(DEPLOY)
    home = folder / "overlay"
    home.mkdir()
    text = f'[kafka]\nbootstrap_servers = "{SERVER}"\n[spool]\npath = "/var/lib/headrace/spool.db"\n'
    (home / "headrace.toml").write_text(f'topic_prefix = "headrace."\n{text}max_bytes = "512MiB"\n')
    settings = {
        "resources": [f"../deploy/overlays/{name}"],
        "configMapGenerator": [{"name": "headrace-config", "behavior": "merge", "files": ["headrace.toml"]}],
        "patches": [{"target": {"kind": "Job"}, "patch": _ONE_BROKER}],
    }
    (home / "kustomization.yaml").write_text(yaml.safe_dump(settings))
    return kustomize(home)


def with_secrets(objects: list[Object], senders: Iterable[Sender]) -> list[Object]:
    """Return the objects with the Secret of these senders, in the place of one that was rendered."""
    data = {key_of(each): base64.b64encode(each.secret.encode()).decode() for each in senders}
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": _SECRET}, "data": data}
    rendered = of_kind(objects, "Secret")
    assert all(each["data"].keys() == data.keys() for each in rendered)
    return [*(each for each in objects if each not in rendered), secret]


def key_of(sender: Sender) -> str:
    """Return the key of a sender's secret, as the tenants of the overlays name it."""
    return f"{sender.provider}-{sender.tenant}"
