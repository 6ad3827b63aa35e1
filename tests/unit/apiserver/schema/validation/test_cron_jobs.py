"""What a CronJob may say, in the server's words, and what it is filled in with."""

from typing import Any

import pytest

from shoal.api.resource import JsonObject
from shoal.apiserver.schema.builtin import builtin_schema

SCHEMA = builtin_schema("batch", "v1", "CronJob")


def cron_job(name: str = "report", restart: str = "Never", **spec: Any) -> JsonObject:
    pod = {"containers": [{"name": "c", "image": "i"}], "restartPolicy": restart}
    template = {"spec": {"template": {"spec": pod}}}
    obj = {
        "metadata": {"name": name},
        "spec": {"schedule": "0 * * * *", "jobTemplate": template, **spec},
    }
    SCHEMA.default(obj)
    return obj


def texts(obj: JsonObject, old: JsonObject | None = None) -> list[str]:
    return [str(cause) for cause in SCHEMA.validate(obj, old)]


def test_the_defaults_are_those_of_the_reference():
    spec = cron_job()["spec"]
    assert spec["concurrencyPolicy"] == "Allow"
    assert spec["suspend"] is False
    assert spec["successfulJobsHistoryLimit"] == 3
    assert spec["failedJobsHistoryLimit"] == 1
    # The job gets its own defaults when it is made.
    assert "backoffLimit" not in spec["jobTemplate"]["spec"]
    assert spec["jobTemplate"]["spec"]["template"]["spec"]["dnsPolicy"] == "ClusterFirst"
    assert texts(cron_job()) == []


@pytest.mark.parametrize(
    ("spec", "text"),
    [
        ({"schedule": ""}, "spec.schedule: Required value"),
        (
            {"schedule": "at night"},
            'spec.schedule: Invalid value: "at night": '
            "expected exactly 5 fields, found 2: [at night]",
        ),
        (
            {"schedule": "TZ=UTC 0 * * * *"},
            'spec.schedule: Invalid value: "TZ=UTC 0 * * * *": '
            "cannot use TZ or CRON_TZ in schedule, use timeZone field instead",
        ),
        (
            {"timeZone": ""},
            'spec.timeZone: Invalid value: "": timeZone must be nil or non-empty string',
        ),
        (
            {"timeZone": "Mars/Base"},
            'spec.timeZone: Invalid value: "Mars/Base": unknown time zone Mars/Base',
        ),
        (
            {"timeZone": "local"},
            'spec.timeZone: Invalid value: "local": timeZone must be an explicit time zone as '
            "defined in https://www.iana.org/time-zones",
        ),
        (
            {"startingDeadlineSeconds": -1},
            "spec.startingDeadlineSeconds: Invalid value: -1: must be greater than or equal to 0",
        ),
        (
            {"successfulJobsHistoryLimit": -1},
            "spec.successfulJobsHistoryLimit: Invalid value: -1: "
            "must be greater than or equal to 0",
        ),
        (
            {"concurrencyPolicy": "Maybe"},
            'spec.concurrencyPolicy: Unsupported value: "Maybe": '
            'supported values: "Allow", "Forbid", "Replace"',
        ),
    ],
)
def test_what_is_wrong_with_a_field_is_said(spec: JsonObject, text: str):
    assert text in texts(cron_job(**spec))


def test_the_machines_own_zone_is_known_but_not_explicit():
    [told] = texts(cron_job(timeZone="Local"))
    assert "must be an explicit time zone" in told


def test_jobs_must_say_whether_their_pods_start_again():
    assert (
        "spec.jobTemplate.spec.template.spec.restartPolicy: Required value: "
        'valid values: "OnFailure", "Never"'
    ) in texts(cron_job(restart="Always"))


def test_a_name_leaves_room_for_those_of_its_jobs():
    assert texts(cron_job("a" * 52)) == []
    name = "a" * 53
    assert texts(cron_job(name)) == [
        f'metadata.name: Invalid value: "{name}": must be no more than 52 characters'
    ]


def test_a_zone_that_was_written_into_the_schedule_long_ago_may_stay():
    old = cron_job()
    old["spec"]["schedule"] = "TZ=UTC 0 * * * *"
    new = cron_job(schedule="TZ=UTC 30 * * * *")
    assert texts(new, old) == []
    assert texts(cron_job(schedule="TZ=UTC 30 * * * *", timeZone="Asia/Tokyo"), old) == [
        'spec.schedule: Invalid value: "TZ=UTC 30 * * * *": '
        "cannot use both timeZone field and TZ or CRON_TZ in schedule"
    ]
