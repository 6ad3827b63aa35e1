"""Kinds that run to an end: Job, CronJob."""

from datetime import datetime

from shoal.api.resource import JsonObject
from shoal.apiserver.served import Column
from shoal.apiserver.tables.age import age_of, human_duration, parse_time, since
from shoal.apiserver.tables.columns import (
    AGE,
    NAME,
    NONE,
    KindTable,
    count,
    items,
    name_of,
    section,
    text,
)
from shoal.apiserver.tables.selectors import (
    SELECTOR_COLUMN,
    TEMPLATE_COLUMNS,
    format_selector,
    template_cells,
)


def _job(job: JsonObject, now: datetime) -> list[object]:
    spec = section(job, "spec")
    return [
        name_of(job),
        _job_status(job),
        _completions(job),
        _duration(section(job, "status"), now),
        age_of(job, now),
        *template_cells(section(spec, "template")),
        format_selector(spec.get("selector")),
    ]


def _job_status(job: JsonObject) -> str:
    true = {
        condition.get("type")
        for condition in items(section(job, "status"), "conditions")
        if condition.get("status") == "True"
    }
    for ended in ("Complete", "Failed"):
        if ended in true:
            return ended
    if job["metadata"].get("deletionTimestamp"):
        return "Terminating"
    for ending in ("Suspended", "FailureTarget", "SuccessCriteriaMet"):
        if ending in true:
            return ending
    return "Running"


def _completions(job: JsonObject) -> str:
    spec = section(job, "spec")
    succeeded = section(job, "status").get("succeeded", 0)
    if spec.get("completions") is not None:
        return f"{succeeded}/{spec['completions']}"
    parallelism = spec.get("parallelism") or 0
    return f"{succeeded}/1 of {parallelism}" if parallelism > 1 else f"{succeeded}/1"


def _duration(status: JsonObject, now: datetime) -> str:
    started = parse_time(status.get("startTime"))
    if started is None:
        return ""
    return human_duration((parse_time(status.get("completionTime")) or now) - started)


def _cron_job(obj: JsonObject, now: datetime) -> list[object]:
    spec, status = section(obj, "spec"), section(obj, "status")
    job_spec = section(spec, "jobTemplate", "spec")
    suspend = spec.get("suspend")
    last = status.get("lastScheduleTime")
    return [
        name_of(obj),
        spec.get("schedule", ""),
        spec.get("timeZone") or NONE,
        "<unset>" if suspend is None else str(suspend),
        len(items(status, "active")),
        since(last, now) if last else NONE,
        age_of(obj, now),
        *template_cells(section(job_spec, "template")),
        format_selector(job_spec.get("selector")),
    ]


JOBS = KindTable(
    (
        NAME,
        text("Status", "How far the job is."),
        text("Completions", "Pods that succeeded, of those wanted."),
        text("Duration", "How long the job has run or ran."),
        AGE,
        *TEMPLATE_COLUMNS,
        SELECTOR_COLUMN,
    ),
    _job,
)
CRON_JOBS = KindTable(
    (
        NAME,
        text("Schedule", "When jobs are made, in cron's format."),
        text("Timezone", "Time zone of the schedule."),
        Column("Suspend", type="boolean", description="Whether no new jobs are made."),
        count("Active", "Jobs that are running."),
        text("Last Schedule", "Time since a job was made."),
        AGE,
        *TEMPLATE_COLUMNS,
        SELECTOR_COLUMN,
    ),
    _cron_job,
)
