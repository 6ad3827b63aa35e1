"""The job of `shoal job run`: what vcctl makes of its flags."""

import pytest

from shoal.api.volcano.job import JOBS
from shoal.cli.output import CliError
from shoal.cli.volcano.asking import command
from shoal.cli.volcano.jobs import JobFilter, RunFlags, job_row
from shoal.testing.volcano import make_job

AMOUNTS = {"cpu": "1000m", "memory": "100Mi"}


def test_without_flags_it_is_one_pod_of_one_cpu():
    assert RunFlags(name="hi").manifest() == {
        "apiVersion": "batch.volcano.sh/v1alpha1",
        "kind": "Job",
        "metadata": {"name": "hi"},
        "spec": {
            "schedulerName": "volcano",
            "minAvailable": 1,
            "tasks": [
                {
                    "replicas": 1,
                    "template": {
                        "metadata": {"name": "hi", "labels": {"job.volcano.sh": "hi"}},
                        "spec": {
                            "restartPolicy": "Never",
                            "containers": [
                                {
                                    "name": "hi",
                                    "image": "busybox",
                                    "imagePullPolicy": "IfNotPresent",
                                    "resources": {"requests": AMOUNTS, "limits": AMOUNTS},
                                }
                            ],
                        },
                    },
                }
            ],
        },
    }


def test_a_queue_and_a_command_are_put_where_they_belong():
    spec = RunFlags(name="hi", queue="q", command=["sleep", "1"]).manifest()["spec"]
    assert spec["queue"] == "q"
    assert spec["tasks"][0]["template"]["spec"]["containers"][0]["command"] == ["sleep", "1"]


def test_an_amount_that_is_none_is_refused_with_its_flag():
    with pytest.raises(CliError, match="--limits: "):
        RunFlags(name="hi", limits="cpu").manifest()


@pytest.mark.parametrize(
    ("wanted", "passes"),
    [
        (JobFilter(), True),
        (JobFilter(queue="default"), True),
        (JobFilter(queue="other"), False),
        (JobFilter(scheduler="volcano"), True),
        (JobFilter(scheduler="shoal"), False),
        (JobFilter(part_of_name="rai"), True),
        (JobFilter(part_of_name="x"), False),
    ],
)
def test_jobs_are_listed_by_queue_scheduler_and_a_part_of_the_name(wanted: JobFilter, passes: bool):
    assert wanted.is_passed_by(make_job("train").spec(schedulerName="volcano").obj()) is passes


def test_a_row_has_the_day_the_job_was_made_and_all_its_pods():
    job = make_job("j").task("a", 2).task("b", 3).meta(creationTimestamp="2026-01-02T03:04:05Z")
    shown = job.status(state={"phase": "Running"}, minAvailable=5, running=4, pending=1).obj()
    assert job_row(shown) == ("j", "2026-01-02", "Running", "Batch", 5, 5, 1, 4, 0, 0, 0, 0)


def test_a_command_is_owned_by_what_it_is_about():
    body = command(JOBS, make_job("j").obj(), "AbortJob")
    assert body["metadata"]["generateName"] == "j-abortjob-"
    assert body["metadata"]["ownerReferences"] == [body["target"]]
    assert (body["target"]["kind"], body["target"]["apiVersion"]) == (
        "Job",
        "batch.volcano.sh/v1alpha1",
    )
