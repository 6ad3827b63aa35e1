"""JobFlows: jobs that follow each other.

`flow_plan` decides; here the flow, its templates and its jobs are read, pods are asked what probes
want to know, and jobs are made. What a flow remembers of jobs that are gone stands in its status,
so before a job is made the flow is read anew: the lister may not show the last status yet.
"""

import asyncio
from collections.abc import Sequence

import msgspec

from shoal.api.core import EventType
from shoal.api.meta import Object, ObjectKey
from shoal.api.owners import controller_reference
from shoal.api.pod import PODS, Pod
from shoal.api.status import ApiError
from shoal.api.volcano.flow import (
    JOB_FLOWS,
    JOB_TEMPLATES,
    FlowState,
    JobFlow,
    JobFlowPhase,
    JobTemplate,
)
from shoal.api.volcano.job import JOBS, Job, JobPhase
from shoal.api.volcano.keys import JOB_NAME, TASK_SPEC
from shoal.base.clock import Clock
from shoal.client.events import EventRecorder
from shoal.client.existence import remove
from shoal.client.informer import InformerSet, Lister
from shoal.client.protocol import Client
from shoal.client.workqueue import WorkQueue
from shoal.controllers.reconciler import Result
from shoal.controllers.runner import Controller, enqueue_owner, enqueue_self
from shoal.controllers.volcano.flow_jobs import flow_job_body, flow_job_name
from shoal.controllers.volcano.flow_plan import FlowPlan, FlowStep, plan, read_steps
from shoal.controllers.volcano.flow_probes import Readiness
from shoal.controllers.volcano.flow_status import status_of, status_patch
from shoal.controllers.volcano.owned_jobs import (
    follow_opening_queues,
    follow_owned_jobs,
    owned_jobs,
)
from shoal.controllers.volcano.pod_questions import Ask, ask_pod

PROBE_PERIOD_S = 5.0
"""How often is looked again while a probe does not hold."""
FOREIGN_JOB_PERIOD_S = 30.0
"""The same while a job of somebody else has the name."""
_PERIODS_S = {"ProbeFailing": PROBE_PERIOD_S, "ForeignJob": FOREIGN_JOB_PERIOD_S}
_DELETE = "delete"
_BY_TASK = "volcano-task"
_WORKERS = 4
"""So that the probes of one flow do not hold up all the others."""


class JobFlowReconciler:
    def __init__(
        self,
        client: Client,
        flows: Lister[JobFlow],
        templates: Lister[JobTemplate],
        jobs: Lister[Job],
        pods: Lister[Pod],
        recorder: EventRecorder,
        clock: Clock,
        ask: Ask,
    ) -> None:
        """`jobs` comes from `follow_owned_jobs`; `pods` has the index of `job_flow_controller`."""
        self._client = client
        self._flows = flows
        self._templates = templates
        self._jobs = jobs
        self._pods = pods
        self._recorder = recorder
        self._clock = clock
        self._ask = ask
        self._departed: dict[ObjectKey, Job] = {}
        """Jobs that completed and were removed before a status could tell of it."""

    def job_departs(self, job: Job) -> None:
        """A job that somebody controls is gone."""
        if job.phase is JobPhase.COMPLETED:
            self._departed[job.metadata.key] = job

    async def reconcile(self, key: ObjectKey) -> Result:
        flow = self._flows.get(key)
        if flow is None:
            self._forget_departed(key)
            return Result()
        steps, decided = self._decide(flow)
        if decided.create or decided.ask:
            flow = await self._client.get(JOB_FLOWS, key.name, key.namespace)
            steps, decided = self._decide(flow)
        create, state = [*decided.create], decided.state
        for step, readiness in decided.ask:
            silent = await self._first_silent(readiness)
            if silent is None:
                create.append(step)
            elif not state.reason:
                text = f"step {step.name} waits for {silent} to answer well"
                state = msgspec.structs.replace(state, reason="ProbeFailing", message=text)
        await self._write_status(flow, steps, state)
        if decided.phase is JobFlowPhase.SUCCEED and flow.spec.job_retain_policy == _DELETE:
            await self._remove_jobs(flow)
        for step in create:
            await self._create(flow, step)
        return Result(_PERIODS_S.get(state.reason))

    def _decide(self, flow: JobFlow) -> tuple[list[FlowStep], FlowPlan]:
        namespace = flow.metadata.namespace
        jobs = {job.metadata.name: job for job in owned_jobs(self._jobs, flow)}
        names = [flow_job_name(flow.metadata.name, each.name) for each in flow.spec.flows]
        for name in names:
            departed = self._departed.get(ObjectKey(namespace, name))
            owner = departed.metadata.controller if departed is not None else None
            if departed is not None and owner and owner.uid == flow.metadata.uid:
                jobs.setdefault(name, departed)
        keys = [ObjectKey(namespace, each.name) for each in flow.spec.flows]
        templates = {
            key.name: template for key in keys if (template := self._templates.get(key)) is not None
        }
        strangers = {
            name
            for name in names
            if name not in jobs and self._jobs.get(ObjectKey(namespace, name)) is not None
        }
        steps = read_steps(flow, jobs, templates)
        return steps, plan(flow, steps, strangers, self._pods_of)

    def _pods_of(self, job: Job, task: str) -> Sequence[Pod]:
        return self._pods.by_index(
            _BY_TASK, _task_key(job.metadata.namespace, job.metadata.name, task)
        )

    async def _first_silent(self, readiness: Readiness) -> str | None:
        """Whom of those that are asked does not answer well; None where all do."""
        questions = readiness.questions
        answers = await asyncio.gather(*(self._ask(question) for question in questions))
        for question, is_good in zip(questions, answers, strict=True):
            if not is_good:
                return f"{question.host}:{question.port}{question.path or ''}"
        return None

    async def _write_status(
        self, flow: JobFlow, steps: Sequence[FlowStep], state: FlowState
    ) -> None:
        meta = flow.metadata
        status = status_of(flow, steps, state, self._clock.now())
        patch = status_patch(flow.status, status)
        if patch:
            body = {"metadata": {"uid": meta.uid}, "status": patch}
            await self._client.patch(
                JOB_FLOWS, meta.name, body, meta.namespace, subresource="status"
            )
        if state.reason and state.reason != flow.status.state.reason:
            self._record(flow, EventType.WARNING, state.reason, state.message)
        for step in steps:
            self._departed.pop(ObjectKey(meta.namespace, step.job_name), None)

    async def _create(self, flow: JobFlow, step: FlowStep) -> None:
        if step.template is None:
            return
        owner = controller_reference(JOB_FLOWS.api_version, JOB_FLOWS.kind, flow.metadata)
        body = flow_job_body(flow, step.flow, step.template, owner)
        try:
            await self._client.create(JOBS, body, flow.metadata.namespace)
        except ApiError as error:
            if error.is_already_exists:
                # The lister has not shown it yet.
                return
            if not error.is_namespace_terminating:
                text = f"job {step.job_name} cannot be created: {error}"
                self._record(flow, EventType.WARNING, "FailedCreate", text)
            raise
        text = f"create a job named {step.job_name}!"
        self._record(flow, EventType.NORMAL, "Created", text)

    async def _remove_jobs(self, flow: JobFlow) -> None:
        for job in owned_jobs(self._jobs, flow):
            if job.metadata.deletion_timestamp is None:
                await remove(self._client, JOBS, job.metadata, "Background")

    def _forget_departed(self, flow: ObjectKey) -> None:
        for key, job in list(self._departed.items()):
            owner = job.metadata.controller
            if owner is not None and ObjectKey(key.namespace, owner.name) == flow:
                del self._departed[key]

    def _record(self, flow: JobFlow, type: EventType, reason: str, message: str) -> None:
        self._recorder.record(JOB_FLOWS, flow.metadata, type, reason, message)


def _task_key(namespace: str, job: str, task: str) -> str:
    return f"{namespace}/{job}/{task}"


def _index_by_task(pod: Pod) -> tuple[str, ...]:
    labels = pod.metadata.labels
    job, task = labels.get(JOB_NAME), labels.get(TASK_SPEC)
    return (_task_key(pod.metadata.namespace, job, task),) if job and task else ()


def job_flow_controller(
    client: Client,
    informers: InformerSet,
    recorder: EventRecorder,
    clock: Clock,
    ask: Ask = ask_pod,
) -> Controller:
    """Follows flows, their templates and their jobs; pods are looked at while probes wait."""
    queue: WorkQueue[ObjectKey] = WorkQueue(clock)
    flows, templates = informers.informer(JOB_FLOWS), informers.informer(JOB_TEMPLATES)
    pods = informers.informer(PODS)
    pods.add_index(_BY_TASK, _index_by_task)
    wake_owner = enqueue_owner(queue, JOB_FLOWS.kind)

    def on_job(old: Object | None, new: Object | None) -> None:
        owner = old.metadata.controller if isinstance(old, Job) and new is None else None
        if isinstance(old, Job) and owner is not None and owner.kind == JOB_FLOWS.kind:
            reconciler.job_departs(old)
        wake_owner(old, new)

    def on_template(old: JobTemplate | None, new: JobTemplate | None) -> None:
        template = new or old
        if template is None:
            return
        for flow in flows.lister.list(template.metadata.namespace):
            if any(step.name == template.metadata.name for step in flow.spec.flows):
                queue.add(flow.metadata.key)

    jobs = informers.informer(JOBS)
    reconciler = JobFlowReconciler(
        client,
        flows.lister,
        templates.lister,
        jobs.lister,
        pods.lister,
        recorder,
        clock,
        ask,
    )
    follow_owned_jobs(informers, on_job)
    follow_opening_queues(informers, queue, flows.lister)
    flows.add_handler(enqueue_self(queue))
    templates.add_handler(on_template)
    return Controller("jobflow", reconciler, queue, workers=_WORKERS)
