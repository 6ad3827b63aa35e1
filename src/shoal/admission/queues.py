"""Queues by themselves: defaults, amounts, the state, hierarchy annotations, deletion.

What a queue must be to its parent and its children stands in `queue_tree`. Source of verdicts and
texts: Volcano v1.15, pkg/webhooks/admission/queues.
"""

import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

from shoal.admission.lookup import Lookup, children_of
from shoal.admission.queue_tree import has_same_resources, tree_refusal
from shoal.admission.texts import aggregated
from shoal.api import causes
from shoal.api.quantity import canonical, parse
from shoal.api.resource import JsonObject
from shoal.api.status import Cause
from shoal.api.volcano.keys import HIERARCHY, HIERARCHY_WEIGHTS
from shoal.api.volcano.queue import DEFAULT, QUEUES, ROOT, Queue, QueueState

_PATH = "requestBody"
_WHOLE_UNITS = ("pods", "services", "configmaps", "secrets", "persistentvolumeclaims")
# What Go's strconv.ParseFloat takes, as far as anyone writes weights.
_FLOAT = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|[+-]?(inf|infinity)|nan", re.I | re.A)


def default_queue(queue: JsonObject, _old: JsonObject | None, _lookup: Lookup) -> None:
    """Edits a queue that is created."""
    annotations: JsonObject = queue["metadata"].get("annotations") or {}
    hierarchy, weights = annotations.get(HIERARCHY), annotations.get(HIERARCHY_WEIGHTS)
    if hierarchy and weights and not hierarchy.startswith(ROOT):
        annotations[HIERARCHY] = f"{ROOT}/{hierarchy}"
        annotations[HIERARCHY_WEIGHTS] = f"1/{weights}"
    spec: JsonObject = queue.setdefault("spec", {})
    if spec.get("reclaimable") is None:
        spec["reclaimable"] = True
    if not spec.get("weight"):
        spec["weight"] = 1


def refuse_queue(queue: Queue, old: Queue | None, lookup: Lookup) -> str:
    """Why a queue may not be created, or changed from `old`; empty where it may."""
    found = [
        *_amount_causes(queue),
        *_state_causes(queue, old),
        *_hierarchy_causes(queue, lookup),
        *_affinity_causes(queue, old),
    ]
    if found:
        return aggregated(found)
    if old is not None and queue.metadata.name == ROOT and not has_same_resources(queue, old):
        return (
            "root queue's resource attributes (capability, deserved, guarantee) cannot be modified"
        )
    return tree_refusal(queue, old, lookup)


def refuse_queue_deletion(queue: Queue, lookup: Lookup) -> str:
    """Why a queue must stay; empty where it may go."""
    name = queue.metadata.name
    if name in (DEFAULT, ROOT):
        return f"`{name}` queue can not be deleted"
    children = children_of(lookup, name)
    if children:
        names = ", ".join(child.metadata.name for child in children)
        return (
            f"queue {name} can not be deleted because it has {len(children)} child queues: {names}"
        )
    return ""


def _amount_causes(queue: Queue) -> Iterator[Cause]:
    """Nothing is negative, and guarantee <= deserved <= capability."""
    spec = queue.spec
    path = f"{_PATH}.spec"
    yield from _quantity_causes(spec.capability, f"{path}.capability")
    yield from _quantity_causes(spec.deserved, f"{path}.deserved")
    for name, amount in sorted(spec.guarantee.resource.items()):
        yield from _quantity_causes({name: amount}, f"{path}.guarantee.resource")
        least = f"must be >= guarantee[{name}]={canonical(amount)}"
        deserved = spec.deserved.get(name)
        if deserved is None:
            text = f"deserved[{name}] {least}"
            yield causes.invalid(f"{path}.deserved.{name}", "<nil>", text)
        elif parse(deserved) < parse(amount):
            shown = canonical(deserved)
            text = f"deserved[{name}]={shown} {least}"
            yield causes.invalid(f"{path}.deserved.{name}", shown, text)
    for name, amount in sorted(spec.deserved.items()):
        most = spec.capability.get(name)
        if most is not None and parse(amount) > parse(most):
            shown = canonical(amount)
            text = f"deserved[{name}]={shown} must be <= capability[{name}]={canonical(most)}"
            yield causes.invalid(f"{path}.deserved.{name}", shown, text)


def _quantity_causes(resources: Mapping[str, Any], path: str) -> Iterator[Cause]:
    for name, amount in sorted(resources.items()):
        number = parse(amount)
        if number < 0:
            text = "must be greater than or equal to 0"
            yield causes.invalid(f"{path}.{name}", canonical(amount), text)
        is_extended = "/" in name and "kubernetes.io/" not in name
        if (is_extended or name in _WHOLE_UNITS) and number != number.to_integral_value():
            yield causes.invalid(f"{path}.{name}", canonical(amount), "must be an integer")


def _state_causes(queue: Queue, old: Queue | None) -> Iterator[Cause]:
    """Nobody but the controller makes a queue closing or unknown. It may be changed otherwise
    while it is, which Volcano refuses."""
    state = queue.status.state
    is_as_before = old is not None and old.status.state == state
    if state not in ("", QueueState.OPEN, QueueState.CLOSED) and not is_as_before:
        yield causes.invalid(f"{_PATH}.spec.state", state, "queue state must be in [Open Closed]")


def _affinity_causes(queue: Queue, old: Queue | None) -> Iterator[Cause]:
    """A node group that is both required and forbidden, which Volcano lets through."""
    affinity = queue.spec.affinity
    if affinity is None or (old is not None and old.spec.affinity == affinity):
        return
    wanted, shunned = affinity.node_group_affinity, affinity.node_group_anti_affinity
    if wanted is None or shunned is None:
        return
    forbidden = shunned.required_during_scheduling_ignored_during_execution
    for group in wanted.required_during_scheduling_ignored_during_execution:
        if group in forbidden:
            path = f"{_PATH}.spec.affinity.nodeGroupAntiAffinity"
            text = "is also required by nodeGroupAffinity: no node would do"
            yield causes.invalid(path, group, text)


def _hierarchy_causes(queue: Queue, lookup: Lookup) -> Iterator[Cause]:
    annotations = queue.metadata.annotations
    hierarchy, weights = annotations.get(HIERARCHY, ""), annotations.get(HIERARCHY_WEIGHTS, "")
    if not hierarchy and not weights:
        return
    path = f"{_PATH}.metadata.annotations"
    if hierarchy.count("/") != weights.count("/"):
        text = f"{HIERARCHY} must have the same length with {HIERARCHY_WEIGHTS}"
        yield causes.invalid(path, hierarchy, text)
        return
    for weight in weights.split("/"):
        fault = _weight_fault(weight)
        if fault:
            yield causes.invalid(path, weights, f"{weight} in the {weights} {fault}")
            return
    for other in lookup.list(QUEUES):
        taken = other.metadata.annotations.get(HIERARCHY, "")
        if other.metadata.name != queue.metadata.name and taken.startswith(f"{hierarchy}/"):
            text = (
                f"{hierarchy} is not allowed to be in the sub path of {taken} of queue"
                f" {other.metadata.name}"
            )
            yield causes.invalid(path, hierarchy, text)
            return


def _weight_fault(weight: str) -> str:
    if not _FLOAT.fullmatch(weight):
        return f'is invalid number: strconv.ParseFloat: parsing "{weight}": invalid syntax'
    number = float(weight)
    return "" if number > 0 or math.isnan(number) else "must be larger than 0"
