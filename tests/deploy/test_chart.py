"""The Helm chart makes what the Kustomize base makes, and refuses values that make no sense."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import kubernetes_validate
import msgspec
import pytest
from jsonschema import Draft7Validator  # type: ignore[import-untyped]  # it ships no types

from headrace.config.settings import ServiceSettings
from headrace.providers.discover import discover
from tests.deploy.files import DEPLOY, check
from tests.deploy.rendered import (
    BASE,
    CHART,
    SECRETS,
    VERSIONS,
    Object,
    component,
    helm_template,
    kustomize,
    lay_out,
    of_kind,
    pods,
    selectors,
    try_helm,
)

Values = dict[str, Any]

EXAMPLE = DEPLOY / "overlays/production"
TENANTS = tomllib.loads((EXAMPLE / "tenants/acme.toml").read_text("utf-8"))["tenants"]
MAPPINGS = {"acme.mapping": (EXAMPLE / "mappings/acme.toml").read_text("utf-8")}
ROLES = ("receiver", "normalizer", "poller", "console")
PAGE: Values = {"roles": {"console": {"enabled": True}}}


def without_digests(each: Any) -> Any:
    """Return an object without what Kustomize and Helm do each in its own way.

    - Kustomize puts a digest into the name of the ConfigMap headrace-config, which rolls the pods; Helm keeps old names
      in no history of their own, so the chart has a fixed name, and a digest in an annotation of the pods.
    - The Job's name is that of the ConfigMap in Kustomize, which can put a digest into nothing else's name.
    - The key `image` of that ConfigMap is there for the Job's name alone.
    - Comments and order of headrace.toml: compared as what it says.
    """
    if isinstance(each, dict):
        return {
            key: tomllib.loads(value) if key == "headrace.toml" else without_digests(value)
            for key, value in each.items()
            if key not in {"headrace/configuration", "image"} or (key == "image" and "args" in each)
        } or None
    if isinstance(each, list):
        return [without_digests(value) for value in each]
    return re.sub(r"^headrace-(config|topics)-\w{10}$", "headrace-config", each) if isinstance(each, str) else each


def by_name(objects: list[Object]) -> dict[tuple[str, str], Any]:
    """Return objects by kind and name, without empty mappings, which say nothing."""
    found = [without_digests(each) for each in objects]
    for pod in pods(found).values():
        if not pod["metadata"].get("annotations"):
            pod["metadata"].pop("annotations", None)
    return {(each["kind"], each["metadata"]["name"]): each for each in found}


def test_the_chart_is_the_base(tmp_path: Path) -> None:
    """Object by object, key by key; what must differ is listed above."""
    chart, base = by_name(helm_template({}, tmp_path)), by_name(kustomize(BASE))
    assert chart.keys() == base.keys()
    for name, each in base.items():
        assert chart[name] == each


def test_the_chart_with_its_page_is_the_base_with_its_component(tmp_path: Path) -> None:
    """As above, with the page; the component has its key of the Secret, its ports and who may open it from there."""
    chart, base = by_name(helm_template(PAGE, tmp_path)), by_name(component(tmp_path, "console"))
    assert chart.keys() == base.keys()
    for name, each in base.items():
        assert chart[name] == each


@pytest.mark.parametrize("version", VERSIONS)
def test_what_is_rendered_fits_its_schemas(tmp_path: Path, version: str) -> None:
    """Kubernetes knows every key, with every value set."""
    volume = {"name": "certificates", "secret": {"secretName": "kafka-ca"}}
    everything: Values = {
        "image": {"digest": f"sha256:{'0' * 64}", "pullPolicy": "Always", "pullSecrets": [{"name": "registry"}]},
        "env": [{"name": "TZ", "value": "UTC"}],
        "volumes": [volume],
        "volumeMounts": [{"name": "certificates", "mountPath": "/etc/kafka", "readOnly": True}],
        "podLabels": {"team": "sales"},
        "podAnnotations": {"note": "none"},
        "priorityClassName": "high",
        "tenants": TENANTS,
        "mappings": MAPPINGS,
        "roles": {
            "receiver": {"spool": {"storageClassName": "fast"}, "nodeSelector": {"disk": "ssd"}},
            "poller": {"tolerations": [{"operator": "Exists"}], "affinity": {"nodeAffinity": {}}},
            "console": {"enabled": True, "hosts": ["page.example.com"], "nodeSelector": {"disk": "ssd"}},
        },
        "podMonitor": {"enabled": True, "labels": {"release": "prometheus"}},
        "prometheusRule": {"enabled": True, "labels": {"release": "prometheus"}},
    }
    for each in helm_template(everything, tmp_path):
        if not each["apiVersion"].startswith("monitoring."):
            kubernetes_validate.validate(each, version, strict=True)


def test_tenants_are_values(tmp_path: Path) -> None:
    """Tenants and their overlays stand in the ConfigMap that pods take over, as good configuration, numbers whole."""
    budget = {"per_window": 20, "window": "5s", "per_year": 3_000_000}
    acme = TENANTS["leadsquared"]["acme"] | {"budget": budget, "leads": ["one"], "ledger": {"holes_over": 0.01}}
    tenants = TENANTS | {"leadsquared": {"acme": acme}}
    values: Values = {"tenants": tenants, "mappings": MAPPINGS, "config": {"receiver": {"rate": 2000}}}
    objects = helm_template(values, tmp_path)
    file, environ = lay_out(objects, tmp_path)
    assert "is good" in check(file, environ)
    assert tomllib.loads(file.read_text("utf-8"))["receiver"] == {"rate": 2000}
    found: dict[str, Any] = {}
    for each in sorted((file.parent / "tenants.d").glob("*.toml")):
        for provider, named in tomllib.loads(each.read_text("utf-8"))["tenants"].items():
            found.setdefault(provider, {}).update(named)
    assert found == tenants


def test_what_is_written_stands_there_as_it_was_written(tmp_path: Path) -> None:
    """Overlays may begin with blanks and have a number for a name; a prefix of topics may be empty."""
    mappings = {"acme.mapping": '  [[row]]\ncode = "203"\n', "203": "# none\n"}
    objects = helm_template({"mappings": mappings, "config": {"topic_prefix": ""}}, tmp_path)
    config, tenants = (each["data"] for each in of_kind(objects, "ConfigMap"))
    assert tenants == mappings
    assert tomllib.loads(config["headrace.toml"])["topic_prefix"] == ""


def test_a_new_tenant_changes_no_pod(tmp_path: Path) -> None:
    """Nothing but the ConfigMap of tenants differs."""
    before, after = by_name(helm_template({}, tmp_path)), by_name(helm_template({"tenants": TENANTS}, tmp_path))
    assert [name for name in before if before[name] != after[name]] == [("ConfigMap", "headrace-tenants")]


def test_what_changes_is_another_job(tmp_path: Path) -> None:
    """A Job cannot be changed: its name carries a digest of all that it runs with; it is no hook."""
    changes: tuple[Values, ...] = (
        {},
        {"image": {"tag": "0.2.0"}},
        {"config": {"topic_prefix": "b."}},
        {"topics": {"args": ["--profile", "dev"]}},
        {"topics": {"resources": {"limits": {"memory": "1Gi"}}}},
    )
    jobs = [job for values in changes for job in of_kind(helm_template(values, tmp_path), "Job")]
    assert len({job["metadata"]["name"] for job in jobs}) == len(changes)
    assert not any("annotations" in job["metadata"] for job in jobs)


@pytest.mark.parametrize("role", ROLES)
def test_a_release_may_be_one_role(role: str, tmp_path: Path) -> None:
    """Only that role has pods and policies, and the topics may be somebody else's work."""
    roles: Values = {each: {"enabled": each == role} for each in ROLES}
    objects = helm_template({"roles": roles, "topics": {"enabled": False}}, tmp_path)
    assert list(pods(objects)) == [f"headrace-{role}"]
    components = {each["metadata"]["labels"].get("app.kubernetes.io/component") for each in objects}
    assert components == {None, role}


def test_two_releases_do_not_touch_each_other(tmp_path: Path) -> None:
    """Names, selectors and topic prefixes are those of the release."""
    east, west = (helm_template({}, tmp_path, release) for release in ("east", "west"))
    assert not {each["metadata"]["name"] for each in east} & {each["metadata"]["name"] for each in west}
    foreign = [pod["metadata"]["labels"].items() for pod in pods(west).values()]
    assert not any(wanted.items() <= labels for each in east for wanted in selectors(each) for labels in foreign)
    file, _ = lay_out(east, tmp_path)
    assert tomllib.loads(file.read_text("utf-8"))["topic_prefix"] == "east."


REFUSED: list[tuple[Values, str]] = [
    ({"roles": {"reciever": {"enabled": False}}}, "reciever"),
    ({"roles": {"poller": {"replicas": "two"}}}, "integer"),
    ({"config": {"kafka": {"sasl_password": "secret"}}}, "kafka"),
    ({"tenants": {"leadping": {"acme": {"webhook_secrets": ["secret"]}}}}, "acme"),
    ({"tenants": {"leadping": {"Acme": {}}}}, "Acme"),
    ({"mappings": {"acme.toml": ""}}, "acme.toml"),
    ({"image": {"digest": "latest"}}, "digest"),
    ({"config": {"tenants": {}}}, "tenants"),
    ({"config": {"receiver": {"port": 9000}}}, "receiver/port"),
    ({"config": {"admin": {"port": 9000}}}, "admin/port"),
    ({"config": {"console": {"token": "secret"}}}, "console"),
    ({"config": {"console": {"host": "::1"}}}, "console/host"),
    ({"roles": {"console": {"auth": "none"}}}, "console/auth"),
    ({"env": [{"name": "HEADRACE_CONFIG", "value": "/elsewhere"}]}, "env"),
    ({"env": [{"name": "WORKERS", "value": 2}]}, "env"),
    ({"podLabels": {"app.kubernetes.io/name": "other"}}, "app.kubernetes.io/name"),
]


@pytest.mark.parametrize(("values", "named"), REFUSED, ids=[named for _, named in REFUSED])
def test_values_that_make_no_sense_are_refused(values: Values, named: str, tmp_path: Path) -> None:
    """Helm names what is wrong before anything is installed."""
    done = try_helm(values, tmp_path)
    assert done.returncode != 0
    assert named in done.stderr


def variables(values: Values, folder: Path) -> dict[str, str]:
    """Return the variables of the page's pod."""
    (container,) = pods(helm_template({"roles": {"console": {"enabled": True} | values}}, folder))["headrace-console"][
        "spec"
    ]["containers"]
    return {each["name"]: each["value"] for each in container["env"]}


def test_who_sees_the_page_is_a_value(tmp_path: Path) -> None:
    """A token, or a proxy in front; the names by which browsers reach it; nobody from elsewhere where none is named."""
    assert f"{SECRETS}console-token" in variables({}, tmp_path).values()
    found = variables({"auth": "proxy", "hosts": ["page.example.com", "page"]}, tmp_path)
    assert "HEADRACE_CONSOLE__TOKEN_FILE" not in found
    assert found["HEADRACE_CONSOLE__AUTH"] == "proxy"
    assert found["HEADRACE_CONSOLE__HOSTS"] == "page.example.com,page"
    alone = helm_template(PAGE | {"networkPolicy": {"consoleFrom": []}}, tmp_path)
    assert "headrace-console" not in {each["metadata"]["name"] for each in of_kind(alone, "NetworkPolicy")}


def secrets(struct: type[msgspec.Struct]) -> Iterator[tuple[str, ...]]:
    """Yield the path of every setting of a shape, and of those in it, that may also be a file."""
    fields = msgspec.structs.fields(struct)
    names = {field.name for field in fields}
    for field in fields:
        if f"{field.name}_file" in names:
            yield (field.name,)
        for inner in (field.type, *get_args(field.type)):
            if isinstance(inner, type) and issubclass(inner, msgspec.Struct):
                yield from ((field.name, *path) for path in secrets(inner))


def takes(schema: Any, path: tuple[str, ...]) -> bool:
    value: Any = "made-up"
    for key in reversed(path):
        value = {key: value}
    return not any(Draft7Validator(schema).iter_errors(value))


def test_no_secret_can_stand_in_the_values() -> None:
    """The schema refuses every setting that may also be a file, of the service and of a tenant, at any depth."""
    properties = msgspec.json.decode((CHART / "values.schema.json").read_bytes())["properties"]
    tenant = properties["tenants"]["additionalProperties"]["additionalProperties"]
    shapes: list[tuple[Any, type[msgspec.Struct]]] = [(properties["config"], ServiceSettings)]
    shapes += [(tenant, each.Settings) for each in discover().values()]
    found = [(schema, path) for schema, shape in shapes for path in secrets(shape)]
    assert ("kafka", "sasl_oauth_client_secret") in [path for _, path in found]
    assert [path for schema, path in found if takes(schema, path)] == []
    assert [path for schema, path in found if not takes(schema, (*path[:-1], f"{path[-1]}_file"))] == []
