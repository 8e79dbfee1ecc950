"""Two installations in one namespace: what selects pods finds its own alone."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tests.deploy.rendered import pods, selectors
from tests.kubernetes.cluster import Cluster, RefusedError
from tests.kubernetes.objects import Object
from tests.kubernetes.overlays import Overlay, chart
from tests.kubernetes.taken import COMPONENTS, Step, Taken

_NAMES: Final = ("east", "west")
_SELECTING: Final = "services,poddisruptionbudgets,networkpolicies,deployments,statefulsets,jobs"


def steps(cluster: Cluster, home: Path, taken: Taken) -> Iterator[Step]:
    """Yield the steps: overlays with all components, and releases."""

    def overlays() -> str:
        for name in _NAMES:
            taken.apply(Overlay("base", "two-overlays", COMPONENTS, name))
        return _disjoint(cluster, "two-overlays")

    def releases() -> str:
        for name in _NAMES:
            taken.install("two-releases", chart(home, name, {}))
        return _disjoint(cluster, "two-releases")

    yield "two overlays in one namespace select nothing of each other", overlays
    yield "two releases in one namespace select nothing of each other", releases


def _disjoint(cluster: Cluster, where: str) -> str:
    """Check each selector in a namespace against the labels of the pods that are made there."""
    found = cluster.kubectl("get", _SELECTING, "-n", where, "-o", "json")
    objects: list[Object] = json.loads(found)["items"]
    labels = {name: pod["metadata"]["labels"].items() for name, pod in pods(objects).items()}
    count = 0
    for each in objects:
        name = each["metadata"]["name"]
        (own,) = (prefix for prefix in _NAMES if name.startswith(f"{prefix}-"))
        for wanted in selectors(each):
            met = [pod for pod, has in labels.items() if wanted.items() <= has]
            if not met or not all(pod.startswith(f"{own}-") for pod in met):
                raise RefusedError(f"{each['kind']} {name} selects {met}")
            count += 1
    return f"{count} selectors of {len(objects)} objects"
