"""How pods of Jobs are made, and what they tell."""

from datetime import UTC, datetime

import pytest

from shoal.api.batch import COMPLETION_INDEX, INDEX_FAILURE_COUNT, TRACKING_FINALIZER
from shoal.controllers.kube.job_pods import (
    NO_INDEX,
    finished_at,
    index_of,
    is_failed,
    is_job,
    pod_body,
)
from shoal.testing.builders import make_batch_job, make_pod

AT = datetime(2026, 1, 1, tzinfo=UTC)


def ended(pod, *ends):
    states = [{"terminated": {"exitCode": 0, "finishedAt": end}} if end else {} for end in ends]
    return pod.status(
        containerStatuses=[{"name": f"c{n}", "state": state} for n, state in enumerate(states)]
    )


def test_a_pod_ends_with_its_last_container():
    pod = ended(make_pod(), "2026-01-01T00:00:05Z", "2026-01-01T00:00:09Z").obj()
    assert finished_at(pod) == AT.replace(second=9)


def test_a_pod_with_a_container_that_has_not_ended_ends_when_it_ceases_to_be_ready():
    ready = {
        "type": "Ready",
        "status": "False",
        "lastTransitionTime": "2026-01-01T00:00:07Z",
    }
    pod = ended(make_pod(), "2026-01-01T00:00:05Z", None).status(conditions=[ready]).obj()
    assert finished_at(pod) == AT.replace(second=7)


def test_a_pod_that_tells_nothing_ends_when_its_deletion_began():
    pod = make_pod().meta(deletionTimestamp="2026-01-01T00:00:30Z", deletionGracePeriodSeconds=10)
    assert finished_at(pod.obj()) == AT.replace(second=20)


def test_a_pod_that_nobody_ran_ends_with_its_creation():
    pod = make_pod().meta(creationTimestamp="2026-01-01T00:00:01Z")
    assert finished_at(pod.obj()) == AT.replace(second=1)


@pytest.mark.parametrize(("text", "index"), [("3", 3), ("", NO_INDEX), ("-1", NO_INDEX)])
def test_an_index_is_read_from_the_annotation(text, index):
    assert index_of(make_pod().meta(annotations={COMPLETION_INDEX: text}).obj()) == index


def test_a_pod_that_is_being_deleted_has_failed_unless_its_end_is_waited_for():
    pod = make_pod().phase("Running").terminating().obj()
    assert is_failed(make_batch_job().obj(), pod)
    assert not is_failed(make_batch_job().spec(podReplacementPolicy="Failed").obj(), pod)
    assert not is_failed(make_batch_job().obj(), make_pod().phase("Succeeded").terminating().obj())


def test_jobs_of_another_group_are_not_these():
    pod = make_pod().owner("Job", "j", api_version="batch.volcano.sh/v1alpha1").obj()
    assert not is_job(pod.metadata.controller)
    assert is_job(make_pod().owner("Job", "j", api_version="batch/v1").obj().metadata.controller)


def test_long_names_leave_room_for_the_index_and_what_is_random():
    body = pod_body(make_batch_job("a" * 63).obj(), 12)
    assert body["metadata"]["generateName"] == "a" * 54 + "-12-"
    assert pod_body(make_batch_job("j").obj())["metadata"]["generateName"] == "j-"


def test_a_template_keeps_its_finalizers_labels_and_variables():
    manifest = make_batch_job().spec(backoffLimitPerIndex=1)
    variable = {"name": "JOB_COMPLETION_INDEX", "value": "mine"}
    job = manifest.pod(containers=[{"name": "c", "image": "a", "env": [variable]}]).manifest()
    job["spec"]["template"]["metadata"] = {"finalizers": ["x/y"], "labels": {"a": "b"}}
    body = pod_body(type(manifest)(job).obj(), 0, (2, 0))
    assert body["metadata"]["finalizers"] == ["x/y", TRACKING_FINALIZER]
    assert body["metadata"]["labels"] == {"a": "b", COMPLETION_INDEX: "0"}
    assert body["metadata"]["annotations"][INDEX_FAILURE_COUNT] == "2"
    assert body["spec"]["containers"][0]["env"] == [variable]
