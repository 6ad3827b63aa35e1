"""What a JobFlow does now: its phase, and the jobs that are made next.

Pure. A step's job is made when the jobs before it are completed, or when its probe holds of those
that are not; where pods must be asked first, the plan says what, and the controller asks.
"""

from collections.abc import Collection, Mapping, Sequence
from enum import StrEnum
from graphlib import CycleError, TopologicalSorter

import msgspec

from shoal.api.volcano.flow import (
    Flow,
    FlowState,
    JobFlow,
    JobFlowPhase,
    JobTemplate,
)
from shoal.api.volcano.job import Job, JobPhase
from shoal.controllers.volcano.flow_jobs import flow_job_name, step_spec
from shoal.controllers.volcano.flow_probes import PodsOfTask, Readiness, probe_targets
from shoal.controllers.volcano.flow_state import JobFlowEvent, next_state

_FAILURES = frozenset({JobPhase.FAILED, JobPhase.TERMINATED})
_STARTING = frozenset({JobFlowPhase.PENDING, JobFlowPhase.RUNNING})
"""Phases in which jobs are made."""


class StepProgress(StrEnum):
    """How far a step is."""

    AHEAD = "Ahead"
    """It has no job yet, or is to have another."""
    GOING = "Going"
    DONE = "Done"
    FAILED = "Failed"


class FlowStep(msgspec.Struct, frozen=True):
    """A step with what there is of it."""

    flow: Flow
    job_name: str
    job: Job | None
    template: JobTemplate | None
    progress: StepProgress

    @property
    def name(self) -> str:
        return self.flow.name


class FlowPlan(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be done, and what the flow is told."""

    state: FlowState
    create: tuple[FlowStep, ...] = ()
    ask: tuple[tuple[FlowStep, Readiness], ...] = ()
    """Steps that are made once their questions are answered well."""

    @property
    def phase(self) -> JobFlowPhase:
        return JobFlowPhase(self.state.phase)


def read_steps(
    flow: JobFlow, jobs: Mapping[str, Job], templates: Mapping[str, JobTemplate]
) -> list[FlowStep]:
    """The steps in their order. `jobs` are those that the flow owns, by name; `templates` those
    of its namespace. Of steps with one name the first counts."""
    remembered = {each.name: each.state for each in flow.status.job_status_list}
    steps: dict[str, FlowStep] = {}
    for each in flow.spec.flows:
        name = flow_job_name(flow.metadata.name, each.name)
        job, template = jobs.get(name), templates.get(each.name)
        if job is not None:
            progress = _progress(job.phase)
        else:
            progress = _remembered_progress(remembered.get(name, ""), each, template)
        steps.setdefault(each.name, FlowStep(each, name, job, template, progress))
    return list(steps.values())


def _progress(phase: JobPhase) -> StepProgress:
    if phase is JobPhase.COMPLETED:
        return StepProgress.DONE
    return StepProgress.FAILED if phase in _FAILURES else StepProgress.GOING


def _remembered_progress(state: str, flow: Flow, template: JobTemplate | None) -> StepProgress:
    """Of a step whose job is gone: it stays completed. A failed job was removed for another one to
    be made, unless it was to remove itself."""
    if state == JobPhase.COMPLETED:
        return StepProgress.DONE
    if state in _FAILURES and template is not None:
        ttl = step_spec(template, flow).get("ttlSecondsAfterFinished")
        return StepProgress.AHEAD if ttl is None else StepProgress.FAILED
    return StepProgress.AHEAD


def plan(
    flow: JobFlow, steps: Sequence[FlowStep], strangers: Collection[str], pods_of: PodsOfTask
) -> FlowPlan:
    """`strangers` are names of jobs that the flow does not own."""
    phase, event = flow.phase, event_of(flow, steps)
    if event is not None:
        phase = next_state(phase, event)
    failed = [step.job_name for step in steps if step.progress is StepProgress.FAILED]
    fault = fault_of(steps)
    if phase is JobFlowPhase.FAILED:
        text = f"job {failed[0]} has failed: restart it, or delete it to have it made again"
        return FlowPlan(state=FlowState(phase=phase, reason="JobFailed", message=text))
    if phase not in _STARTING:
        return FlowPlan(state=FlowState(phase=phase))
    if fault:
        return FlowPlan(state=FlowState(phase=phase, reason="InvalidFlow", message=fault))
    return _plan_steps(phase, steps, strangers, pods_of)


def event_of(flow: JobFlow, steps: Sequence[FlowStep]) -> JobFlowEvent | None:
    """What has happened since the phase was written; None where nothing has."""
    phase = flow.phase
    found = {step.progress for step in steps}
    if flow.metadata.deletion_timestamp is not None:
        return None if phase is JobFlowPhase.TERMINATING else JobFlowEvent.DELETE
    if phase is JobFlowPhase.TERMINATING:
        return None
    if phase is JobFlowPhase.SUCCEED:
        return JobFlowEvent.EXTEND if found - {StepProgress.DONE} else None
    if found == {StepProgress.DONE}:
        return JobFlowEvent.SUCCEED
    if StepProgress.FAILED in found:
        return None if phase is JobFlowPhase.FAILED else JobFlowEvent.FAIL
    if phase is JobFlowPhase.FAILED:
        return JobFlowEvent.RECOVER
    if phase is JobFlowPhase.PENDING and any(_has_begun(step) for step in steps):
        return JobFlowEvent.START
    return None


def _has_begun(step: FlowStep) -> bool:
    if step.progress is StepProgress.GOING and step.job is not None:
        return step.job.phase is not JobPhase.PENDING
    return step.progress is StepProgress.DONE


def fault_of(steps: Sequence[FlowStep]) -> str:
    """Why the steps cannot all come; empty where they can. Admission refuses such flows, but it
    may have been away."""
    names = {step.name for step in steps}
    targets = {step.name: _targets(step) for step in steps}
    for name, before in targets.items():
        for target in before:
            if target not in names:
                return f"step {name} depends on {target}, which is no step of the flow"
    try:
        TopologicalSorter(targets).prepare()
    except CycleError as error:
        circle = " -> ".join(reversed(error.args[1]))
        return f"steps wait for each other: {circle}; remove one of these dependencies"
    return ""


def _targets(step: FlowStep) -> list[str]:
    return step.flow.depends_on.targets if step.flow.depends_on else []


def _plan_steps(
    phase: JobFlowPhase,
    steps: Sequence[FlowStep],
    strangers: Collection[str],
    pods_of: PodsOfTask,
) -> FlowPlan:
    by_name = {step.name: step for step in steps}
    create: list[FlowStep] = []
    ask: list[tuple[FlowStep, Readiness]] = []
    troubles: list[tuple[str, str]] = []
    for step in steps:
        if step.progress is not StepProgress.AHEAD:
            continue
        readiness = _readiness(step, by_name, pods_of)
        if readiness is None:
            continue
        if step.job_name in strangers:
            text = f"job {step.job_name} exists, and this flow does not own it: remove or rename it"
            troubles.append(("ForeignJob", text))
        elif step.template is None:
            text = f"step {step.name} needs JobTemplate {step.name}, which does not exist"
            troubles.append(("TemplateMissing", text))
        elif readiness.waits_for:
            text = f"step {step.name} waits for {readiness.waits_for}"
            troubles.append(("ProbeFailing", text))
        elif readiness.questions:
            ask.append((step, readiness))
        else:
            create.append(step)
    reason, message = troubles[0] if troubles else ("", "")
    state = FlowState(phase=phase, reason=reason, message=message)
    return FlowPlan(state=state, create=tuple(create), ask=tuple(ask))


def _readiness(
    step: FlowStep, by_name: Mapping[str, FlowStep], pods_of: PodsOfTask
) -> Readiness | None:
    """What the step still waits for; None where jobs before it have their time to take."""
    before = [by_name[name] for name in _targets(step)]
    waited_for = [each for each in before if each.progress is not StepProgress.DONE]
    if not waited_for:
        return Readiness()
    jobs = [each.job for each in waited_for if each.job is not None]
    probe = step.flow.depends_on.probe if step.flow.depends_on else None
    if probe is None or len(jobs) < len(waited_for):
        return None
    return probe_targets(probe, jobs, pods_of)
