"""A control plane on loopback: etcd, API server, controllers, nodes; each a child process, on ports that are free."""

import contextlib
import os
import secrets
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import yaml
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from headrace_demo.process import Child
from tests.kafka.ports import HOST, free_port
from tests.kubernetes import made
from tests.kubernetes.nodes import nodes, volumes

_STARTS_WITHIN: Final = 180.0
_COMMAND_WITHIN: Final = 300.0
_LOG_SHOWN: Final = 2_000
"""Characters of a log that are shown: its end says why a program does not start."""


class RefusedError(Exception):
    """Kubernetes refused something, or warned: the text is what it wrote."""


class Cluster:
    """A control plane whose files and logs are in the folder `home`."""

    def __init__(self, home: Path) -> None:
        self._home: Final = home
        self._kubeconfig: Final = home / "kubeconfig"
        self._ports: Final = {
            name: free_port() for name in ("etcd", "peers", "api", "controllers", "scheduler", "kwok")
        }
        self._token: Final = secrets.token_hex(16)
        self._children: Final[list[Child]] = []

    def start(self) -> None:
        """Start etcd and the API server; return when it is ready. Raises SystemExit where it does not get so."""
        self._write_keys()
        self._kubeconfig.write_text(yaml.safe_dump(self._config()))
        self._child("etcd", "etcd", *self._etcd_flags())
        self._child("apiserver", made.control_plane(), "apiserver", *self._apiserver_flags())
        self._await_ready()

    def start_controllers(self) -> None:
        """Start what acts on the objects: controllers, scheduler, and kwok, which plays nodes and pods."""
        for name, more in {
            "controllers": (
                f"--service-account-private-key-file={self._home / 'accounts.key'}",
                "--node-monitor-grace-period=1h",  # kwok renews no lease, and pods of a silent node stop being ready
            ),
            "scheduler": (),
        }.items():
            self._child(name, made.control_plane(), name, *self._common_flags(name), *more)
        address = f"--server-address={HOST}:{self._ports['kwok']}"
        self._child("kwok", made.kwok(), f"--kubeconfig={self._kubeconfig}", "--manage-all-nodes=true", address)
        self.kubectl("apply", "-f", "-", stdin=yaml.safe_dump_all([*nodes(), *volumes()]))
        self.kubectl("wait", "--for=condition=Ready", "nodes", "--all", "--timeout=120s")

    def stop(self) -> None:
        """End everything, the newest first."""
        for child in reversed(self._children):
            child.kill()

    def kubectl(self, *arguments: str | Path, stdin: str | None = None) -> str:
        """Run kubectl and return what it writes. Raises RefusedError with its messages where it fails."""
        done = self._try_kubectl(*arguments, stdin=stdin)
        if done.returncode:
            raise RefusedError(f"kubectl {' '.join(map(str, arguments))}: {done.stderr.strip()}")
        return done.stdout

    def _try_kubectl(
        self, *arguments: str | Path, stdin: str | None = None, within: float = _COMMAND_WITHIN
    ) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            ("kubectl", *arguments),
            env=os.environ | {"KUBECONFIG": str(self._kubeconfig), "HOME": str(self._home)},
            input=stdin or "",
            capture_output=True,
            text=True,
            check=False,
            timeout=within,
        )

    def _child(self, name: str, *command: str | Path) -> None:
        self._children.append(Child(command, log=self._home / f"{name}.log", cwd=self._home))

    def _etcd_flags(self) -> list[str]:
        clients, peers = (f"http://{HOST}:{self._ports[name]}" for name in ("etcd", "peers"))
        return [
            f"--data-dir={self._home / 'etcd'}",
            f"--listen-client-urls={clients}",
            f"--advertise-client-urls={clients}",
            f"--listen-peer-urls={peers}",
            f"--initial-advertise-peer-urls={peers}",
            f"--initial-cluster=default={peers}",
            "--unsafe-no-fsync",
        ]

    def _apiserver_flags(self) -> list[str]:
        return [
            f"--etcd-servers=http://{HOST}:{self._ports['etcd']}",
            f"--bind-address={HOST}",
            f"--advertise-address={HOST}",
            "--endpoint-reconciler-type=none",  # it refuses to publish loopback as its address, and nothing asks for it
            f"--secure-port={self._ports['api']}",
            f"--cert-dir={self._home / 'certificates'}",
            f"--token-auth-file={self._home / 'tokens.csv'}",
            "--authorization-mode=AlwaysAllow",
            "--service-cluster-ip-range=10.96.0.0/16",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={self._home / 'accounts.pub'}",
            f"--service-account-signing-key-file={self._home / 'accounts.key'}",
        ]

    def _common_flags(self, name: str) -> list[str]:
        return [
            f"--kubeconfig={self._kubeconfig}",
            "--leader-elect=false",
            f"--bind-address={HOST}",
            f"--secure-port={self._ports[name]}",
            f"--cert-dir={self._home / 'certificates'}",
            "--authentication-skip-lookup=true",
        ]

    def _write_keys(self) -> None:
        """Write the key pair that tokens of service accounts are signed with, and the token of the one user."""
        key = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
        pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
        private = key.private_bytes(pem, serialization.PrivateFormat.TraditionalOpenSSL, plain)
        public = key.public_key().public_bytes(pem, serialization.PublicFormat.SubjectPublicKeyInfo)
        (self._home / "accounts.key").write_bytes(private)
        (self._home / "accounts.pub").write_bytes(public)
        (self._home / "tokens.csv").write_text(f"{self._token},admin,admin,system:masters\n")

    def _config(self) -> dict[str, Any]:
        server = f"https://{HOST}:{self._ports['api']}"
        return {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "here", "cluster": {"server": server, "insecure-skip-tls-verify": True}}],
            "users": [{"name": "admin", "user": {"token": self._token}}],
            "contexts": [{"name": "here", "context": {"cluster": "here", "user": "admin"}}],
            "current-context": "here",
        }

    def _await_ready(self) -> None:
        until = time.monotonic() + _STARTS_WITHIN
        while time.monotonic() < until and all(child.runs for child in self._children):
            if self._try_kubectl("get", "--raw", "/readyz").returncode == 0:
                return
            time.sleep(0.5)
        ends = (log.read_text("utf-8", "replace")[-_LOG_SHOWN:] for log in sorted(self._home.glob("*.log")))
        raise SystemExit("the API server does not get ready\n" + "\n".join(ends))


@contextlib.contextmanager
def running(home: Path) -> Iterator[Cluster]:
    """Yield a control plane that runs while the block does."""
    cluster = Cluster(home)
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()
