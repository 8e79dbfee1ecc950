"""Apache Kafka on this machine, under the name by which pods know it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from tests.kafka import jvm
from tests.kafka.jvm import JvmBroker


class PodsBroker(JvmBroker):
    """One node that listens on the network of the pods too, where it is called as their configuration says."""

    def __init__(self, home: Path, gateway: str, server: str) -> None:
        self._server: Final = server
        self._gateway: Final = gateway
        super().__init__(jvm.jars(), home)

    def _listeners(self) -> dict[str, str]:
        found: Mapping[str, str] = super()._listeners()
        more = {
            "listener.security.protocol.map": "PODS:PLAINTEXT",
            "listeners": f"PODS://{self._gateway}:{self._server.rpartition(':')[2]}",
            "advertised.listeners": f"PODS://{self._server}",
        }
        return {key: f"{value},{more[key]}" if key in more else value for key, value in found.items()}
