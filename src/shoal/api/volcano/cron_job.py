"""`CronJob`: jobs at set times, with the fields and the semantics of batch/v1 CronJob."""

from datetime import datetime
from typing import Annotated

from shoal.api.custom_kind import AGE, CustomKind, PrinterColumn, described
from shoal.api.meta import ApiStruct, Object, ObjectReference
from shoal.api.resource import JsonObject, Resource
from shoal.api.volcano.job import ANYTHING, GROUP, VERSION


class CronJobSpec(ApiStruct):
    schedule: Annotated[str, described("Five fields of cron.", required=True)] = ""
    time_zone: Annotated[str | None, described("Such as Europe/Berlin.")] = None
    starting_deadline_seconds: Annotated[
        int | None, described("A start that is later than this is missed.", minimum=0)
    ] = None
    concurrency_policy: Annotated[
        str,
        described("When the job before still runs.", enum=["Allow", "Forbid", "Replace"]),
    ] = "Allow"
    suspend: Annotated[bool, described("No further starts.")] = False
    job_template: Annotated[
        JsonObject, described("Metadata and spec of the jobs.", schema=ANYTHING, required=True)
    ] = {}
    successful_jobs_history_limit: Annotated[
        int, described("How many completed jobs are kept.", minimum=0)
    ] = 3
    failed_jobs_history_limit: Annotated[
        int, described("How many failed jobs are kept.", minimum=0)
    ] = 1


class CronJobStatus(ApiStruct):
    active: Annotated[
        list[ObjectReference],
        described(
            "Jobs that run.",
            schema={"type": "array", "items": {**ANYTHING, "x-kubernetes-map-type": "atomic"}},
        ),
    ] = []
    last_schedule_time: Annotated[datetime | None, described("Of the last start.")] = None
    last_successful_time: Annotated[datetime | None, described("When a job last completed.")] = None


class CronJob(Object):
    """Jobs at set times."""

    spec: Annotated[CronJobSpec, described("When, and what.", required=True)] = CronJobSpec()
    status: Annotated[CronJobStatus, described("What has been started.")] = CronJobStatus()


CRON_JOBS: Resource[CronJob] = Resource(GROUP, VERSION, "cronjobs", "CronJob", CronJob)

KIND = CustomKind(
    type=CronJob,
    group=GROUP,
    plural="cronjobs",
    versions=(VERSION,),
    fills_in_zeros=False,
    short_names=("cronvcjob", "cronvj"),
    columns=(
        AGE,
        # Additions of Shoal.
        PrinterColumn("Schedule", "string", ".spec.schedule", priority=1),
        PrinterColumn("Suspend", "boolean", ".spec.suspend", priority=1),
        PrinterColumn("LastScheduleTime", "date", ".status.lastScheduleTime", priority=1),
    ),
)
