"""kubectl on Jobs whose pods really run: create, wait, describe, logs, delete."""

import json

import pytest

from tests.kubectl import Kubectl
from tests.waiting import SLOW_PAUSE_S, eventually

pytestmark = [
    pytest.mark.kubectl,
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.xdist_group("kubectl-jobs"),
]

CRON_JOB = """
apiVersion: batch/v1
kind: CronJob
metadata: {name: nightly}
spec:
  schedule: "0 0 1 1 *"
  jobTemplate:
    spec:
      completions: 3
      completionMode: Indexed
      template:
        spec:
          restartPolicy: Never
          containers:
          - {name: main, image: busybox, command: [sh, -c, 'echo index $JOB_COMPLETION_INDEX']}
"""

TIRED = "trap exit TERM; while :; do sleep 0.1; done"
"""Ends as soon as it is asked to."""


@pytest.fixture
def kubectl(kubectl_up_ends: Kubectl, namespace: str) -> Kubectl:
    return kubectl_up_ends.in_namespace(namespace)


async def test_a_job_is_created_awaited_and_told_of(kubectl: Kubectl):
    created = await kubectl("create", "job", "j", "--image=busybox", "--", "echo", "hello")
    assert created == "job.batch/j created\n"
    said = await kubectl("wait", "--for=condition=complete", "job/j", "--timeout=50s")
    assert said == "job.batch/j condition met\n"
    assert await kubectl("logs", "job/j") == "hello\n"
    (line,) = (await kubectl("get", "jobs", "--no-headers")).splitlines()
    assert line.split()[:3] == ["j", "Complete", "1/1"]
    described = await kubectl("describe", "job", "j")
    assert "Pods Statuses:    0 Active (0 Ready) / 1 Succeeded / 0 Failed" in described
    assert "Completion Mode:  NonIndexed" in described


async def test_a_job_that_fails_says_why(kubectl: Kubectl):
    await kubectl("create", "job", "j", "--image=busybox", "--", "false")
    await kubectl("patch", "job", "j", "-p", '{"spec": {"backoffLimit": 0}}')
    await kubectl("wait", "--for=condition=failed", "job/j", "--timeout=50s")

    async def told() -> bool:
        described = await kubectl("describe", "job", "j")
        return "BackoffLimitExceeded" in described.partition("Events:")[2]

    await eventually(told, "an event", pause_s=SLOW_PAUSE_S)


async def test_a_job_is_made_of_a_cron_job(kubectl: Kubectl):
    await kubectl("apply", "-f", "-", stdin=CRON_JOB)
    await kubectl("create", "job", "now", "--from=cronjob/nightly")
    await kubectl("wait", "--for=condition=complete", "job/now", "--timeout=50s")
    told = (await kubectl("logs", "-l", "job-name=now")).split("\n")
    assert sorted(told) == ["", "index 0", "index 1", "index 2"]
    described = await kubectl("describe", "job", "now")
    assert "Completed Indexes:  0-2" in described
    assert "Controlled By:" in described


async def test_a_deleted_job_takes_its_pods_along(kubectl: Kubectl):
    await kubectl("create", "job", "j", "--image=busybox", "--", "sh", "-c", TIRED)
    await kubectl("wait", "--for=jsonpath={.status.ready}=1", "job/j", "--timeout=50s")
    await kubectl("delete", "job", "j")

    async def is_empty() -> bool:
        return await kubectl("get", "pods", "-o", "name") == ""

    await eventually(is_empty, "no pods", pause_s=SLOW_PAUSE_S)


async def test_orphaned_pods_go_on_without_their_job(kubectl: Kubectl):
    await kubectl("create", "job", "j", "--image=sleeper")
    await kubectl("wait", "--for=jsonpath={.status.ready}=1", "job/j", "--timeout=50s")
    await kubectl("delete", "job", "j", "--cascade=orphan")

    async def is_free() -> bool:
        (pod,) = json.loads(await kubectl("get", "pods", "-o", "json"))["items"]
        metadata = pod["metadata"]
        return not metadata.get("finalizers") and not metadata.get("ownerReferences")

    await eventually(is_free, "a free pod", pause_s=SLOW_PAUSE_S)
    assert "Running" in await kubectl("get", "pods")


async def test_a_job_that_cannot_end_is_refused(kubectl: Kubectl):
    manifest = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "j"},
        "spec": {"template": {"spec": {"containers": [{"name": "c", "image": "i"}]}}},
    }
    assert await kubectl.refused("apply", "-f", "-", stdin=json.dumps(manifest)) == (
        'The Job "j" is invalid: spec.template.spec.restartPolicy: Required value: valid values:'
        ' "OnFailure", "Never"\n'
    )
