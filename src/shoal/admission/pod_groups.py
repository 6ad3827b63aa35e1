"""PodGroups: the queue they go to, and which may be created. Source of verdicts and texts:
Volcano v1.15, pkg/webhooks/admission/podgroups."""

from collections.abc import Iterator

from shoal.admission.lookup import Lookup, queue_missing, queue_named
from shoal.admission.texts import BOTH_TIERS
from shoal.api.core import NAMESPACES
from shoal.api.resource import JsonObject
from shoal.api.volcano.keys import QUEUE_NAME
from shoal.api.volcano.pod_group import PodGroup
from shoal.api.volcano.queue import DEFAULT


def default_pod_group(group: JsonObject, _old: JsonObject | None, lookup: Lookup) -> None:
    """A group that names no queue goes to its namespace's, where that has one."""
    spec: JsonObject = group.setdefault("spec", {})
    if spec.get("queue") not in (None, "", DEFAULT):
        return
    namespace = lookup.get(NAMESPACES, group["metadata"].get("namespace", ""))
    chosen = namespace.metadata.annotations.get(QUEUE_NAME) if namespace else None
    spec["queue"] = chosen or DEFAULT


def refuse_pod_group(group: PodGroup, lookup: Lookup) -> str:
    """Why a group may not be created; empty where it may."""
    found = [_queue_fault(group.spec.queue, lookup), " ".join(_topology_faults(group))]
    return "; ".join(text for text in found if text)


def _queue_fault(name: str, lookup: Lookup) -> str:
    if not name:
        return ""
    queue = queue_named(lookup, name)
    if queue is None:
        return f"unable to find queue: {queue_missing(name)}"
    if not queue.is_open:
        return (
            f"can only submit PodGroup to queue with state `Open`, queue `{name}` status is"
            f" `{queue.status.state}`."
        )
    return ""


def _topology_faults(group: PodGroup) -> Iterator[str]:
    topology = group.spec.network_topology
    if topology is not None and topology.is_contradictory:
        yield f"{BOTH_TIERS}."
    for policy in group.spec.sub_group_policy:
        if policy.network_topology is not None and policy.network_topology.is_contradictory:
            yield f"in subGroupPolicy '{policy.name}': {BOTH_TIERS}."
