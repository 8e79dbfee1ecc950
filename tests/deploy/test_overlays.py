"""The overlays and components render, fit their schemas, and say what the rest of the repository says."""

from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]  # it ships no types
import kubernetes_validate
import pytest

from headrace.app import STOP_DEADLINE_SECONDS
from headrace.cli.run import CONSOLE
from headrace.config import AdminSettings, load
from headrace.config.settings import SHORTEST_TOKEN
from tests.deploy.files import DEPLOY, check, document
from tests.deploy.go_tools import GATEWAY_API, Schema, definitions, strict
from tests.deploy.rendered import SECRETS, VERSIONS, Object, component, helm_template, kustomize, lay_out, of_kind, pods
from tests.kafka.jvm import KAFKA_VERSION

OVERLAYS = sorted(folder.name for folder in (DEPLOY / "overlays").iterdir())
COMPONENTS = sorted(folder.name for folder in (DEPLOY / "components").iterdir())
ALERTS = document(DEPLOY / "prometheus/alerts.yml")
OF_OTHERS = ("monitoring.coreos.com/", "gateway.networking.k8s.io/")


@pytest.fixture(scope="module", params=[*OVERLAYS, *COMPONENTS])
def rendered(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> list[Object]:
    """Render an overlay, or the base with a component."""
    if request.param in OVERLAYS:
        return kustomize(DEPLOY / "overlays" / request.param)
    return component(tmp_path_factory.mktemp("component"), request.param)


def is_of_others(each: Object) -> bool:
    return str(each["apiVersion"]).startswith(OF_OTHERS)


@pytest.mark.parametrize("version", VERSIONS)
def test_what_is_rendered_fits_its_schemas(rendered: list[Object], version: str) -> None:
    """Kubernetes knows every key, and every value has its type."""
    for each in rendered:
        if not is_of_others(each):
            kubernetes_validate.validate(each, version, strict=True)


@pytest.fixture(scope="module")
def others() -> dict[tuple[str, str], Schema]:
    """Return the schemas of the Gateway API; the operator of Prometheus publishes its own in no module."""
    return definitions(GATEWAY_API)


def test_custom_resources_fit_their_schemas(rendered: list[Object], others: dict[tuple[str, str], Schema]) -> None:
    """Those who define a resource would take ours, and drop nothing of it."""
    for each in filter(is_of_others, rendered):
        if each["apiVersion"].startswith("monitoring."):
            continue
        jsonschema.validate(each, strict(others[each["apiVersion"], each["kind"]]) | {"additionalProperties": True})


def test_every_pod_meets_the_restricted_profile(rendered: list[Object]) -> None:
    """No root, no privileges, no capabilities, the runtime's own filter, and no token."""
    for pod in pods(rendered).values():
        spec = pod["spec"]
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert spec["automountServiceAccountToken"] is False
        for container in spec["containers"]:
            assert container["securityContext"]["allowPrivilegeEscalation"] is False
            assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}


@pytest.mark.parametrize("name", OVERLAYS)
def test_the_configuration_of_an_overlay_is_good(name: str, tmp_path: Path) -> None:
    """`headrace check` finds nothing in what the pods get; no secret of production is in the repository."""
    objects = kustomize(DEPLOY / "overlays" / name)
    assert "is good" in check(*lay_out(objects, tmp_path))
    assert [each["metadata"]["name"] for each in of_kind(objects, "Secret")] == (
        ["headrace-secrets"] if name == "development" else []
    )


def test_development_runs_the_kafka_that_the_tests_judge_by() -> None:
    """One broker, of that version."""
    objects = kustomize(DEPLOY / "overlays/development")
    (broker,) = pods(objects)["kafka"]["spec"]["containers"]
    assert broker["image"] == f"apache/kafka:{KAFKA_VERSION}"


def test_one_ingress_alone_sends_webhooks(tmp_path: Path) -> None:
    """With the component every rule of the receiver's policies names who may connect."""
    policies = {
        each["metadata"]["name"]: each for each in of_kind(component(tmp_path, "ingress-only"), "NetworkPolicy")
    }
    for name in ("headrace", "headrace-receiver"):
        for rule in policies[name]["spec"]["ingress"]:
            assert all(peer["namespaceSelector"]["matchLabels"] for peer in rule["from"])


def test_the_page_starts_with_its_token_and_is_probed(tmp_path: Path) -> None:
    """With its pod's variables the configuration is good, its ports are the program's, and its stop fits the grace."""
    objects = component(tmp_path, "console")
    spec = pods(objects)["headrace-console"]["spec"]
    (container,) = spec["containers"]
    assert container["args"] == ["run", "--role", CONSOLE]
    environ = {each["name"]: each["value"] for each in container["env"]}
    (file, made), token = lay_out(objects, tmp_path), tmp_path / "token"
    assert environ["HEADRACE_CONSOLE__TOKEN_FILE"] == f"{SECRETS}console-token"
    token.write_text("a" * SHORTEST_TOKEN)
    console = load(file, environ | made | {"HEADRACE_CONSOLE__TOKEN_FILE": str(token)}).console
    assert not console.is_open
    ports = {each["name"]: each["containerPort"] for each in container["ports"]}
    assert ports == {"page": console.port, "admin": AdminSettings().port}
    assert [container[f"{each}Probe"]["httpGet"]["path"] for each in ("startup", "liveness", "readiness")] == [
        f"/healthz/{each}" for each in ("startup", "live", "ready")
    ]
    assert spec["terminationGracePeriodSeconds"] > STOP_DEADLINE_SECONDS
    (service,) = (each for each in of_kind(objects, "Service") if each["metadata"]["name"] == "headrace-console")
    assert "type" not in service["spec"], "inside the cluster alone"
    assert service["spec"]["selector"].items() <= pods(objects)["headrace-console"]["metadata"]["labels"].items()


def test_the_page_is_off_unless_it_is_wanted() -> None:
    """Neither the base nor an overlay has it."""
    for folder in ("base", *(f"overlays/{name}" for name in OVERLAYS)):
        assert "headrace-console" not in pods(kustomize(DEPLOY / folder))


def egress_to_collector(objects: list[Object]) -> list[Any]:
    """Return where the poller may connect to inside the cluster, but for DNS and Kafka."""
    (policy,) = (each for each in of_kind(objects, "NetworkPolicy") if each["metadata"]["name"] == "headrace-poller")
    return [
        rule for rule in policy["spec"]["egress"] if any("namespaceSelector" in peer for peer in rule.get("to", ()))
    ]


def test_the_poller_reaches_a_collector_where_there_is_one(tmp_path: Path) -> None:
    """The component and the chart add the same rule for it; without them there is none."""
    collector = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "observability"}}}
    wanted = [{"ports": [{"port": 4318}], "to": [collector]}]
    assert egress_to_collector(component(tmp_path, "traces")) == wanted
    assert egress_to_collector(helm_template({"networkPolicy": {"tracesTo": [collector]}}, tmp_path)) == wanted
    assert egress_to_collector(helm_template({}, tmp_path)) == []


def test_a_pod_that_comes_back_is_known_again(tmp_path: Path) -> None:
    """What is scraped is named by the pod, not by its address: a spool is orphaned only where its pod is gone."""
    monitors = [
        *of_kind(component(tmp_path, "pod-monitor"), "PodMonitor"),
        *of_kind(helm_template({"podMonitor": {"enabled": True}}, tmp_path), "PodMonitor"),
    ]
    names = ["__meta_kubernetes_namespace", "__meta_kubernetes_pod_name"]
    wanted = [{"sourceLabels": names, "separator": "/", "targetLabel": "instance"}]
    assert [monitor["spec"]["podMetricsEndpoints"][0]["relabelings"] for monitor in monitors] == [wanted] * 2


def rules(objects: list[Object]) -> Any:
    (rule,) = of_kind(objects, "PrometheusRule")
    return rule["spec"]


def test_the_rules_are_the_alerts(tmp_path: Path) -> None:
    """The component and the chart bring the alerts of deploy/prometheus: `make schemas` writes them."""
    assert rules(component(tmp_path, "prometheus-rule")) == ALERTS
    assert rules(helm_template({"prometheusRule": {"enabled": True}}, tmp_path)) == ALERTS
