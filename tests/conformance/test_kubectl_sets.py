"""kubectl on StatefulSets and DaemonSets whose pods really run: rollouts, history, undo, scale."""

import json

import pytest

from tests.kubectl import Kubectl
from tests.waiting import SLOW_PAUSE_S, eventually

pytestmark = [
    pytest.mark.kubectl,
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.xdist_group("kubectl-sets"),
]

IMAGE = "jsonpath={.spec.template.spec.containers[0].image}"
SETS = """
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: web}
spec:
  serviceName: web
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
      - name: main
        image: busybox
        command: [sh, -c, 'hostname; exec sleep 1000']
---
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: log}
spec:
  selector: {matchLabels: {app: log}}
  template:
    metadata: {labels: {app: log}}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
      - name: main
        image: busybox
        command: [sh, -c, 'exec sleep 1000']
"""


@pytest.fixture
def kubectl(kubectl_up_ends: Kubectl, namespace: str) -> Kubectl:
    return kubectl_up_ends.in_namespace(namespace)


async def rolled_out(kubectl: Kubectl, name: str) -> None:
    said = await kubectl("rollout", "status", name, "--timeout=50s")
    assert "roll out complete" in said or "successfully rolled out" in said


async def revisions(kubectl: Kubectl, name: str) -> list[int]:
    history = await kubectl("rollout", "history", name)
    return [int(line.split()[0]) for line in history.splitlines()[2:] if line.strip()]


@pytest.mark.parametrize("name", ["statefulset/web", "daemonset/log"])
async def test_a_set_is_rolled_out_back_and_restarted(kubectl: Kubectl, name: str):
    await kubectl("apply", "-f", "-", stdin=SETS)
    await rolled_out(kubectl, name)
    await kubectl("set", "image", name, "main=sleeper:2")
    await rolled_out(kubectl, name)
    assert await revisions(kubectl, name) == [1, 2]
    one = await kubectl("rollout", "history", name, "--revision=1")
    assert "busybox" in one
    assert "rolled back" in await kubectl("rollout", "undo", name)
    await rolled_out(kubectl, name)
    assert await kubectl("get", name, "-o", IMAGE) == "busybox"
    assert await revisions(kubectl, name) == [2, 3]
    assert "rolled back" in await kubectl("rollout", "undo", name, "--to-revision=2")
    await rolled_out(kubectl, name)
    assert await kubectl("get", name, "-o", IMAGE) == "sleeper:2"
    await kubectl("rollout", "restart", name)
    await rolled_out(kubectl, name)
    assert await revisions(kubectl, name) == [3, 4, 5]
    missing = await kubectl.refused("rollout", "undo", name, "--to-revision=99")
    assert "unable to find" in missing
    assert "pausing is not supported" in await kubectl.refused("rollout", "pause", name)


async def test_a_stateful_set_is_scaled_and_its_pods_know_their_names(kubectl: Kubectl):
    await kubectl("apply", "-f", "-", stdin=SETS)
    await kubectl("scale", "sts/web", "--replicas=3", "--current-replicas=2")
    await rolled_out(kubectl, "sts/web")
    shown = await kubectl("get", "sts", "web", "--no-headers")
    assert shown.split()[1] == "3/3"
    assert await kubectl("logs", "web-2") == "web-2\n"
    refused = await kubectl.refused("scale", "sts/web", "--replicas=1", "--current-replicas=7")
    assert "expected replicas to be 7, was 3" in refused.lower()
    await kubectl("scale", "sts/web", "--replicas=1")
    await kubectl("wait", "--for=delete", "pod/web-1", "pod/web-2", "--timeout=50s")
    assert await kubectl("get", "pods", "-l", "app=web", "-o", "name") == "pod/web-0\n"


async def test_what_sets_made_goes_with_them_or_stays_and_is_taken_over(kubectl: Kubectl):
    await kubectl("apply", "-f", "-", stdin=SETS)
    for name in ("sts/web", "ds/log"):
        await rolled_out(kubectl, name)
    uids = ("get", "pods", "-o", "jsonpath={.items[*].metadata.uid}")
    before = set((await kubectl(*uids)).split())
    await kubectl("delete", "sts/web", "ds/log", "--cascade=orphan")
    assert set((await kubectl(*uids)).split()) == before
    await kubectl("apply", "-f", "-", stdin=SETS)
    for name in ("sts/web", "ds/log"):
        await rolled_out(kubectl, name)
    assert set((await kubectl(*uids)).split()) == before
    await kubectl("delete", "sts/web", "ds/log")

    async def are_gone() -> bool:
        return not (await kubectl("get", "pods,controllerrevisions", "-o", "name")).strip()

    await eventually(are_gone, "nothing is left", pause_s=SLOW_PAUSE_S)


async def test_bad_sets_are_refused_in_the_servers_words(kubectl: Kubectl):
    await kubectl("apply", "-f", "-", stdin=SETS)
    patch = json.dumps({"spec": {"serviceName": "other"}})
    text = await kubectl.refused("patch", "sts/web", "--type=merge", "-p", patch)
    assert "updates to statefulset spec for fields other than 'replicas', 'ordinals'" in text
    patch = json.dumps({"spec": {"selector": {"matchLabels": {"other": "label"}}}})
    text = await kubectl.refused("patch", "ds/log", "--type=merge", "-p", patch)
    assert "spec.selector: Invalid value" in text and "field is immutable" in text
    text = await kubectl.refused("scale", "ds/log", "--replicas=2")
    assert "the server could not find the requested resource" in text
