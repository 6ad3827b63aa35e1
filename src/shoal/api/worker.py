"""`Worker`: one unit of data synchronisation, by what it is; which workload it becomes is decided
by Shoal (controllers/worker) and written to `status.strategy`.

A run is a number. A batch that must not be started again by itself has as many runs as `spec.run`
says, so that asking for another is one field, and asking twice is asking once.
"""

from datetime import datetime
from enum import StrEnum
from typing import Annotated

from shoal.api.custom_kind import AGE, CustomKind, PrinterColumn, Rule, described
from shoal.api.meta import ApiStruct, Condition, Object
from shoal.api.pod import KeySelector
from shoal.api.resource import JsonObject, Resource

GROUP = "shoal.io"
VERSION = "v1alpha1"

WORKER_LABEL = "shoal.io/worker"
"""On everything a worker's controller makes, pods included: the name of the worker."""
WORKER_UID_LABEL = "shoal.io/worker-uid"
"""Beside it: the uid, so that what a deleted worker of the same name left is told apart."""
RUN_LABEL = "shoal.io/run"
"""On the objects of a run: its number."""

CONTAINER_NAME = "worker"
"""Of the container made from `spec.image` and its neighbours."""
DEFAULT_RETRIES = 6
DEFAULT_INFRASTRUCTURE_RETRIES = 20
DEFAULT_LEASE_S = 60
DEFAULT_MAX_ATTEMPTS = 3

URL_VARIABLE = "SHOAL_WORK_URL"
"""In pods of a queue's workers: where the queue is; never shown, as it may hold a password."""
QUEUE_VARIABLE = "SHOAL_WORK_QUEUE"
LEASE_VARIABLE = "SHOAL_WORK_LEASE_SECONDS"
MAX_ATTEMPTS_VARIABLE = "SHOAL_WORK_MAX_ATTEMPTS"

_MOST = 2**31 - 1
"""What counts in the objects take that are made of a worker."""

_ANYTHING: JsonObject = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
_CONTAINER = {**_ANYTHING, "description": "A container of core/v1; its name may be left out."}


class WorkerMode(StrEnum):
    STREAM = "Stream"
    """Never ends."""
    BATCH = "Batch"
    """Ends when all is done."""
    QUEUE = "Queue"
    """Ends when the items of a queue are done."""


class QueuePattern(StrEnum):
    """How pods and items of a queue meet."""

    DRAIN = "Drain"
    """Pods take items until none is left."""
    ITEM_PER_POD = "ItemPerPod"
    """Each pod takes one."""
    JOB_PER_ITEM = "JobPerItem"
    """Each item of `spec.queue.items` becomes a Job, with the item in place of `$ITEM`."""


class WorkerPhase(StrEnum):
    """How far a worker is."""

    PENDING = "Pending"
    """Nothing of it runs yet."""
    RUNNING = "Running"
    SCHEDULED = "Scheduled"
    """Waits for the next time of its schedule."""
    STOPPED = "Stopped"
    """`spec.suspend` holds it."""
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    INVALID = "Invalid"
    """No object can be chosen; the condition says what to mend."""


class FailureCategory(StrEnum):
    APPLICATION = "Application"
    """The program ended badly; uses up `retries`."""
    INFRASTRUCTURE = "Infrastructure"
    """The pod was taken from it (eviction, preemption, a lost node); uses up
    `infrastructureRetries`."""


class WorkerSchedule(ApiStruct):
    cron: Annotated[str, described("Five fields of cron.", required=True, minLength=1)] = ""
    time_zone: Annotated[str | None, described("Such as Europe/Berlin.")] = None
    concurrency_policy: Annotated[
        str,
        described("When the run before still goes on.", enum=["Allow", "Forbid", "Replace"]),
    ] = "Forbid"
    starting_deadline_seconds: Annotated[
        int | None,
        described("A start that is later than this is missed.", minimum=0, maximum=_MOST),
    ] = None


class UrlSource(ApiStruct):
    secret_key_ref: Annotated[
        KeySelector | None,
        described(
            "A key of a Secret with a URL: postgresql://, redis:// or rediss://.", required=True
        ),
    ] = None


class WorkerQueue(ApiStruct):
    """Where the items are and how they are shared out."""

    name: Annotated[str, described("Of the queue, in the namespace; the worker's if absent.")] = ""
    pattern: Annotated[
        str, described("How pods and items meet.", enum=[p.value for p in QueuePattern])
    ] = QueuePattern.DRAIN
    url_from: Annotated[
        UrlSource | None, described("Where the queue is; the control plane's own where absent.")
    ] = None
    items: Annotated[list[str], described("Put into the queue when the worker starts.")] = []
    lease_seconds: Annotated[
        int,
        described("How long an item is a pod's without a sign of life.", minimum=1, maximum=_MOST),
    ] = DEFAULT_LEASE_S
    max_attempts: Annotated[
        int,
        described(
            "Deliveries of one item before it is put with the dead.", minimum=1, maximum=_MOST
        ),
    ] = DEFAULT_MAX_ATTEMPTS


class Notify(ApiStruct):
    url: Annotated[str, described("Gets a POST when a run ends.")] = ""
    url_from: Annotated[UrlSource | None, described("The same, from a Secret.")] = None
    on: Annotated[list[str], described("Which ends: Succeeded, Failed; both where absent.")] = []


class WorkerSpec(ApiStruct):
    mode: Annotated[
        str, described("What it is.", required=True, enum=[m.value for m in WorkerMode])
    ]
    resumable: Annotated[bool, described("A new start goes on from progress that was saved.")] = (
        False
    )
    idempotent: Annotated[bool, described("Doing it again does no harm.")] = False
    schedule: Annotated[WorkerSchedule | None, described("Start at set times.")] = None
    parallelism: Annotated[int, described("Pods at a time.", minimum=0, maximum=_MOST)] = 1
    template: Annotated[
        JsonObject | None,
        described("metadata and spec of the pods, as in a Job.", schema=_ANYTHING),
    ] = None
    image: Annotated[str, described("Instead of a template: of its one container.")] = ""
    command: Annotated[list[str], described("Of that container.")] = []
    args: Annotated[list[str], described("Of that container.")] = []
    env: Annotated[
        list[JsonObject],
        described("Of that container.", schema={"type": "array", "items": _ANYTHING}),
    ] = []
    resources: Annotated[JsonObject | None, described("Of that container.", schema=_ANYTHING)] = (
        None
    )
    cleanup: Annotated[
        JsonObject | None,
        described("Runs to its end before a run that comes after a failed one.", schema=_CONTAINER),
    ] = None
    queue: Annotated[WorkerQueue | None, described("Of mode Queue: the work source.")] = None
    retries: Annotated[
        int,
        described("How often the program may fail and be started again.", minimum=0, maximum=_MOST),
    ] = DEFAULT_RETRIES
    infrastructure_retries: Annotated[
        int,
        described(
            "How often its pod may be taken from it and be made again.", minimum=0, maximum=_MOST
        ),
    ] = DEFAULT_INFRASTRUCTURE_RETRIES
    run: Annotated[
        int, described("Number of the run that is wanted.", minimum=1, maximum=_MOST)
    ] = 1
    suspend: Annotated[bool, described("Nothing of it runs.")] = False
    cluster: Annotated[str, described("Where it runs; this cluster where absent.")] = ""
    notify: Annotated[Notify | None, described("Who is told how a run ended.")] = None


class ChosenStrategy(ApiStruct):
    """What was chosen, and why."""

    kind: Annotated[str, described("Deployment, Job, Pod or CronJob.")] = ""
    name: Annotated[str, described("Of that object; of many Jobs, what they begin with.")] = ""
    restart_policy: Annotated[str, described("Of its pods.")] = ""
    reason: Annotated[str, described("Why, for people.")] = ""


class WorkerProgress(ApiStruct):
    total: Annotated[int, described("Items, or completions of the Job.")] = 0
    done: Annotated[int, described("Done.")] = 0
    failed: Annotated[int, described("Given up.")] = 0
    in_flight: Annotated[int, described("Being worked on.")] = 0
    items_per_minute: Annotated[float, described("Done lately.")] = 0.0
    estimated_end: Annotated[datetime | None, described("At this rate.")] = None


class LastError(ApiStruct):
    category: Annotated[str, described("Application or Infrastructure.")] = ""
    reason: Annotated[
        str, described("Such as Error, OOMKilled, Evicted, ImagePullBackOff, NodeLost.")
    ] = ""
    exit_code: Annotated[int | None, described("Of the container, where it ran.")] = None
    message: Annotated[str, described("For people.")] = ""
    pod: Annotated[str, described("Where it happened.")] = ""
    container: Annotated[str, described("Where it happened.")] = ""
    at: Annotated[datetime | None, described("When it was.")] = None


class WorkerAttempt(ApiStruct):
    """One start of a container of the worker."""

    run: Annotated[int, described("Of which run.")] = 1
    pod: Annotated[str, described("Whose log tells more.")] = ""
    restart: Annotated[int, described("Which start of the container in that pod, from 0.")] = 0
    node: Annotated[str, described("Where it ran.")] = ""
    started_at: Annotated[datetime | None, described("When it began.")] = None
    finished_at: Annotated[datetime | None, described("When it ended; absent while it runs.")] = (
        None
    )
    outcome: Annotated[str, described("Running, Succeeded or the reason of the failure.")] = ""
    exit_code: Annotated[int | None, described("Where the container ended.")] = None
    category: Annotated[str, described("Of a failure.")] = ""


class PodTally(ApiStruct):
    """How often one pod has failed, as far as it is in the numbers of its run."""

    uid: Annotated[str, described("Of the pod.", required=True)]
    restarts: Annotated[int, described("Of its containers.")] = 0
    is_over: Annotated[bool, described("It has ended, or its end does not count.")] = False
    is_leaving: Annotated[bool, described("It is being deleted.")] = False


class ObjectTally(ApiStruct):
    """The failures below one Job of a run. Counted together with what was counted, in one write,
    so that no failure is counted twice or forgotten."""

    name: Annotated[str, described("Of the Job.", required=True)]
    application_failures: Annotated[int, described("Out of `retries`.")] = 0
    infrastructure_failures: Annotated[int, described("Out of `infrastructureRetries`.")] = 0
    restarts: Annotated[int, described("Of containers.")] = 0
    pods: Annotated[list[PodTally], described("Those there are.", list_key="uid")] = []


class WorkerStart(ApiStruct):
    """One start of a schedule that has ended."""

    uid: Annotated[str, described("Of its Job.", required=True)]
    job: Annotated[str, described("Of that name.")] = ""
    phase: Annotated[str, described("Succeeded or Failed.")] = ""
    message: Annotated[str, described("The same for people, with the reason.")] = ""
    restarts: Annotated[int, described("Of containers.")] = 0
    application_failures: Annotated[int, described("Out of `retries`.")] = 0
    infrastructure_failures: Annotated[int, described("Out of `infrastructureRetries`.")] = 0
    last_error: Annotated[LastError | None, described("The newest of its pods.")] = None
    started_at: Annotated[datetime | None, described("When it began.")] = None
    finished_at: Annotated[datetime | None, described("When it ended.")] = None
    is_owed: Annotated[bool, described("Whether somebody is still to be told.")] = False


class RunEnd(ApiStruct):
    """How a run ended, until somebody has been told."""

    run: Annotated[int, described("Its number.", required=True)]
    strategy: Annotated[ChosenStrategy | None, described("What it became.")] = None
    phase: Annotated[str, described("Succeeded or Failed.")] = ""
    message: Annotated[str, described("The same for people, with the reason.")] = ""
    progress: Annotated[WorkerProgress | None, described("Where it can be counted.")] = None
    restarts: Annotated[int, described("Of containers.")] = 0
    application_failures: Annotated[int, described("Out of `retries`.")] = 0
    infrastructure_failures: Annotated[int, described("Out of `infrastructureRetries`.")] = 0
    last_error: Annotated[LastError | None, described("The newest.")] = None
    started_at: Annotated[datetime | None, described("When it began.")] = None
    finished_at: Annotated[datetime | None, described("When it ended.")] = None


class WorkerStatus(ApiStruct):
    observed_generation: Annotated[int, described("Which spec this is about.")] = 0
    phase: Annotated[str, described("How far it is.")] = ""
    message: Annotated[str, described("The same for people, with the reason.")] = ""
    run: Annotated[
        int,
        described("Number of the run that was started last; streams and schedules have none."),
    ] = 0
    pod_uid: Annotated[
        str, described("Of the pod of that run, where there may never be another one.")
    ] = ""
    strategy: Annotated[ChosenStrategy | None, described("What it became.")] = None
    progress: Annotated[WorkerProgress | None, described("Where it can be counted.")] = None
    active: Annotated[int, described("Pods that run.")] = 0
    restarts: Annotated[int, described("Of containers in its pods.")] = 0
    application_failures: Annotated[int, described("Of this run, out of `retries`.")] = 0
    infrastructure_failures: Annotated[
        int, described("Of this run, out of `infrastructureRetries`.")
    ] = 0
    last_error: Annotated[LastError | None, described("The newest.")] = None
    attempts: Annotated[list[WorkerAttempt], described("The newest, oldest first.")] = []
    tallies: Annotated[
        list[ObjectTally], described("What the failures were counted from.", list_key="name")
    ] = []
    succeeded_items: Annotated[
        str, described("Of a Job per item: numbers of the items that are done, as 0-4,7.")
    ] = ""
    failed_items: Annotated[str, described("The same of those that were given up.")] = ""
    items_digest: Annotated[
        str, described("Of a Job per item: which items the run began with.")
    ] = ""
    started_at: Annotated[datetime | None, described("When the run began.")] = None
    finished_at: Annotated[datetime | None, described("When it ended.")] = None
    next_start_at: Annotated[
        datetime | None, described("The next time of its schedule; none while it is held.")
    ] = None
    starts: Annotated[
        list[WorkerStart],
        described("Those of its schedule that ended and are kept, oldest first.", list_key="uid"),
    ] = []
    owed_runs: Annotated[
        list[RunEnd], described("Ends of runs that are still to be told.", list_key="run")
    ] = []
    notified_run: Annotated[int, described("The last run whose end was told.")] = 0
    conditions: Annotated[
        list[Condition], described("Why it waits, or how it ended.", list_key="type")
    ] = []


class Worker(Object):
    """A unit of data synchronisation: a stream, a batch, or the items of a queue."""

    spec: Annotated[WorkerSpec, described("What it is.", required=True)] = WorkerSpec(
        mode=WorkerMode.BATCH
    )
    status: Annotated[WorkerStatus, described("What it became.")] = WorkerStatus()


WORKERS: Resource[Worker] = Resource(GROUP, VERSION, "workers", "Worker", Worker)

_RULES = (
    Rule(
        "(self.spec.mode == 'Queue') == has(self.spec.queue)",
        "spec.queue belongs to mode Queue, and mode Queue needs it",
    ),
    Rule(
        "has(self.spec.template) != (has(self.spec.image) && self.spec.image != '')",
        "give either spec.template or spec.image with command, args, env and resources",
    ),
    Rule(
        "self.spec.mode != 'Stream' || !has(self.spec.schedule)",
        "a Stream never ends, so it has no schedule",
    ),
)

KIND = CustomKind(
    type=Worker,
    group=GROUP,
    plural="workers",
    versions=(VERSION,),
    short_names=("wk",),
    categories=("all",),
    columns=(
        PrinterColumn("Mode", "string", ".spec.mode"),
        PrinterColumn("Phase", "string", ".status.phase"),
        PrinterColumn("Object", "string", ".status.strategy.kind"),
        PrinterColumn("Done", "integer", ".status.progress.done"),
        PrinterColumn("Total", "integer", ".status.progress.total"),
        PrinterColumn("Restarts", "integer", ".status.restarts"),
        AGE,
        PrinterColumn("Next", "string", ".status.nextStartAt", priority=1),
        PrinterColumn("Message", "string", ".status.message", priority=1),
    ),
    rules=_RULES,
)
