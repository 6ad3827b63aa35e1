"""DefaultPreemption: where a pod fits nowhere, pods of lower priority make room for it.

Every node whose pods are what keeps the pod away is tried: all pods of lower priority are supposed
away, and as many as possible are put back, protected ones first and then by importance; who cannot
stay is a victim. The node where that costs least is chosen (`victims`), the pod is nominated to
it, and its victims are evicted. Where pods matter by their resources alone, all such nodes are
tried, in one go (`victim_columns`). Elsewhere it takes a dry run for each pod of each node, so
trying ends when there is a node without a protected victim and as many candidates as
`minCandidateNodesPercentage` (of the nodes that may help) and `minCandidateNodesAbsolute`,
whichever is more, ask for; rows are tried in order, so that a run is reproducible.

Source of the rules and texts: Kubernetes v1.36, pkg/scheduler/framework/preemption and
plugins/defaultpreemption.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from shoal.api.core import EventType
from shoal.api.meta import find_condition
from shoal.api.policy import BUDGETS, PodDisruptionBudget
from shoal.api.resource import Resource
from shoal.base.guard import Failed, attempt
from shoal.scheduler import effects
from shoal.scheduler.config.plugin_arguments import DefaultPreemptionArgs
from shoal.scheduler.effects import Effect, Evict, RecordEvent
from shoal.scheduler.framework.cluster_event import Registration
from shoal.scheduler.framework.column_filters import ColumnFilters, ColumnRun, promised
from shoal.scheduler.framework.cycle_state import CycleState
from shoal.scheduler.framework.dry_run import DryRun, DryRuns
from shoal.scheduler.framework.fit_error import fit_error
from shoal.scheduler.framework.lifted import PluginError
from shoal.scheduler.framework.plugin import NodeStatuses, PostFilterResult
from shoal.scheduler.framework.registry import Handle
from shoal.scheduler.framework.status import SUCCESS, Code, Status, unresolvable, unschedulable
from shoal.scheduler.plugins import victims as ranking
from shoal.scheduler.plugins.disruption_budgets import DisruptionBudgets
from shoal.scheduler.plugins.victim_columns import Found, VictimColumns
from shoal.scheduler.plugins.victims import NO_VICTIMS, Candidate
from shoal.scheduler.state.pod_info import PodInfo

PREEMPTED_BY_SCHEDULER = "PreemptionByScheduler"
"""Reason of the DisruptionTarget condition of victims."""

_NEVER = "Never"
_NOT_HELPFUL = "Preemption is not helpful for scheduling"
_WAITS = unresolvable("waiting for the preemption for this pod to be finished")

_Answer = tuple[PostFilterResult | None, Status]


@dataclass
class _Trial:
    """What came of trying nodes so far."""

    candidates: list[Candidate] = field(default_factory=list[Candidate])
    rejections: Counter[Status] = field(default_factory=Counter[Status])
    errors: list[str] = field(default_factory=list[str])


class DefaultPreemption:
    name = "DefaultPreemption"
    needs: Sequence[Resource[PodDisruptionBudget]] = (BUDGETS,)

    def __init__(self, arguments: DefaultPreemptionArgs, handle: Handle) -> None:
        self._arguments = arguments
        self._handle = handle
        self._snapshot = handle.snapshot
        self._budgets = DisruptionBudgets(handle.objects)
        self._columns = VictimColumns(handle.snapshot)
        self._column_filters: ColumnFilters | None = None
        self._fruitless: tuple[NodeStatuses, tuple[int, ...], _Answer] | None = None
        """The latest vain attempt and when it was made: equal pods mostly fail one after the
        other, and nothing changes in between."""

    def pre_enqueue(self, pod: PodInfo) -> Status:
        return _WAITS if self._handle.awaited_victims.is_expecting(pod.uid) else SUCCESS

    def events_to_register(self) -> Sequence[Registration]:
        """None: a pod that waits for its victims is looked at again when the last of them
        leaves, and not whenever any pod goes. Whether that helps it, those plugins know that
        rejected it."""
        return ()

    def post_filter(self, state: CycleState, pod: PodInfo, statuses: NodeStatuses) -> _Answer:
        reason = self._why_not_eligible(pod, statuses)
        if reason:
            return None, unschedulable(f"preemption: {reason}")
        moment = (
            self._snapshot.generation,
            self._snapshot.start_generation,
            self._budgets.generation,
            pod.priority,
        )
        if self._fruitless and self._fruitless[:2] == (statuses, moment):
            return self._fruitless[2]
        answer = self._preempt(state, pod, statuses)
        has_failed = answer[1].code is Code.UNSCHEDULABLE
        # Nominated pods are heeded by some and not by others.
        is_kept = has_failed and not self._handle.nominations
        self._fruitless = (statuses, moment, answer) if is_kept else None
        return answer

    def _why_not_eligible(self, pod: PodInfo, statuses: NodeStatuses) -> str:
        """Empty where the pod may preempt."""
        if pod.spec.preemption_policy == _NEVER:
            return "not eligible due to preemptionPolicy=Never."
        node_name = pod.object.status.nominated_node_name
        row = self._snapshot.row(node_name) if node_name else None
        if row is None or statuses.get(row).code is Code.UNSCHEDULABLE_AND_UNRESOLVABLE:
            return ""
        for other in self._snapshot.node(row).pods:
            if other.priority < pod.priority and _is_being_preempted(other):
                return "not eligible due to a terminating pod on the nominated node."
        return ""

    def _preempt(self, state: CycleState, pod: PodInfo, statuses: NodeStatuses) -> _Answer:
        rows = statuses.rows_with_code(Code.UNSCHEDULABLE)
        trial = self._try_out(state, pod, rows)
        if trial.candidates:
            return self._result(pod, min(trial.candidates, key=lambda each: each.cost))
        if trial.errors:
            raise PluginError("preemption: " + ", ".join(trial.errors))
        node_count = self._snapshot.node_count
        reasons: Counter[str] = Counter()
        for status, count in trial.rejections.items():
            reasons.update(dict.fromkeys(status.reasons, count))
        if node_count > len(rows):
            reasons[_NOT_HELPFUL] += node_count - len(rows)
        text = f"preemption: {fit_error(node_count, reasons)}"
        return PostFilterResult(nominated_node_name=""), unschedulable(text)

    def _try_out(self, state: CycleState, pod: PodInfo, rows: Sequence[int]) -> _Trial:
        trial = _Trial()
        dry_runs = self._handle.dry_runs
        assert dry_runs is not None
        exact = set(rows)
        if self._column_filters is None:
            self._column_filters = ColumnFilters(dry_runs.points)
        if self._column_filters.suffice(state):
            promises, others = promised(self._handle.nominations, self._snapshot, pod)
            exact &= others
            quick = np.array([row for row in rows if row not in exact], np.intp)
            run = ColumnRun(self._column_filters, self._snapshot, state, pod)
            self._columns.refresh()
            found = self._columns.dry_run(run, self._budgets, pod, quick, promises)
            self._take_in(trial, found)
        wanted = self._wanted_candidates(len(rows))
        for row in sorted(exact):
            if len(trial.candidates) >= wanted and _has_harmless(trial.candidates):
                break
            self._dry_run(trial, dry_runs, state, pod, row)
        return trial

    def _wanted_candidates(self, row_count: int) -> int:
        percentage = self._arguments.min_candidate_nodes_percentage
        by_share = row_count * percentage // 100
        return min(row_count, max(by_share, self._arguments.min_candidate_nodes_absolute))

    def _take_in(self, trial: _Trial, found: Found) -> None:
        trial.rejections.update(found.rejections)
        if found.best is not None:
            trial.candidates.append(found.best)
        trial.errors += [self._needless(row) for row in found.needless]

    def _needless(self, row: int) -> str:
        name = self._snapshot.node(row).name
        return f'expected at least one victim pod on node "{name}"'

    def _dry_run(
        self, trial: _Trial, dry_runs: DryRuns, state: CycleState, pod: PodInfo, row: int
    ) -> None:
        """Try one node, pod by pod."""
        pods = [p for p in self._snapshot.node(row).pods if p.priority < pod.priority]
        if not pods:
            trial.rejections[NO_VICTIMS] += 1
            return
        with dry_runs.on(state, pod, row) as run:
            outcome = attempt(self._select_victims, run, row, pods)
        if isinstance(outcome, Candidate):
            trial.candidates.append(outcome)
        elif isinstance(outcome, Failed):
            trial.errors.append(outcome.text)
        elif outcome.is_rejected:
            trial.rejections[outcome] += 1
        else:
            trial.errors.append(outcome.message)

    def _select_victims(self, run: DryRun, row: int, pods: Sequence[PodInfo]) -> Candidate | Status:
        pods = ranking.by_importance(pods)
        for pod in pods:
            _must(run.take_off(pod))
        status = run.judge()
        if not status.is_success:
            return status
        is_protected = dict(zip((p.uid for p in pods), self._budgets.violating(pods), strict=True))
        gone: set[str] = set()
        # Sorting is stable: by importance among the protected ones and among the others.
        for pod in sorted(pods, key=lambda each: not is_protected[each.uid]):
            _must(run.put_back(pod))
            if not run.judge().is_success:
                _must(run.take_off(pod))
                gone.add(pod.uid)
        if not gone:
            raise PluginError(self._needless(row))
        victims = tuple(pod for pod in pods if pod.uid in gone)
        return Candidate(row, victims, sum(is_protected[uid] for uid in gone))

    def _result(self, pod: PodInfo, chosen: Candidate) -> _Answer:
        node_name = self._snapshot.node(chosen.row).name
        wanted: list[Effect] = []
        for victim in chosen.victims:
            wanted += self._eviction(pod, victim, node_name)
        return PostFilterResult(node_name, tuple(wanted), chosen.victims), SUCCESS

    def _eviction(self, pod: PodInfo, victim: PodInfo, node_name: str) -> list[Effect]:
        """What is not bound yet need not be deleted."""
        target = effects.ref(victim.object)
        note = f"Preempted by pod {pod.uid} on node {node_name}"
        is_waiting = self._handle.waiting_pods.get(victim.uid) is not None
        if is_waiting:
            note += " (in kube-scheduler memory)."
        told = RecordEvent(target, EventType.NORMAL, "Preempted", "Preempting", note)
        if is_waiting:
            return [told]
        text = f"{pod.spec.scheduler_name}: preempting to accommodate a higher priority pod"
        return [Evict(target, PREEMPTED_BY_SCHEDULER, text), told]


def _must(status: Status) -> None:
    """Raises PluginError for a plugin that failed."""
    if not status.is_success:
        raise PluginError(status.message)


def _has_harmless(candidates: Sequence[Candidate]) -> bool:
    return any(each.violation_count == 0 for each in candidates)


def _is_being_preempted(pod: PodInfo) -> bool:
    if not pod.object.is_deleting:
        return False
    condition = find_condition(pod.object.status.conditions, "DisruptionTarget")
    return condition is not None and (condition.status, condition.reason) == (
        "True",
        PREEMPTED_BY_SCHEDULER,
    )
