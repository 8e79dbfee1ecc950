"""What must be in a cluster before Headrace is: namespaces with their Secret, and definitions of others' resources."""

from typing import Any, Final

Object = dict[str, Any]

_PROFILE: Final = "restricted"
_SECRETS: Final = ("leadsquared-acme", "outreach-acme", "leadping-acme", "kafka-password")
_MONITORING: Final = {"PodMonitor": "podmonitors", "PrometheusRule": "prometheusrules"}


def namespace(name: str) -> list[Object]:
    """Return a namespace that takes restricted pods alone, and warns of others, with the Secret that pods mount."""
    labels = {f"pod-security.kubernetes.io/{mode}": _PROFILE for mode in ("enforce", "warn", "audit")}
    return [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}},
        secret(name, "made-up"),
    ]


def secret(where: str, value: str) -> Object:
    """Return the Secret of a namespace, each of its keys with this value."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "headrace-secrets", "namespace": where},
        "stringData": dict.fromkeys(_SECRETS, value),
    }


def monitoring_definitions() -> list[Object]:
    """Return definitions of the Prometheus operator's kinds: it publishes its own in no module, so any spec fits."""
    return [_definition(kind, plural) for kind, plural in _MONITORING.items()]


def _definition(kind: str, plural: str) -> Object:
    group = "monitoring.coreos.com"
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{group}"},
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "names": {"kind": kind, "plural": plural, "singular": kind.lower()},
            "versions": [{"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}],
        },
    }
