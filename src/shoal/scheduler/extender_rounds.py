"""Which extenders a pod concerns, and what they are to be asked about it. Pure.

A pod that concerns extenders is filtered by the plugins first; the nodes that are left go out as
an effect, and the pod stays in flight until the answer comes back as an event. Then it has its
cycle, with the answer (`cycle.extended`).

Source of the rules: Kubernetes v1.36, pkg/scheduler/extender.go (IsInterested).
"""

from collections.abc import Sequence

from shoal.scheduler import effects
from shoal.scheduler.config.configuration import ExtenderSection
from shoal.scheduler.cycle.evaluations import Evaluations
from shoal.scheduler.effects import AskExtenders
from shoal.scheduler.events import ExtendersAnswered
from shoal.scheduler.queueing.queued_pod import QueuedPod
from shoal.scheduler.queueing.rooms import Room
from shoal.scheduler.state.pod_info import PodInfo
from shoal.scheduler.state.snapshot import Snapshot


def is_interested(extender: ExtenderSection, pod: PodInfo) -> bool:
    """Whether the pod asks for what the extender manages; one that manages nothing is interested
    in all pods."""
    managed = {resource.name for resource in extender.managed_resources}
    if not managed:
        return True
    containers = (*pod.spec.containers, *pod.spec.init_containers)
    return any(
        managed & {*container.resources.requests, *container.resources.limits}
        for container in containers
    )


class ExtenderRounds:
    """Knows which pods are being asked about."""

    def __init__(
        self, extenders: Sequence[ExtenderSection], evaluations: Evaluations, snapshot: Snapshot
    ) -> None:
        self._extenders = extenders
        self._evaluations = evaluations
        self._snapshot = snapshot
        self._asked: dict[str, QueuedPod] = {}
        """By uid."""

    def ask(self, queued: QueuedPod, answer: ExtendersAnswered | None) -> AskExtenders | None:
        """None where the cycle can go on: no extender is concerned, no node is left, or `answer`
        will do. An answer is asked for again where plugins pass no node any more that it passed,
        but some that have come up meanwhile: else a pod could be told that no node has room
        though nobody looked at some."""
        if not self._extenders:
            return None
        concerned = tuple(
            index
            for index, extender in enumerate(self._extenders)
            if (extender.filter_verb or extender.prioritize_verb)
            and is_interested(extender, queued.pod)
        )
        names = self._feasible_nodes(queued) if concerned else ()
        if not names or (answer is not None and _is_enough(answer, frozenset(names))):
            return None
        self._asked[queued.pod.uid] = queued
        return AskExtenders(effects.ref(queued.pod.object), concerned, names)

    def take(self, answer: ExtendersAnswered) -> QueuedPod | None:
        """Whom the answer is about; None where the pod is no longer waiting for it."""
        queued = self._asked.pop(answer.pod.uid, None)
        return queued if queued is not None and queued.room is Room.IN_FLIGHT else None

    def binder(self, pod: PodInfo) -> int | None:
        """Which extender binds the pod; None for the bind plugin's way."""
        for index, extender in enumerate(self._extenders):
            if extender.bind_verb and is_interested(extender, pod):
                return index
        return None

    def _feasible_nodes(self, queued: QueuedPod) -> tuple[str, ...]:
        evaluation = self._evaluations.get(queued.profile, queued.signature, queued.pod)
        if not evaluation.judge().is_success:
            return ()
        return tuple(self._snapshot.node(row).name for row in evaluation.feasible_rows())


def _is_enough(answer: ExtendersAnswered, feasible: frozenset[str]) -> bool:
    if answer.error or not feasible.isdisjoint(answer.passed):
        return True
    return feasible.issubset(answer.asked)
