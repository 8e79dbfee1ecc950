"""Several installations in one namespace, and the next version over this one, as Kustomize renders them."""

import shutil
import tomllib
from pathlib import Path

import pytest
import yaml

from headrace.config import load
from headrace.config.config_watch import ConfigWatch
from headrace.config.live import LiveConfig
from tests.deploy.files import DEPLOY
from tests.deploy.rendered import Object, kustomize, lay_out, of_kind, pods, selectors

PARTS = ("console", "pod-monitor", "prometheus-rule", "outreach-tcp-nginx", "outreach-tcp-gateway")
PREFIX = '[kafka]\nbootstrap_servers = "kafka:9092"\n'
TENANT = '[tenants.outreach.{name}]\nwebhook_secrets = ["made-up"]\n'


def overlay(folder: Path, *, name: str, config: str = PREFIX, tag: str = "0.1.0", tenants: str = "") -> list[Object]:
    """Render an installation `name` of the base with all components, written as its documentation says."""
    home = folder / name
    shutil.copytree(DEPLOY, folder / "deploy", dirs_exist_ok=True)
    home.mkdir()
    (home / "headrace.toml").write_text(config)
    (home / "all.toml").write_text(tenants)
    settings = {
        "namePrefix": f"{name}-",
        "labels": [{"pairs": {"app.kubernetes.io/instance": name}, "includeSelectors": True}],
        "resources": ["../deploy/base"],
        "components": [f"../deploy/components/{part}" for part in PARTS],
        "images": [{"name": "headrace", "newTag": tag}],
        "configMapGenerator": [
            {"name": "headrace-config", "behavior": "merge", "files": ["headrace.toml"]},
            {
                "name": "headrace-tenants",
                "behavior": "merge",
                "files": ["all.toml"],
                "options": {"disableNameSuffixHash": True},
            },
        ],
    }
    (home / "kustomization.yaml").write_text(yaml.safe_dump(settings))
    found = kustomize(home)
    shutil.rmtree(home)
    return found


def job(objects: list[Object]) -> Object:
    """Return the Job that creates the topics."""
    (found,) = of_kind(objects, "Job")
    return found


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Object]]:
    """Render two installations."""
    folder = tmp_path_factory.mktemp("two")
    return {name: overlay(folder, name=name, config=f'topic_prefix = "{name}."\n{PREFIX}') for name in ("east", "west")}


def test_two_installations_share_no_object(two: dict[str, list[Object]]) -> None:
    """Each object has a name of its own."""
    east, west = ({(each["kind"], each["metadata"]["name"]) for each in objects} for objects in two.values())
    assert len(east) == len(west) == len(two["east"])
    assert not east & west


def test_nothing_selects_pods_of_another_installation(two: dict[str, list[Object]]) -> None:
    """Services, controllers, budgets, policies and monitors find pods, and their own alone."""
    for name, other in (("east", "west"), ("west", "east")):
        own, foreign = (
            [pod["metadata"]["labels"].items() for pod in pods(two[which]).values()] for which in (name, other)
        )
        for each in two[name]:
            for wanted in selectors(each):
                assert any(wanted.items() <= labels for labels in own), each["metadata"]
                assert not any(wanted.items() <= labels for labels in foreign), each["metadata"]


def test_what_is_referred_to_is_of_the_same_installation(two: dict[str, list[Object]]) -> None:
    """ConfigMaps, accounts and Services are named with the prefix wherever something names them."""
    for objects in two.values():
        names = {(each["kind"], each["metadata"]["name"]) for each in objects}
        for pod in pods(objects).values():
            assert ("ServiceAccount", pod["spec"]["serviceAccountName"]) in names
            for volume in pod["spec"]["volumes"]:
                assert "configMap" not in volume or ("ConfigMap", volume["configMap"]["name"]) in names
        (receiver,) = of_kind(objects, "StatefulSet")
        (route,) = of_kind(objects, "TCPRoute")
        (nginx,) = (pod for name, pod in pods(objects).items() if "outreach" in name)
        assert ("Service", receiver["spec"]["serviceName"]) in names
        assert ("Service", nginx["spec"]["containers"][0]["env"][0]["value"]) in names
        assert ("Service", route["spec"]["rules"][0]["backendRefs"][0]["name"]) in names
        assert ("Gateway", route["spec"]["parentRefs"][0]["name"]) in names


def test_two_installations_have_topics_of_their_own(two: dict[str, list[Object]], tmp_path: Path) -> None:
    """Topics, groups and transactional ids begin with the prefix that each configuration has."""
    prefixes = set()
    for name, objects in two.items():
        file, _ = lay_out(objects, tmp_path / name)
        prefixes.add(tomllib.loads(file.read_text("utf-8"))["topic_prefix"])
    assert prefixes == {"east.", "west."}


def test_the_next_version_is_another_job(tmp_path: Path) -> None:
    """A Job cannot be changed: another image or configuration is one of another name, and the same is the same."""
    first = job(overlay(tmp_path, name="a"))
    image = job(overlay(tmp_path, name="a", tag="0.2.0"))
    config = job(overlay(tmp_path, name="a", config=f'topic_prefix = "b."\n{PREFIX}'))
    tenants = job(overlay(tmp_path, name="a", tenants=TENANT.format(name="acme")))
    assert len({each["metadata"]["name"] for each in (first, image, config)}) == len((first, image, config))
    assert image["spec"]["template"] != first["spec"]["template"] != config["spec"]["template"]
    assert tenants == first


def test_a_new_tenant_changes_no_pod_and_is_taken_over(tmp_path: Path) -> None:
    """Only the ConfigMap of tenants differs, under the same name; the program takes it over when the folder has it."""
    before = overlay(tmp_path, name="a", tenants=TENANT.format(name="one"))
    after = overlay(tmp_path, name="a", tenants=TENANT.format(name="one") + TENANT.format(name="two"))
    changed = [(old, new) for old, new in zip(before, after, strict=True) if old != new]
    ((old, new),) = changed
    assert old["kind"] == "ConfigMap"
    assert old["metadata"] == new["metadata"] == old["metadata"] | {"name": "a-headrace-tenants"}
    file, _ = lay_out(before, tmp_path / "pod")
    live = LiveConfig(load(file, {}))
    watch = ConfigWatch(live, {}, sleep=lambda _: None)
    watch.look()
    for name, text in new["data"].items():
        (file.parent / "tenants.d" / name).write_text(text)
    assert watch.look()
    assert [account.source for account in live.config.tenants] == ["/outreach/one", "/outreach/two"]
