"""What Kubernetes' documentation promises of Jobs, by kubectl on pods that really run."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.conformance import documented_jobs as documented
from tests.kubectl import Kubectl
from tests.waiting import SLOW_PAUSE_S, eventually

pytestmark = [
    pytest.mark.kubectl,
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.xdist_group("kubectl-jobs"),
]


@pytest.fixture
def kubectl(kubectl_up_ends: Kubectl, namespace: str) -> Kubectl:
    return kubectl_up_ends.in_namespace(namespace)


async def until(kubectl: Kubectl, condition: str, *names: str) -> None:
    jobs = [f"job/{name}" for name in names]
    await kubectl("wait", f"--for=condition={condition}", *jobs, "--timeout=50s")


async def status(kubectl: Kubectl, name: str) -> dict[str, Any]:
    return json.loads(await kubectl("get", "job", name, "-o", "json"))["status"]


async def reason(kubectl: Kubectl, name: str, condition: str) -> str:
    conditions = (await status(kubectl, name))["conditions"]
    return next(each["reason"] for each in conditions if each["type"] == condition)


async def apply(kubectl: Kubectl, *manifests: str) -> str:
    return await kubectl("apply", "-f", "-", stdin="\n".join(manifests))


async def shown(kubectl: Kubectl) -> dict[str, tuple[str, str]]:
    """STATUS and COMPLETIONS of each Job, as the table has them."""
    header, *lines = (await kubectl("get", "jobs")).splitlines()
    assert header.split() == ["NAME", "STATUS", "COMPLETIONS", "DURATION", "AGE"]
    # Before DURATION, which a Job without a start has none of; completions may be `2/1 of 2`.
    start, end = header.index("COMPLETIONS"), header.index("DURATION")
    return {line.split()[0]: (line.split()[1], line[start:end].strip()) for line in lines}


async def test_jobs_complete_as_documented(kubectl: Kubectl):
    manifests = (
        documented.WORK_QUEUE, documented.STATIC_WORK, documented.HEADLESS, documented.TALKING,
        documented.LEADER, documented.SHORT_LIVED,
    )  # fmt: skip
    await apply(kubectl, *manifests)
    await until(kubectl, "complete", "work-queue", "static-work", "talking", "leader")
    await kubectl("wait", "--for=delete", "job/short-lived", "--timeout=50s")
    assert await shown(kubectl) == {
        "leader": ("Complete", "1/4"),
        "static-work": ("Complete", "3/3"),
        "talking": ("Complete", "1/2"),
        "work-queue": ("Complete", "2/1 of 2"),
    }
    said = await kubectl("logs", "-l", "job-name=static-work")
    assert sorted(said.split()) == ["bar", "baz", "foo"]
    assert "talking-0.peers" in await kubectl("logs", "-l", "job-name=talking")
    assert await reason(kubectl, "leader", "Complete") == "SuccessPolicy"
    assert (await status(kubectl, "leader"))["completedIndexes"] == "2"
    assert await reason(kubectl, "work-queue", "SuccessCriteriaMet") == "CompletionsReached"


async def test_jobs_fail_as_documented(kubectl: Kubectl):
    await apply(kubectl, documented.SOFTWARE_BUG, documented.FAILING_INDEX, documented.TOO_LATE)
    await until(kubectl, "failed", "software-bug", "failing-index", "too-late")
    assert await shown(kubectl) == {
        "failing-index": ("Failed", "2/4"),
        "software-bug": ("Failed", "0/8"),
        "too-late": ("Failed", "0/1"),
    }
    assert await reason(kubectl, "software-bug", "Failed") == "PodFailurePolicy"
    assert await reason(kubectl, "too-late", "Failed") == "DeadlineExceeded"
    assert await reason(kubectl, "failing-index", "Failed") == "FailedIndexes"
    indexes = await status(kubectl, "failing-index")
    assert (indexes["completedIndexes"], indexes["failedIndexes"]) == ("2,3", "0,1")


async def test_a_job_fails_of_a_condition_that_people_set_on_a_pod_that_never_ran(
    kubectl: Kubectl,
):
    await apply(kubectl, documented.CONFIG_ISSUE)
    names = ("get", "pods", "-l", "job-name=config-issue", "-o", "name")
    pods = await eventually(
        lambda: _lines(kubectl, *names), "pods of the job", pause_s=SLOW_PAUSE_S
    )
    issue = {
        "type": "ConfigIssue",
        "status": "True",
        "reason": "NonExistingImage",
        "lastTransitionTime": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
    patch = json.dumps({"status": {"conditions": [issue]}})
    await kubectl("patch", pods[0], "--subresource=status", "-p", patch)
    await kubectl("delete", pods[0], "--timeout=50s")
    await until(kubectl, "failed", "config-issue")
    assert await reason(kubectl, "config-issue", "Failed") == "PodFailurePolicy"


async def _lines(kubectl: Kubectl, *words: str) -> list[str]:
    return (await kubectl(*words)).split()


async def test_a_suspended_job_begins_when_it_is_resumed(kubectl: Kubectl):
    await apply(kubectl, documented.SUSPENDED)
    await until(kubectl, "suspended", "suspended")
    described = await kubectl("describe", "job", "suspended")
    assert "Suspend:          true" in described
    assert await _lines(kubectl, "get", "pods", "-o", "name") == []
    await kubectl("patch", "job/suspended", "--type=strategic", "-p", '{"spec":{"suspend":false}}')
    await until(kubectl, "complete", "suspended")
    assert await shown(kubectl) == {"suspended": ("Complete", "2/2")}


async def test_a_job_is_applied_again_compared_edited_and_replaced(kubectl: Kubectl):
    text = documented.SUSPENDED
    assert await apply(kubectl, text) == "job.batch/suspended created\n"
    assert await apply(kubectl, text) == "job.batch/suspended unchanged\n"
    assert await kubectl("diff", "-f", "-", stdin=text) == ""
    changed = text.replace('"parallelism": 1', '"parallelism": 2')
    differs = await kubectl.run("diff", "-f", "-", stdin=changed)
    assert differs.code == 1 and "+  parallelism: 2" in differs.out
    assert await apply(kubectl, changed) == "job.batch/suspended configured\n"
    edited = await kubectl(
        "edit", "job/suspended", KUBE_EDITOR="sed -i 's/backoffLimit: 6/backoffLimit: 3/'"
    )
    assert edited == "job.batch/suspended edited\n"
    limit = ("get", "job", "suspended", "-o", "jsonpath={.spec.backoffLimit}")
    assert await kubectl(*limit) == "3"
    immutable = text.replace('"completions": 2', '"completions": 5')
    refused = await kubectl.refused("apply", "-f", "-", stdin=immutable)
    assert "spec.completions: Invalid value: 5: field is immutable" in refused
    replaced = await kubectl("replace", "--force", "-f", "-", stdin=immutable)
    assert replaced.endswith("job.batch/suspended replaced\n")
    assert await shown(kubectl) == {"suspended": ("Suspended", "0/5")}
