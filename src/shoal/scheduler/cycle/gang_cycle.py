"""One scheduling cycle: place a gang as a transaction.

For each member: judge nodes, choose the best, assume it on the statement, reserve, ask for
permission. Enough members placed: commit. Not enough: unreserve and discard all, ask PostFilter
for a way out, and say why. A lone pod is a gang of one.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import msgspec

from shoal.scheduler.cycle.diagnosis import Diagnosis
from shoal.scheduler.cycle.evaluation import Evaluation
from shoal.scheduler.cycle.evaluations import Evaluations
from shoal.scheduler.cycle.extended import ExtendedEvaluation
from shoal.scheduler.events import ExtendersAnswered
from shoal.scheduler.framework import filtering, placing
from shoal.scheduler.framework.cycle_state import CycleState
from shoal.scheduler.framework.placing import Permission
from shoal.scheduler.framework.plugin import PostFilterResult
from shoal.scheduler.framework.status import Code, Status, unschedulable
from shoal.scheduler.queueing.queued_pod import QueuedPod
from shoal.scheduler.state.cache import Cache
from shoal.scheduler.state.statement import Statement

GANG_REJECTED = unschedulable("pod group is unschedulable")


class Gang(msgspec.Struct, frozen=True):
    """Pods that are placed together, in the order in which they are tried."""

    members: tuple[QueuedPod, ...]
    min_member: int
    answer: ExtendersAnswered | None = None
    """What extenders said, where the only member concerns some."""

    @classmethod
    def lone(cls, queued: QueuedPod, answer: ExtendersAnswered | None = None) -> "Gang":
        return cls((queued,), 1, answer)


class Placement(msgspec.Struct, frozen=True):
    """A member with a node, reserved and assumed."""

    queued: QueuedPod
    node_name: str
    state: CycleState
    permission: Permission


@dataclass(frozen=True, slots=True)
class Rejection:
    """A member without a node."""

    queued: QueuedPod
    status: Status
    """A rejection, or an error."""
    diagnosis: Diagnosis
    post_filter: PostFilterResult | None = None

    @property
    def message(self) -> str:
        return self.diagnosis.message if self.status.is_rejected else self.status.message


class GangOutcome(msgspec.Struct, frozen=True):
    placements: Sequence[Placement]
    rejections: Sequence[Rejection]


class GangCycle:
    """Places gangs on the cache, all members or none."""

    def __init__(self, cache: Cache, evaluations: Evaluations) -> None:
        self._cache = cache
        self._evaluations = evaluations

    def run(self, gang: Gang) -> GangOutcome:
        statement = Statement(self._cache)
        placements: list[Placement] = []
        rejections: list[Rejection] = []
        for queued in gang.members:
            result = self._place(statement, queued, gang.answer)
            if isinstance(result, Placement):
                placements.append(result)
            else:
                rejections.append(result)
        if len(placements) >= gang.min_member:
            statement.commit()
            return GangOutcome(placements, rejections)
        for placement in reversed(placements):
            self._unreserve(placement)
        statement.discard()
        rejections = [self._post_filter(each, gang.answer) for each in rejections]
        rejections += [_rejected_with_gang(each) for each in placements]
        return GangOutcome((), rejections)

    def _place(
        self, statement: Statement, queued: QueuedPod, answer: ExtendersAnswered | None
    ) -> Placement | Rejection:
        """One member onto the statement."""
        evaluation = self._evaluation(queued, answer)
        choice = evaluation.choose()
        if isinstance(choice, Status):
            diagnosis = evaluation.diagnose() if choice.is_rejected else Diagnosis(0)
            return Rejection(queued, choice, diagnosis)
        node_name = self._cache.snapshot.node_name(choice)
        pod, points = queued.pod, queued.profile.points
        state = evaluation.state.clone()
        statement.assume(pod, node_name)
        status = placing.run_reserves(points, state, pod, node_name)
        permission = Permission(status)
        if status.is_success:
            permission = placing.run_permits(points, state, pod, node_name)
        if permission.status.code in (Code.SUCCESS, Code.WAIT):
            return Placement(queued, node_name, state, permission)
        placing.run_unreserves(points, state, pod, node_name)
        statement.forget_last()
        return Rejection(queued, permission.status, _diagnosis_of(permission.status))

    def _unreserve(self, placement: Placement) -> None:
        queued = placement.queued
        placing.run_unreserves(
            queued.profile.points, placement.state, queued.pod, placement.node_name
        )

    def _evaluation(self, queued: QueuedPod, answer: ExtendersAnswered | None) -> Evaluation:
        if answer is None:
            return self._evaluations.get(queued.profile, queued.signature, queued.pod)
        return ExtendedEvaluation(queued.profile, queued.pod, self._cache.snapshot, answer)

    def _post_filter(self, rejection: Rejection, answer: ExtendersAnswered | None) -> Rejection:
        """Ask for a way out, such as preemption, where nodes were looked at or PreFilter spoke."""
        queued = rejection.queued
        points = queued.profile.points
        if not points.post_filter or not rejection.status.is_rejected:
            return rejection
        evaluation = self._evaluation(queued, answer)
        if isinstance(evaluation.choose(), int):
            return rejection
        return _with_way_out(rejection, evaluation)


def _with_way_out(rejection: Rejection, evaluation: Evaluation) -> Rejection:
    queued = rejection.queued
    result, status = filtering.run_post_filters(
        queued.profile.points, evaluation.state.clone(), queued.pod, evaluation
    )
    diagnosis = replace(rejection.diagnosis, post_filter_message=status.message)
    return replace(rejection, diagnosis=diagnosis, post_filter=result)


def _diagnosis_of(status: Status) -> Diagnosis:
    """Of a Reserve or Permit plugin's refusal: one node was looked at."""
    rejector = frozenset({status.plugin})
    is_pending = status.code is Code.PENDING
    return Diagnosis(
        1,
        dict.fromkeys(status.reasons, 1),
        unschedulable_plugins=frozenset() if is_pending else rejector,
        pending_plugins=rejector if is_pending else frozenset(),
    )


def _rejected_with_gang(placement: Placement) -> Rejection:
    """A member that had a place, but too few of the others had one."""
    diagnosis = Diagnosis(1, dict.fromkeys(GANG_REJECTED.reasons, 1))
    return Rejection(placement.queued, GANG_REJECTED, diagnosis)
