"""What `docker compose up` runs, as far as can be checked without Docker; with it, Compose reads the file as well."""

import re
import shlex
import shutil
import subprocess
import tomllib
from itertools import pairwise
from typing import Any

import pytest

from headrace.app import STOP_DEADLINE_SECONDS
from headrace.config import load
from headrace.providers.discover import discover
from headrace.sdk.provider import Delivery
from headrace_demo import senders
from headrace_demo.simulators import __main__
from headrace_demo.simulators.clock import Clock
from headrace_demo.simulators.history import Shape
from tests.deploy.files import DEPLOY, TOP, check, document, in_seconds
from tests.kafka.jvm import KAFKA_VERSION

COMPOSE = document(TOP / "docker-compose.yml")
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
CONFIG = DEPLOY / "compose/headrace.toml"
WELCOME = (DEPLOY / "compose/urls.txt").read_text("utf-8")
SIMULATED = DEPLOY / "compose/simulators.toml"
OURS = ("topics", "headrace", "console", "urls", "simulators")
HOST_PORTS = {port.split(":")[1] for service in SERVICES.values() for port in service.get("ports", ())}


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_is_confined(name: str) -> None:
    """No service keeps a capability, gains a privilege, or opens a port beyond this machine."""
    service = SERVICES[name]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "privileged" not in service
    assert all(port.startswith("127.0.0.1:") for port in service.get("ports", ()))


@pytest.mark.parametrize("name", OURS)
def test_our_containers_write_to_nothing_but_the_spool(name: str) -> None:
    """Headrace runs on a read-only root: files are mounted read-only, and only the spool's volume is not."""
    service = SERVICES[name]
    assert service["read_only"] is True
    written = [volume for volume in service.get("volumes", ()) if not volume.endswith(":ro")]
    assert written == (["spool:/var/lib/headrace"] if name == "headrace" else [])
    path = tomllib.loads(CONFIG.read_text("utf-8"))["spool"]["path"]
    assert path.startswith("/var/lib/headrace/")


def test_the_simulators_are_those_that_the_other_configuration_is_for() -> None:
    """It is good, and a tenant of it has what the simulators that are started say: leads, credentials, secrets."""
    assert "is good" in check(SIMULATED, {})
    service = SERVICES["simulators"]
    options = __main__.parser().parse_args(service["command"])
    tenants = tomllib.loads(SIMULATED.read_text("utf-8"))["tenants"]
    root = f"http://simulators:{options.port}"
    assert service["ports"] == [f"127.0.0.1:{options.port}:{options.port}"]
    assert options.hooks == f"http://headrace:{load(SIMULATED, {}).receiver.port}"
    for provider in discover():
        platform = __main__.simulator(
            provider, seed=options.seed, events=options.events, shape=Shape(), clock=Clock(0.0)
        )
        sender, settings = senders.make(provider, options.tenant, options.seed), tenants[provider][options.tenant]
        assert sender.secret in settings["webhook_secrets"]
        assert platform.tenant(f"{root}/{provider}").items() <= settings.items()
        assert provider == "outreach" or settings["leads"] == platform.history.leads


def test_the_tests_are_no_part_of_the_image() -> None:
    """What goes into the image is listed without them; the simulators belong to the demo, and need no mount."""
    assert "volumes" not in SERVICES["simulators"]
    assert "!tests" not in (TOP / ".dockerignore").read_text("utf-8").splitlines()


@pytest.mark.parametrize("name", SERVICES)
def test_every_image_has_a_fixed_version(name: str) -> None:
    """Images are pinned, and Kafka to the version that the tests judge by."""
    image, _, tag = SERVICES[name]["image"].partition(":")
    assert tag not in {"", "latest"}
    assert image != "apache/kafka" or tag == KAFKA_VERSION


def test_what_is_mounted_exists() -> None:
    """Every file that is mounted is in the repository, every volume and every service waited for is declared."""
    for service in SERVICES.values():
        mounts = (volume.replace("${CONFIG:-headrace}", "headrace") for volume in service.get("volumes", ()))
        for source in (mount.split(":")[0] for mount in mounts):
            assert (TOP / source).exists() if source.startswith("./") else source in COMPOSE["volumes"], source
        assert set(service.get("depends_on", ())) <= set(SERVICES)


def test_it_starts_in_order_and_stops_in_time() -> None:
    """Kafka, then the topics, then Headrace, then the URLs; Headrace gets more time to stop than it gives itself."""
    waits = {name: SERVICES[name]["depends_on"] for name in OURS}
    assert waits["simulators"] == waits["console"] == waits["headrace"]
    assert waits["topics"] == {"kafka": {"condition": "service_healthy"}}
    assert waits["headrace"] == {"topics": {"condition": "service_completed_successfully"}}
    assert waits["urls"] == {"headrace": {"condition": "service_healthy"}}
    for name in ("headrace", "console"):
        assert in_seconds(SERVICES[name]["stop_grace_period"]) > STOP_DEADLINE_SECONDS


def test_the_configuration_is_good() -> None:
    """`headrace check` finds nothing in it, it has a tenant of every provider, and all ports and addresses meet."""
    assert "is good" in check(CONFIG, {})
    config = load(CONFIG, {})
    assert {account.provider.name for account in config.tenants} == set(discover())
    inside = {port.split(":")[2] for port in SERVICES["headrace"]["ports"]}
    assert inside == {str(config.receiver.port), str(config.admin.port)}
    (page,) = SERVICES["console"]["ports"]
    assert page == f"127.0.0.1:{config.console.port}:{config.console.port}"
    assert load(CONFIG, SERVICES["console"]["environment"]).console.is_open
    listeners = SERVICES["kafka"]["environment"]["KAFKA_ADVERTISED_LISTENERS"]
    assert f"INSIDE://{config.kafka.bootstrap_servers}," in listeners
    assert SERVICES["ui"]["environment"]["KAFKA_CLUSTERS_0_BOOTSTRAPSERVERS"] == config.kafka.bootstrap_servers


def test_the_urls_are_those_of_open_ports() -> None:
    """What is printed last names every port that is open, and no other."""
    assert set(re.findall(r"localhost:(\d+)", WELCOME)) == HOST_PORTS


def test_the_printed_webhook_is_accepted() -> None:
    """The curl that is printed can be typed as it stands: one record of a tenant that is configured."""
    (line,) = (line for line in WELCOME.splitlines() if line.startswith("curl"))
    words = shlex.split(line)
    pairs = list(pairwise(words))
    (url,) = (word for word in words if word.startswith("localhost:"))
    _, _, provider, tenant = url.split("/")
    headers = {word.partition(": ")[0].lower(): word.partition(": ")[2] for option, word in pairs if option == "-H"}
    (body,) = (word for option, word in pairs if option == "-d")
    account = load(CONFIG, {}).tenants.get(provider, tenant)
    assert account is not None
    delivery = Delivery(tenant, "POST", headers, {}, body.encode(), 1_795_000_000_000)
    (raw,) = account.provider.accept(delivery, account.settings).events
    assert account.provider.identity(raw).resource == "activity"


def test_prometheus_and_grafana_find_what_they_show() -> None:
    """Prometheus scrapes the admin port, Grafana asks Prometheus and loads the dashboards where they are mounted."""
    scraped = document(DEPLOY / "prometheus/prometheus.yml")["scrape_configs"]
    targets = [target for job in scraped for config in job["static_configs"] for target in config["targets"]]
    assert f"headrace:{load(CONFIG, {}).admin.port}" in targets
    provisioning = DEPLOY / "grafana/provisioning"
    (source,) = document(provisioning / "datasources/prometheus.yml")["datasources"]
    assert source["url"] == "http://prometheus:9090"
    (boards,) = document(provisioning / "dashboards/headrace.yml")["providers"]
    mounts = dict(volume.split(":")[:2] for volume in SERVICES["grafana"]["volumes"])
    assert mounts["./deploy/grafana/dashboards"] == boards["options"]["path"]
    home = SERVICES["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    folder, _, name = home.rpartition("/")
    assert folder == boards["options"]["path"]
    assert (DEPLOY / "grafana/dashboards" / name).is_file()


def test_compose_reads_the_file() -> None:
    """Compose itself, where it is installed, finds nothing wrong with any profile."""
    command = ["docker", "compose"]
    if not shutil.which("docker") or subprocess.run([*command, "version"], capture_output=True, check=False).returncode:
        pytest.skip("Docker Compose is not installed")
    profiles = ("--profile", "watch", "--profile", "console", "--profile", "ui", "--profile", "simulators")
    done = subprocess.run(
        [*command, "-f", TOP / "docker-compose.yml", *profiles, "config", "--quiet"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")
