"""A rendered pod template, read: what `docker run` gets for it, its probes, and how it is ended.

A key that is neither carried over nor listed here as having no place outside a cluster is an error: manifests cannot
say something that is not tried.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.deploy.rendered import Object

UNITS: Final = {"Ki": 1024, "Mi": 1024**2, "Gi": 1024**3}
_SPEC: Final = {"containers", "volumes", "securityContext", "terminationGracePeriodSeconds", "restartPolicy"}
_OF_CLUSTERS: Final = {
    "serviceAccountName", "automountServiceAccountToken", "enableServiceLinks", "topologySpreadConstraints",
}  # fmt: skip
_CONTAINER: Final = {
    "name", "image", "args", "env", "ports", "startupProbe", "livenessProbe", "readinessProbe", "lifecycle",
    "securityContext", "resources", "volumeMounts",
}  # fmt: skip
_POD_SECURITY: Final = {
    "runAsNonRoot", "runAsUser", "runAsGroup", "fsGroup", "fsGroupChangePolicy", "seccompProfile",
}  # fmt: skip
_SECURITY: Final = {"allowPrivilegeEscalation", "readOnlyRootFilesystem", "capabilities"}


@dataclass(frozen=True)
class HttpProbe:
    """A probe: where it asks, how often, how patiently, and how many failures in a row count. Seconds."""

    path: str
    port: int
    period: float
    timeout: float
    threshold: int


class PodTemplate:
    """What a pod template says."""

    def __init__(self, template: Object) -> None:
        spec = template["spec"]
        (container,) = spec["containers"]
        _known("a pod", spec, _SPEC | _OF_CLUSTERS)
        _known("a pod's securityContext", spec["securityContext"], _POD_SECURITY)
        _known("a container", container, _CONTAINER)
        _known("a container's securityContext", container["securityContext"], _SECURITY)
        self.name: Final[str] = container["name"]
        self.group: Final[int] = spec["securityContext"]["fsGroup"]
        self.grace: Final[int] = spec.get("terminationGracePeriodSeconds", 30)
        self.before_stop: Final[list[str]] = (
            container.get("lifecycle", {}).get("preStop", {}).get("exec", {}).get("command", [])
        )
        self.memory: Final = in_bytes(container["resources"]["limits"]["memory"])
        self.volumes: Final[dict[str, Any]] = {volume["name"]: volume for volume in spec["volumes"]}
        self._spec, self._container = spec, container
        self._ports = {port["name"]: port["containerPort"] for port in container.get("ports", ())}

    def port(self, name: str) -> int:
        """Return a port by its name."""
        return int(self._ports[name])

    def probe(self, kind: str) -> HttpProbe | None:
        """Return the startup, liveness or readiness probe."""
        settings = self._container.get(f"{kind}Probe")
        if settings is None:
            return None
        _known("a probe", settings, {"httpGet", "periodSeconds", "timeoutSeconds", "failureThreshold"})
        path, port = settings["httpGet"]["path"], self.port(settings["httpGet"]["port"])
        return HttpProbe(
            path, port, settings["periodSeconds"], settings["timeoutSeconds"], settings["failureThreshold"]
        )

    def options(self, image: str, places: Mapping[str, Path]) -> list[str]:
        """Return the arguments of `docker run` from this template; `places` are its volumes by name."""
        return [*self._confined(), *self._limited(), *self._mounted(places), *self._environment(), image, *self._args()]

    def _confined(self) -> Iterator[str]:
        pod, own = self._spec["securityContext"], self._container["securityContext"]
        assert pod["runAsNonRoot"] is True
        assert pod["runAsUser"] > 0
        yield from ("--user", f"{pod['runAsUser']}:{pod['runAsGroup']}", "--group-add", str(pod["fsGroup"]))
        assert pod["seccompProfile"] == {"type": "RuntimeDefault"}  # which is Docker's own without an option
        if own.get("readOnlyRootFilesystem"):
            yield "--read-only"
        if own.get("allowPrivilegeEscalation") is False:
            yield from ("--security-opt", "no-new-privileges:true")
        yield from (f"--cap-drop={name}" for name in own["capabilities"]["drop"])

    def _limited(self) -> Iterator[str]:
        requests = self._container["resources"]["requests"]
        shares = max(2, int(requests["cpu"].removesuffix("m")) * 1024 // 1000)
        yield from (f"--memory={self.memory}", f"--memory-swap={self.memory}", f"--cpu-shares={shares}")

    def _mounted(self, places: Mapping[str, Path]) -> Iterator[str]:
        for mount in self._container["volumeMounts"]:
            _known("a mount", mount, {"name", "mountPath", "readOnly"})
            volume = self.volumes.get(mount["name"], {})
            if "emptyDir" in volume:
                assert volume["emptyDir"]["medium"] == "Memory"
                yield f"--tmpfs={mount['mountPath']}:mode=1777,size={in_bytes(volume['emptyDir']['sizeLimit'])}"
                continue
            read_only = ",readonly" if mount.get("readOnly") else ""
            yield f"--mount=type=bind,source={places[mount['name']]},target={mount['mountPath']}{read_only}"

    def _environment(self) -> Iterator[str]:
        return (f"--env={each['name']}={each['value']}" for each in self._container["env"])

    def _args(self) -> list[str]:
        return [str(each) for each in self._container["args"]]


def in_bytes(quantity: str) -> int:
    """Read a quantity of Kubernetes such as 256Mi."""
    return int(quantity[:-2]) * UNITS[quantity[-2:]]


def _known(what: str, found: Mapping[str, Any], keys: Collection[str]) -> None:
    strange = found.keys() - set(keys)
    assert not strange, f"{what} says what is not tried here: {', '.join(sorted(strange))}"
