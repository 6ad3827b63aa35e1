"""The PodGroup of plain pods: which one a pod belongs to, and what it says.

Pods of one controller share a group, a pod without one has its own. Source of names, annotations
and defaults: Volcano v1.15, pkg/controllers/podgroup/pg_controller_handler.go. Where the controller
says nothing, Shoal lets the pods of its template say themselves how many belong together.
"""

from collections.abc import Collection, Mapping

import msgspec

from shoal.api.merge_patch import merge_patch
from shoal.api.meta import ObjectKey
from shoal.api.owners import controller_reference
from shoal.api.pod import PODS, Pod
from shoal.api.quota.amounts import Usage, add, resource_list
from shoal.api.resource import JsonObject
from shoal.api.volcano import keys
from shoal.api.volcano.pod_group import (
    POD_GROUPS,
    PodGroup,
    PodGroupPhase,
    PodGroupSpec,
    TopologyMode,
)
from shoal.api.volcano.queue import DEFAULT
from shoal.controllers.volcano.pod_quota import pod_usage

PREFIX = "podgroup-"
_INHERITED = "volcano.sh/"
"""Prefix of annotations that a group takes over from the controller of its pods."""

_OF_PODS = (keys.PREEMPTABLE, keys.COOLDOWN_TIME, keys.REVOCABLE_ZONE)
_BUDGETS = (keys.JDB_MIN_AVAILABLE, keys.JDB_MAX_UNAVAILABLE)
"""Of pods, too; the first that is there counts."""
_LABELS = (keys.PREEMPTABLE, keys.COOLDOWN_TIME)
_FOLLOWED_ANNOTATIONS = frozenset(
    {
        *_OF_PODS,
        *_BUDGETS,
        _INHERITED + keys.SLA_WAITING_TIME,
        keys.TASK_PRIORITY,
        keys.NUMA_TOPOLOGY_POLICY,
        keys.NETWORK_TOPOLOGY_MODE,
        keys.NETWORK_TOPOLOGY_HIGHEST_TIER,
        keys.RUNNING_ESTIMATE,
    }
)
"""Taken from a group when those that it was made from have them no more. Others stay: somebody
else may have written them."""


class ServedNames(msgspec.Struct, frozen=True):
    """Whose pods get a group."""

    always: frozenset[str] = frozenset({"volcano"})
    """Scheduler names."""
    on_request: frozenset[str] = frozenset({"shoal"})
    """Scheduler names whose pods get one only if they name a queue or a minimum."""

    def has(self, pod: Pod) -> bool:
        name, annotations = pod.spec.scheduler_name, pod.metadata.annotations
        return name in self.always or (
            name in self.on_request
            and (keys.QUEUE_NAME in annotations or keys.GROUP_MIN_MEMBER in annotations)
        )


def group_key(pod: Pod) -> ObjectKey:
    """The group that a plain pod belongs to."""
    owner = pod.metadata.controller
    uid = owner.uid if owner is not None else pod.metadata.uid
    return ObjectKey(pod.metadata.namespace, f"{PREFIX}{uid}")


def is_member(pod: Pod, served: ServedNames) -> bool:
    """Whether the pod is in the group that is made for it, or is to be; not where somebody has
    given it another one."""
    named = pod.metadata.annotations.get(keys.GROUP_NAME, "")
    return served.has(pod) and named in ("", group_key(pod).name)


def is_live(pod: Pod) -> bool:
    """Whether it still matters to its group."""
    return not (pod.is_finished or pod.is_deleting)


def template_of(members: Collection[Pod]) -> Pod:
    """The newest of some pods: it is of the newest template."""
    return max(members, key=_newness)


def _newness(pod: Pod) -> tuple[float, str]:
    created = pod.metadata.creation_timestamp
    return (created.timestamp() if created else 0.0, pod.metadata.name)


def manifest(pod: Pod, workload: Mapping[str, str]) -> JsonObject:
    """A new group for the pod and those like it; `workload`: annotations of their controller."""
    key, metadata = group_key(pod), pod.metadata
    if metadata.controller is None:
        owners = [controller_reference(PODS.api_version, PODS.kind, metadata)]
    else:
        owners = msgspec.to_builtins(metadata.owner_references)
    inherited = {k: v for k, v in workload.items() if k.startswith(_INHERITED)}
    own = [name for name in _OF_PODS if name in metadata.annotations]
    own += [name for name in _BUDGETS if name in metadata.annotations][:1]
    return {
        "apiVersion": POD_GROUPS.api_version,
        "kind": POD_GROUPS.kind,
        "metadata": {
            "name": key.name,
            "namespace": key.namespace,
            "ownerReferences": owners,
            "annotations": inherited | {name: metadata.annotations[name] for name in own},
            "labels": {name: metadata.labels[name] for name in _LABELS if name in metadata.labels},
        },
        "spec": _spec(pod, workload),
        "status": {"phase": PodGroupPhase.PENDING},
    }


def changes(group: PodGroup, wanted: JsonObject) -> JsonObject:
    """The merge patch that makes a group follow what it was made from; empty where it does."""
    after = msgspec.convert(wanted["spec"], PodGroupSpec)
    spec = merge_patch(_followed_fields(group.spec), _followed_fields(after))
    metadata = {
        part: patch
        for part, present, followed in (
            ("annotations", group.metadata.annotations, _FOLLOWED_ANNOTATIONS),
            ("labels", group.metadata.labels, frozenset(_LABELS)),
        )
        if (patch := _metadata_difference(present, wanted["metadata"][part], followed))
    }
    return {name: p for name, p in (("metadata", metadata), ("spec", spec)) if p}


def _spec(pod: Pod, workload: Mapping[str, str]) -> JsonObject:
    annotations = pod.metadata.annotations
    min_member = _min_member(pod, workload)
    spec: JsonObject = {
        "minMember": min_member,
        "minResources": _min_resources(pod, workload, min_member),
        "queue": annotations.get(keys.QUEUE_NAME) or DEFAULT,
    }
    if pod.spec.priority_class_name:
        spec["priorityClassName"] = pod.spec.priority_class_name
    topology = _network_topology(annotations)
    return spec | ({"networkTopology": topology} if topology else {})


def _min_member(pod: Pod, workload: Mapping[str, str]) -> int:
    """1 where nobody gives a number. A pod without a controller is alone in its group."""
    if pod.metadata.controller is None:
        return 1
    text = workload.get(keys.GROUP_MIN_MEMBER, pod.metadata.annotations.get(keys.GROUP_MIN_MEMBER))
    return int(text) if text is not None and text.isascii() and text.isdigit() else 1


def _min_resources(pod: Pod, workload: Mapping[str, str], min_member: int) -> dict[str, str]:
    """What is stated, where that is a resource list; else what so many pods ask for."""
    text = workload.get(
        keys.GROUP_MIN_RESOURCES, pod.metadata.annotations.get(keys.GROUP_MIN_RESOURCES)
    )
    if text is not None:
        try:
            stated = msgspec.json.decode(text, type=dict[str, str | int | float])
            return {name: str(amount) for name, amount in stated.items()}
        except msgspec.DecodeError:
            pass
    usage: Usage = {}
    if min_member:
        add(usage, pod_usage(pod.spec), min_member)
    return resource_list(usage)


def _network_topology(annotations: Mapping[str, str]) -> JsonObject:
    """Hard unless soft is said; a tier that is no number is left out."""
    mode = annotations.get(keys.NETWORK_TOPOLOGY_MODE)
    tier = annotations.get(keys.NETWORK_TOPOLOGY_HIGHEST_TIER)
    if mode is None and tier is None:
        return {}
    is_soft = (mode or "").lower() == TopologyMode.SOFT
    topology: JsonObject = {"mode": TopologyMode.SOFT if is_soft else TopologyMode.HARD}
    if tier is not None and tier.isascii() and tier.isdigit():
        topology["highestTierAllowed"] = int(tier)
    return topology


def _followed_fields(spec: PodGroupSpec) -> JsonObject:
    fields: JsonObject = {
        "minMember": spec.min_member,
        "minResources": spec.min_resources or {},
        "queue": spec.queue,
        "priorityClassName": spec.priority_class_name,
    }
    topology = spec.network_topology
    if topology is not None:
        tier = topology.highest_tier_allowed
        limit = {} if tier is None else {"highestTierAllowed": tier}
        fields["networkTopology"] = {"mode": topology.mode, **limit}
    return fields


def _metadata_difference(
    present: Mapping[str, str], wanted: Mapping[str, str], followed: frozenset[str]
) -> dict[str, str | None]:
    gone: dict[str, str | None] = {k: None for k in present if k in followed and k not in wanted}
    return gone | {name: value for name, value in wanted.items() if present.get(name) != value}
