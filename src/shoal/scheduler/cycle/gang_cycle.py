"""One scheduling cycle: place a gang as a transaction.

For each member: judge nodes, choose the best, assume it on the statement, reserve, ask for
permission. Enough members placed: commit. Not enough: unreserve and discard all, ask PostFilter
for a way out, and say why. A lone pod is a gang of one. A pod that is nominated to a node goes
there if it can; nobody takes the room that is promised to a nominated pod of higher priority.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import msgspec

from shoal.scheduler.cycle.beside_nominated import BesideNominated
from shoal.scheduler.cycle.diagnosis import Diagnosis
from shoal.scheduler.cycle.evaluation import Evaluation
from shoal.scheduler.cycle.evaluations import Evaluations
from shoal.scheduler.cycle.extended import ExtendedEvaluation
from shoal.scheduler.events import ExtendersAnswered
from shoal.scheduler.framework import filtering, placing
from shoal.scheduler.framework.cycle_state import CycleState
from shoal.scheduler.framework.nominations import Nominations
from shoal.scheduler.framework.placing import Permission
from shoal.scheduler.framework.plugin import PostFilterResult
from shoal.scheduler.framework.profile import Profile
from shoal.scheduler.framework.status import Code, Status, unschedulable
from shoal.scheduler.queueing.queued_pod import QueuedPod
from shoal.scheduler.state.cache import Cache
from shoal.scheduler.state.node_table import BoolArray
from shoal.scheduler.state.statement import Statement

GANG_REJECTED = unschedulable("pod group is unschedulable")

NOT_NOMINATED = PostFilterResult(nominated_node_name="")
"""Where something failed, the room that was made for the pod is not kept any longer."""


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
    nominated_node_name: str = ""
    """Where it was nominated to; empty for nowhere."""


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

    def __init__(self, cache: Cache, evaluations: Evaluations, nominations: Nominations) -> None:
        self._cache = cache
        self._evaluations = evaluations
        self._nominations = nominations
        self._beside_nominated = BesideNominated(cache.snapshot, nominations)
        self._latest: Evaluation | None = None
        """Of the member that was tried last."""

    def run(self, gang: Gang) -> GangOutcome:
        statement = Statement(self._cache)
        placements: list[Placement] = []
        rejections: list[Rejection] = []
        for queued in gang.members:
            result = self.place(statement, queued, gang.answer)
            if isinstance(result, Placement):
                placements.append(result)
            else:
                rejections.append(result)
        if len(placements) >= gang.min_member:
            statement.commit()
            return GangOutcome(placements, rejections)
        for placement in reversed(placements):
            self._unreserve(placement)
            if placement.nominated_node_name:
                self._nominations.set(placement.queued.pod, placement.nominated_node_name)
        statement.discard()
        if len(gang.members) > 1:
            # What its members were judged on was taken back.
            self._latest = None
        rejections = [self._post_filter(each, gang.answer) for each in rejections]
        rejections += [_rejected_with_gang(each) for each in placements]
        return GangOutcome((), rejections)

    def place(
        self,
        statement: Statement,
        queued: QueuedPod,
        answer: ExtendersAnswered | None = None,
        rows: BoolArray | None = None,
    ) -> Placement | Rejection:
        """One member onto the statement; on one of these rows, where they are given."""
        evaluation, choice = self._choose(queued, answer, rows)
        self._latest = evaluation
        if isinstance(choice, Status):
            if choice.is_rejected:
                return Rejection(queued, choice, evaluation.diagnose())
            return Rejection(queued, choice, Diagnosis(0), NOT_NOMINATED)
        node_name = self._cache.snapshot.node_name(choice)
        pod, points = queued.pod, queued.profile.points
        state = evaluation.state.clone()
        statement.assume(pod, node_name)
        nominated_node_name = self._nominations.remove(pod.uid) if self._nominations else ""
        status = placing.run_reserves(points, state, pod, node_name)
        permission = Permission(status)
        if status.is_success:
            permission = placing.run_permits(points, state, pod, node_name)
        if permission.status.code in (Code.SUCCESS, Code.WAIT):
            return Placement(queued, node_name, state, permission, nominated_node_name)
        placing.run_unreserves(points, state, pod, node_name)
        statement.forget_last()
        status = permission.status
        return Rejection(queued, status, _diagnosis_of(status), NOT_NOMINATED)

    def _choose(
        self,
        queued: QueuedPod,
        answer: ExtendersAnswered | None,
        rows: BoolArray | None = None,
    ) -> tuple[Evaluation, int | Status]:
        """The node that the pod is nominated to, if it fits there; else the best one."""
        evaluation = self._evaluation(queued, queued.profile, answer)
        if self._nominations:
            row = self._beside_nominated.own_row(queued.pod, queued.profile, evaluation)
            if row is not None and self._is_allowed(row, answer, rows):
                return evaluation, row
            evaluation = self._heedful(queued, evaluation, answer)
        return evaluation, evaluation.choose() if rows is None else evaluation.choose_among(rows)

    def _is_allowed(
        self, row: int, answer: ExtendersAnswered | None, rows: BoolArray | None
    ) -> bool:
        is_inside = rows is None or bool(rows[row])
        return is_inside and (
            answer is None or self._cache.snapshot.node_name(row) in answer.passed
        )

    def take_back(self, statement: Statement, placement: Placement) -> None:
        """The latest placement of the statement, as if it had not been made."""
        self._unreserve(placement)
        statement.forget_last()
        if placement.nominated_node_name:
            self._nominations.set(placement.queued.pod, placement.nominated_node_name)

    def _unreserve(self, placement: Placement) -> None:
        queued = placement.queued
        placing.run_unreserves(
            queued.profile.points, placement.state, queued.pod, placement.node_name
        )

    def _evaluation(
        self, queued: QueuedPod, profile: Profile, answer: ExtendersAnswered | None
    ) -> Evaluation:
        if answer is not None:
            return ExtendedEvaluation(profile, queued.pod, self._cache.snapshot, answer)
        if profile is queued.profile:
            return self._evaluations.get(profile, queued.signature, queued.pod)
        return self._evaluations.make_own(profile, queued.signature, queued.pod)

    def _heedful(
        self, queued: QueuedPod, evaluation: Evaluation, answer: ExtendersAnswered | None
    ) -> Evaluation:
        """The evaluation, or one that leaves nominated pods their room."""
        own = self._beside_nominated.profile_for(queued.pod, queued.profile, evaluation)
        return evaluation if own is queued.profile else self._evaluation(queued, own, answer)

    def _post_filter(self, rejection: Rejection, answer: ExtendersAnswered | None) -> Rejection:
        """Ask for a way out, such as preemption, where nodes were looked at or PreFilter spoke."""
        queued = rejection.queued
        points = queued.profile.points
        if not points.post_filter or not rejection.status.is_rejected:
            return rejection
        evaluation = self._latest
        if evaluation is None:
            evaluation, choice = self._choose(queued, answer)
        else:
            choice = evaluation.choose()
        if isinstance(choice, int):
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
    """Of a Reserve or Permit plugin's refusal: one node was looked at. An error waits for no event
    that its plugin registered; it may be over by the next attempt."""
    rejector = frozenset({status.plugin}) if status.is_rejected else frozenset[str]()
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
