"""What is to be done for a Worker now.

Everything is told in the status before it is done, so actions are decided from a status that is up
to date, and each may be done twice: names are fixed, and removals name a uid. A pod that must not
run twice is made behind a gate, which is lifted when the status names the pod; whatever happens
between, a second pod of that run stays behind its gate.
"""

from collections.abc import Iterator
from typing import Any

import msgspec

from shoal.api.apps import DEPLOYMENTS
from shoal.api.batch import CRON_JOBS, JOBS, Job
from shoal.api.job_indexes import Indexes
from shoal.api.meta import Object, ObjectMeta, find_condition
from shoal.api.pod import PODS, Pod
from shoal.api.resource import JsonObject, Resource
from shoal.controllers.worker.budgets import FailureCount, budget_sentence, must_give_up
from shoal.controllers.worker.manifests import (
    APPLIED,
    START_GATE,
    cron_job_body,
    deployment_body,
    replicas,
    run_name,
)
from shoal.controllers.worker.sight import (
    RunLook,
    RunStage,
    Sight,
    ending_of,
    has_other_items,
    is_own,
    item_index,
    look_at_run,
    run_of,
)
from shoal.controllers.worker.strategy import Shape, StrategyChoice, WorkloadKind

KEPT_RUNS = 3
"""Runs whose objects stay to be looked into, the newest among them."""
ITEMS_PUT = "shoal.io/items-put"
"""Annotation of a Job of a schedule: its items are in the queue."""


class Make(msgspec.Struct, frozen=True):
    """Create an object."""

    resource: Resource[Any]
    body: JsonObject


class Amend(msgspec.Struct, frozen=True):
    """Patch an object: a merge patch, or a list of JSON patch operations."""

    resource: Resource[Any]
    metadata: ObjectMeta
    patch: JsonObject | list[JsonObject]
    note: str = ""
    """For an Event of the worker; empty for none."""


class Remove(msgspec.Struct, frozen=True):
    """Delete an object with what it owns."""

    resource: Resource[Any]
    metadata: ObjectMeta


class StartRun(msgspec.Struct, frozen=True, kw_only=True):
    """Make the object of a run; a queue's items are put before."""

    run: int
    item: int | None = None
    has_cleanup: bool = False


class Withdraw(msgspec.Struct, frozen=True):
    """Delete the pod of a run if it still has no place, and forget it: nothing of it has run."""

    pod: Pod


class FillQueue(msgspec.Struct, frozen=True):
    """Put the items of a Job of a schedule into the queue, then let it go on."""

    job: Job


Action = Make | Amend | Remove | StartRun | Withdraw | FillQueue


def actions(
    sight: Sight, choice: StrategyChoice, failures: FailureCount, own_url: str
) -> list[Action]:
    """`choice` is the standing one, `own_url` the queue's where the worker names none."""
    if choice.kind is WorkloadKind.DEPLOYMENT:
        return [*_remove_others(sight, choice), *_stream(sight, choice)]
    if choice.kind is WorkloadKind.CRON_JOB:
        scheduled = [*_schedule(sight, choice, own_url), *_scheduled_jobs(sight, choice, failures)]
        return [*_remove_others(sight, choice), *scheduled]
    look = look_at_run(sight, choice)
    return [
        *_remove_others(sight, choice),
        *_remove_old_runs(sight),
        *_run(sight, choice, look, failures),
    ]


def _remove_others(sight: Sight, choice: StrategyChoice) -> Iterator[Action]:
    """What is left of another kind of worker that this one was."""
    is_run = choice.kind in (WorkloadKind.JOB, WorkloadKind.POD)
    if sight.deployment is not None and choice.kind is not WorkloadKind.DEPLOYMENT:
        yield from _removal(DEPLOYMENTS, sight.deployment)
    if sight.cron_job is not None and choice.kind is not WorkloadKind.CRON_JOB:
        yield from _removal(CRON_JOBS, sight.cron_job)
    if is_run:
        yield from _remove_strays(sight, choice)
    else:
        for job in sight.own_jobs:
            if ending_of(job) is None:
                yield from _removal(JOBS, job)
        for pod in _own_pods(sight):
            if not pod.is_finished:
                yield from _removal(PODS, pod)


def _remove_strays(sight: Sight, choice: StrategyChoice) -> Iterator[Action]:
    """Pods that wait behind their gate for a status that will never name them."""
    is_awaited = choice.shape is Shape.ONCE and not sight.status.pod_uid
    awaited = run_name(sight.worker, sight.run) if sight.is_to_begin or is_awaited else ""
    for pod in _own_pods(sight):
        is_known = pod.metadata.uid == sight.status.pod_uid
        is_awaited = choice.shape is Shape.ONCE and pod.metadata.name == awaited
        if _is_gated(pod) and not is_known and not is_awaited:
            yield from _removal(PODS, pod)


def _is_gated(pod: Pod) -> bool:
    return any(gate.name == START_GATE for gate in pod.spec.scheduling_gates)


def _own_pods(sight: Sight) -> list[Pod]:
    return [pod for pod in sight.pods if is_own(pod, sight.worker)]


def _removal(resource: Resource[Any], obj: Object) -> Iterator[Action]:
    if obj.metadata.deletion_timestamp is None:
        yield Remove(resource, obj.metadata)


def _remove_old_runs(sight: Sight) -> Iterator[Action]:
    oldest = sight.run - KEPT_RUNS + 1
    for job in sight.own_jobs:
        if run_of(job) < oldest and ending_of(job) is not None:
            yield from _removal(JOBS, job)
    for pod in _own_pods(sight):
        if run_of(pod) < oldest and pod.is_finished:
            yield from _removal(PODS, pod)


def _stream(sight: Sight, choice: StrategyChoice) -> Iterator[Action]:
    wanted = deployment_body(sight.worker, choice)
    present = sight.deployment
    if present is None:
        if not any(is_own(pod, sight.worker) for pod in sight.unfinished_pods):
            yield Make(DEPLOYMENTS, wanted)
        return
    changes = dict[str, object]()
    if present.spec.replicas != replicas(sight.worker):
        changes["/spec/replicas"] = replicas(sight.worker)
    if present.metadata.annotations.get(APPLIED) != wanted["metadata"]["annotations"][APPLIED]:
        changes["/spec/template"] = wanted["spec"]["template"]
        changes["/metadata/annotations"] = _applied(present, wanted)
    if changes and present.metadata.deletion_timestamp is None:
        yield Amend(DEPLOYMENTS, present.metadata, _replacing(changes))


def _schedule(sight: Sight, choice: StrategyChoice, own_url: str) -> Iterator[Action]:
    wanted = cron_job_body(sight.worker, choice, own_url)
    present = sight.cron_job
    if present is None:
        if not sight.unfinished_pods:
            yield Make(CRON_JOBS, wanted)
        return
    changes = dict[str, object]()
    applied = present.metadata.annotations.get(APPLIED)
    if applied != wanted["metadata"]["annotations"][APPLIED]:
        changes["/spec"] = wanted["spec"]
        changes["/metadata/annotations"] = _applied(present, wanted)
    elif present.spec.suspend != sight.worker.spec.suspend:
        changes["/spec/suspend"] = sight.worker.spec.suspend
    if changes and present.metadata.deletion_timestamp is None:
        yield Amend(CRON_JOBS, present.metadata, _replacing(changes))


def _applied(present: Object, wanted: JsonObject) -> dict[str, str]:
    return {**present.metadata.annotations, **wanted["metadata"]["annotations"]}


def _replacing(changes: dict[str, object]) -> list[JsonObject]:
    """Whole values: a merge would keep what was taken out of a template."""
    # `add` replaces what is there and does not mind what is not.
    return [{"op": "add", "path": path, "value": value} for path, value in changes.items()]


def _scheduled_jobs(
    sight: Sight, choice: StrategyChoice, failures: FailureCount
) -> Iterator[Action]:
    is_suspended = sight.worker.spec.suspend
    for job in sight.scheduled_jobs:
        if ending_of(job) is not None or job.metadata.deletion_timestamp is not None:
            continue
        needs_items = bool(sight.items) and ITEMS_PUT not in job.metadata.annotations
        if is_suspended and choice.shape is Shape.ONCE:
            if job.spec.active_deadline_seconds != 1:
                # Suspended, it would be started again when the worker goes on.
                yield Amend(JOBS, job.metadata, {"spec": {"activeDeadlineSeconds": 1}})
            continue
        if needs_items and not is_suspended:
            yield FillQueue(job)
        elif job.spec.suspend != is_suspended and not needs_items:
            yield Amend(JOBS, job.metadata, {"spec": {"suspend": is_suspended}})
        yield from _give_up(sight, job, failures)


def _run(
    sight: Sight, choice: StrategyChoice, look: RunLook, failures: FailureCount
) -> Iterator[Action]:
    if look.stage is RunStage.WAITING:
        if may_start(sight, choice):
            first = 0 if choice.shape is Shape.JOB_PER_ITEM else None
            yield StartRun(run=sight.run, item=first, has_cleanup=needs_cleanup(sight))
    elif look.stage is RunStage.ACTIVE:
        if look.pod is not None:
            yield from _once(sight, look.pod)
        for job in look.jobs:
            yield from _running_job(sight, choice, job, failures)
        is_held = sight.worker.spec.suspend or sight.is_superseded or has_other_items(sight)
        if choice.shape is Shape.JOB_PER_ITEM and not is_held:
            yield from _more_items(sight, look)


def may_start(sight: Sight, choice: StrategyChoice) -> bool:
    """Whether the object of the run can be made now: nothing else of the worker may run."""
    is_held = sight.worker.spec.suspend or (
        choice.shape is Shape.ONCE and sight.worker.spec.parallelism == 0
    )
    return not (is_held or hindrance(sight))


def hindrance(sight: Sight) -> str:
    """What of the worker still runs that has to be gone first; empty for nothing."""
    if sight.deployment is not None:
        return f"Deployment {sight.deployment.metadata.name}"
    if sight.cron_job is not None:
        return f"CronJob {sight.cron_job.metadata.name}"
    for job in sight.jobs:
        if ending_of(job) is None:
            return f"Job {job.metadata.name}"
    for pod in sight.unfinished_pods:
        return f"pod {pod.metadata.name}"
    return ""


def needs_cleanup(sight: Sight) -> bool:
    """Whether the run before did not succeed."""
    failed = find_condition(sight.status.conditions, "Failed")
    return sight.is_to_begin and failed is not None and failed.status == "True"


def _once(sight: Sight, pod: Pod) -> Iterator[Action]:
    if pod.is_deleting:
        return
    if sight.worker.spec.suspend:
        if not _is_gated(pod):
            yield Remove(PODS, pod.metadata) if pod.spec.node_name else Withdraw(pod)
    elif _is_gated(pod) and pod.metadata.uid == sight.status.pod_uid and not sight.is_to_begin:
        others = [
            {"name": gate.name} for gate in pod.spec.scheduling_gates if gate.name != START_GATE
        ]
        yield Amend(PODS, pod.metadata, {"spec": {"schedulingGates": others or None}})


def _running_job(
    sight: Sight, choice: StrategyChoice, job: Job, failures: FailureCount
) -> Iterator[Action]:
    if job.metadata.deletion_timestamp is not None:
        return
    spec = sight.worker.spec
    if sight.worker.spec.run > sight.run and not spec.suspend and job.spec.suspend:
        # Another run is wanted instead of going on with one that was stopped.
        yield Remove(JOBS, job.metadata)
        return
    changes = JsonObject()
    if job.spec.suspend != spec.suspend:
        changes["suspend"] = spec.suspend
    is_scaled = choice.shape in (Shape.DRAIN, Shape.ITEM_PER_POD)
    if is_scaled and job.spec.parallelism != spec.parallelism:
        changes["parallelism"] = spec.parallelism
    if changes:
        yield Amend(JOBS, job.metadata, {"spec": changes})
    yield from _give_up(sight, job, failures)


def _give_up(sight: Sight, job: Job, failures: FailureCount) -> Iterator[Action]:
    tally = failures.of(job.metadata.name)
    if must_give_up(job, tally, sight.worker.spec):
        note = f"Job {job.metadata.name}: {budget_sentence(tally, sight.worker.spec)}"
        yield Amend(JOBS, job.metadata, {"spec": {"backoffLimit": 0}}, note)


def _more_items(sight: Sight, look: RunLook) -> Iterator[Action]:
    made = Indexes.of(
        index
        for job in sight.own_jobs
        if run_of(job) == sight.run and (index := item_index(job)) is not None
    )
    room = sight.worker.spec.parallelism - len(look.jobs)
    for index in (made | look.succeeded | look.failed).absent(room, len(sight.items)):
        yield StartRun(run=sight.run, item=index)
