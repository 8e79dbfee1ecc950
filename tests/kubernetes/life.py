"""What controllers make of an installation: rollout, live changes, scale, drain. The nodes and pods are kwok's."""

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Final

import yaml

from tests.kubernetes.cluster import Cluster, RefusedError
from tests.kubernetes.nodes import NODES
from tests.kubernetes.objects import secret
from tests.kubernetes.overlays import Overlay
from tests.kubernetes.taken import Step, Taken

_BASE: Final = Overlay("base", "life")
_NEXT: Final = replace(_BASE, version="0.2.0")
_TENANT: Final = replace(_NEXT, tenants='[tenants.outreach.more]\nwebhook_secrets = ["made-up"]\n')
_OWNERS: Final = ("statefulset/headrace-receiver", "deployment/headrace-normalizer", "deployment/headrace-poller")
_ROLES: Final = "app.kubernetes.io/component in (receiver,normalizer,poller)"
_WITHIN: Final = "--timeout=240s"
_GONE_WITHIN: Final = 120.0
_UIDS: Final = "{range .items[*]}{.metadata.name} {.metadata.uid}{'\\n'}{end}"


class Life:
    """The steps that need controllers, in one namespace."""

    def __init__(self, cluster: Cluster, taken: Taken) -> None:
        self._cluster: Final = cluster
        self._taken: Final = taken

    def steps(self) -> Iterator[Step]:
        """Yield the steps: each goes on where the one before it ended."""
        yield "the base: its pods get ready, its Job completes", lambda: self._rolled_out(_BASE)
        yield "the next version: every pod is replaced, another Job completes", self._next
        yield "another file of tenants: no pod is replaced", self._tenants
        yield "another secret: no pod is replaced", self._secret
        yield "scaled up to 4 and down to 1: pods follow, the receivers' claims stay", self._scaled
        yield "an eviction is refused while another pod of the role is away", self._evicted
        yield "a drained node: its pods get ready on others", self._drained

    def _rolled_out(self, overlay: Overlay) -> str:
        """Apply an overlay and wait for its end."""
        self._taken.apply(overlay)
        self._ready()
        self._run("wait", "--for=condition=complete", "job", "--all", _WITHIN)
        jobs = len(self._run("get", "jobs", "-o", "name").split())
        images = self._run("get", "pods", "-l", _ROLES, "-o", "jsonpath={.items[*].spec.containers[0].image}").split()
        return f"{jobs} Jobs complete, {dict(Counter(images))}"

    def _next(self) -> str:
        before = self._pods()
        seen = self._rolled_out(_NEXT)
        if both := before & self._pods():
            raise RefusedError(f"not replaced: {sorted(both)}")
        return seen

    def _tenants(self) -> str:
        return self._untouched(lambda: self._taken.apply(_TENANT))

    def _secret(self) -> str:
        changed = yaml.safe_dump(secret(_BASE.namespace, "another"))
        return self._untouched(lambda: self._run("apply", "-f", "-", stdin=changed))

    def _untouched(self, change: Callable[[], str]) -> str:
        """Check that no pod template changed, which alone makes controllers replace pods, and that none is another."""
        generations = "jsonpath={.items[*].metadata.generation}"
        before = self._run("get", "deployments,statefulsets", "-o", generations), self._pods()
        change()
        self._ready()
        if (self._run("get", "deployments,statefulsets", "-o", generations), self._pods()) != before:
            raise RefusedError("workloads changed, or pods are others")
        return f"{len(before[1])} pods are the same"

    def _scaled(self) -> str:
        for replicas in ("4", "1"):
            self._run("scale", f"--replicas={replicas}", *_OWNERS)
            self._ready()
            self._await_count(int(replicas) * len(_OWNERS))
        claims = len(self._run("get", "persistentvolumeclaims", "-o", "name").split())
        if claims != 4:
            raise RefusedError(f"{claims} claims")
        self._taken.apply(_TENANT)
        self._ready()
        return f"{claims} claims; scaled back by an apply"

    def _evicted(self) -> str:
        """With no node that takes pods, one that is evicted does not come back: the second has to stay."""
        seen = []
        for role in ("receiver", "normalizer", "poller"):
            budget = (f"pdb/headrace-{role}", "--for=jsonpath={.status.disruptionsAllowed}=1", _WITHIN)
            self._run("wait", *budget)
            label = f"app.kubernetes.io/component={role}"
            first, second, *_ = self._run("get", "pods", "-l", label, "-o", "name").split()
            with self._cordoned():
                self._evict(first)
                try:
                    self._evict(second)
                except RefusedError as refused:
                    if "disruption budget" not in str(refused):
                        raise
                    seen.append(role)
            self._ready()
        if len(seen) < len(_OWNERS):
            raise RefusedError(f"refused for {seen} alone")
        return f"refused for {', '.join(seen)}"

    def _drained(self) -> str:
        drain = ("drain", NODES[0], "--ignore-daemonsets", "--delete-emptydir-data", _WITHIN)
        evicted = self._cluster.kubectl(*drain).count(" evicted")
        self._ready()
        nodes = self._run("get", "pods", "-l", _ROLES, "-o", "jsonpath={.items[*].spec.nodeName}").split()
        self._cluster.kubectl("uncordon", NODES[0])
        if not evicted or NODES[0] in nodes:
            raise RefusedError(f"{evicted} evicted, pods on {sorted(nodes)}")
        return f"{evicted} evicted; pods by node: {dict(sorted(Counter(nodes).items()))}"

    @contextmanager
    def _cordoned(self) -> Iterator[None]:
        self._cluster.kubectl("cordon", *NODES)
        try:
            yield
        finally:
            self._cluster.kubectl("uncordon", *NODES)

    def _evict(self, pod: str) -> None:
        name = pod.removeprefix("pod/")
        meta = {"name": name, "namespace": _BASE.namespace}
        eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": meta}
        path = f"/api/v1/namespaces/{_BASE.namespace}/pods/{name}/eviction"
        self._cluster.kubectl("create", "--raw", path, "-f", "-", stdin=json.dumps(eviction))

    def _ready(self) -> None:
        for owner in _OWNERS:
            self._run("rollout", "status", owner, _WITHIN)

    def _await_count(self, wanted: int) -> None:
        """Wait until there are so many pods: a rollout ends before the pods that are too many are gone."""
        until = time.monotonic() + _GONE_WITHIN
        while (found := len(self._pods())) != wanted:
            if time.monotonic() > until:
                raise RefusedError(f"{found} pods, not {wanted}")
            time.sleep(0.5)

    def _pods(self) -> set[str]:
        return set(self._run("get", "pods", "-l", _ROLES, "-o", f"jsonpath={_UIDS}").splitlines())

    def _run(self, *arguments: str, stdin: str | None = None) -> str:
        return self._cluster.kubectl("-n", _BASE.namespace, *arguments, stdin=stdin)
