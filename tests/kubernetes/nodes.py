"""The nodes that kwok plays, and the volumes that pods claim: nothing is ever on them."""

from typing import Final

from tests.kubernetes.objects import Object

NODES: Final = tuple(f"node-{number}" for number in range(3))
_VOLUMES: Final = 12
_CLASS: Final = "plain"


def nodes() -> list[Object]:
    """Return nodes with room for everything."""
    room = {"cpu": "32", "memory": "256Gi", "pods": "110"}
    return [
        {
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {"name": name, "labels": {"kubernetes.io/hostname": name}},
            "status": {"allocatable": room, "capacity": room},
        }
        for name in NODES
    ]


def volumes() -> list[Object]:
    """Return a class of storage that is the default, and volumes of it."""
    spec = {"capacity": {"storage": "8Gi"}, "accessModes": ["ReadWriteOnce"], "storageClassName": _CLASS}
    default = {"storageclass.kubernetes.io/is-default-class": "true"}
    return [
        {
            "apiVersion": "storage.k8s.io/v1",
            "kind": "StorageClass",
            "metadata": {"name": _CLASS, "annotations": default},
            "provisioner": "kubernetes.io/no-provisioner",
        },
        *(
            {
                "apiVersion": "v1",
                "kind": "PersistentVolume",
                "metadata": {"name": f"volume-{number}"},
                "spec": spec | {"hostPath": {"path": f"/nowhere/{number}"}},
            }
            for number in range(_VOLUMES)
        ),
    ]
