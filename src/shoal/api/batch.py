"""Jobs and cron jobs of batch/v1, as Shoal reads them. Source of the fields: Kubernetes v1.36.

The template stays as it was written: it becomes pods, and no field may be lost on the way.
"""

from datetime import datetime
from enum import StrEnum

from shoal.api.meta import (
    ApiStruct,
    Condition,
    LabelSelector,
    Object,
    ObjectReference,
    is_condition_true,
)
from shoal.api.resource import JsonObject, Resource

GROUP = "batch"
VERSION = "v1"

JOB_NAME_LABEL = "batch.kubernetes.io/job-name"
CONTROLLER_UID_LABEL = "batch.kubernetes.io/controller-uid"
LEGACY_JOB_NAME_LABEL = "job-name"
LEGACY_CONTROLLER_UID_LABEL = "controller-uid"
COMPLETION_INDEX = "batch.kubernetes.io/job-completion-index"
"""Annotation and label of a pod of an Indexed job."""
INDEX_FAILURE_COUNT = "batch.kubernetes.io/job-index-failure-count"
INDEX_IGNORED_FAILURE_COUNT = "batch.kubernetes.io/job-index-ignored-failure-count"
"""Annotations of a pod of a job with `backoffLimitPerIndex`: failures of its index before it."""
JOB_CONTROLLER = "kubernetes.io/job-controller"
"""`managedBy` of jobs that are this controller's; none at all means the same."""
TRACKING_FINALIZER = "batch.kubernetes.io/job-tracking"
"""Holds a pod that has ended until its job has counted it."""


class JobConditionType(StrEnum):
    SUSPENDED = "Suspended"
    COMPLETE = "Complete"
    FAILED = "Failed"
    FAILURE_TARGET = "FailureTarget"
    """It will fail as soon as its pods are gone."""
    SUCCESS_CRITERIA_MET = "SuccessCriteriaMet"
    """It will be complete as soon as its pods are gone."""


class ExitCodesRequirement(ApiStruct):
    """Exit codes of a container that a rule means."""

    operator: str = ""
    values: list[int] = []
    container_name: str | None = None


class PodConditionPattern(ApiStruct):
    """A condition of a pod that a rule means."""

    type: str = ""
    status: str = "True"


class PodFailureRule(ApiStruct):
    """What becomes of failed pods that it matches."""

    action: str = ""
    on_exit_codes: ExitCodesRequirement | None = None
    on_pod_conditions: list[PodConditionPattern] = []


class PodFailurePolicy(ApiStruct):
    """The first rule that matches decides."""

    rules: list[PodFailureRule] = []


class SuccessRule(ApiStruct):
    """Which indexes are enough, or how many."""

    succeeded_indexes: str | None = None
    succeeded_count: int | None = None


class SuccessPolicy(ApiStruct):
    """The job has succeeded when one rule is met."""

    rules: list[SuccessRule] = []


class JobSpec(ApiStruct):
    """What is wanted."""

    parallelism: int = 1
    completions: int | None = None
    active_deadline_seconds: int | None = None
    pod_failure_policy: PodFailurePolicy | None = None
    success_policy: SuccessPolicy | None = None
    backoff_limit: int = 6
    backoff_limit_per_index: int | None = None
    max_failed_indexes: int | None = None
    selector: LabelSelector = LabelSelector()
    manual_selector: bool = False
    template: JsonObject = {}
    ttl_seconds_after_finished: int | None = None
    completion_mode: str = "NonIndexed"
    suspend: bool = False
    pod_replacement_policy: str = "TerminatingOrFailed"
    managed_by: str | None = None


class UncountedPods(ApiStruct):
    """Uids of pods that have ended and are not yet in the numbers of the status."""

    succeeded: list[str] = []
    failed: list[str] = []


class JobStatus(ApiStruct):
    """What has come of it, counted by its controller."""

    conditions: list[Condition] = []
    start_time: datetime | None = None
    completion_time: datetime | None = None
    active: int = 0
    ready: int | None = None
    terminating: int | None = None
    """Pods that are being deleted and have not ended. None: nobody has counted yet."""
    succeeded: int = 0
    failed: int = 0
    completed_indexes: str = ""
    failed_indexes: str | None = None
    uncounted_terminated_pods: UncountedPods | None = None


class Job(Object):
    """Pods that run to an end."""

    spec: JobSpec = JobSpec()
    status: JobStatus = JobStatus()

    @property
    def is_indexed(self) -> bool:
        return self.spec.completion_mode == "Indexed"

    @property
    def is_finished(self) -> bool:
        """Complete or Failed: nothing will be done for it any more."""
        conditions = self.status.conditions
        return is_condition_true(conditions, JobConditionType.COMPLETE) or is_condition_true(
            conditions, JobConditionType.FAILED
        )


class CronJobSpec(ApiStruct):
    """When jobs are made, and how many may run or stay."""

    schedule: str = ""
    time_zone: str | None = None
    starting_deadline_seconds: int | None = None
    concurrency_policy: str = "Allow"
    suspend: bool = False
    job_template: JsonObject = {}
    successful_jobs_history_limit: int = 3
    failed_jobs_history_limit: int = 1


class CronJobStatus(ApiStruct):
    """Which jobs run, and when the last one was made."""

    active: list[ObjectReference] = []
    last_schedule_time: datetime | None = None
    last_successful_time: datetime | None = None


class CronJob(Object):
    """Jobs at set times."""

    spec: CronJobSpec = CronJobSpec()
    status: CronJobStatus = CronJobStatus()


JOBS: Resource[Job] = Resource(GROUP, VERSION, "jobs", "Job", Job)
CRON_JOBS: Resource[CronJob] = Resource(GROUP, VERSION, "cronjobs", "CronJob", CronJob)
