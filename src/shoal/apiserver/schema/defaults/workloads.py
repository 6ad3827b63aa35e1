"""Defaults of the apps/v1 kinds."""

from shoal.api.resource import JsonObject
from shoal.apiserver.schema.defaults.pods import default_pod_template


def default_deployment(deployment: JsonObject) -> None:
    spec: JsonObject = deployment.setdefault("spec", {})
    spec.setdefault("replicas", 1)
    strategy: JsonObject = spec.setdefault("strategy", {})
    if not strategy.get("type"):
        strategy["type"] = "RollingUpdate"
    if strategy["type"] == "RollingUpdate":
        rolling: JsonObject = strategy.setdefault("rollingUpdate", {})
        rolling.setdefault("maxUnavailable", "25%")
        rolling.setdefault("maxSurge", "25%")
    spec.setdefault("revisionHistoryLimit", 10)
    spec.setdefault("progressDeadlineSeconds", 600)
    default_pod_template(spec.setdefault("template", {}))
    deployment.setdefault("status", {})


def default_replica_set(replica_set: JsonObject) -> None:
    spec: JsonObject = replica_set.setdefault("spec", {})
    spec.setdefault("replicas", 1)
    default_pod_template(spec.setdefault("template", {}))
    replica_set.setdefault("status", {}).setdefault("replicas", 0)
