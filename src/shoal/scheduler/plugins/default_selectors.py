"""Which pods a pod belongs with, as its services and its controller say.

Source of the rules: Kubernetes v1.36, pkg/scheduler/framework/plugins/helper/spread.go.
"""

from collections.abc import Hashable, Mapping
from typing import Any

from shoal.api.apps import REPLICA_SETS, STATEFUL_SETS
from shoal.api.core import REPLICATION_CONTROLLERS, SERVICES, ReplicationController
from shoal.api.meta import OwnerReference
from shoal.api.resource import Resource
from shoal.api.selectors import EVERYTHING, Requirement, Selector, from_label_selector
from shoal.scheduler.state.objects import Objects
from shoal.scheduler.state.pod_info import PodInfo

_CONTROLLERS: Mapping[tuple[str, str], Resource[Any]] = {
    (each.api_version, each.kind): each
    for each in (REPLICATION_CONTROLLERS, REPLICA_SETS, STATEFUL_SETS)
}
READ: tuple[Resource[Any], ...] = (SERVICES, REPLICATION_CONTROLLERS, REPLICA_SETS, STATEFUL_SETS)
"""The collections that are looked at."""

_KEPT = 4096


def known_controller(pod: PodInfo) -> OwnerReference | None:
    """The pod's controller, where it is one whose selector is read."""
    owner = pod.object.metadata.controller
    if owner is None or (owner.api_version, owner.kind) not in _CONTROLLERS:
        return None
    return owner


class DefaultSelectors:
    """Selectors by what of a pod they depend on, until any of the collections changes."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects
        self._changes_seen = -1
        self._has_any = False
        self._generations: tuple[int, ...] = ()
        self._service_selectors: dict[str, list[Mapping[str, str]]] = {}
        self._known: dict[Hashable, Selector] = {}

    def know_any(self) -> bool:
        """Whether there is anything that could select pods."""
        if self._objects.changes != self._changes_seen:
            self._refresh()
        return self._has_any

    def get(self, pod: PodInfo) -> Selector:
        """Empty where nothing selects the pod."""
        if not self.know_any():
            return EVERYTHING
        owner = known_controller(pod)
        if not pod.labels and owner is None:
            return EVERYTHING
        key = (pod.label_class, owner and (owner.kind, owner.name))
        selector = self._known.get(key)
        if selector is None:
            if len(self._known) >= _KEPT:
                self._known.clear()
            selector = self._known[key] = self._find(pod, owner)
        return selector

    def _refresh(self) -> None:
        self._changes_seen = self._objects.changes
        generations = tuple(self._objects.generation(each) for each in READ)
        if generations == self._generations:
            return
        self._generations = generations
        self._has_any = any(self._objects.list(each) for each in READ)
        self._known.clear()
        self._service_selectors.clear()
        for service in self._objects.list(SERVICES):
            if service.spec.selector:
                namespace = service.metadata.namespace
                self._service_selectors.setdefault(namespace, []).append(service.spec.selector)

    def _find(self, pod: PodInfo, owner: OwnerReference | None) -> Selector:
        labels: dict[str, str] = {}
        for selector in self._service_selectors.get(pod.namespace, ()):
            if selector.items() <= pod.labels.items():
                labels |= selector
        controller = None
        if owner is not None:
            resource = _CONTROLLERS[owner.api_version, owner.kind]
            controller = self._objects.get(resource, pod.namespace, owner.name)
        more: Selector | None = None
        match controller:
            case None:
                pass
            case ReplicationController():
                labels |= controller.spec.selector
            case _:
                more = from_label_selector(controller.spec.selector)
        equal = [Requirement(k, "In", frozenset((v,))) for k, v in sorted(labels.items())]
        return Selector((*equal, *(more.requirements if more else ())))
