"""Defaults of the apps/v1 kinds."""

from shoal.api.resource import JsonObject
from shoal.apiserver.schema.defaults.pods import default_pod_template
from shoal.apiserver.schema.defaults.volumes import default_claim


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


def default_stateful_set(stateful_set: JsonObject) -> None:
    spec: JsonObject = stateful_set.setdefault("spec", {})
    spec.setdefault("replicas", 1)
    if not spec.get("podManagementPolicy"):
        spec["podManagementPolicy"] = "OrderedReady"
    strategy: JsonObject = spec.setdefault("updateStrategy", {})
    if not strategy.get("type"):
        strategy["type"] = "RollingUpdate"
        strategy.setdefault("rollingUpdate", {})
    if strategy["type"] == "RollingUpdate" and "rollingUpdate" in strategy:
        strategy["rollingUpdate"].setdefault("partition", 0)
        strategy["rollingUpdate"].setdefault("maxUnavailable", 1)
    retention: JsonObject = spec.setdefault("persistentVolumeClaimRetentionPolicy", {})
    for field in ("whenDeleted", "whenScaled"):
        if not retention.get(field):
            retention[field] = "Retain"
    spec.setdefault("revisionHistoryLimit", 10)
    for claim in spec.get("volumeClaimTemplates", ()):
        claim |= {"apiVersion": "v1", "kind": "PersistentVolumeClaim"}
        default_claim(claim)
        claim.setdefault("status", {}).setdefault("phase", "Pending")
    default_pod_template(spec.setdefault("template", {}))
    stateful_set.setdefault("status", {}).setdefault("replicas", 0)


def default_daemon_set(daemon_set: JsonObject) -> None:
    spec: JsonObject = daemon_set.setdefault("spec", {})
    strategy: JsonObject = spec.setdefault("updateStrategy", {})
    if not strategy.get("type"):
        strategy["type"] = "RollingUpdate"
    if strategy["type"] == "RollingUpdate":
        rolling: JsonObject = strategy.setdefault("rollingUpdate", {})
        rolling.setdefault("maxUnavailable", 1)
        rolling.setdefault("maxSurge", 0)
    spec.setdefault("revisionHistoryLimit", 10)
    default_pod_template(spec.setdefault("template", {}))
    daemon_set.setdefault("status", {})
