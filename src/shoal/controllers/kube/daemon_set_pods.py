"""Which nodes a DaemonSet wants its pods on, and what such a pod looks like.

Pure. A pod is tied to its node by a required affinity to the node's name and placed by the
scheduler as any other; it puts up with whatever befalls a node, so a cordon or a full disk does not
drive it away.
Source of the rules: Kubernetes v1.36, pkg/controller/daemon/daemon_controller.go and
pkg/controller/daemon/util/daemonset_util.go.
"""

from enum import StrEnum

import msgspec

from shoal.api.apps import DAEMON_SETS, TEMPLATE_GENERATION, DaemonSet
from shoal.api.node import Node
from shoal.api.node_affinity import RequiredNodes, required_nodes
from shoal.api.owners import controller_reference
from shoal.api.pod import PODS, Pod, PodSpec, Toleration
from shoal.api.resource import JsonObject
from shoal.api.tolerations import is_tolerated, keep_out
from shoal.controllers.kube.revisions import POD_HASH

POD_GENERATION = "pod-template-generation"
_NO_EXECUTE, _NO_SCHEDULE = "NoExecute", "NoSchedule"
_TOLERATED = (
    ("not-ready", _NO_EXECUTE),
    ("unreachable", _NO_EXECUTE),
    ("disk-pressure", _NO_SCHEDULE),
    ("memory-pressure", _NO_SCHEDULE),
    ("pid-pressure", _NO_SCHEDULE),
    ("unschedulable", _NO_SCHEDULE),
)
_ON_HOST_NETWORK = (("network-unavailable", _NO_SCHEDULE),)
_NAME_FIELD = "metadata.name"


class Suitability(StrEnum):
    """What a node is to a DaemonSet."""

    WANTED = "Wanted"
    TOLERATED = "Tolerated"
    """Pods that are there may stay; none is made."""
    UNWANTED = "Unwanted"


class DaemonPlacement(msgspec.Struct, frozen=True):
    """What the template asks of nodes."""

    node_name: str
    required: RequiredNodes | None
    tolerations: list[Toleration]

    def suitability(self, node: Node) -> Suitability:
        if self.node_name and self.node_name != node.metadata.name:
            return Suitability.UNWANTED
        if self.required is not None and not self.required.matches(node):
            return Suitability.UNWANTED
        if not keep_out(node.spec.taints, self.tolerations):
            return Suitability.WANTED
        driven_away = any(
            taint.effect == _NO_EXECUTE and not is_tolerated(taint, self.tolerations)
            for taint in node.spec.taints
        )
        return Suitability.UNWANTED if driven_away else Suitability.TOLERATED


def placement(daemon_set: DaemonSet) -> DaemonPlacement:
    spec = msgspec.convert({**_spec(daemon_set), "tolerations": _tolerations(daemon_set)}, PodSpec)
    return DaemonPlacement(spec.node_name, required_nodes(spec), spec.tolerations)


def _spec(daemon_set: DaemonSet) -> JsonObject:
    return daemon_set.spec.template.get("spec") or {}


def _tolerations(daemon_set: DaemonSet) -> list[JsonObject]:
    """The template's own, and those that every daemon has."""
    spec = _spec(daemon_set)
    own: list[JsonObject] = spec.get("tolerations") or []
    added = [*_TOLERATED, *(_ON_HOST_NETWORK if spec.get("hostNetwork") else ())]
    wanted: list[JsonObject] = [
        {"key": f"node.kubernetes.io/{name}", "operator": "Exists", "effect": effect}
        for name, effect in added
    ]
    # An own toleration of the same taint gives way: it may have a time limit.
    kept = [each for each in own if _without_limit(each) not in wanted]
    return [*kept, *wanted]


def _without_limit(toleration: JsonObject) -> JsonObject:
    return {k: v for k, v in toleration.items() if k != "tolerationSeconds"}


def node_of(pod: Pod) -> str:
    """The node that a daemon's pod is on or waits for; empty where it names none."""
    if pod.spec.node_name:
        return pod.spec.node_name
    required = required_nodes(pod.spec)
    named = required.named_nodes() if required is not None else None
    return next(iter(named)) if named is not None and len(named) == 1 else ""


def pod_body(daemon_set: DaemonSet, node: str, hashed: str) -> JsonObject:
    """A pod of the present template for a node; `hashed` is that of the template's revision."""
    template = daemon_set.spec.template
    metadata: JsonObject = template.get("metadata") or {}
    kept = {k: metadata[k] for k in ("annotations", "finalizers") if metadata.get(k)}
    labels: dict[str, str] = {**(metadata.get("labels") or {}), POD_HASH: hashed}
    generation = daemon_set.metadata.annotations.get(TEMPLATE_GENERATION)
    if generation:
        labels[POD_GENERATION] = generation
    meta = daemon_set.metadata
    return {
        "apiVersion": PODS.api_version,
        "kind": PODS.kind,
        "metadata": {
            "generateName": f"{meta.name}-",
            "labels": labels,
            "ownerReferences": [
                controller_reference(DAEMON_SETS.api_version, DAEMON_SETS.kind, meta)
            ],
            **kept,
        },
        "spec": {
            **_spec(daemon_set),
            "affinity": _tied_to(node, _spec(daemon_set).get("affinity") or {}),
            "tolerations": _tolerations(daemon_set),
        },
    }


def _tied_to(node: str, affinity: JsonObject) -> JsonObject:
    """What else the template required of nodes has been asked when this one was chosen."""
    named = {"key": _NAME_FIELD, "operator": "In", "values": [node]}
    required = {"nodeSelectorTerms": [{"matchFields": [named]}]}
    before: JsonObject = affinity.get("nodeAffinity") or {}
    tied = {**before, "requiredDuringSchedulingIgnoredDuringExecution": required}
    return {**affinity, "nodeAffinity": tied}
