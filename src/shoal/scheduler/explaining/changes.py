"""Changes that can be tried out on a copy: of the pod that is asked about, or of the nodes.

Each turns one `Scene` into another and says in a few words what it does. Nothing of the real
cluster changes.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from shoal.api import quantity
from shoal.api.meta import ObjectMeta
from shoal.api.names import label_value, qualified_name
from shoal.api.node import Node, NodeSpec, NodeStatus, Taint
from shoal.api.pod import Container, Pod, PodSpec, ResourceMap, ResourceRequirements, Toleration
from shoal.api.quantity import QuantityError

_COUNTED = re.compile(r"(-?\d+)x\s+(.*)", re.DOTALL)
_EFFECTS = ("NoSchedule", "PreferNoSchedule", "NoExecute")
_NATIVE = ("cpu", "memory", "ephemeral-storage", "pods")
_SHORT_LABELS = {
    "zone": "topology.kubernetes.io/zone",
    "region": "topology.kubernetes.io/region",
    "arch": "kubernetes.io/arch",
    "os": "kubernetes.io/os",
}
_HOSTNAME = "kubernetes.io/hostname"
_USUAL_PODS = "110"
_MAX_NODES = 10_000
_PRIORITIES = range(-(2**31), 2**31)


class ChangeError(ValueError):
    """A change that cannot be made; the text is one sentence."""


@dataclass(frozen=True, slots=True)
class Scene:
    """What changes work on."""

    pod: Pod
    nodes: Sequence[Node]


@dataclass(frozen=True, slots=True)
class WhatIfChange:
    """`make` raises ChangeError where the scene does not have what is to be changed."""

    text: str
    """`2 cpu`, `without affinity`, ..."""
    make: Callable[[Scene], Scene]


def ask_for(resource: str, amount: str) -> WhatIfChange:
    """The pod asks for so much in all: its first container for all of it, the others for none.
    Raises ChangeError where the amount is none."""
    try:
        if quantity.parse(amount) < 0:
            raise QuantityError
    except QuantityError as error:
        raise ChangeError(
            f'--{resource} "{amount}" is not an amount; write one such as'
            f" {'500m or 2' if resource == 'cpu' else '512Mi or 4Gi'}"
        ) from error
    return WhatIfChange(
        f"{resource} {amount}", _of_spec(lambda s: _asking_for(s, resource, amount))
    )


def drop_affinity() -> WhatIfChange:
    """To nodes and to pods, and the node selector."""
    return WhatIfChange(
        "without affinity and node selector", _setting(affinity=None, node_selector={})
    )


def drop_tolerations() -> WhatIfChange:
    return WhatIfChange("without tolerations", _setting(tolerations=[]))


def tolerate(key: str) -> WhatIfChange:
    """Every taint of the key; `*` is every taint there is. Raises ChangeError."""
    if key != "*" and (wrong := qualified_name(key)):
        raise ChangeError(f'--tolerate "{key}" is neither * nor the key of a taint: {wrong[0]}')
    taint = "" if key == "*" else key
    one_more = Toleration(key=taint, operator="Exists")
    return WhatIfChange(
        f"tolerating {'every taint' if not taint else key}",
        _of_spec(lambda spec: _with(spec, tolerations=[*spec.tolerations, one_more])),
    )


def drop_spread() -> WhatIfChange:
    """The pod's own topology spread constraints; those of the profile hold instead."""
    return WhatIfChange("without topology spread", _setting(topology_spread_constraints=[]))


def set_priority(priority: int) -> WhatIfChange:
    """Raises ChangeError where it is none."""
    if priority not in _PRIORITIES:
        raise ChangeError(
            f"--priority {priority} is not between {_PRIORITIES[0]} and {_PRIORITIES[-1]}"
        )
    return WhatIfChange(f"priority {priority}", _setting(priority=priority))


def add_nodes(text: str) -> WhatIfChange:
    """`4x cpu=32,memory=128Gi,zone=a,dedicated=batch:NoSchedule`: how many, and of each its
    resources, labels and taints. Raises ChangeError."""
    counted = _COUNTED.fullmatch(text)
    count, parts = (int(counted[1]), counted[2]) if counted else (1, text)
    if not 1 <= count <= _MAX_NODES:
        raise ChangeError(
            f"--add-node {text} asks for {count} nodes; the count must be at least 1 and at most"
            f" {_MAX_NODES}"
        )
    model = _model_node(text, parts)

    def make(scene: Scene) -> Scene:
        taken = {node.metadata.name for node in scene.nodes}
        free = (name for i in range(1, _MAX_NODES * 2) if (name := f"added-{i}") not in taken)
        added = [_named(model, next(free)) for _ in range(count)]
        return replace(scene, nodes=[*scene.nodes, *added])

    return WhatIfChange(
        f"{count} more {'node' if count == 1 else 'nodes'} of {parts.strip()}", make
    )


def remove_node(name: str) -> WhatIfChange:
    """The pods on it go with it."""

    def make(scene: Scene) -> Scene:
        rest = [node for node in scene.nodes if node.metadata.name != name]
        if len(rest) == len(scene.nodes):
            raise ChangeError(f'there is no node "{name}" to remove')
        return replace(scene, nodes=rest)

    return WhatIfChange(f"without node {name}", make)


def _of_spec(change: Callable[[PodSpec], PodSpec]) -> Callable[[Scene], Scene]:
    return lambda scene: replace(scene, pod=_with(scene.pod, spec=change(scene.pod.spec)))


def _setting(**fields: Any) -> Callable[[Scene], Scene]:
    return _of_spec(lambda spec: _with(spec, **fields))


def _asking_for(spec: PodSpec, resource: str, amount: str) -> PodSpec:
    first, *others = [_without(each, resource) for each in spec.containers]
    asking = {**first.resources.requests, resource: amount}
    first = _with(first, resources=_with(first.resources, requests=asking))
    whole = spec.resources
    if whole is not None and resource in whole.requests:
        whole = _with(whole, requests={**whole.requests, resource: amount})
    return _with(
        spec,
        containers=[first, *others],
        init_containers=[_without(each, resource) for each in spec.init_containers],
        resources=whole,
    )


def _without(container: Container, resource: str) -> Container:
    def rest(amounts: ResourceMap) -> ResourceMap:
        return {name: amount for name, amount in amounts.items() if name != resource}

    own = container.resources
    kept = ResourceRequirements(requests=rest(own.requests), limits=rest(own.limits))
    return _with(container, resources=kept)


@dataclass(slots=True)
class _Parts:
    """What was said of a node that is to be added."""

    text: str
    """As it was written, for messages."""
    allocatable: ResourceMap
    labels: dict[str, str]
    taints: list[Taint]

    def add(self, part: str) -> None:
        key, equals, value = part.partition("=")
        if ":" in part:
            self.taints.append(_taint(part, self.text))
        elif not key or not equals:
            raise ChangeError(
                f'"{part}" of --add-node {self.text} is none of RESOURCE=AMOUNT, LABEL=VALUE and'
                " KEY=VALUE:EFFECT"
            )
        elif _is_resource(key, value, self.text):
            self._put(self.allocatable, key, value)
        else:
            self._put(self.labels, _SHORT_LABELS.get(key, key), value)

    def _put(self, into: dict[str, Any], key: str, value: str) -> None:
        if key in into:
            raise ChangeError(f"--add-node {self.text} says {key} twice; say it once")
        if wrong := [*qualified_name(key), *(label_value(value) if into is self.labels else ())]:
            raise ChangeError(f'"{key}={value}" of --add-node {self.text} is no label: {wrong[0]}')
        into[key] = value


def _model_node(text: str, parts: str) -> Node:
    said = _Parts(text, {}, {}, [])
    for part in filter(None, (each.strip() for each in parts.split(","))):
        said.add(part)
    if missing := [name for name in ("cpu", "memory") if name not in said.allocatable]:
        misread = [key for key, value in said.labels.items() if _is_sized(value)]
        hint = f" ({' and '.join(misread)} is taken for a label)" if misread else ""
        raise ChangeError(
            f"--add-node {text} does not say how much {' and '.join(missing)} the node has{hint};"
            ' write it such as "4x cpu=32,memory=128Gi"'
        )
    allocatable = {"pods": _USUAL_PODS, **said.allocatable}
    status = NodeStatus(capacity=allocatable, allocatable=allocatable)
    spec = NodeSpec(taints=said.taints)
    return Node(metadata=ObjectMeta(labels=said.labels), spec=spec, status=status)


def _taint(part: str, text: str) -> Taint:
    written, _, effect = part.rpartition(":")
    key, _, value = written.partition("=")
    if effect not in _EFFECTS:
        raise ChangeError(
            f'"{effect}" in "{part}" of --add-node {text} is no effect of a taint; use'
            f" {', '.join(_EFFECTS[:-1])} or {_EFFECTS[-1]}"
        )
    if wrong := [*qualified_name(key), *label_value(value)]:
        raise ChangeError(f'"{part}" of --add-node {text} is no taint: {wrong[0]}')
    return Taint(key=key, value=value, effect=effect)


def _is_sized(value: str) -> bool:
    """An amount with a unit, such as `16Gi`, which labels rarely are."""
    return value[:1].isdigit() and not value.isdigit() and _is_amount(value)


def _is_amount(value: str) -> bool:
    try:
        return quantity.parse(value) >= 0
    except QuantityError:
        return False


def _is_resource(key: str, value: str, text: str) -> bool:
    """Extended resources have a domain, as labels may; an amount tells them apart."""
    is_native = key in _NATIVE or key.startswith("hugepages-")
    is_amount = _is_amount(value)
    if is_native and not is_amount:
        raise ChangeError(f'"{value}" of --add-node {text} is not an amount of {key}')
    return is_native or (is_amount and "/" in key and "kubernetes.io/" not in key)


def _named(model: Node, name: str) -> Node:
    labels: Mapping[str, str] = {_HOSTNAME: name, **model.metadata.labels}
    return _with(model, metadata=_with(model.metadata, name=name, labels=dict(labels)))


_with: Callable[..., Any] = msgspec.structs.replace
