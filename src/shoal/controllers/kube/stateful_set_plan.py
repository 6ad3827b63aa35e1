"""What a StatefulSet does next: which pods it makes, which it removes, and in which order.

Pure. `OrderedReady` makes a pod only when all below it are available, and removes the highest when
all others are; `Parallel` does everything at once. Updates go from the highest ordinal down, and
each takes a pod away that its successor replaces in a later step.
Source of the rules: Kubernetes v1.36, pkg/controller/statefulset/stateful_set_control.go. Unlike
there, an outdated pod that is not available is replaced even where as many are unavailable as may
be: nothing is lost by it, and a set whose new template mends the old one goes on.
"""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from shoal.api.apps import StatefulSet
from shoal.api.pod import Pod
from shoal.controllers.kube.replica_count import is_available
from shoal.controllers.kube.revisions import POD_HASH
from shoal.controllers.kube.stateful_set_pods import ordinal_of, ordinals

BURST_PODS = 500
"""Most pods made or removed in one step where the order does not matter."""


class NextStep(msgspec.Struct, frozen=True):
    """One reconcile's worth of writes."""

    create: list[int]
    """Ordinals."""
    remove: list[Pod]


_WAIT = NextStep([], [])


class View(msgspec.Struct, frozen=True):
    """A set and its pods at one moment."""

    stateful_set: StatefulSet
    pods: Sequence[Pod]
    """Those that it owns."""
    update_revision: str
    now: datetime

    def is_available(self, pod: Pod | None) -> bool:
        """Running, ready for long enough, and to stay."""
        return (
            pod is not None
            and not pod.is_deleting
            and pod.status.phase == "Running"
            and is_available(pod, self.stateful_set.spec.min_ready_seconds, self.now)
        )

    def is_current(self, pod: Pod) -> bool:
        return pod.metadata.labels.get(POD_HASH) == self.update_revision

    @property
    def replicas(self) -> list[tuple[int, Pod | None]]:
        """The pods that there should be, lowest ordinal first; None for one that is missing."""
        by_ordinal = self._by_ordinal()
        return [(each, by_ordinal.get(each)) for each in ordinals(self.stateful_set)]

    @property
    def condemned(self) -> list[Pod]:
        """The pods that there should not be, highest ordinal first."""
        wanted = ordinals(self.stateful_set)
        return [pod for each, pod in sorted(self._by_ordinal().items())[::-1] if each not in wanted]

    def _by_ordinal(self) -> dict[int, Pod]:
        return {
            ordinal: pod
            for pod in self.pods
            if (ordinal := ordinal_of(self.stateful_set, pod.metadata.name)) is not None
        }


def next_step(view: View) -> NextStep:
    """Nothing while the set is being deleted."""
    if view.stateful_set.metadata.deletion_timestamp is not None:
        return _WAIT
    if view.stateful_set.spec.pod_management_policy == "Parallel":
        step = _all_at_once(view)
    else:
        step = _in_order(view)
    if step is not None:
        return step
    if view.stateful_set.spec.update_strategy.type != "RollingUpdate":
        return _WAIT
    return NextStep([], _outdated(view))


def _all_at_once(view: View) -> NextStep | None:
    """None where there is nothing to make or to remove."""
    missing = [ordinal for ordinal, pod in view.replicas if pod is None]
    broken = [pod for _, pod in view.replicas if pod is not None and _is_broken(pod)]
    surplus = [pod for pod in view.condemned if not pod.is_deleting]
    if not missing and not broken and not surplus:
        return None
    return NextStep(missing[:BURST_PODS], [*broken, *surplus][:BURST_PODS])


def _in_order(view: View) -> NextStep | None:
    """None where every pod is available and none is one too many."""
    for ordinal, pod in view.replicas:
        if pod is None:
            return NextStep([ordinal], [])
        if _is_broken(pod):
            return NextStep([], [pod])
        if not view.is_available(pod):
            return _WAIT
    condemned = view.condemned
    if not condemned:
        return None
    highest = condemned[0]
    unavailable = [pod for pod in condemned if not view.is_available(pod)]
    # A pod that is broken for good must not keep the set from shrinking, but of several the
    # lowest has to be mended first.
    if highest.is_deleting or (highest in unavailable and highest is not unavailable[-1]):
        return _WAIT
    return NextStep([], [highest])


def _is_broken(pod: Pod) -> bool:
    """Ended, however: the pods of a set are to run for ever."""
    return pod.is_finished and not pod.is_deleting


def _outdated(view: View) -> list[Pod]:
    """Pods of an old template that may go now, highest ordinal first."""
    missing = sum(not view.is_available(pod) for _, pod in view.replicas)
    budget = max_unavailable(view.stateful_set) - missing
    chosen: list[Pod] = []
    for ordinal, pod in reversed(view.replicas):
        if pod is None or pod.is_deleting or view.is_current(pod):
            continue
        if ordinal < _first_updated(view.stateful_set):
            break
        if view.is_available(pod):
            if budget <= 0:
                continue
            budget -= 1
        chosen.append(pod)
    return chosen


def max_unavailable(stateful_set: StatefulSet) -> int:
    """How many pods a rolling update may have unavailable; at least one."""
    rolling = stateful_set.spec.update_strategy.rolling_update
    value = rolling.max_unavailable if rolling is not None else 1
    if isinstance(value, str):
        value = int(value.removesuffix("%")) * stateful_set.spec.replicas // 100
    return max(1, value)


def starts_at_update(stateful_set: StatefulSet, ordinal: int) -> bool:
    """Whether a missing pod is made from the newest template, not from the one before."""
    strategy = stateful_set.spec.update_strategy
    if strategy.type != "RollingUpdate":
        return True
    if strategy.rolling_update is None:
        return ordinal >= stateful_set.spec.ordinals.start + stateful_set.status.current_replicas
    return ordinal >= _first_updated(stateful_set)


def _first_updated(stateful_set: StatefulSet) -> int:
    """The lowest ordinal that a rolling update reaches."""
    rolling = stateful_set.spec.update_strategy.rolling_update
    return stateful_set.spec.ordinals.start + (rolling.partition if rolling is not None else 0)
