"""`Job`: tasks of equal pods that make up one gang, and what is done when something happens to
them."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated

from shoal.api.custom_kind import AGE, CustomKind, PrinterColumn, described
from shoal.api.meta import ApiStruct, Object
from shoal.api.resource import JsonObject, Resource
from shoal.api.volcano.lifecycle import LifecyclePolicy
from shoal.api.volcano.pod_group import NetworkTopology
from shoal.api.volcano.queue import DEFAULT, OPTIONAL_NAME

GROUP = "batch.volcano.sh"
VERSION = "v1alpha1"
SCHEDULER_NAME = "volcano"
DEFAULT_MAX_RETRY = 3

ANYTHING: JsonObject = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
"""Schema of what is handed on as it is."""


class JobPhase(StrEnum):
    """Drawn in docs/states/volcano-job.md."""

    PENDING = "Pending"
    ABORTING = "Aborting"
    ABORTED = "Aborted"
    RUNNING = "Running"
    RESTARTING = "Restarting"
    COMPLETING = "Completing"
    COMPLETED = "Completed"
    TERMINATING = "Terminating"
    TERMINATED = "Terminated"
    FAILED = "Failed"


class DependsOn(ApiStruct):
    name: Annotated[list[str], described("Tasks that come first.")] = []
    iteration: Annotated[str, described("Whether all of them, or any.", enum=["any", "all"])] = (
        "all"
    )


class PartitionPolicy(ApiStruct):
    total_partitions: Annotated[int, described("How many parts.", required=True)] = 0
    partition_size: Annotated[int, described("Pods of a part.", required=True)] = 0
    network_topology: Annotated[
        NetworkTopology | None, described("How close together the pods of a part must be.")
    ] = None
    min_partitions: Annotated[
        int, described("Parts that must be placed.", minimum=0, default=0)
    ] = 0


class TaskSpec(ApiStruct):
    name: Annotated[
        str,
        described(
            "Of the task; default<index> where empty.",
            maxLength=63,
            pattern="^([a-z0-9]([-a-z0-9]*[a-z0-9])?)?$",
        ),
    ] = ""
    replicas: Annotated[int, described("How many pods.", minimum=0)] = 0
    min_available: Annotated[
        int | None, described("Fewer of them are not placed; replicas where absent.", minimum=0)
    ] = None
    template: Annotated[
        JsonObject, described("The core/v1 PodTemplateSpec of its pods.", schema=ANYTHING)
    ] = {}
    policies: Annotated[
        list[LifecyclePolicy], described("What to do when something happens; before the job's.")
    ] = []
    topology_policy: Annotated[
        str,
        described(
            "NUMA policy of its pods.",
            enum=["none", "best-effort", "restricted", "single-numa-node"],
        ),
    ] = ""
    max_retry: Annotated[
        int, described("Restarts of containers after which the task counts as failed; -1: never.")
    ] = 0
    depends_on: Annotated[DependsOn | None, described("Tasks whose pods must be there first.")] = (
        None
    )
    partition_policy: Annotated[
        PartitionPolicy | None, described("Parts that are placed and restarted together.")
    ] = None


class VolumeSpec(ApiStruct):
    mount_path: Annotated[
        str,
        described("Where all containers find it.", required=True, minLength=1, pattern="^[^:]+$"),
    ] = ""
    volume_claim_name: Annotated[str, described("An existing claim.", maxLength=253)] = ""
    volume_claim: Annotated[
        JsonObject | None, described("Spec of a new claim.", schema=ANYTHING)
    ] = None


class JobSpec(ApiStruct):
    scheduler_name: Annotated[str, described("Who places the pods.", maxLength=63)] = ""
    min_available: Annotated[
        int, described("Fewer pods are not placed; all tasks' minimum where 0.", minimum=0)
    ] = 0
    volumes: Annotated[list[VolumeSpec], described("Mounted into all containers.")] = []
    tasks: Annotated[list[TaskSpec], described("What runs.", minItems=1)] = []
    policies: Annotated[list[LifecyclePolicy], described("What to do when something happens.")] = []
    plugins: Annotated[
        dict[str, list[str]],
        described(
            "svc, env, ssh, tensorflow, pytorch, mpi, ray, hcclrank, with their arguments.",
            schema={
                "type": "object",
                "additionalProperties": {"type": "array", "items": {"type": "string"}},
            },
        ),
    ] = {}
    running_estimate: Annotated[
        str | None, described("How long it is expected to run, such as 2h.")
    ] = None
    queue: Annotated[
        str,
        described(
            "The queue that it waits in; default where empty.",
            maxLength=253,
            pattern=OPTIONAL_NAME,
            default=DEFAULT,
        ),
    ] = ""
    max_retry: Annotated[
        int,
        described(
            "How often it may be restarted; 3 where 0.", minimum=0, default=DEFAULT_MAX_RETRY
        ),
    ] = 0
    ttl_seconds_after_finished: Annotated[
        int | None, described("Removed this long after it finished; kept where absent.", minimum=0)
    ] = None
    priority_class_name: Annotated[
        str, described("Higher goes first in its queue.", maxLength=253, pattern=OPTIONAL_NAME)
    ] = ""
    min_success: Annotated[
        int | None, described("This many pods that succeeded complete the job.", minimum=1)
    ] = None
    network_topology: Annotated[
        NetworkTopology | None, described("How close together its pods must be.")
    ] = None


class JobState(ApiStruct):
    phase: Annotated[
        str, described("Pending, Running, ...", enum=[each.value for each in JobPhase])
    ] = ""
    reason: Annotated[str, described("In one word.")] = ""
    message: Annotated[str, described("For people.")] = ""
    last_transition_time: Annotated[datetime | None, described("When the phase changed.")] = None


class TaskState(ApiStruct):
    phase: Annotated[dict[str, int], described("Pods by phase.")] = {}


class JobCondition(ApiStruct):
    status: Annotated[str, described("A phase that the job had.")] = ""
    last_transition_time: Annotated[datetime | None, described("When it came to it.")] = None


class JobStatus(ApiStruct):
    state: Annotated[JobState, described("Where it stands.")] = JobState()
    min_available: Annotated[int, described("Of the spec that was last acted on.")] = 0
    task_status_count: Annotated[
        dict[str, TaskState],
        described(
            "Pods of each task by phase.",
            schema={
                "type": "object",
                "additionalProperties": {
                    "type": "object",
                    "properties": {
                        "phase": {
                            "type": "object",
                            "additionalProperties": {"type": "integer"},
                        }
                    },
                },
            },
        ),
    ] = {}
    pending: Annotated[int, described("Pods that wait.")] = 0
    running: Annotated[int, described("Pods that run.")] = 0
    succeeded: Annotated[int, described("Pods that succeeded.")] = 0
    failed: Annotated[int, described("Pods that failed.")] = 0
    terminating: Annotated[int, described("Pods that are being ended.")] = 0
    unknown: Annotated[int, described("Pods of which nothing is known.")] = 0
    version: Annotated[int, described("Grows with each restart; older news is ignored.")] = 0
    retry_count: Annotated[int, described("Restarts so far.")] = 0
    running_duration: Annotated[str | None, described("From the first pod to the end.")] = None
    controlled_resources: Annotated[
        dict[str, str], described("What was made for the job beside its pods.")
    ] = {}
    conditions: Annotated[list[JobCondition], described("Phases with their times.")] = []


class Job(Object):
    """Tasks of equal pods that make up one gang."""

    spec: Annotated[JobSpec, described("What runs, and how it is kept running.")] = JobSpec()
    status: Annotated[JobStatus, described("What has become of it.")] = JobStatus()

    @property
    def phase(self) -> JobPhase:
        """A job without a phase, or with one nobody knows, has not been looked at: Pending."""
        try:
            return JobPhase(self.status.state.phase)
        except ValueError:
            return JobPhase.PENDING


JOBS: Resource[Job] = Resource(GROUP, VERSION, "jobs", "Job", Job)

KIND = CustomKind(
    type=Job,
    group=GROUP,
    plural="jobs",
    versions=(VERSION,),
    fills_in_zeros=False,
    short_names=("vcjob", "vj"),
    columns=(
        PrinterColumn("STATUS", "string", ".status.state.phase"),
        PrinterColumn("minAvailable", "integer", ".status.minAvailable"),
        PrinterColumn("RUNNINGS", "integer", ".status.running"),
        PrinterColumn("AGE", AGE.type, AGE.json_path),
        PrinterColumn("QUEUE", "string", ".spec.queue", priority=1),
    ),
)
