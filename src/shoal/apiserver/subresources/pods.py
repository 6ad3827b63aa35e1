"""What is done to pods: binding to a node, and eviction.

Source of the texts: Kubernetes v1.36, pkg/registry/core/pod/storage.
"""

from shoal.api.meta import timestamp
from shoal.api.resource import JsonObject
from shoal.api.status import Cause, bad_request, conflict, invalid
from shoal.apiserver.core import Core
from shoal.apiserver.deleting import delete
from shoal.apiserver.encoding import head_of
from shoal.apiserver.preconditions import check_uid
from shoal.apiserver.reading import get_entry
from shoal.apiserver.requests import Deletion, Target
from shoal.apiserver.updating import edit

SUCCESS: JsonObject = {
    "kind": "Status",
    "apiVersion": "v1",
    "metadata": {},
    "status": "Success",
    "code": 201,
}


async def bind(core: Core, target: Target, body: JsonObject, *, dry_run: bool) -> JsonObject:
    """Gives an unbound pod its node. Raises ApiError."""
    node = _bound_node(target, body)
    metadata: JsonObject = body.get("metadata") or {}
    check_uid(target, get_entry(core, target), metadata.get("uid") or "")

    def assign(pod: JsonObject) -> None:
        _check_bindable(target, pod)
        pod["spec"]["nodeName"] = node
        status: JsonObject = pod.setdefault("status", {})
        status.pop("nominatedNodeName", None)
        _mark_scheduled(status, timestamp(core.clock.now()))
        for field in ("annotations", "labels"):
            if metadata.get(field):
                pod["metadata"][field] = (pod["metadata"].get(field) or {}) | metadata[field]

    await edit(core, target, assign, dry_run=dry_run)
    return SUCCESS


def _bound_node(target: Target, body: JsonObject) -> str:
    node: JsonObject = body.get("target") or {}
    name = (body.get("metadata") or {}).get("name", target.name)
    if name != target.name:
        raise bad_request("name in URL does not match name in Binding object")
    causes: list[Cause] = []
    if node.get("kind") not in {None, "", "Node"}:
        causes.append(
            Cause(
                "target.kind",
                f'Unsupported value: "{node["kind"]}": supported values: "Node", "<empty>"',
                "FieldValueNotSupported",
            )
        )
    if not node.get("name"):
        causes.append(Cause("target.name", "Required value", "FieldValueRequired"))
    if causes:
        raise invalid("", "Binding", target.name, causes)
    return str(node["name"])


def _check_bindable(target: Target, pod: JsonObject) -> None:
    name = target.name
    if "deletionTimestamp" in pod["metadata"]:
        raise conflict(
            "pods/binding", name, f"pod {name} is being deleted, cannot be assigned to a host"
        )
    if pod["spec"].get("nodeName"):
        why = f'pod {name} is already assigned to node "{pod["spec"]["nodeName"]}"'
        raise conflict("pods/binding", name, why)
    if pod["spec"].get("schedulingGates"):
        raise conflict("pods/binding", name, f"pod {name} has non-empty .spec.schedulingGates")


def _mark_scheduled(status: JsonObject, now: str) -> None:
    conditions: list[JsonObject] = status.setdefault("conditions", [])
    scheduled: JsonObject = {
        "type": "PodScheduled",
        "status": "True",
        "lastProbeTime": None,
        "lastTransitionTime": now,
    }
    for index, condition in enumerate(conditions):
        if condition.get("type") == "PodScheduled":
            conditions[index] = scheduled
            return
    conditions.append(scheduled)


async def evict(core: Core, target: Target, body: JsonObject, *, dry_run: bool) -> JsonObject:
    """A polite delete. No disruption budgets are served, so none can refuse it."""
    options: JsonObject = body.get("deleteOptions") or {}
    preconditions: JsonObject = options.get("preconditions") or {}
    deletion = Deletion(
        grace_period_s=options.get("gracePeriodSeconds"),
        propagation=options.get("propagationPolicy") or "",
        uid=preconditions.get("uid") or "",
        resource_version=preconditions.get("resourceVersion") or "",
        dry_run=dry_run or bool(options.get("dryRun")),
    )
    pod = get_entry(core, target)
    if head_of(pod.value).deletion_timestamp is None or deletion.grace_period_s is not None:
        await delete(core, target, deletion)
    return SUCCESS
