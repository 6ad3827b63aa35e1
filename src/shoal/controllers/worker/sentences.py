"""What a Worker's status says to people: one sentence, why it waits first.

Where pods are not made, their owner was told why: a ReplicaSet keeps that in a condition, a Job and
a CronJob in Events. Source of those: Kubernetes v1.36, reason FailedCreate in
pkg/controller/replicaset, pkg/controller/job and pkg/controller/cronjob.
"""

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from shoal.api.batch import Job
from shoal.api.core import Event
from shoal.api.meta import ObjectMeta, find_condition
from shoal.api.pod import Pod
from shoal.api.worker import WorkerPhase, WorkerStatus
from shoal.controllers.worker.actions import hindrance
from shoal.controllers.worker.failures import failure_sentence
from shoal.controllers.worker.pod_template import queue_of
from shoal.controllers.worker.sight import (
    RunLook,
    RunStage,
    Sight,
    by_owner,
    ending_of,
    is_complete,
    run_of,
)

_GATED = "SchedulingGated"
_REPLICA_FAILURE = "ReplicaFailure"
_TRIED = re.compile(r'^(Error creating( job)?: )?([a-z.]+ "[^"]*" is forbidden: )?')
_LONG_AGO = datetime.fromtimestamp(0, UTC)


def stream_sentence(sight: Sight, status: WorkerStatus, phase: WorkerPhase) -> str:
    if phase is WorkerPhase.STOPPED:
        return "spec.suspend holds it"
    wanted = sight.worker.spec.parallelism
    running = f"{status.active} of {wanted} pods run"
    refused = not_made(sight)
    if refused:
        return f"{running}; {refused}"
    if status.active < wanted and status.last_error is not None:
        return f"{running}; the last failure was {failure_sentence(status.last_error)}"
    return running


def schedule_sentence(sight: Sight, status: WorkerStatus, phase: WorkerPhase) -> str:
    if sight.problem:
        return sight.problem
    if phase is WorkerPhase.STOPPED:
        return "spec.suspend holds it"
    refused = not_made(sight)
    active = [job.metadata.name for job in sight.scheduled_jobs if ending_of(job) is None]
    if active:
        text = f"Job {', '.join(sorted(active))} goes on"
        return f"{text}; {refused}" if refused else text
    if refused:
        return refused
    ended = [(ending, job) for job in sight.scheduled_jobs if (ending := ending_of(job))]
    if not ended:
        return "waits for the first time of its schedule"
    _, job = max(ended, key=lambda each: (str(each[0].last_transition_time), each[1].metadata.name))
    how = "succeeded" if is_complete(job) else "failed"
    text = f"Job {job.metadata.name} {how}, and it waits for the next time of its schedule"
    if not is_complete(job) and status.last_error is not None:
        text += f"; the last failure was {failure_sentence(status.last_error)}"
    return text


def run_sentence(sight: Sight, look: RunLook, phase: WorkerPhase, status: WorkerStatus) -> str:
    if look.is_over:
        told = find_condition(
            status.conditions, "Complete" if look.stage is RunStage.SUCCEEDED else "Failed"
        )
        return told.message if told is not None else look.message
    if sight.problem:
        return sight.problem
    if phase is WorkerPhase.STOPPED:
        return "spec.suspend holds it"
    refused = not_made(sight)
    if look.stage is RunStage.WAITING:
        before = hindrance(sight)
        waits = f"run {sight.run} waits for {before} to end" if before else ""
        return waits or refused or "starts"
    if status.active:
        pods = "1 pod runs" if status.active == 1 else f"{status.active} pods run"
        return f"run {sight.run}: {pods}" + (f"; {refused}" if refused else "")
    return f"run {sight.run}: {refused or _waiting(sight, status)}"


def _waiting(sight: Sight, status: WorkerStatus) -> str:
    """Why nothing of it runs now."""
    for pod in sight.pods:
        scheduled = find_condition(pod.status.conditions, "PodScheduled")
        is_here = run_of(pod) == sight.run and not pod.is_finished
        if not is_here or scheduled is None or scheduled.status != "False":
            continue
        if scheduled.reason != _GATED:
            return f"pod {pod.metadata.name} waits to be placed: {scheduled.message}"
    if status.last_error is not None:
        return f"no pod runs; the last failure was {failure_sentence(status.last_error)}"
    return "its pods are about to start"


def dead_items_sentence(sight: Sight) -> str:
    """How many items of the queue used up their attempts, and where to look; empty for none."""
    dead = sight.size.dead if sight.size is not None else 0
    if not dead:
        return ""
    worker = sight.worker
    queue = queue_of(worker).removeprefix("default/")
    items = "1 item of its queue is" if dead == 1 else f"{dead} items of its queue are"
    text = (
        f"{items} dead: `shoal work dead {queue}` tells why, `shoal work revive {queue}` puts"
        f" {'it' if dead == 1 else 'them'} back"
    )
    has_url = worker.spec.queue is not None and worker.spec.queue.url_from is not None
    return text + (", each with --url-file or --url-from-env" if has_url else "")


def not_made(sight: Sight) -> str:
    """What of the worker the API server does not make now, and why; empty where it makes all.
    Gone as soon as it is made."""
    return sight.setback or next(_not_made_below(sight), "")


def _not_made_below(sight: Sight) -> Iterator[str]:
    for replica_set in sight.replica_sets:
        failure = find_condition(replica_set.status.conditions, _REPLICA_FAILURE)
        if failure is not None and failure.status == "True":
            name = replica_set.metadata.name
            yield f"ReplicaSet {name} cannot make pods: {_plain(failure.message)}"
    pods = by_owner(sight.pods)
    for job in sight.jobs:
        below = pods.get(job.metadata.uid, [])
        said = _newest(sight.failed_creates, job.metadata, [pod.metadata for pod in below])
        if said is not None and _lacks_pods(job, below):
            yield f"Job {job.metadata.name} cannot make pods: {_plain(said.message)}"
    if sight.cron_job is not None:
        made = [job.metadata for job in sight.scheduled_jobs]
        said = _newest(sight.failed_creates, sight.cron_job.metadata, made)
        if said is not None:
            name = sight.cron_job.metadata.name
            yield f"CronJob {name} cannot make its Job: {_plain(said.message)}"


def _newest(
    events: Sequence[Event], subject: ObjectMeta, made: Sequence[ObjectMeta]
) -> Event | None:
    """The last Event about `subject`, if nothing has been made below it since."""
    about = [event for event in events if event.involved_object.uid == subject.uid]
    last = max(about, key=_said_at, default=None)
    since = max((meta.creation_timestamp or _LONG_AGO for meta in made), default=_LONG_AGO)
    return last if last is not None and _said_at(last) >= since else None


def _said_at(event: Event) -> datetime:
    at = event.last_timestamp or event.event_time or event.metadata.creation_timestamp
    return at or _LONG_AGO


def _lacks_pods(job: Job, below: Sequence[Pod]) -> bool:
    """Whether the Job would have more pods, if it could make them."""
    spec, status = job.spec, job.status
    if job.is_finished or spec.suspend:
        return False
    there = sum(not pod.is_finished and not pod.is_deleting for pod in below)
    if spec.completions is None:
        # No more are made when one has found that nothing is left.
        return there < spec.parallelism and not status.succeeded
    return there < min(spec.parallelism, spec.completions - status.succeeded)


def _plain(message: str) -> str:
    """Without what the sentence says already, and without a name that is another at each try."""
    return _TRIED.sub("", message)
