"""What `kubectl apply -k deploy/base` would make, without a cluster."""

import ipaddress
import re
import shutil
import tomllib
from pathlib import Path

import kubernetes_validate
import pytest

from headrace import __version__
from headrace.app import ROLES, STOP_DEADLINE_SECONDS
from headrace.config import load
from tests.deploy.files import DEPLOY, check, document, documents
from tests.deploy.rendered import BASE, SECRETS, VERSIONS, Object, kustomize, lay_out, of_kind, pods, selectors

CONFIG = BASE / "headrace.toml"
SETTINGS = ("kustomization.yaml", "name-references.yaml")
FILES = sorted(file for file in BASE.glob("*.yaml") if file.name not in SETTINGS)
PROBED = ("startupProbe", "livenessProbe", "readinessProbe")

WRITTEN: list[Object] = [each for file in FILES for each in documents(file.read_text("utf-8"))]
PODS = pods(WRITTEN)
ROLE_PODS = {name: pod for name, pod in PODS.items() if "run" in pod["spec"]["containers"][0]["args"]}


@pytest.fixture(scope="module")
def rendered() -> list[Object]:
    """Render the base."""
    return kustomize(BASE)


def test_an_overlay_brings_its_tenants_tables_along(tmp_path: Path) -> None:
    """The overlay of the documentation renders; pods find beside the configuration all that it names, where it is."""
    (example,) = re.findall(
        r"^```yaml\n(apiVersion: kustomize.*?)^```$",
        (DEPLOY / "KUBERNETES.md").read_text("utf-8"),
        re.MULTILINE | re.DOTALL,
    )
    shutil.copytree(DEPLOY, tmp_path / "headrace/deploy")
    overlay = tmp_path / "overlay"
    shutil.copytree(DEPLOY / "overlays/production", overlay)
    (overlay / "kustomization.yaml").write_text(example)
    objects = kustomize(overlay)
    file, environ = lay_out(objects, tmp_path)
    assert "is good" in check(file, environ)
    assert "headrace-tenants" in {each["metadata"]["name"] for each in of_kind(objects, "ConfigMap")}


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("each", WRITTEN, ids=lambda each: f"{each['kind']}-{each['metadata']['name']}")
def test_every_object_fits_its_schema(each: Object, version: str) -> None:
    """Kubernetes knows every key, and every value has its type."""
    kubernetes_validate.validate(each, version, strict=True)


@pytest.mark.parametrize("version", VERSIONS)
def test_what_is_rendered_fits_its_schemas(rendered: list[Object], version: str) -> None:
    """Kustomize gives all that is written, the configuration and the tenants, and Kubernetes would take it."""
    assert len(rendered) == len(WRITTEN) + 2
    for each in rendered:
        kubernetes_validate.validate(each, version, strict=True)


def test_what_is_rendered_hangs_together(rendered: list[Object]) -> None:
    """Pods mount the ConfigMaps under the names that they got, and run the image of this version; no Secret is made."""
    made = {each["metadata"]["name"]: each for each in of_kind(rendered, "ConfigMap")}
    tenants, config = sorted(made, key=lambda name: name != "headrace-tenants")
    assert re.fullmatch(r"headrace-config-\w{10}", config)
    assert made[config]["data"]["headrace.toml"] == CONFIG.read_text("utf-8")
    assert not any(each["kind"] == "Secret" or "namespace" in each["metadata"] for each in rendered)
    for pod in pods(rendered).values():
        mounted = [volume["configMap"]["name"] for volume in pod["spec"]["volumes"] if "configMap" in volume]
        assert mounted == [config, tenants]
        assert [container["image"] for container in pod["spec"]["containers"]] == [f"headrace:{__version__}"]


def test_kustomize_takes_every_file() -> None:
    """No file of the base is left out."""
    assert sorted(document(BASE / "kustomization.yaml")["resources"]) == [file.name for file in FILES]


@pytest.mark.parametrize("name", PODS)
def test_every_pod_meets_the_restricted_profile(name: str) -> None:
    """No root, no privileges, no capabilities, a read-only root, no token, and no variables of Services."""
    spec = PODS[name]["spec"]
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["runAsUser"] > 0
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert spec["automountServiceAccountToken"] is False
    assert spec["enableServiceLinks"] is False
    for container in spec["containers"]:
        confined = {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert container["securityContext"] == confined
        assert "memory" in container["resources"]["limits"]


@pytest.mark.parametrize("name", PODS)
def test_every_volume_is_declared_and_mounted(name: str) -> None:
    """What is mounted is declared; the configuration and the secrets are read-only folders, readable to the group."""
    spec = PODS[name]["spec"]
    (container,) = spec["containers"]
    claims = {"spool"} if name == "headrace-receiver" else set()
    assert {mount["name"] for mount in container["volumeMounts"]} == {v["name"] for v in spec["volumes"]} | claims
    paths = {mount["mountPath"]: mount for mount in container["volumeMounts"]}
    for folder in ("/etc/headrace", "/etc/headrace/tenants.d", SECRETS.rstrip("/")):
        assert paths[folder]["readOnly"] is True
    assert not any("subPath" in mount for mount in paths.values())
    (secret,) = (volume["secret"] for volume in spec["volumes"] if "secret" in volume)
    assert oct(secret["defaultMode"]) == "0o440"


@pytest.mark.parametrize("name", ROLE_PODS)
def test_every_role_is_probed_and_stops_in_time(name: str) -> None:
    """Pods run a role that there is, each probe asks the admin port its question, and the stop fits into the grace."""
    spec = ROLE_PODS[name]["spec"]
    (container,) = spec["containers"]
    command, option, role = container["args"]
    assert (command, option) == ("run", "--role")
    assert role in ROLES
    paths = [container[probe]["httpGet"]["path"] for probe in PROBED]
    assert paths == ["/healthz/startup", "/healthz/live", "/healthz/ready"]
    assert {container[probe]["httpGet"]["port"] for probe in PROBED} == {"admin"}
    before = container.get("lifecycle", {}).get("preStop", {}).get("exec", {}).get("command", ["sleep", "0"])
    assert int(before[1]) + STOP_DEADLINE_SECONDS < spec["terminationGracePeriodSeconds"]


def test_every_role_has_its_pods() -> None:
    """Kubernetes runs the roles apart, and none is missing."""
    assert sorted(pod["spec"]["containers"][0]["args"][2] for pod in ROLE_PODS.values()) == sorted(ROLES)


def test_the_poller_reaches_names_kafka_and_the_public_network() -> None:
    """It may call where the configuration has Kafka, and TLS beyond the networks that are private."""
    (policy,) = (each for each in WRITTEN if each["kind"] == "NetworkPolicy" and "egress" in each["spec"])
    assert policy["spec"]["policyTypes"] == ["Egress"]
    names, kafka, platforms = policy["spec"]["egress"]
    assert {(port["port"], port["protocol"]) for port in names["ports"]} == {(53, "UDP"), (53, "TCP")}
    port = int(tomllib.loads(CONFIG.read_text("utf-8"))["kafka"]["bootstrap_servers"].rpartition(":")[2])
    assert kafka["ports"][0]["port"] <= port <= kafka["ports"][0]["endPort"]
    assert [port["port"] for port in platforms["ports"]] == [443]
    for block in (target["ipBlock"] for target in platforms["to"]):
        whole = ipaddress.ip_network(block["cidr"])
        assert all(ipaddress.ip_network(inner).version == whole.version for inner in block["except"])
        assert not any(ipaddress.ip_network(inner).is_global for inner in block["except"])


@pytest.mark.parametrize("kind", ["Service", "PodDisruptionBudget", "StatefulSet", "Deployment", "NetworkPolicy"])
def test_every_selector_finds_pods(kind: str) -> None:
    """What selects pods selects some, of this instance alone: none of the labels is misspelt."""
    for each in of_kind(WRITTEN, kind):
        for wanted in selectors(each):
            assert wanted["app.kubernetes.io/instance"] == "headrace"
            assert any(wanted.items() <= pod["metadata"]["labels"].items() for pod in PODS.values()), each["metadata"]


def test_the_pods_of_the_receiver_have_names() -> None:
    """The StatefulSet's own Service is headless, and another one than that which an ingress sends to."""
    (receiver,) = of_kind(WRITTEN, "StatefulSet")
    services = {each["metadata"]["name"]: each["spec"] for each in of_kind(WRITTEN, "Service")}
    headless = services.pop(receiver["spec"]["serviceName"])
    assert headless["clusterIP"] == "None"
    (balanced,) = services.values()
    assert "clusterIP" not in balanced
    assert balanced["selector"] == headless["selector"]


def test_the_configuration_is_good(rendered: list[Object], tmp_path: Path) -> None:
    """`headrace check` finds nothing in it, and the pods have the ports that it names."""
    file, environ = lay_out(rendered, tmp_path)
    assert "is good" in check(file, environ)
    config = load(file, environ)
    ports = {p["name"]: p["containerPort"] for p in PODS["headrace-receiver"]["spec"]["containers"][0]["ports"]}
    assert ports == {"http": config.receiver.port, "admin": config.admin.port}


def test_the_spool_fits_on_its_volume() -> None:
    """The receiver's spool is on the volume that outlives the pod, with room beside it for what SQLite needs."""
    config = load(CONFIG, {})
    (receiver,) = of_kind(WRITTEN, "StatefulSet")
    (container,) = receiver["spec"]["template"]["spec"]["containers"]
    (mount,) = (mount["mountPath"] for mount in container["volumeMounts"] if mount["name"] == "spool")
    assert Path(config.spool.path).is_relative_to(mount)
    (claim,) = receiver["spec"]["volumeClaimTemplates"]
    size = claim["spec"]["resources"]["requests"]["storage"]
    assert size.endswith("Gi")
    assert int(size.removesuffix("Gi")) * 2**30 >= 2 * config.spool.max_bytes
