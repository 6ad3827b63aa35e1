"""From what a job is to the object that runs it: the choice, its reason, and what else there was.

    Stream                               Deployment          Always
    Batch, resumable or idempotent       Job                 OnFailure
    Batch, not resumable                 Pod                 Never
    Queue, an item per pod               Job, completions    Never
    Queue, pods drain it                 Job                 OnFailure
    Queue, a Job per item                Jobs                OnFailure
    batches and queues with a schedule   CronJob             as above

`manifests` writes the objects, the reconciler makes them, `shoal explain` prints the alternatives.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from enum import StrEnum
from functools import lru_cache

import msgspec

from shoal.api.cron import CronError, load_zone, parse_schedule
from shoal.api.worker import (
    QueuePattern,
    Worker,
    WorkerMode,
    WorkerQueue,
    WorkerSchedule,
    WorkerSpec,
)
from shoal.controllers.worker.fields import misshapen, wrong_notify

_SOME_DAY = datetime(2024, 1, 1, tzinfo=UTC)
THIS_CLUSTER = frozenset(("", "local"))


class WorkloadKind(StrEnum):
    """The objects there are to choose from."""

    DEPLOYMENT = "Deployment"
    JOB = "Job"
    POD = "Pod"
    CRON_JOB = "CronJob"


class Shape(StrEnum):
    """What a worker is, as far as its restarts depend on it: a row of the table."""

    STREAM = "Stream"
    REPEATABLE = "Repeatable"
    """A batch that may be started again."""
    ONCE = "Once"
    """A batch that may not."""
    ITEM_PER_POD = "ItemPerPod"
    DRAIN = "Drain"
    JOB_PER_ITEM = "JobPerItem"


class StrategyChoice(msgspec.Struct, frozen=True, kw_only=True):
    """The object that was chosen."""

    kind: WorkloadKind
    shape: Shape
    restart_policy: str
    reason: str
    """A sentence."""


class NoStrategy(msgspec.Struct, frozen=True, kw_only=True):
    """No object can be chosen."""

    reason: str
    """CamelCase, for a condition."""
    message: str
    """What is wrong and how to mend it."""


class Alternative(msgspec.Struct, frozen=True, kw_only=True):
    """Another object, and what would happen with it."""

    kind: str
    restart_policy: str
    consequence: str
    """A sentence that goes on after "would"."""


_RESTARTS = {
    Shape.STREAM: "Always",
    Shape.REPEATABLE: "OnFailure",
    Shape.ONCE: "Never",
    Shape.ITEM_PER_POD: "Never",
    Shape.DRAIN: "OnFailure",
    Shape.JOB_PER_ITEM: "OnFailure",
}
_PATTERNS = {
    QueuePattern.DRAIN: Shape.DRAIN,
    QueuePattern.ITEM_PER_POD: Shape.ITEM_PER_POD,
    QueuePattern.JOB_PER_ITEM: Shape.JOB_PER_ITEM,
}
_REASONS = {
    Shape.STREAM: "a stream never ends, so its pods are started again whenever they do",
    Shape.ONCE: (
        "a batch that is neither resumable nor idempotent must not be started again by itself, so"
        " it is one pod that is made once"
    ),
    Shape.ITEM_PER_POD: (
        "each pod works on one item, so the Job has as many completions as there are items, and a"
        " pod that fails is replaced by a new one"
    ),
    Shape.DRAIN: (
        "the pods take items until none is left, so the Job has no number of completions and ends"
        " when one of them finds the queue empty"
    ),
    Shape.JOB_PER_ITEM: (
        "each item becomes a Job of its own from the template, at most spec.parallelism at a time"
    ),
}
_WHEN_SCHEDULED = "it has a schedule, so a CronJob makes a Job at each of its times; "


def shape_of(worker: Worker) -> Shape:
    """Which row of the table it is."""
    spec = worker.spec
    if spec.mode == WorkerMode.STREAM:
        return Shape.STREAM
    if spec.mode == WorkerMode.QUEUE:
        pattern = (spec.queue or WorkerQueue()).pattern
        return _PATTERNS.get(QueuePattern(pattern), Shape.DRAIN)
    return Shape.REPEATABLE if spec.resumable or spec.idempotent else Shape.ONCE


def choose(worker: Worker, *, has_own_queue: bool = True) -> StrategyChoice | NoStrategy:
    """`has_own_queue`: whether there is a work source for queues that name none."""
    shape = shape_of(worker)
    refused = _refusal(worker, shape, has_own_queue=has_own_queue)
    if refused is not None:
        return refused
    reason = _reason(worker, shape)
    if worker.spec.schedule is not None:
        kind, reason = WorkloadKind.CRON_JOB, _WHEN_SCHEDULED + reason
    elif shape is Shape.STREAM:
        kind = WorkloadKind.DEPLOYMENT
    else:
        kind = WorkloadKind.POD if shape is Shape.ONCE else WorkloadKind.JOB
    return StrategyChoice(
        kind=kind, shape=shape, restart_policy=_RESTARTS[shape], reason=f"{reason}."
    )


def _reason(worker: Worker, shape: Shape) -> str:
    if shape is Shape.REPEATABLE:
        trait = "resumable" if worker.spec.resumable else "idempotent"
        how = "goes on from its saved progress" if worker.spec.resumable else "does no harm"
        return (
            f"the batch is {trait}, so a new start after a failure {how}, with growing pauses and"
            " within the budgets for retries"
        )
    if shape is Shape.ONCE and worker.spec.schedule is not None:
        return (
            "a batch that is neither resumable nor idempotent must not be started again by itself,"
            " so each Job has one pod and no retries"
        )
    return _REASONS[shape]


def _refusal(worker: Worker, shape: Shape, *, has_own_queue: bool) -> NoStrategy | None:
    spec, queue = worker.spec, worker.spec.queue
    if spec.cluster not in THIS_CLUSTER:
        return NoStrategy(
            reason="UnknownCluster",
            message=(
                f'spec.cluster is "{spec.cluster}", and only this cluster is known; leave it out'
                ' or write "local"'
            ),
        )
    if shape is Shape.ONCE and spec.parallelism > 1:
        return NoStrategy(
            reason="ParallelismNotAllowed",
            message=(
                f"spec.parallelism is {spec.parallelism}, but a batch that is neither resumable nor"
                " idempotent runs as one pod; set it to 1, or spec.idempotent if several may run"
            ),
        )
    unsound = _unsound_field(spec)
    if unsound is not None:
        return unsound
    if spec.template is not None and not (spec.template.get("spec") or {}).get("containers"):
        return NoStrategy(
            reason="NoContainers",
            message="spec.template.spec.containers is empty; name at least one container",
        )
    unreadable = _schedule_refusal(spec.schedule) if spec.schedule is not None else None
    if unreadable is not None or queue is None:
        return unreadable
    if queue.url_from is None and not has_own_queue:
        return NoStrategy(
            reason="NoWorkSource",
            message=(
                "spec.queue.urlFrom is missing, and this cluster has no work source of its own;"
                " name a key of a Secret with the URL of one"
            ),
        )
    return _queue_refusal(queue, shape, has_schedule=spec.schedule is not None)


def _unsound_field(spec: WorkerSpec) -> NoStrategy | None:
    if text := misshapen(spec):
        return NoStrategy(reason="InvalidTemplate", message=text)
    if spec.notify is not None and (text := wrong_notify(spec.notify)):
        return NoStrategy(reason="InvalidNotify", message=text)
    return None


def _schedule_refusal(schedule: WorkerSchedule) -> NoStrategy | None:
    zone = schedule.time_zone
    fault = _schedule_fault(schedule.cron, zone or "")
    if not fault:
        return None
    where = f' in time zone "{zone}"' if zone is not None else ""
    return NoStrategy(
        reason="InvalidSchedule",
        message=f'spec.schedule.cron "{schedule.cron}"{where} {fault}',
    )


@lru_cache(maxsize=1024)
def _schedule_fault(cron: str, zone: str) -> str:
    """What is wrong with a schedule; empty for nothing."""
    try:
        parsed = parse_schedule(cron, load_zone(zone))
    except CronError as error:
        return (
            f'cannot be read: {error}; write five fields such as "0 3 * * *", and a zone such as'
            " Europe/Berlin"
        )
    # Fields know no years: what does not come after one day does not come after another.
    if parsed.next_after(_SOME_DAY) is None:
        return "never comes; name a day that one of its months has"
    return ""


def _queue_refusal(queue: WorkerQueue, shape: Shape, *, has_schedule: bool) -> NoStrategy | None:
    if shape is Shape.JOB_PER_ITEM and not queue.items:
        return NoStrategy(
            reason="NoItems",
            message="pattern JobPerItem makes a Job of each of spec.queue.items; list some",
        )
    if shape is Shape.JOB_PER_ITEM and has_schedule:
        return NoStrategy(
            reason="ScheduleNotAllowed",
            message=(
                "pattern JobPerItem cannot have a schedule, as a CronJob makes one Job at a time;"
                " use pattern Drain"
            ),
        )
    if shape is Shape.ITEM_PER_POD and has_schedule and not queue.items:
        return NoStrategy(
            reason="NoItems",
            message=(
                "pattern ItemPerPod with a schedule needs spec.queue.items, as their number is that"
                " of the pods; list some, or use pattern Drain"
            ),
        )
    return None


def alternatives(worker: Worker, choice: StrategyChoice) -> Sequence[Alternative]:
    """The objects that were not chosen, each with what it would do to this worker."""
    found = [each for shape, each in _alternatives_of(choice.shape) if shape is not choice.shape]
    if choice.kind is WorkloadKind.CRON_JOB:
        without = "run once, now, and not at the times of spec.schedule"
        found.append(
            Alternative(kind="Job", restart_policy=choice.restart_policy, consequence=without)
        )
    return found


def _alternatives_of(shape: Shape) -> list[tuple[Shape, Alternative]]:
    texts = _CONSEQUENCES[shape]
    return [
        (other, Alternative(kind=kind, restart_policy=_RESTARTS[other], consequence=text))
        for other, (kind, text) in texts.items()
    ]


_CONSEQUENCES: dict[Shape, dict[Shape, tuple[str, str]]] = {
    Shape.STREAM: {
        Shape.REPEATABLE: ("Job", "end for good when its program ends, and after its retries"),
        Shape.ONCE: ("Pod", "stay down after the first failure, eviction or lost node"),
    },
    Shape.REPEATABLE: {
        Shape.STREAM: ("Deployment", "start the program again each time it has succeeded"),
        Shape.ONCE: (
            "Pod",
            "end at the first failure or eviction, and wait for `shoal worker rerun`, though a new"
            " start does no harm",
        ),
    },
    Shape.ONCE: {
        Shape.STREAM: ("Deployment", "start it again and again, also when it has succeeded"),
        Shape.REPEATABLE: (
            "Job",
            "start it again after a failure or an eviction, over what the failed run left behind",
        ),
    },
    Shape.ITEM_PER_POD: {
        Shape.STREAM: ("Deployment", "go on looking for items when all are done"),
        Shape.DRAIN: ("Job", "let few pods take many items each, which saves their starts"),
        Shape.JOB_PER_ITEM: ("Job per item", "give each item retries and a status of its own"),
    },
    Shape.DRAIN: {
        Shape.STREAM: ("Deployment", "keep its pods when the queue is empty, to wait for more"),
        Shape.ITEM_PER_POD: ("Job", "start a pod for each item, so that no item sees another's"),
        Shape.JOB_PER_ITEM: ("Job per item", "give each item retries and a status of its own"),
    },
    Shape.JOB_PER_ITEM: {
        Shape.DRAIN: ("Job", "let few pods take many items each, from a queue that can grow"),
        Shape.ITEM_PER_POD: ("Job", "have one Job for all items, with one budget for retries"),
    },
}
