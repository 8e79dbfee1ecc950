"""What the API server takes, without a warning: each installation, the same again, and the next version over it."""

import re
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Final

import yaml

from tests.deploy.files import DEPLOY, document
from tests.deploy.go_tools import GATEWAY_API, folder_of
from tests.kubernetes.cluster import Cluster, RefusedError
from tests.kubernetes.objects import monitoring_definitions, namespace
from tests.kubernetes.overlays import Overlay, chart

COMPONENTS: Final = tuple(sorted(folder.name for folder in (DEPLOY / "components").iterdir()))
ROLES: Final = ("receiver", "normalizer", "poller", "console")
_OVERLAYS: Final = {"overlays/development": "headrace-development", "overlays/production": "headrace"}
"""The overlays, and the namespace of each."""
_RESULT: Final = re.compile(r"\w+$", re.MULTILINE)
_KINDS: Final = (
    "configmaps,deployments,jobs,networkpolicies,poddisruptionbudgets,secrets,serviceaccounts,services,statefulsets,"
    "gateways,podmonitors,prometheusrules,tcproutes"
)
_VERSIONS: Final = "{range .items[*]}{.kind} {.metadata.name} {.metadata.resourceVersion}{'\\n'}{end}"

Step = tuple[str, Callable[[], str]]
"""A sentence that should be true, and what finds out: it returns what it saw, or raises RefusedError."""


class Taken:
    """The steps that need an API server alone; `home` is a folder for what they write."""

    def __init__(self, cluster: Cluster, home: Path) -> None:
        self._cluster: Final = cluster
        self._home: Final = home
        shutil.copytree(DEPLOY, home / "deploy")

    def steps(self) -> Iterator[Step]:
        """Yield the steps, in order."""
        for overlay in _overlays():
            name = " with ".join((overlay.of, *overlay.components))
            newer = replace(overlay, version=_next_of(overlay))
            yield from self._three(name, overlay.namespace, partial(self.apply, overlay), partial(self.apply, newer))
        for release, where, values in _releases():
            old, new = (chart(self._home, release, values, version=version) for version in ("", "0.2.0"))
            install = partial(self.install, where)
            yield from self._three(
                f"the chart as release {release}", where, partial(install, old), partial(install, new)
            )
        yield "a pod that is not restricted is refused", self._root_is_refused

    def _three(self, name: str, where: str, old: Callable[[], str], newer: Callable[[], str]) -> Iterator[Step]:
        yield f"{name} is taken", lambda: _counted(old())
        yield f"{name} is taken again, and nothing changes", lambda: self._unchanged(where, old)
        yield f"{name}: the next version is taken over it", lambda: _replaced(newer())

    def define(self) -> str:
        """Define the kinds of others that components use; every step needs them."""
        for kind in ("gateways", "tcproutes"):
            (file,) = folder_of(GATEWAY_API).glob(f"*.io_{kind}.yaml")
            self._cluster.kubectl("apply", "--server-side", "-f", file)
        self._cluster.kubectl("apply", "-f", "-", stdin=yaml.safe_dump_all(monitoring_definitions()))
        self._cluster.kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=60s")
        return f"{len(self._cluster.kubectl('get', 'crd', '-o', 'name').split())} kinds"

    def apply(self, overlay: Overlay) -> str:
        """Apply an overlay. Raises RefusedError at a warning too."""
        if overlay.of != "overlays/development":  # which brings namespace and Secret
            self._make_namespace(overlay.namespace)
        return self._cluster.kubectl("apply", "--warnings-as-errors", "-k", overlay.write(self._home))

    def install(self, where: str, rendered: str) -> str:
        """Apply what `helm template` renders. Raises RefusedError at a warning too."""
        self._make_namespace(where)
        return self._cluster.kubectl("apply", "--warnings-as-errors", "-n", where, "-f", "-", stdin=rendered)

    def _make_namespace(self, name: str) -> None:
        self._cluster.kubectl("apply", "-f", "-", stdin=yaml.safe_dump_all(namespace(name)))

    def _unchanged(self, where: str, apply: Callable[[], str]) -> str:
        """Check by the versions of the objects: kubectl writes "configured" where a file leaves a default out."""
        before = self._versions(where)
        apply()
        if changed := before ^ self._versions(where):
            raise RefusedError(f"changed: {', '.join(sorted(changed))}")
        return f"{len(before)} objects"

    def _versions(self, where: str) -> set[str]:
        return set(self._cluster.kubectl("get", _KINDS, "-n", where, "-o", f"jsonpath={_VERSIONS}").splitlines())

    def _root_is_refused(self) -> str:
        """Check that these namespaces warn at all: without that no step above shows anything."""
        rendered = chart(self._home, "root", {}).replace("runAsNonRoot: true", "runAsNonRoot: false")
        try:
            self.install("refused", rendered)
        except RefusedError as refused:
            if "violate PodSecurity" in str(refused):
                return "would violate PodSecurity"
            raise
        raise RefusedError("it was taken")


def _overlays() -> Iterator[Overlay]:
    """Yield the base and each overlay, alone and with each component that it has not yet."""
    yield Overlay("base", "base")
    for each in COMPONENTS:
        yield Overlay("base", f"base-{each}", (each,))
    for of, where in _OVERLAYS.items():
        yield Overlay(of, where)
        has = {Path(each).name for each in document(DEPLOY / of / "kustomization.yaml").get("components", ())}
        for each in COMPONENTS:
            if each not in has:
                yield Overlay(of, where, (each,))


def _next_of(overlay: Overlay) -> str:
    """Return a tag of the image: another for each in one namespace, or the Job of the next would be there already."""
    return f"0.2.{len(COMPONENTS) if not overlay.components else COMPONENTS.index(overlay.components[0])}"


def _releases() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield name, namespace and values of each release: everything, and each role by itself."""
    yield "headrace", "chart", {"podMonitor": {"enabled": True}, "prometheusRule": {"enabled": True}}
    for role in ROLES:
        enabled = {each: {"enabled": each == role} for each in ROLES}
        yield f"the-{role}", "roles", {"roles": enabled, "topics": {"enabled": role == "receiver"}}


def _counted(applied: str) -> str:
    counts = Counter(_RESULT.findall(applied))
    return ", ".join(f"{count} {result}" for result, count in sorted(counts.items()))


def _replaced(applied: str) -> str:
    """Check that every role got another pod template, and the topics another Job."""
    for line in applied.splitlines():
        kind, _, rest = line.partition("/")
        name, result = rest.split()
        if kind in {"deployment.apps", "statefulset.apps"} and name.endswith(ROLES) and result != "configured":
            raise RefusedError(line)
        if kind == "job.batch" and result != "created":
            raise RefusedError(line)
    return _counted(applied)
