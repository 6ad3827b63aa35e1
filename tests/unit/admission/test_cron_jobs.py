"""CronJobs: Volcano's verdicts, in Volcano's words."""

import msgspec
import pytest

from shoal.admission.cron_jobs import refuse_cron_job
from shoal.api.volcano.cron_job import CronJob

TZ = "schedule should not contain TZ or CRON_TZ, TZ should only be set in the timeZone field"
EXPRESSION = "schedule is not a valid cron expression"
TOO_LONG = (
    "cronJob name must be no more than 52 characters to accommodate job name suffix (max 63 total)"
)
HOURLY = "0 * * * *"

CASES: dict[str, tuple[str, str | None, str, str]] = {
    "every minute": ("* * * * *", None, "c", ""),
    "a descriptor": ("@every 1m", None, "c", ""),
    "names of days": ("0 9 * JAN-MAR MON", None, "c", ""),
    "a zone": ("*/5 * * * *", "Pacific/Honolulu", "c", ""),
    "the zone UTC": (HOURLY, "UTC", "c", ""),
    "the longest name": (HOURLY, None, "a" * 52, ""),
    "a zone in the schedule": ("TZ=UTC 0 20 * * *", "Pacific/Honolulu", "c", TZ),
    "cron's own zone in the schedule": ("CRON_TZ=UTC 0 20 * * *", None, "c", TZ),
    "words": ("error schedule", None, "c", EXPRESSION),
    "six fields": ("0 0 20 * * *", None, "c", EXPRESSION),
    "minute 60": ("60 * * * *", None, "c", EXPRESSION),
    "an unknown descriptor": ("@often", None, "c", EXPRESSION),
    "no schedule": ("", None, "c", "schedule is required, but got empty"),
    "a dot in the zone": (HOURLY, "Asia/./Shanghai", "c", "unknown timeZone invalid timeZone"),
    "two dots in the zone": (HOURLY, "Asia/../Berlin", "c", "unknown timeZone invalid timeZone"),
    "a dash before the city": (
        HOURLY, "America/-NewYork", "c", "unknown timeZone invalid timeZone",
    ),
    "a blank in the zone": (HOURLY, "New York", "c", "unknown timeZone invalid timeZone"),
    "an exclamation mark in the zone": (HOURLY, "UTC!", "c", "unknown timeZone invalid timeZone"),
    "the local zone": (
        HOURLY, "Local", "c",
        "timeZone can't be Local, and must be defined in https://www.iana.org/time-zones",
    ),
    "an empty zone": (
        HOURLY, "", "c", "timeZone must be nil or non-empty string, got empty string",
    ),
    "a zone that is none": (HOURLY, "Amerrica/New_York", "c", "invalid timeZone"),
    "a name that is too long": (HOURLY, None, "a" * 53, TOO_LONG),
    "a name that is none": (
        HOURLY, None, "-UPPERCASE",
        'invalid cronJob name "-UPPERCASE": name part must consist of alphanumeric characters,'
        " '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName', "
        " or 'my.name',  or '123-abc', regex used for validation is"
        " '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')",
    ),
    "a schedule and a name": ("x", None, "a" * 53, f"{EXPRESSION}; {TOO_LONG}"),
    "a schedule and a zone": ("", "", "c", (
        "schedule is required, but got empty timeZone must be nil or non-empty string, got empty"
        " string"
    )),
}  # fmt: skip


@pytest.mark.parametrize(("schedule", "zone", "name", "message"), CASES.values(), ids=CASES)
def test_a_cron_job_with(schedule: str, zone: str | None, name: str, message: str) -> None:
    spec = {"schedule": schedule, "timeZone": zone, "jobTemplate": {}}
    cron_job = msgspec.convert({"metadata": {"name": name}, "spec": spec}, CronJob)
    assert refuse_cron_job(cron_job) == message


def test_a_length_of_time_in_the_template_that_nobody_can_read_is_refused() -> None:
    template = {"spec": {"runningEstimate": "soon"}}
    spec = {"schedule": HOURLY, "jobTemplate": template}
    cron_job = msgspec.convert({"metadata": {"name": "c"}, "spec": spec}, CronJob)
    assert refuse_cron_job(cron_job).startswith(
        'jobTemplate.spec.runningEstimate: time: invalid duration "soon"'
    )
