"""Brings one job nearer to its end: looks, decides, writes.

    command ──> action ──┐
    incident ─> policy ──┴─> status (version, retries, phase) ──> pods and PodGroup follow
    nothing ──────────────> claims, plugins' objects, PodGroup, pods ──> status

What an action changes is written to the status before anything else is done, and everything that
follows is read off the status again. So a controller may be killed between any two writes: the
next one goes on from what the API holds.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec

from shoal.api.core import EventType, PriorityClass
from shoal.api.meta import ObjectKey
from shoal.api.pod import Pod
from shoal.api.status import ApiError
from shoal.api.volcano.command import Command
from shoal.api.volcano.job import JOBS, Job, JobPhase
from shoal.api.volcano.lifecycle import JobAction, JobEvent
from shoal.api.volcano.pod_group import PodGroup
from shoal.base.clock import Clock
from shoal.client.events import EventRecorder
from shoal.client.informer import Lister
from shoal.controllers.expectations import Expectations
from shoal.controllers.reconciler import Result
from shoal.controllers.volcano import (
    job_incidents,
    job_pod_group,
    job_pod_plan,
    job_pods,
    job_status,
    job_volumes,
)
from shoal.controllers.volcano.job_commands import (
    JobCommands,
    effect,
    is_for,
    made_version,
    must_wait,
)
from shoal.controllers.volcano.job_defaults import with_defaults
from shoal.controllers.volcano.job_incidents import UNANSWERED, Answer, Incident
from shoal.controllers.volcano.job_objects import (
    JobObjects,
    plugins_of,
    resources_of,
    without_plugins,
)
from shoal.controllers.volcano.job_pod_plan import Mark
from shoal.controllers.volcano.job_state import (
    ALIVE,
    FINISHED,
    RESTARTS,
    TARGETED,
    is_exhausted,
)
from shoal.controllers.volcano.job_writes import JobWrites, NameTaken

BY_OWNER = "job"
"""Index of pods by the uid of their job."""

_MOST_TURNS = 8
"""Each turn changes the phase; a job that changes it more often at once has its next turn later."""
_LOOK_AGAIN_S = 60.0
"""For writes whose echo an informer has missed, and for refusals that end without news."""
_NAME_TAKEN_AGAIN_S = 5.0
"""Mostly the name is that of a job before this one, whose objects are being collected."""


class Listers(msgspec.Struct, frozen=True):
    """What informers show."""

    jobs: Lister[Job]
    pods: Lister[Pod]
    groups: Lister[PodGroup]
    priorities: Lister[PriorityClass]


class _View(msgspec.Struct, frozen=True):
    """A job with all that belongs to it, as it is shown now."""

    job: Job
    """With its defaults."""
    pods: list[Pod]
    group: PodGroup | None


class _Turn(msgspec.Struct, frozen=True):
    job: Job
    is_last: bool = False
    look_at: datetime | None = None
    """When time alone will change something."""


class JobReconciler:
    """May have many workers: what it remembers is of one job each."""

    def __init__(
        self,
        listers: Listers,
        writes: JobWrites,
        commands: JobCommands,
        objects: JobObjects,
        expectations: Expectations,
        recorder: EventRecorder,
        clock: Clock,
    ) -> None:
        self._listers = listers
        self._writes = writes
        self._commands = commands
        self._objects = objects
        self._expectations = expectations
        self._recorder = recorder
        self._clock = clock
        self._waiters: dict[ObjectKey, set[ObjectKey]] = {}
        """By the claim or the queue that is waited for; queues have no namespace."""
        self._checked_groups: dict[ObjectKey, tuple[int, str]] = {}

    def take_waiters(self, key: ObjectKey) -> set[ObjectKey]:
        """Jobs to look at now that the claim is there, or the queue is open."""
        return self._waiters.pop(key, set())

    def tell(self, key: ObjectKey, type: EventType, reason: str, message: str) -> None:
        """Record an event of the job."""
        job = self._listers.jobs.get(key)
        if job is not None:
            self._record(job, type, reason, message)

    async def reconcile(self, key: ObjectKey) -> Result:
        shown = self._listers.jobs.get(key)
        if shown is None:
            await self._commands.delete_homeless(key)
            self._forget(key)
            return Result()
        if shown.metadata.deletion_timestamp is not None:
            return Result()
        job = with_defaults(self._writes.newest(shown))
        try:
            return await self._turns(job)
        except NameTaken as error:
            self._record(job, EventType.WARNING, "FailedCreate", str(error))
            return Result(_NAME_TAKEN_AGAIN_S)

    async def _turns(self, job: Job) -> Result:
        for _ in range(_MOST_TURNS):
            if not self._expectations.is_settled(job.metadata.key, self._clock.now()):
                return Result(_LOOK_AGAIN_S)
            turn = await self._turn(job)
            if turn.is_last:
                return Result(self._delay_s(turn.look_at))
            job = with_defaults(turn.job)
        return Result(0)

    async def _turn(self, job: Job) -> _Turn:
        command = self._commands.next_of(job.metadata.key)
        if command is not None and not must_wait(job, command):
            return _Turn(await self._carry_out(job, command))
        view = self._look(job)
        expiry = job_status.expiry(job)
        if expiry is not None and expiry <= self._clock.now():
            await self._writes.delete_job(job)
            return _Turn(job, is_last=True)
        answer = self._judge(view)
        if answer.action is not JobAction.SYNC_JOB:
            return _Turn(await self._answer(view, answer))
        after = await self._sync(view, answer)
        is_last = after.phase is job.phase and after.metadata.generation == job.metadata.generation
        times = [answer.next_due, job_status.expiry(after)]
        if job_status.is_waiting(after):
            times.append(self._clock.now() + timedelta(seconds=_LOOK_AGAIN_S))
        return _Turn(after, is_last, min(filter(None, times), default=None))

    def _look(self, job: Job) -> _View:
        pods = list(self._listers.pods.by_index(BY_OWNER, job.metadata.uid))
        for name in (job_pod_group.group_name(job), job.metadata.name):
            group = self._listers.groups.get(ObjectKey(job.metadata.namespace, name))
            if group is None or self._writes.is_gone(group):
                continue
            controller = group.metadata.controller
            if controller is not None and controller.uid == job.metadata.uid:
                return _View(job, pods, group)
        return _View(job, pods, None)

    async def _carry_out(self, job: Job, command: Command) -> Job:
        version = made_version(command)
        is_done = version is not None and version <= job.status.version
        action = effect(job, command)
        if is_for(job, command) and not is_done and action is not None:
            begun = await self._commands.begin(command, job.status.version + 1)
            if begun is None:
                return job
            command = begun
            message = f"Start to execute command {action}, and clean it up to make sure executed not more than once."  # noqa: E501
            self._record(job, EventType.NORMAL, "CommandIssued", message)
            job = await self._act(self._look(job), action, f"command {command.metadata.name}", [])
        await self._commands.delete(command)
        return job

    def _judge(self, view: _View) -> Answer:
        """What is to be done about all that has happened."""
        job, now = view.job, self._clock.now()
        is_restarting = job.phase is JobPhase.RESTARTING
        if not (job.phase in ALIVE or (is_restarting and not is_exhausted(job))):
            return Answer()
        begun = job_pod_plan.begun_restart(job, view.pods)
        if begun is not None:
            action, pod = begun
            return Answer(action=action, incident=_begun_incident(pod, now))
        if not job.spec.policies and not any(task.policies for task in job.spec.tasks):
            return Answer()
        group = None if is_restarting else view.group
        is_changed = group is not None and bool(self._group_patch(job, group))
        found = job_incidents.incidents(job, view.pods, view.group, now, is_changed=is_changed)
        answer = job_incidents.answer(job, found, now)
        is_begun = job.status.state.reason == answer.action == JobAction.RESTART_JOB
        if is_restarting and (is_begun or answer.action not in RESTARTS):
            # What else is asked for comes when the restart is through.
            return msgspec.structs.replace(answer, action=JobAction.SYNC_JOB, incident=None)
        return answer

    async def _answer(self, view: _View, answer: Answer) -> Job:
        incident = answer.incident
        assert incident is not None, "only incidents ask for actions"
        pod = next((p for p in view.pods if p.metadata.name == incident.pod), None)
        targets = job_pod_plan.targets(answer.action, incident.task, pod, view.pods)
        message = f"Start to execute action {answer.action} "
        self._record(view.job, EventType.NORMAL, "ExecuteAction", message)
        return await self._act(view, answer.action, incident.sentence, targets)

    async def _act(self, view: _View, action: JobAction, why: str, targets: Sequence[Pod]) -> Job:
        """Marks, status, then the pods that were marked; `_sync` ends those of whole jobs."""
        job = view.job
        after = job_status.acted(job, action, why, self._clock.now())
        if action in TARGETED:
            await self._writes.mark(job, targets, Mark(action, after.status.retry_count))
        going = {pod.metadata.uid for pod in targets}
        going |= {pod.metadata.uid for pod in job_pod_plan.to_delete(after, view.pods)}
        after = job_status.counted(after, job_pod_plan.tally(after, view.pods, going))
        written = await self._writes.write_status(job, after)
        is_kept = is_exhausted(with_defaults(written))
        ended = [p for p in targets if not p.is_deleting and not (is_kept and p.is_finished)]
        await self._writes.delete_pods(job, ended)
        return written

    async def _sync(self, view: _View, answer: Answer) -> Job:
        job, waits_for = view.job, ""
        note = job_incidents.note_of(job, answer.unanswered)
        if note != job.metadata.annotations.get(UNANSWERED):
            job = await self._writes.write_annotation(job, UNANSWERED, note)
            view = msgspec.structs.replace(view, job=with_defaults(job))
        resources = job.status.controlled_resources
        if view.job.phase in ALIVE:
            waits_for = await self._prepare(view)
            named = job_volumes.named_volumes(view.job)
            if named is not None and not waits_for:
                return await self._writes.write_spec(view.job, {"volumes": named})
            resources = resources if waits_for else resources_of(view.job)
        else:
            resources = await self._tidy(view)
        ended = job_pod_plan.to_delete(view.job, view.pods)
        await self._writes.delete_pods(view.job, ended)
        if not waits_for:
            await self._create_pods(view)
        now = self._clock.now()
        tally = job_pod_plan.tally(view.job, view.pods, {pod.metadata.uid for pod in ended})
        after = job_status.counted(job_status.begun(view.job, now), tally)
        after = job_status.controlling(job_status.waiting(after, waits_for), resources)
        after = job_status.advanced(after, tally, now, may_finish=not answer.awaits_restart)
        return await self._writes.write_status(view.job, after)

    async def _prepare(self, view: _View) -> str:
        """All that pods need; what is missing that only others can bring, empty for nothing."""
        job = view.job
        claim = self._objects.missing_claim(job)
        if claim is not None:
            key = ObjectKey(job.metadata.namespace, claim)
            return self._wait_for(key, job, "PVCError", job_volumes.missing_text(claim))
        await self._objects.ensure_claims(job)
        await self._objects.ensure_plugins(job)
        if view.group is None:
            return await self._make_group(job)
        if patch := self._group_patch(job, view.group):
            await self._writes.patch_group(view.group, patch)
        return ""

    async def _make_group(self, job: Job) -> str:
        """Why there can be none for now; empty where there is. The queue may have been closed
        since the job was submitted."""
        try:
            await self._writes.create_group(job, job_pod_group.manifest(job, self._priority_of))
        except ApiError as error:
            if error.is_namespace_terminating or not error.is_final:
                raise
            key = ObjectKey("", job.spec.queue)
            return self._wait_for(key, job, "PodGroupError", error.message)
        return ""

    def _wait_for(self, key: ObjectKey, job: Job, reason: str, text: str) -> str:
        self._waiters.setdefault(key, set()).add(job.metadata.key)
        if job.status.state.message != text:
            self._record(job, EventType.WARNING, reason, text)
        return text

    def _group_patch(self, job: Job, group: PodGroup) -> dict[str, object]:
        """What is worked out once for each generation of the job."""
        seen = (job.metadata.generation, group.metadata.uid)
        if self._checked_groups.get(job.metadata.key) == seen:
            return {}
        patch = job_pod_group.spec_patch(job, group, self._priority_of)
        if not patch:
            self._checked_groups[job.metadata.key] = seen
        return patch

    async def _tidy(self, view: _View) -> dict[str, str]:
        """What a job that makes no pods has no use for; what is left of its resources."""
        job, state = view.job, view.job.status.state
        restarts_all = state.reason in (JobAction.RESTART_JOB, JobAction.RESUME_JOB)
        if view.group is not None and (job.phase is not JobPhase.RESTARTING or restarts_all):
            await self._writes.delete_group(view.group)
        resources = job.status.controlled_resources
        left = without_plugins(resources)
        if job.phase not in FINISHED or left == resources:
            return resources
        await self._objects.remove_plugins(job)
        return left

    async def _create_pods(self, view: _View) -> None:
        if not job_pod_group.is_admitted(view.group):
            return
        assert view.group is not None, "it is admitted"
        job, group_name = view.job, view.group.metadata.name
        plugins = plugins_of(job)
        manifests = [
            job_pods.manifest(job, slot.task, slot.index, group_name, plugins)
            for slot in job_pod_plan.to_create(job, view.pods)
        ]
        try:
            await self._writes.create_pods(job, manifests)
        except ApiError as error:
            self._record(job, EventType.WARNING, "FailedCreate", f"Error creating: {error}")
            raise

    def _priority_of(self, name: str) -> int:
        found = self._listers.priorities.get(ObjectKey("", name))
        return found.value if found is not None else 0

    def _record(self, job: Job, type: EventType, reason: str, message: str) -> None:
        self._recorder.record(JOBS, job.metadata, type, reason, message)

    def _delay_s(self, at: datetime | None) -> float | None:
        return None if at is None else max(0.0, (at - self._clock.now()).total_seconds())

    def _forget(self, key: ObjectKey) -> None:
        self._writes.forget(key)
        self._objects.forget(key)
        self._checked_groups.pop(key, None)


def _begun_incident(pod: Pod, now: datetime) -> Incident:
    """Of a restart that was begun before the controller was killed."""
    return Incident(
        event=JobEvent.OUT_OF_SYNC,
        since=now,
        task=job_pods.task_of(pod),
        pod=pod.metadata.name,
        version=job_pods.version_of(pod),
    )
