"""A cycle with the answers of extenders: an additional mask over the nodes, an additional score.

Extenders are asked between two looks at the cluster (see `extender_rounds`), so their answer meets
the present snapshot: a node counts that plugins pass now and extenders passed before.

Source of the rules: Kubernetes v1.36, pkg/scheduler/schedule_one.go (findNodesThatPassExtenders,
prioritizeNodes).
"""

from collections.abc import Iterator
from dataclasses import replace

from shoal.scheduler.cycle.diagnosis import Diagnosis
from shoal.scheduler.cycle.evaluation import Evaluation
from shoal.scheduler.events import ExtendersAnswered
from shoal.scheduler.framework import status as statuses
from shoal.scheduler.framework.plugin import MAX_NODE_SCORE
from shoal.scheduler.framework.points import EXTENDER
from shoal.scheduler.framework.profile import Profile
from shoal.scheduler.framework.status import Status
from shoal.scheduler.state.pod_info import PodInfo
from shoal.scheduler.state.snapshot import Snapshot

_MAX_EXTENDER_SCORE = 10
_SCALE = MAX_NODE_SCORE // _MAX_EXTENDER_SCORE


class ExtendedEvaluation(Evaluation):
    """Of one pod: what extenders said of it holds for no other."""

    def __init__(
        self, profile: Profile, pod: PodInfo, snapshot: Snapshot, answer: ExtendersAnswered
    ) -> None:
        super().__init__(profile.points, pod, snapshot)
        self._answer = answer

    def choose(self) -> int | Status:
        """As without extenders, among those that they passed. An error of an extender that is
        not ignorable is the cycle's."""
        if self._answer.error:
            return statuses.error(self._answer.error)
        status = self.judge()
        if not status.is_success:
            return status
        passed = self._keep_passed()
        choice = super().choose()
        if isinstance(choice, Status) or len(passed) == 1:
            return choice
        totals = self.scores()
        return max(passed, key=lambda row: (totals.total(row) + self._extra(row), -row))

    def get(self, row: int) -> Status:
        """Of a node that plugins pass, what extenders say."""
        status = super().get(row)
        return status if not status.is_success else self._verdict(self._name(row))

    def rows_with_code(self, code: int) -> list[int]:
        """Ascending."""
        return [row for row in self._present_rows() if self.get(row).code == code]

    def diagnose(self) -> Diagnosis:
        """With the reasons of extenders among those of plugins."""
        diagnosis = super().diagnose()
        failures = list(self._failures())
        if not failures:
            return diagnosis
        reasons = dict(diagnosis.reasons)
        for status in failures:
            for reason in status.reasons:
                reasons[reason] = reasons.get(reason, 0) + 1
        rejectors = diagnosis.unschedulable_plugins | {EXTENDER}
        return replace(diagnosis, reasons=reasons, unschedulable_plugins=rejectors)

    def _keep_passed(self) -> list[int]:
        names = frozenset(self._answer.passed)
        rows = [row for row in self.feasible_rows() if self._name(row) in names]
        self._is_feasible[:] = False
        self._is_feasible[rows] = True
        self._count_feasible()
        return rows

    def _failures(self) -> Iterator[Status]:
        """Of nodes that plugins pass and extenders do not."""
        passed = frozenset(self._answer.passed)
        for row in self._present_rows():
            name = self._name(row)
            if name not in passed and super().get(row).is_success:
                yield self._verdict(name)

    def _verdict(self, name: str) -> Status:
        answer = self._answer
        if name in answer.unresolvable:
            return statuses.unresolvable(answer.unresolvable[name]).by(EXTENDER)
        if name in answer.failed:
            return statuses.unschedulable(answer.failed[name]).by(EXTENDER)
        return statuses.SUCCESS

    def _extra(self, row: int) -> int:
        return self._answer.scores.get(self._name(row), 0) * _SCALE

    def _name(self, row: int) -> str:
        return self._snapshot.node_name(row)
