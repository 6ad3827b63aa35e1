"""kubectl ends what runs: delete in its forms, wait for it, drain."""

import asyncio
import json
import re

import pytest

from tests.conformance.manifests import CRON_TAB, CRON_TABS
from tests.kubectl import Kubectl
from tests.waiting import SLOW_PAUSE_S, eventually

pytestmark = [
    pytest.mark.kubectl,
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.xdist_group("kubectl-ending"),
]

# Ends one second after SIGTERM, and says what it got.
POLITE = """
apiVersion: v1
kind: Pod
metadata: {name: polite, labels: {app: polite}}
spec:
  containers:
  - name: main
    image: busybox
    command: [sh, -c, 'trap "echo TERM; sleep 1; exit 0" TERM; while :; do sleep 0.1; done']
"""
STUBBORN = """
apiVersion: v1
kind: Pod
metadata: {name: stubborn, labels: {app: stubborn}}
spec:
  containers:
  - name: main
    image: busybox
    command: [sh, -c, 'trap "" TERM; while :; do sleep 0.1; done']
"""


@pytest.fixture
def kubectl(kubectl_up_ends: Kubectl, namespace: str) -> Kubectl:
    return kubectl_up_ends.in_namespace(namespace)


async def ready(kubectl: Kubectl, *what: str) -> None:
    await kubectl("wait", "--for=condition=Ready", *what, "--timeout=50s")


async def test_a_pod_is_asked_to_end_and_is_gone_when_delete_returns(kubectl: Kubectl):
    await kubectl("apply", "-f", "-", stdin=POLITE)
    await ready(kubectl, "pod/polite")
    async with kubectl.following("logs", "-f", "polite") as log:
        waiting = asyncio.create_task(kubectl("wait", "--for=delete", "pod/polite"))
        deleting = asyncio.create_task(kubectl("delete", "-f", "-", stdin=POLITE))
        await log.until("TERM")
        assert "Terminating" in await kubectl("get", "pod", "polite")
        await asyncio.gather(deleting, waiting)
    assert "NotFound" in await kubectl.refused("get", "pod", "polite")


async def test_a_pod_that_will_not_end_is_killed_after_its_grace_period(kubectl: Kubectl):
    await kubectl("apply", "-f", "-", stdin=STUBBORN)
    await ready(kubectl, "pod/stubborn")
    await kubectl("delete", "pods", "-l", "app=stubborn", "--now")
    assert await kubectl("get", "pods", "-o", "name") == ""


async def test_force_does_not_wait_and_the_name_is_free_at_once(kubectl: Kubectl):
    await kubectl("apply", "-f", "-", stdin=STUBBORN)
    await ready(kubectl, "pod/stubborn")
    answer = await kubectl.run("delete", "pod", "stubborn", "--grace-period=0", "--force")
    assert answer.code == 0
    assert "Immediate deletion does not wait for confirmation" in answer.err
    assert "created" in await kubectl("apply", "-f", "-", stdin=STUBBORN)
    await ready(kubectl, "pod/stubborn")
    started = await kubectl("get", "pod", "stubborn", "-o", "jsonpath={..restartCount}")
    assert started == "0"
    await kubectl("delete", "pod", "stubborn", "--grace-period=0", "--force")


async def test_cascades_take_dependents_along_or_leave_them(kubectl: Kubectl):
    names = ("background", "foreground", "orphan")
    for name in names:
        await kubectl("create", "deployment", name, "--image=sleeper")
    await pods_exist(kubectl, len(names))
    await ready(kubectl, "pod", "--all")
    await asyncio.gather(
        *(kubectl("delete", "deploy", name, f"--cascade={name}", "--timeout=50s") for name in names)
    )
    # Foreground: gone with all that it owned.
    assert "foreground" not in await kubectl("get", "rs,pods", "-o", "name")

    async def without_background() -> str:
        left = await kubectl("get", "rs,pods", "-o", "name")
        return "" if "background" in left else left

    left = await eventually(without_background, pause_s=SLOW_PAUSE_S)
    assert re.fullmatch(r"replicaset.apps/orphan-\S+\npod/orphan-\S+\n", left)
    owners = json.loads(await kubectl("get", "rs", "-o", "json"))["items"][0]["metadata"]
    assert "ownerReferences" not in owners
    await kubectl("delete", "rs", "--all", "--cascade=orphan")
    [pod] = (await kubectl("get", "pods", "-o", "name")).split()
    await kubectl("delete", pod)


async def pods_exist(kubectl: Kubectl, count: int) -> None:
    async def are_there() -> bool:
        return len((await kubectl("get", "pods", "-o", "name")).split()) == count

    await eventually(are_there, f"{count} pods", pause_s=SLOW_PAUSE_S)


async def test_a_namespace_is_gone_when_all_it_held_is(kubectl: Kubectl, namespace: str):
    inner = f"{namespace}-inner"
    await kubectl("create", "namespace", inner)
    await kubectl("-n", inner, "create", "deployment", "d", "--image=sleeper")
    await kubectl("-n", inner, "rollout", "status", "deploy/d", "--timeout=50s")
    await kubectl("delete", "namespace", inner, "--timeout=50s")
    assert await kubectl("get", "pods", "-n", inner, "-o", "name") == ""
    assert "NotFound" in await kubectl.refused("get", "namespace", inner)


async def test_a_drained_node_is_empty_and_its_pods_run_elsewhere(kubectl: Kubectl):
    names = (await kubectl("get", "nodes", "-o", "jsonpath={.items[*].metadata.name}")).split()
    kept, drained = names
    await kubectl("cordon", kept)
    try:
        await kubectl("create", "deployment", "d", "--image=sleeper", "--replicas=2")
        await kubectl("rollout", "status", "deploy/d", "--timeout=50s")
        await kubectl("uncordon", kept)
        drain = ("drain", drained, "--pod-selector=app=d", "--timeout=50s")
        said = await kubectl(*drain)
        assert said.count(" evicted\n") == 2
        assert f"node/{drained} drained" in said
        await kubectl("rollout", "status", "deploy/d", "--timeout=50s")
        nodes = await kubectl("get", "pods", "-o", "jsonpath={.items[*].spec.nodeName}")
        assert set(nodes.split()) == {kept}
        assert "SchedulingDisabled" in await kubectl("get", "node", drained)
        await kubectl("run", "lone", "--image=sleeper", "--overrides", spec_on(drained))
        await ready(kubectl, "pod/lone")
        refused = await kubectl.refused("drain", drained, "--pod-selector=run=lone")
        assert "declare no controller (use --force to override)" in refused
    finally:
        await kubectl("uncordon", *names)


def spec_on(node: str) -> str:
    return json.dumps({"spec": {"nodeName": node}})


async def test_a_definition_is_gone_when_its_objects_are(kubectl: Kubectl):
    definition = CRON_TABS.replace("stable.example.com", "ending.example.com")
    await kubectl("apply", "-f", "-", stdin=definition)
    await kubectl("wait", "--for=condition=established", "crd/crontabs.ending.example.com")
    await kubectl("apply", "-f", "-", stdin=CRON_TAB.replace("stable.", "ending."))
    await kubectl("delete", "-f", "-", "--timeout=30s", stdin=definition)
    refused = await kubectl.refused("get", "crd", "crontabs.ending.example.com")
    assert "NotFound" in refused
