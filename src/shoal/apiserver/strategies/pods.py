"""Pods: their first status, what admission gives them, and how long they may go on."""

import orjson

from shoal.api.core import PRIORITY_CLASSES
from shoal.api.meta import timestamp
from shoal.api.resource import JsonObject
from shoal.api.status import ApiError, forbidden
from shoal.apiserver.core import Core
from shoal.apiserver.requests import Target
from shoal.apiserver.schema.qos import qos_class_of
from shoal.apiserver.strategies.strategy import Strategy

_FINISHED = {"Succeeded", "Failed"}
_GATED = "Scheduling is blocked due to non-empty scheduling gates"
_EVICTING_TAINTS = ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable")
_EVICTION_DELAY_S = 300


class PodStrategy(Strategy):
    has_generation = True

    def prepare_create(self, core: Core, target: Target, obj: JsonObject) -> None:
        spec: JsonObject = obj.setdefault("spec", {})
        _admit_priority(core, target, obj, spec)
        _admit_service_account(core, target, obj, spec)
        _tolerate_eviction_delay(spec)
        status: JsonObject = {"phase": "Pending", "qosClass": qos_class_of(spec)}
        if spec.get("schedulingGates"):
            status["conditions"] = [
                {
                    "type": "PodScheduled",
                    "status": "False",
                    "lastProbeTime": None,
                    "lastTransitionTime": timestamp(core.clock.now()),
                    "reason": "SchedulingGated",
                    "message": _GATED,
                }
            ]
        obj["status"] = status

    def grace_period_s(self, obj: JsonObject, wanted_s: int | None) -> int:
        spec: JsonObject = obj.get("spec") or {}
        if not spec.get("nodeName") or (obj.get("status") or {}).get("phase") in _FINISHED:
            return 0
        period_s = wanted_s
        if period_s is None:
            period_s = int(spec.get("terminationGracePeriodSeconds", 30))
        return 1 if period_s < 0 else period_s


def _admit_priority(core: Core, target: Target, obj: JsonObject, spec: JsonObject) -> None:
    """The number behind the class's name."""
    name = spec.get("priorityClassName") or ""
    found = _priority_class(core, name) if name else _global_default(core)
    if name and found is None:
        raise _refused(target, obj, f"no PriorityClass with name {name} was found")
    value = found["value"] if found else 0
    if spec.get("priority") not in {None, value}:
        raise _refused(
            target,
            obj,
            f"the integer value of priority ({spec['priority']}) must not be provided in pod spec;"
            f" priority admission controller computed {value} from the given PriorityClass name",
        )
    if found and not name:
        spec["priorityClassName"] = found["metadata"]["name"]
    spec["priority"] = value
    policy = (found or {}).get("preemptionPolicy", "PreemptLowerPriority")
    spec["preemptionPolicy"] = spec.get("preemptionPolicy") or policy


def _priority_class(core: Core, name: str) -> JsonObject | None:
    entry = core.store.get(f"{PRIORITY_CLASSES.group_resource}/{name}")
    return orjson.loads(entry.value) if entry else None


def _global_default(core: Core) -> JsonObject | None:
    classes = [
        orjson.loads(entry.value)
        for entry in core.store.list(f"{PRIORITY_CLASSES.group_resource}/").entries
        if b'"globalDefault":true' in entry.value
    ]
    return min(classes, key=lambda found: found["value"], default=None)


def _admit_service_account(core: Core, target: Target, obj: JsonObject, spec: JsonObject) -> None:
    name = spec.get("serviceAccountName") or "default"
    # The default account is made by a controller, so it may follow its namespace's first pod.
    key = f"serviceaccounts/{target.namespace}/{name}"
    if name != "default" and core.store.get(key) is None:
        why = (
            f"error looking up service account {target.namespace}/{name}:"
            f' serviceaccount "{name}" not found'
        )
        raise _refused(target, obj, why)
    spec["serviceAccountName"] = spec["serviceAccount"] = name


def _tolerate_eviction_delay(spec: JsonObject) -> None:
    """A pod may stay five minutes on a node that has gone, unless it says otherwise."""
    tolerations: list[JsonObject] = spec.setdefault("tolerations", [])
    for key in _EVICTING_TAINTS:
        if any(
            t.get("key", "") in {"", key} and t.get("effect", "") in {"", "NoExecute"}
            for t in tolerations
        ):
            continue
        tolerations.append(
            {
                "key": key,
                "operator": "Exists",
                "effect": "NoExecute",
                "tolerationSeconds": _EVICTION_DELAY_S,
            }
        )


def _refused(target: Target, obj: JsonObject, why: str) -> ApiError:
    return forbidden(target.group_resource, obj["metadata"].get("name", ""), why)
