"""Claims, cron jobs, budgets and drains with a real kubectl on `shoal up`."""

import json

import pytest

from tests.kubectl import Kubectl, oldest_and_newest
from tests.plane import plane
from tests.waiting import SLOW_PAUSE_S, eventually

pytestmark = pytest.mark.slow

CLAIM = """
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: data}
spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}
"""


def pod(name: str, script: str) -> str:
    container = {
        "name": "c",
        "image": "busybox",
        "command": ["sh", "-c", script],
        "volumeMounts": [{"name": "v", "mountPath": "/tmp/shoal-claim", "subPath": "part"}],
    }
    claim = {"name": "v", "persistentVolumeClaim": {"claimName": "data"}}
    spec = {"restartPolicy": "Never", "containers": [container], "volumes": [claim]}
    body = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec}
    return json.dumps(body)


async def until_succeeded(kubectl: Kubectl, name: str) -> None:
    async def has_succeeded() -> bool:
        phase = await kubectl("get", "pod", name, "-o", "jsonpath={.status.phase}")
        assert phase != "Failed", await kubectl("describe", "pod", name)
        return phase == "Succeeded"

    await eventually(has_succeeded, f"{name} has succeeded", pause_s=SLOW_PAUSE_S)


async def test_what_a_claim_holds_outlives_pods_and_a_killed_control_plane() -> None:
    async with plane() as up:
        kubectl = Kubectl(oldest_and_newest()[-1], up.kubeconfig, up.folder)
        await kubectl("apply", "-f", "-", stdin=CLAIM)
        write = pod("writer", "echo kept > /tmp/shoal-claim/file")
        await kubectl("apply", "-f", "-", stdin=write)
        await until_succeeded(kubectl, "writer")
        await up.kill()
        await up.start()
        await kubectl("delete", "pod", "writer")
        read = pod("reader", "cat /tmp/shoal-claim/file")
        await kubectl("apply", "-f", "-", stdin=read)
        await until_succeeded(kubectl, "reader")
        assert await kubectl("logs", "reader") == "kept\n"
        folders = up.folder / "volumes"
        [folder] = folders.iterdir()
        assert (folder / "part" / "file").read_text() == "kept\n"
        await kubectl("delete", "pod", "reader")
        await kubectl("delete", "pvc", "data")

        def is_gone() -> bool:
            return not list(folders.iterdir())

        await eventually(is_gone, "the folder is gone")


async def test_a_claim_that_a_pod_brings_along_holds_its_files_and_goes_with_it() -> None:
    async with plane() as up:
        kubectl = Kubectl(oldest_and_newest()[-1], up.kubeconfig, up.folder)
        body = json.loads(pod("one", "echo own > /tmp/shoal-claim/file; sleep 600"))
        claim = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
        brought = {"name": "v", "ephemeral": {"volumeClaimTemplate": {"spec": claim}}}
        body["spec"] |= {"volumes": [brought], "terminationGracePeriodSeconds": 1}
        await kubectl("apply", "-f", "-", stdin=json.dumps(body))
        await kubectl("wait", "--for=condition=Ready", "pod/one", "--timeout=60s")
        await kubectl("wait", "--for=jsonpath={.status.phase}=Bound", "pvc/one-v", "--timeout=60s")
        folders = up.folder / "volumes"
        [folder] = folders.iterdir()

        def is_written() -> bool:
            return (folder / "part" / "file").is_file()

        await eventually(is_written, "the file")
        await kubectl("delete", "pod", "one")
        await kubectl("wait", "--for=delete", "pvc/one-v", "--timeout=60s")

        def is_gone() -> bool:
            return not list(folders.iterdir())

        await eventually(is_gone, "the folder is gone")


async def test_a_drain_leaves_as_many_pods_as_the_budget_says() -> None:
    async with plane("--nodes", "2") as up:
        kubectl = Kubectl(oldest_and_newest()[-1], up.kubeconfig, up.folder)
        create = ("create", "deployment", "web", "--image=busybox", "--replicas=3")
        await kubectl(*create, "--", "sleep", "600")
        await kubectl("create", "pdb", "web", "--selector=app=web", "--min-available=2")
        await kubectl("rollout", "status", "deployment/web")
        where = "jsonpath={.items[*].spec.nodeName}"
        nodes = (await kubectl("get", "pods", "-l", "app=web", "-o", where)).split()
        await kubectl("drain", nodes[0], "--timeout=60s")
        await kubectl("rollout", "status", "deployment/web")
        assert nodes[0] not in (await kubectl("get", "pods", "-l", "app=web", "-o", where)).split()
        await kubectl("uncordon", nodes[0])


async def test_a_cron_job_can_be_started_by_hand_and_a_bad_one_is_refused() -> None:
    async with plane() as up:
        kubectl = Kubectl(oldest_and_newest()[-1], up.kubeconfig, up.folder)
        create = ("create", "cronjob", "nightly", "--image=busybox", "--schedule=0 3 * * *")
        await kubectl(*create, "--", "echo", "done")
        await kubectl("create", "job", "now", "--from=cronjob/nightly")
        await kubectl("wait", "--for=condition=complete", "job/now", "--timeout=60s")
        assert await kubectl("logs", "job/now") == "done\n"
        bad = ("create", "cronjob", "bad", "--image=busybox", "--schedule=at night")
        assert "expected exactly 5 fields, found 2: [at night]" in await kubectl.refused(*bad)
