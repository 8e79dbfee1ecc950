"""Apache Kafka in a container, for machines with a Docker daemon."""

from __future__ import annotations

import gc
import warnings
from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING

import docker
from docker.errors import DockerException, ImageNotFound

from headrace_demo.probe import wait_until_serves
from tests.kafka.broker import STARTS_WITHIN, Broker, Unavailable
from tests.kafka.jvm import KAFKA_VERSION, SETTINGS

if TYPE_CHECKING:
    from testcontainers.core.container import DockerContainer

IMAGE = f"apache/kafka:{KAFKA_VERSION}"
_PORT = 9092
_STARTER = "/tmp/start-kafka.sh"  # noqa: S108 - a path inside the container
_LISTENERS = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.quorum.voters": "1@localhost:9094",
    "controller.listener.names": "CONTROLLER",
    "inter.broker.listener.name": "BROKER",
    "listeners": f"PLAINTEXT://0.0.0.0:{_PORT},BROKER://localhost:9093,CONTROLLER://localhost:9094",
    "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,BROKER:PLAINTEXT,CONTROLLER:PLAINTEXT",
}


class DockerBroker(Broker):
    """One node of the official image; Docker chooses the port, so Kafka starts only once it is known."""

    kind = "docker"
    name = f"Apache Kafka {KAFKA_VERSION} in Docker ({IMAGE})"

    def __init__(self) -> None:
        self._container: DockerContainer | None = None

    def start(self) -> None:
        """Start the container, tell Kafka under which address it is reached, wait until it serves."""
        # testcontainers takes a fifth of a second to import: only those who use Docker pay for it
        from testcontainers.core.container import DockerContainer  # noqa: PLC0415

        container = DockerContainer(IMAGE).with_exposed_ports(_PORT)
        container.with_command(["sh", "-c", f"until [ -s {_STARTER} ]; do sleep 0.1; done; exec sh {_STARTER}"])
        for setting, value in {**SETTINGS, **_LISTENERS}.items():
            container.with_env("KAFKA_" + setting.upper().replace(".", "_"), value)
        container.start()
        self._container = container
        self.bootstrap_servers = f"{container.get_container_host_ip()}:{container.get_exposed_port(_PORT)}"
        advertised = f"PLAINTEXT://{self.bootstrap_servers},BROKER://localhost:9093"
        script = f"export KAFKA_ADVERTISED_LISTENERS={advertised}\nexec /etc/kafka/docker/run\n"
        container.copy_into_container(script.encode(), _STARTER)
        self._wait(container)

    def _wait(self, container: DockerContainer) -> None:
        def runs() -> bool:
            wrapped = container.get_wrapped_container()
            wrapped.reload()
            return bool(wrapped.status == "running")

        try:
            wait_until_serves(self.bootstrap_servers, deadline=STARTS_WITHIN, still_possible=runs)
        except TimeoutError as error:
            output, errors = container.get_logs()
            error.add_note((output + errors).decode(errors="replace")[-4000:])
            raise

    def close(self) -> None:
        """Remove the container."""
        if self._container is not None:
            self._container.stop()
            self._container = None


def offer() -> DockerBroker:
    """Return a broker of the official image, pulled where the daemon has it not; raise Unavailable if that fails."""
    client = _daemon()
    if client is None:
        raise Unavailable("no Docker daemon answers")
    try:
        for image in _images():
            _have(image, client)
    finally:
        client.close()
    return DockerBroker()


def _images() -> Iterator[str]:
    """Return the images that are needed: Kafka, and what removes its container even if the tests are killed."""
    from testcontainers.core.config import testcontainers_config as settings  # noqa: PLC0415  (as in start)

    yield IMAGE
    if not settings.ryuk_disabled:  # TESTCONTAINERS_RYUK_DISABLED=true does without
        yield settings.ryuk_image


def _daemon() -> docker.DockerClient | None:
    client = None
    with warnings.catch_warnings():
        # the client forgets to close a socket that it could not connect
        warnings.simplefilter("ignore", ResourceWarning)
        with suppress(DockerException):
            client = docker.from_env()
        gc.collect()
    return client


def _have(image: str, client: docker.DockerClient) -> None:
    try:
        with suppress(ImageNotFound):
            client.images.get(image)
            return
        client.images.pull(image)
    except DockerException as error:
        raise Unavailable(f"Docker cannot pull {image}: {str(error).splitlines()[0]}") from None
