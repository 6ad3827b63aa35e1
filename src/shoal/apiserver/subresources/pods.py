"""What is done to pods: binding to a node.

Source of the texts: Kubernetes v1.36, pkg/registry/core/pod/storage.
"""

import msgspec

from shoal.api.meta import timestamp
from shoal.api.resource import JsonObject
from shoal.api.status import Cause, bad_request, conflict, invalid
from shoal.apiserver.bodies import read_as
from shoal.apiserver.core import Core
from shoal.apiserver.preconditions import check_uid
from shoal.apiserver.reading import get_entry
from shoal.apiserver.requests import Target
from shoal.apiserver.updating import edit

SUCCESS: JsonObject = {
    "kind": "Status",
    "apiVersion": "v1",
    "metadata": {},
    "status": "Success",
    "code": 201,
}


class _BindingMeta(msgspec.Struct, frozen=True):
    name: str = ""
    uid: str = ""
    labels: dict[str, str] | None = None
    annotations: dict[str, str] | None = None


class _BindingTarget(msgspec.Struct, frozen=True):
    kind: str = ""
    name: str = ""


class _Binding(msgspec.Struct, frozen=True):
    metadata: _BindingMeta = _BindingMeta()
    target: _BindingTarget = _BindingTarget()


async def bind(core: Core, target: Target, body: JsonObject, *, dry_run: bool) -> JsonObject:
    """Gives an unbound pod its node. Raises ApiError."""
    binding = read_as(_Binding, body)
    metadata = binding.metadata
    node = _bound_node(target, binding)
    check_uid(target, get_entry(core, target), metadata.uid)

    def assign(pod: JsonObject) -> None:
        _check_bindable(target, pod)
        pod["spec"]["nodeName"] = node
        status: JsonObject = pod.setdefault("status", {})
        status.pop("nominatedNodeName", None)
        _mark_scheduled(status, timestamp(core.clock.now()))
        for field, added in (("annotations", metadata.annotations), ("labels", metadata.labels)):
            if added:
                pod["metadata"][field] = (pod["metadata"].get(field) or {}) | added

    await edit(core, target, assign, dry_run=dry_run)
    return SUCCESS


def _bound_node(target: Target, binding: _Binding) -> str:
    node = binding.target
    if binding.metadata.name not in {"", target.name}:
        raise bad_request("name in URL does not match name in Binding object")
    causes: list[Cause] = []
    if node.kind not in {"", "Node"}:
        causes.append(
            Cause(
                "target.kind",
                f'Unsupported value: "{node.kind}": supported values: "Node", "<empty>"',
                "FieldValueNotSupported",
            )
        )
    if not node.name:
        causes.append(Cause("target.name", "Required value", "FieldValueRequired"))
    if causes:
        raise invalid("", "Binding", target.name, causes)
    return node.name


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
