"""What a DaemonSet does next: where it makes pods, and which ones it removes.

Pure. First every node gets the one pod that it should have; only when nothing is amiss does an
update go on. Without surge an update takes old pods away, as many as may be unavailable; with surge
it puts a new pod beside the old one, which goes when the new one is available.
Source of the rules: Kubernetes v1.36, pkg/controller/daemon (daemon_controller.go, update.go).
"""

import math
from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec

from shoal.api.apps import DaemonSet
from shoal.api.node import Node
from shoal.api.pod import IntOrString, Pod
from shoal.controllers.kube import daemon_set_pods
from shoal.controllers.kube.daemon_set_pods import Suitability
from shoal.controllers.kube.replica_count import is_available
from shoal.controllers.kube.revisions import POD_HASH

BURST_PODS = 250
"""Most pods made or removed in one reconcile."""


class DaemonStep(msgspec.Struct, frozen=True):
    """One reconcile's worth of writes."""

    create: list[str] = []
    """Names of nodes."""
    remove: list[Pod] = []
    ended: list[Pod] = []
    """Pods that ended by themselves; those that failed are removed with a back-off."""

    @property
    def is_empty(self) -> bool:
        return not (self.create or self.remove or self.ended)


class Daemons(msgspec.Struct, frozen=True):
    """A set, its pods and all nodes at one moment."""

    daemon_set: DaemonSet
    hashed: str
    """Of the present template's revision."""
    suitability: Mapping[str, Suitability]
    """By the names of all nodes."""
    pods: Mapping[str, Sequence[Pod]]
    """By node, oldest first; without those that have ended and are being deleted."""
    now: datetime

    def is_available(self, pod: Pod) -> bool:
        return is_available(pod, self.daemon_set.spec.min_ready_seconds, self.now)

    def is_current(self, pod: Pod) -> bool:
        return pod.metadata.labels.get(POD_HASH) == self.hashed

    @property
    def wanted(self) -> list[str]:
        """The nodes that should have a pod."""
        return [name for name, each in self.suitability.items() if each is Suitability.WANTED]


def daemons(
    daemon_set: DaemonSet,
    hashed: str,
    nodes: Sequence[Node],
    owned: Sequence[Pod],
    now: datetime,
) -> Daemons:
    """Sorts pods and nodes for the decisions below."""
    placement = daemon_set_pods.placement(daemon_set)
    suitability = {
        node.metadata.name: placement.suitability(node)
        for node in sorted(nodes, key=lambda node: node.metadata.name)
    }
    by_node: dict[str, list[Pod]] = {}
    for pod in sorted(owned, key=_age_order):
        if not (pod.is_finished and pod.is_deleting):
            by_node.setdefault(daemon_set_pods.node_of(pod), []).append(pod)
    return Daemons(daemon_set, hashed, suitability, by_node, now)


def _age_order(pod: Pod) -> tuple[bool, float, str]:
    created = pod.metadata.creation_timestamp
    return not pod.spec.node_name, created.timestamp() if created else 0.0, pod.metadata.name


def next_step(view: Daemons) -> DaemonStep:
    """Nothing while the set is being deleted."""
    if view.daemon_set.metadata.deletion_timestamp is not None:
        return DaemonStep()
    step = _one_on_each(view)
    if step.is_empty and view.daemon_set.spec.update_strategy.type == "RollingUpdate":
        surge, unavailable = bounds(view.daemon_set, len(view.wanted))
        step = _surge(view, surge) if surge else _replace(view, unavailable)
    return DaemonStep(step.create[:BURST_PODS], step.remove[:BURST_PODS], step.ended)


def bounds(daemon_set: DaemonSet, wanted: int) -> tuple[int, int]:
    """How many nodes may have a second pod, and how many none that is available. One of them is
    at least 1; percentages are of the `wanted` nodes and round up."""
    rolling = daemon_set.spec.update_strategy.rolling_update
    if rolling is None:
        return 0, 1
    surge = _absolute(rolling.max_surge, wanted)
    unavailable = _absolute(rolling.max_unavailable, wanted)
    return surge, unavailable if surge or unavailable else 1


def _absolute(value: IntOrString, total: int) -> int:
    if isinstance(value, int):
        return value
    return math.ceil(int(value.removesuffix("%")) * total / 100)


def _one_on_each(view: Daemons) -> DaemonStep:
    create: list[str] = []
    # The scheduler cannot place a pod on a node that is gone, and nobody else removes it.
    remove = [
        pod
        for name, pods in view.pods.items()
        if name not in view.suitability
        for pod in pods
        if not pod.spec.node_name and not pod.is_deleting
    ]
    ended: list[Pod] = []
    for name, suitability in view.suitability.items():
        pods = view.pods.get(name, ())
        staying = [pod for pod in pods if not pod.is_deleting]
        if suitability is Suitability.UNWANTED:
            remove += staying
        elif suitability is Suitability.WANTED and not pods:
            create.append(name)
        else:
            ended += [pod for pod in staying if pod.is_finished]
            remove += _surplus(view, [pod for pod in staying if not pod.is_finished])
    return DaemonStep(create, remove, ended)


def _surplus(view: Daemons, running: Sequence[Pod]) -> list[Pod]:
    """Pods of a node beyond the one that it should have, or beyond an old and a new one while
    an update puts the new one beside it."""
    if len(running) <= 1:
        return []
    if not bounds(view.daemon_set, len(view.wanted))[0]:
        return list(running[1:])
    new = [pod for pod in running if view.is_current(pod)]
    old = [pod for pod in running if not view.is_current(pod)]
    surplus = [*new[1:], *old[1:]]
    if new and old and (not old[0].is_ready or view.is_available(new[0])):
        surplus.append(old[0])
    return surplus


def _new_and_old(view: Daemons, name: str) -> tuple[Pod | None, Pod | None]:
    """One of each at most, as `_one_on_each` has seen to."""
    staying = [pod for pod in view.pods.get(name, ()) if not pod.is_deleting]
    new = next((pod for pod in staying if view.is_current(pod)), None)
    old = next((pod for pod in staying if not view.is_current(pod)), None)
    return new, old


def _replace(view: Daemons, max_unavailable: int) -> DaemonStep:
    """Old pods that are not available may go at once; of the others as many as the bound allows."""
    unavailable = 0
    broken: list[Pod] = []
    candidates: list[Pod] = []
    for name in view.pods:
        new, old = _new_and_old(view, name)
        if new is not None or old is None:
            unavailable += new is None or not view.is_available(new)
        elif view.is_available(old):
            candidates.append(old)
        else:
            broken.append(old)
    return DaemonStep(remove=[*broken, *candidates[: max(0, max_unavailable - unavailable)]])


def _surge(view: Daemons, max_surge: int) -> DaemonStep:
    """A new pod beside every old one that is not available, and beside as many others as the
    bound allows."""
    surging = 0
    broken: list[str] = []
    candidates: list[str] = []
    for name in view.wanted:
        new, old = _new_and_old(view, name)
        if old is None:
            continue
        if new is not None:
            surging += 1
        elif view.is_available(old):
            candidates.append(name)
        else:
            broken.append(name)
    return DaemonStep(create=[*broken, *candidates[: max(0, max_surge - surging)]])


def status(view: Daemons) -> dict[str, int]:
    """The numbers, without those that the controller keeps: generation and collisions."""
    firsts = [view.pods[name][0] for name in view.wanted if view.pods.get(name)]
    available = sum(view.is_available(pod) for pod in firsts)
    misplaced = [
        name
        for name, each in view.suitability.items()
        if each is not Suitability.WANTED and view.pods.get(name)
    ]
    return {
        "desiredNumberScheduled": len(view.wanted),
        "currentNumberScheduled": len(firsts),
        "numberMisscheduled": len(misplaced),
        "numberReady": sum(pod.is_ready for pod in firsts),
        "updatedNumberScheduled": sum(view.is_current(pod) for pod in firsts),
        "numberAvailable": available,
        "numberUnavailable": len(view.wanted) - available,
    }
