"""The status of a Worker: phase, sentence, numbers, conditions, attempts.

A pure function of what there is; `status_patch` is what of it is new.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec

from shoal.api.merge_patch import merge_patch
from shoal.api.meta import Condition, find_condition, held_since
from shoal.api.pod import Pod
from shoal.api.resource import JsonObject
from shoal.api.worker import (
    ChosenStrategy,
    FailureCategory,
    LastError,
    RunEnd,
    WorkerPhase,
    WorkerProgress,
    WorkerStatus,
)
from shoal.controllers.worker.attempts import attempts, newest_error
from shoal.controllers.worker.budgets import FailureCount, budget_sentence
from shoal.controllers.worker.failures import (
    POD_DELETED,
    failure_of,
    failure_sentence,
    is_running,
)
from shoal.controllers.worker.manifests import run_name
from shoal.controllers.worker.phase import WorkerEvent, phase_after
from shoal.controllers.worker.progress import progress_of_job, progress_of_queue, with_rate
from shoal.controllers.worker.sentences import (
    dead_items_sentence,
    run_sentence,
    schedule_sentence,
    stream_sentence,
)
from shoal.controllers.worker.sight import (
    RunLook,
    RunStage,
    Sight,
    is_own,
    items_begun_with,
    look_at_run,
    run_of,
)
from shoal.controllers.worker.starts import KEPT_OWED, is_wanted, next_start, starts
from shoal.controllers.worker.strategy import NoStrategy, Shape, StrategyChoice, WorkloadKind

_E = WorkerEvent
_ENDED = (WorkerPhase.SUCCEEDED, WorkerPhase.FAILED)


def status_of(sight: Sight, choice: StrategyChoice, failures: FailureCount) -> WorkerStatus:
    """`choice` is the standing one."""
    if choice.kind in (WorkloadKind.DEPLOYMENT, WorkloadKind.CRON_JOB):
        status = _endless(sight, choice, failures)
    else:
        status = _of_run(sight, choice, failures)
    if sight.refusal and status.phase not in _ENDED:
        status = msgspec.structs.replace(status, message=sight.refusal)
    if sight.refusal and status.phase in (WorkerPhase.PENDING, WorkerPhase.SCHEDULED):
        phase = phase_after(WorkerPhase(status.phase), _E.REFUSE)
        status = msgspec.structs.replace(status, phase=phase)
    return _with_conditions(sight, status)


def invalid_status(sight: Sight, why: NoStrategy) -> WorkerStatus:
    """Of a worker for which no object can be chosen. What runs of it goes on."""
    status = msgspec.structs.replace(
        sight.status,
        observed_generation=sight.worker.metadata.generation,
        phase=phase_after(_phase(sight), _E.REFUSE),
        message=why.message,
        next_start_at=None,
    )
    valid = _condition(sight, "Valid", "False", why.reason, why.message)
    return msgspec.structs.replace(status, conditions=_merged(sight.status.conditions, [valid]))


def _phase(sight: Sight) -> WorkerPhase:
    return WorkerPhase(sight.status.phase or WorkerPhase.PENDING)


def _basic(sight: Sight, choice: StrategyChoice, failures: FailureCount) -> WorkerStatus:
    """What is told of every worker alike."""
    status, now = sight.status, sight.now
    pods = [*sight.departed, *sight.pods]
    cron_job = sight.cron_job if choice.kind is WorkloadKind.CRON_JOB else None
    if choice.kind in (WorkloadKind.JOB, WorkloadKind.POD):
        of_run = [pod for pod in pods if run_of(pod) == sight.run]
    else:
        of_run = [pod for pod in pods if not is_own(pod, sight.worker)]
    return msgspec.structs.replace(
        status,
        observed_generation=sight.worker.metadata.generation,
        strategy=_strategy(sight, choice),
        active=sum(is_running(pod) for pod in sight.pods),
        restarts=failures.restarts,
        application_failures=failures.application,
        infrastructure_failures=failures.infrastructure,
        tallies=list(failures.tallies),
        last_error=newest_error(
            status.last_error, [pod for pod in of_run if not _is_stopped(sight, pod)], now
        ),
        attempts=attempts(status.attempts, pods, now),
        starts=starts(sight, failures),
        next_start_at=next_start(cron_job, now) if cron_job is not None else None,
    )


def _is_stopped(sight: Sight, pod: Pod) -> bool:
    """Whether the pod was deleted as somebody asked: that is no failure. Of one that is gone, what
    it was deleted for has been told before."""
    failure = failure_of(pod)
    is_deleted = failure is not None and failure.reason == POD_DELETED
    return is_deleted and (sight.worker.spec.suspend or pod in sight.departed)


def _strategy(sight: Sight, choice: StrategyChoice) -> ChosenStrategy:
    name = sight.worker.metadata.name
    if choice.kind in (WorkloadKind.JOB, WorkloadKind.POD):
        name = run_name(sight.worker, sight.run)
        if choice.shape is Shape.JOB_PER_ITEM:
            name += "-"
    return ChosenStrategy(
        kind=choice.kind,
        name=name,
        restart_policy=choice.restart_policy,
        reason=choice.reason,
    )


def _endless(sight: Sight, choice: StrategyChoice, failures: FailureCount) -> WorkerStatus:
    """Of a stream, or a schedule: no run of it is the last."""
    status = _basic(sight, choice, failures)
    phase, is_suspended = _phase(sight), sight.worker.spec.suspend
    is_scheduled = choice.kind is WorkloadKind.CRON_JOB
    events: list[WorkerEvent] = []
    if phase in (*_ENDED, WorkerPhase.INVALID):
        events.append(_E.RENEW)
    is_active = any(is_running(pod) for pod in sight.pods)
    if is_suspended:
        events.append(_E.SUSPEND)
    elif is_active:
        events.append(_E.START)
    elif is_scheduled and sight.cron_job is not None:
        events.append(_E.REST)
    elif phase in (WorkerPhase.STOPPED, WorkerPhase.SCHEDULED):
        events.append(_E.RENEW)
    phase = phase_after(phase, *events)
    message = (
        schedule_sentence(sight, status, phase)
        if is_scheduled
        else stream_sentence(sight, status, phase)
    )
    progress = _queue_progress(sight) if is_scheduled else None
    return msgspec.structs.replace(
        status,
        phase=phase,
        message=message,
        progress=progress,
        **_run_left_behind(sight),
    )


def _run_left_behind(sight: Sight) -> dict[str, Any]:
    """The run that went on when the worker became something without numbered runs is over."""
    if not sight.status.run or sight.has_ended:
        return {}
    text = f"run {sight.status.run} was ended, as the worker became another kind of object"
    failed = _condition(sight, "Failed", "True", "Replaced", text)
    return {
        "finished_at": sight.now.replace(microsecond=0),
        "conditions": _merged(sight.status.conditions, [failed]),
    }


def _of_run(sight: Sight, choice: StrategyChoice, failures: FailureCount) -> WorkerStatus:
    look = look_at_run(sight, choice)
    phase = phase_after(_phase(sight), *_run_events(sight, look))
    status = _basic(sight, choice, failures)
    is_begun = look.stage is not RunStage.WAITING
    if sight.is_to_begin and is_begun:
        status = _begun(sight, status)
    if look.pod is not None and not status.pod_uid:
        status = msgspec.structs.replace(status, pod_uid=look.pod.metadata.uid)
    if is_begun:
        status = msgspec.structs.replace(
            status,
            succeeded_items=str(look.succeeded),
            failed_items=str(look.failed),
            progress=_run_progress(sight, choice, look) or status.progress,
        )
    is_ending = look.is_over and status.finished_at is None
    if is_ending:
        status = msgspec.structs.replace(
            status,
            finished_at=sight.now.replace(microsecond=0),
            last_error=_deletion(sight, look) or status.last_error,
        )
        status = msgspec.structs.replace(status, conditions=_end_conditions(sight, status, look))
    message = run_sentence(sight, look, phase, status)
    status = msgspec.structs.replace(status, phase=phase, message=message)
    return _with_news(sight, status) if is_ending else status


def _with_news(sight: Sight, status: WorkerStatus) -> WorkerStatus:
    """The end stands by itself until somebody has been told: the next run may begin before."""
    if not is_wanted(sight.worker, status.phase):
        return status
    told = {name: getattr(status, name) for name in RunEnd.__struct_fields__}
    return msgspec.structs.replace(
        status, owed_runs=[*status.owed_runs, RunEnd(**told)][-KEPT_OWED:]
    )


def _begun(sight: Sight, status: WorkerStatus) -> WorkerStatus:
    """The first status that tells of this run: what was told of the one before ends."""
    return msgspec.structs.replace(
        status,
        run=sight.run,
        pod_uid="",
        items_digest=items_begun_with(sight),
        progress=None,
        last_error=None,
        started_at=sight.now.replace(microsecond=0),
        finished_at=None,
        conditions=[
            each if each.status != "True" else _no_end(sight, each.type)
            for each in status.conditions
            if each.type in ("Complete", "Failed")
        ],
    )


def _no_end(sight: Sight, type: str) -> Condition:
    return _condition(sight, type, "False", "Running", f"run {sight.run} goes on")


def _end_conditions(sight: Sight, status: WorkerStatus, look: RunLook) -> list[Condition]:
    is_good = look.stage is RunStage.SUCCEEDED
    message = look.message
    if not is_good and look.reason != POD_DELETED and not _is_once(status):
        message += _explanation(sight, status)
    if dead := dead_items_sentence(sight):
        message += f"; {dead}"
    good, bad = ("True", "False") if is_good else ("False", "True")
    return _merged(
        status.conditions,
        [
            _condition(sight, "Complete", good, look.reason, message if is_good else ""),
            _condition(sight, "Failed", bad, look.reason, "" if is_good else message),
        ],
    )


def _deletion(sight: Sight, look: RunLook) -> LastError | None:
    """Where the one pod of a run was deleted: it is not there to tell of it itself. A pod that was
    stopped on purpose is no error."""
    if look.reason != POD_DELETED or sight.worker.spec.suspend:
        return None
    return LastError(
        category=FailureCategory.INFRASTRUCTURE,
        reason=POD_DELETED,
        pod=run_name(sight.worker, sight.run),
        message="the pod was deleted before it had ended",
        at=sight.now.replace(microsecond=0),
    )


def _is_once(status: WorkerStatus) -> bool:
    """Whether the sentence of the end tells all there is to tell of its one pod."""
    return status.strategy is not None and status.strategy.kind == WorkloadKind.POD


def _explanation(sight: Sight, status: WorkerStatus) -> str:
    """Which budget was used up, and by what."""
    sentences = [budget_sentence(tally, sight.worker.spec) for tally in status.tallies]
    if status.last_error is not None:
        sentences.append(f"the last failure was {failure_sentence(status.last_error)}")
    return "".join(f"; {sentence}" for sentence in sentences if sentence)


def _run_events(sight: Sight, look: RunLook) -> Sequence[WorkerEvent]:
    """What is seen of the run, in an order that the phase allows."""
    phase, is_suspended = _phase(sight), sight.worker.spec.suspend
    is_renewed = (
        phase in (WorkerPhase.INVALID, WorkerPhase.SCHEDULED)
        or (phase in _ENDED and not look.is_over)
        or (sight.is_to_begin and look.stage is RunStage.WAITING and phase is WorkerPhase.RUNNING)
    )
    events = [_E.RENEW] if is_renewed else []
    if look.is_over:
        return [*_turn(phase, look), _E.SUCCEED if look.stage is RunStage.SUCCEEDED else _E.FAIL]
    if is_suspended:
        return [*events, _E.SUSPEND]
    if look.stage is RunStage.ACTIVE and any(is_running(pod) for pod in _pods_of_run(sight)):
        return [*events, _E.START]
    return [*events, _E.RENEW] if phase is WorkerPhase.STOPPED else events


def _turn(phase: WorkerPhase, look: RunLook) -> Sequence[WorkerEvent]:
    """An end can follow only what goes on."""
    target = WorkerPhase.SUCCEEDED if look.stage is RunStage.SUCCEEDED else WorkerPhase.FAILED
    is_fresh = phase in (WorkerPhase.PENDING, WorkerPhase.RUNNING, WorkerPhase.STOPPED, target)
    return () if is_fresh else (_E.RENEW,)


def _pods_of_run(sight: Sight) -> list[Pod]:
    return [pod for pod in sight.pods if run_of(pod) == sight.run]


def _run_progress(sight: Sight, choice: StrategyChoice, look: RunLook) -> WorkerProgress | None:
    if choice.shape is Shape.JOB_PER_ITEM:
        if sight.has_ended and not sight.is_to_begin:
            # It was of the items that there were.
            return sight.status.progress
        progress = WorkerProgress(
            total=len(sight.items),
            done=len(look.succeeded),
            failed=len(look.failed),
            in_flight=len(look.jobs),
        )
        return with_rate(progress, sight.samples, sight.now)
    if choice.shape in (Shape.DRAIN, Shape.ITEM_PER_POD):
        return _queue_progress(sight)
    job = next(
        (j for j in sight.own_jobs if j.metadata.name == run_name(sight.worker, sight.run)), None
    )
    progress = progress_of_job(job) if job is not None else None
    return with_rate(progress, sight.samples, sight.now) if progress is not None else None


def _queue_progress(sight: Sight) -> WorkerProgress | None:
    if sight.size is None:
        return sight.status.progress
    progress = progress_of_queue(sight.size)
    return with_rate(progress, sight.samples, sight.now)


def _with_conditions(sight: Sight, status: WorkerStatus) -> WorkerStatus:
    refused = bool(sight.refusal)
    found = [
        _condition(
            sight,
            "Valid",
            "False" if refused else "True",
            "Refused" if refused else "Chosen",
            sight.refusal,
        )
    ]
    if sight.worker.spec.queue is not None:
        reachable = ("False", "SourceUnavailable") if sight.problem else ("True", "Answers")
        found.append(_condition(sight, "QueueReachable", *reachable, sight.problem))
    return msgspec.structs.replace(status, conditions=_merged(status.conditions, found))


def _condition(sight: Sight, type: str, status: str, reason: str, message: str) -> Condition:
    before = find_condition(sight.status.conditions, type)
    at: datetime = held_since(before, status, sight.now)
    return Condition(
        type=type,
        status=status,
        reason=reason,
        message=message,
        last_transition_time=at.replace(microsecond=0),
    )


def _merged(before: Sequence[Condition], after: Sequence[Condition]) -> list[Condition]:
    found = {each.type: each for each in before} | {each.type: each for each in after}
    return list(found.values())


_SMALL = frozenset(
    (
        "active",
        "attempts",
        "failedItems",
        "lastError",
        "message",
        "progress",
        "succeededItems",
        "tallies",
    )
)
"""What nothing is decided from that its objects do not tell as well."""


def is_small(patch: JsonObject) -> bool:
    """Whether all that is new may wait a moment."""
    return patch.keys() <= _SMALL


def status_patch(before: WorkerStatus, after: WorkerStatus) -> JsonObject:
    """A merge patch from one to the other; empty where they are the same."""
    if before == after:
        return {}
    return merge_patch(msgspec.to_builtins(before), msgspec.to_builtins(after))
