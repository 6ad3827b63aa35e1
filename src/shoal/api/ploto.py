"""Executor pools: `Task`, `DynamicExecutorPool`, `FixedExecutorPool`.

The kinds and fields are Ploto's; those that Shoal adds are said to be additions. Ploto's own
CRDs may be applied over the ones made here: they drop the additions, so nothing may depend on
one for correctness, and they require `executorPodName` and `failedTime` in every task's status.

The task annotation on executor pods is how an assignment reaches the sidecar
(docs/reference/executor.md); the task's status is the truth.
"""

from datetime import datetime
from enum import StrEnum
from typing import Annotated

from shoal.api.custom_kind import AGE, CustomKind, PrinterColumn, Rule, described
from shoal.api.meta import ApiStruct, Condition, Object
from shoal.api.resource import JsonObject, Resource

GROUP = "ploto.io"
VERSIONS = ("v1", "v1alpha1")

POOL_LABEL = "ploto.io/pool"
POOL_TYPE_LABEL = "ploto.io/pool-type"
TEMPLATE_LABEL = "ploto.io/template"
TASK_ANNOTATION = "ploto.io/task"

OUTPUT_LIMIT_BYTES = 4096
"""A longer `status.output` is cut."""
DEFAULT_RETRY_LIMIT = 3
DEFAULT_SCALE_PERIOD_S = 15
DEFAULT_WEBHOOK_TIMEOUT_S = 10


class PoolType(StrEnum):
    FIXED = "Fixed"
    DYNAMIC = "Dynamic"


class TaskPhase(StrEnum):
    """Drawn in docs/states/task.md."""

    PENDING = "Pending"
    RUNNING = "Running"
    COMPLETED = "Completed"
    FAILED = "Failed"

    @property
    def is_final(self) -> bool:
        return self in {TaskPhase.COMPLETED, TaskPhase.FAILED}


ASSIGNED = "Assigned"
"""Condition of a task: has it an executor, and if not, why."""
FINISHED = "Finished"
"""Condition of a task: True in a final phase."""


class TaskSpec(ApiStruct):
    executor_pool: Annotated[
        str,
        described("Name of the pool, in the task's namespace.", required=True, minLength=1),
    ] = ""
    executor_pool_type: Annotated[
        str, described("Kind of the pool.", required=True, enum=[t.value for t in PoolType])
    ] = ""
    para: Annotated[str, described("Handed to the executor as it is.")] = ""
    reentrant: Annotated[bool, described("May be run again when its executor dies.")] = False
    priority: Annotated[int, described("Tasks with a higher one go first.")] = 0
    retry_limit: Annotated[
        int,
        described("How many deaths of its executor a reentrant task survives.", minimum=0),
    ] = DEFAULT_RETRY_LIMIT
    ttl_seconds_after_finished: Annotated[
        int | None,
        described("Removed this long after it finished; kept where absent.", minimum=0),
    ] = None


class TaskStatus(ApiStruct):
    phase: Annotated[str, described("Pending, Running, Completed or Failed.")] = ""
    executor_pod_name: Annotated[str, described("The executor that runs or last ran it.")] = ""
    executor_pod_uid: Annotated[
        str, described("Tells that executor from a later pod of the same name.")
    ] = ""
    failed_time: Annotated[int, described("How many executors died running it.")] = 0
    started_at: Annotated[datetime | None, described("When it was given to its executor.")] = None
    finished_at: Annotated[datetime | None, described("When it reached a final phase.")] = None
    message: Annotated[str, described("How it ended, for people.")] = ""
    output: Annotated[str, described("What the executor gave back; up to 4 KiB.")] = ""
    conditions: Annotated[
        list[Condition], described("Why the task waits, or how it ended.", list_key="type")
    ] = []


class Task(Object):
    """A piece of work for one executor of a pool."""

    spec: Annotated[TaskSpec, described("What to run, and where.", required=True)] = TaskSpec()
    status: Annotated[TaskStatus, described("What has become of it.")] = TaskStatus()

    @property
    def phase(self) -> TaskPhase:
        """A task without a phase, or with one nobody knows, has not been looked at: Pending."""
        try:
            return TaskPhase(self.status.phase)
        except ValueError:
            return TaskPhase.PENDING

    @property
    def attempt(self) -> int:
        """The number of the run that is on or comes next, from 1."""
        return self.status.failed_time + 1


class Assignment(ApiStruct):
    """The value of the task annotation: what one executor is to run.

    `resource_version` is that of the task just after it was assigned: a report made with it as
    a precondition needs no read. `para` is None where it is too long for an annotation; the
    sidecar then reads it from the task.
    """

    name: str
    namespace: str
    uid: str
    attempt: int
    resource_version: str = ""
    para: str | None = None
    started_at: datetime | None = None

    @property
    def run(self) -> tuple[str, int]:
        """Names one run of one task."""
        return self.uid, self.attempt


class LastWords(ApiStruct):
    """The termination message of an executor's sidecar, said when it hands over no more tasks.

    A task that was assigned to this executor and is not the one in `taken` never reached the
    container. A sidecar that was killed says nothing, and then its task may have been taken.
    """

    taken: tuple[str, int] | None
    """The last run that was handed to the container."""


_CONTAINER_SCHEMA: JsonObject = {
    "type": "object",
    "properties": {"name": {"type": "string", "minLength": 1}},
    "required": ["name"],
    "x-kubernetes-preserve-unknown-fields": True,
}
_CONTAINER = described(
    "The core/v1 Container that does the work.", required=True, schema=_CONTAINER_SCHEMA
)
_SERVICE_ACCOUNT = described("Of the executors' pods; the namespace's default where empty.")


class WebhookService(ApiStruct):
    name: Annotated[str, described("Name of the Service.", required=True, minLength=1)] = ""
    namespace: Annotated[str, described("Its namespace; the pool's where empty.")] = ""
    path: Annotated[str, described("Path of the request.")] = "/scale"
    port: Annotated[int, described("Port of the Service.", minimum=1, maximum=65535)] = 80


class Webhook(ApiStruct):
    service: Annotated[WebhookService | None, described("A Service of the cluster.")] = None
    url: Annotated[
        str | None, described("Or any address.", pattern="^https?://.+", minLength=1)
    ] = None
    timeout_seconds: Annotated[
        int, described("How long an answer may take.", minimum=1, maximum=60)
    ] = DEFAULT_WEBHOOK_TIMEOUT_S


_WEBHOOK_RULES = (
    Rule("!(has(self.service) && has(self.url))", "service and url exclude each other"),
)
_SIZE_RULES = (
    Rule(
        "self.minExecutor <= self.maxExecutor",
        "minExecutor must not be greater than maxExecutor",
    ),
    Rule(
        "!has(self.initialExecutor) || (self.initialExecutor >= self.minExecutor"
        " && self.initialExecutor <= self.maxExecutor)",
        "initialExecutor must be between minExecutor and maxExecutor",
    ),
)


class DynamicExecutorPoolSpec(ApiStruct):
    initial_executor: Annotated[
        int | None,
        described("Executors to start with; minExecutor where absent.", minimum=0),
    ] = None
    min_executor: Annotated[int, described("Never fewer.", required=True, minimum=0)] = 0
    max_executor: Annotated[int, described("Never more.", required=True, minimum=0)] = 0
    scale_period_seconds: Annotated[int, described("How often the size is decided.", minimum=1)] = (
        DEFAULT_SCALE_PERIOD_S
    )
    webhook: Annotated[
        Webhook | None,
        described(
            "Asked for the next size; 1.3 times the busy executors where absent.",
            rules=_WEBHOOK_RULES,
        ),
    ] = None
    service_account_name: Annotated[str, _SERVICE_ACCOUNT] = ""
    container: Annotated[JsonObject, _CONTAINER] = {}


class ExecutorPoolStatus(ApiStruct):
    total_executor: Annotated[int | None, described("Executors alive.")] = None
    running_executor: Annotated[int, described("Those that run a task.")] = 0
    available_executor: Annotated[int, described("Those ready for one.")] = 0


class DynamicExecutorPool(Object):
    """Warm executors whose number follows the work."""

    spec: Annotated[
        DynamicExecutorPoolSpec,
        described("How many executors, and what they run.", required=True, rules=_SIZE_RULES),
    ] = DynamicExecutorPoolSpec()
    status: Annotated[ExecutorPoolStatus, described("What there is.")] = ExecutorPoolStatus()


class FixedExecutorPoolSpec(ApiStruct):
    executor: Annotated[int, described("How many executors.", minimum=1)] = 1
    service_account_name: Annotated[str, _SERVICE_ACCOUNT] = ""
    container: Annotated[JsonObject, _CONTAINER] = {}


class FixedExecutorPool(Object):
    """A fixed number of warm executors."""

    spec: Annotated[
        FixedExecutorPoolSpec,
        described("How many executors, and what they run.", required=True),
    ] = FixedExecutorPoolSpec()
    status: Annotated[ExecutorPoolStatus, described("What there is.")] = ExecutorPoolStatus()


TASKS: Resource[Task] = Resource(GROUP, "v1", "tasks", "Task", Task)
DYNAMIC_EXECUTOR_POOLS: Resource[DynamicExecutorPool] = Resource(
    GROUP, "v1", "dynamicexecutorpools", "DynamicExecutorPool", DynamicExecutorPool
)
FIXED_EXECUTOR_POOLS: Resource[FixedExecutorPool] = Resource(
    GROUP, "v1", "fixedexecutorpools", "FixedExecutorPool", FixedExecutorPool
)

# Executors are named after their pool with six characters more, and a pod's name is a host name.
_NAME_RULE = Rule("size(self.metadata.name) <= 57", "the name must be no more than 57 characters")
_COUNTS = (
    PrinterColumn("TotalExecutor", "integer", ".status.totalExecutor"),
    PrinterColumn("RunningExecutor", "integer", ".status.runningExecutor"),
    PrinterColumn("AvailableExecutor", "integer", ".status.availableExecutor"),
)

KINDS = (
    CustomKind(
        type=Task,
        group=GROUP,
        plural="tasks",
        versions=VERSIONS,
        short_names=("task",),
        categories=("ploto",),
        columns=(
            PrinterColumn("ExecutorPool", "string", ".spec.executorPool"),
            PrinterColumn("ExecutorPoolType", "string", ".spec.executorPoolType"),
            PrinterColumn("Reentrant", "boolean", ".spec.reentrant"),
            PrinterColumn("Status", "string", ".status.phase"),
            PrinterColumn("FailedTime", "integer", ".status.failedTime"),
            PrinterColumn("ExecutingPod", "string", ".status.executorPodName"),
            AGE,
        ),
    ),
    CustomKind(
        type=DynamicExecutorPool,
        group=GROUP,
        plural="dynamicexecutorpools",
        versions=VERSIONS,
        short_names=("dep",),
        categories=("ploto",),
        columns=(
            *_COUNTS,
            AGE,
            PrinterColumn("InitialExecutor", "integer", ".spec.initialExecutor", priority=1),
            PrinterColumn("MinExecutor", "integer", ".spec.minExecutor", priority=1),
            PrinterColumn("MaxExecutor", "integer", ".spec.maxExecutor", priority=1),
        ),
        rules=(_NAME_RULE,),
    ),
    CustomKind(
        type=FixedExecutorPool,
        group=GROUP,
        plural="fixedexecutorpools",
        versions=VERSIONS,
        short_names=("fep",),
        categories=("ploto",),
        columns=(
            PrinterColumn("Executor", "integer", ".spec.executor"),
            *_COUNTS,
            AGE,
        ),
        rules=(_NAME_RULE,),
    ),
)
