"""A custom kind for tests: its definition, and the resource to read it by."""

from shoal.api.resource import JsonObject, Resource

CRON_TABS: Resource[JsonObject] = Resource("stable.io", "v1", "crontabs", "CronTab", JsonObject)
CRON_TABS_BETA: Resource[JsonObject] = Resource(
    "stable.io", "v1beta1", "crontabs", "CronTab", JsonObject
)


def version(name: str, *, storage: bool) -> JsonObject:
    spec = {
        "type": "object",
        "properties": {
            "schedule": {"type": "string"},
            "image": {"type": "string", "default": "busybox"},
            "replicas": {"type": "integer", "minimum": 0},
        },
    }
    status = {"type": "object", "properties": {"replicas": {"type": "integer"}}}
    return {
        "name": name,
        "served": True,
        "storage": storage,
        "subresources": {
            "status": {},
            "scale": {
                "specReplicasPath": ".spec.replicas",
                "statusReplicasPath": ".status.replicas",
            },
        },
        "schema": {
            "openAPIV3Schema": {"type": "object", "properties": {"spec": spec, "status": status}}
        },
    }


def definition() -> JsonObject:
    """Two versions, stored as v1."""
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "crontabs.stable.io"},
        "spec": {
            "group": "stable.io",
            "scope": "Namespaced",
            "names": {
                "plural": "crontabs",
                "singular": "crontab",
                "kind": "CronTab",
                "listKind": "CronTabList",
                "shortNames": ["ct"],
            },
            "versions": [version("v1", storage=True), version("v1beta1", storage=False)],
        },
    }


def cron_tab(name: str = "nightly", **spec: object) -> JsonObject:
    return {"metadata": {"name": name}, "spec": {"schedule": "0 2 * * *", **spec}}
