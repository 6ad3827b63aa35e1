"""kubectl on Deployments whose pods really run: rollouts, history, undo, scale, apply, edit."""

import json

import pytest

from tests.kubectl import Kubectl
from tests.waiting import SLOW_PAUSE_S, eventually

pytestmark = [
    pytest.mark.kubectl,
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.xdist_group("kubectl-rollouts"),
]

IMAGE = "jsonpath={.spec.template.spec.containers[0].image}"

STACK = """
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data: {greeting: hello}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec:
  selector: {app: web}
  ports: [{port: 80}]
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
      - name: main
        image: busybox
        command: [sh, -c, 'echo $(cat /etc/settings/greeting); exec sleep 1000']
        volumeMounts: [{name: settings, mountPath: /etc/settings}]
      volumes: [{name: settings, configMap: {name: settings}}]
"""


@pytest.fixture
def kubectl(kubectl_up_ends: Kubectl, namespace: str) -> Kubectl:
    return kubectl_up_ends.in_namespace(namespace)


async def pod_names(kubectl: Kubectl) -> set[str]:
    return set((await kubectl("get", "pods", "-o", "name")).split())


async def rolled_out(kubectl: Kubectl, name: str) -> None:
    said = await kubectl("rollout", "status", f"deploy/{name}", "--timeout=50s")
    assert said.endswith(f'deployment "{name}" successfully rolled out\n')


async def test_a_deployment_is_rolled_out_forth_and_back(kubectl: Kubectl):
    await kubectl("create", "deployment", "d", "--image=sleeper:1", "--replicas=2")
    await rolled_out(kubectl, "d")
    first = await pod_names(kubectl)
    await kubectl("set", "image", "deploy/d", "sleeper=sleeper:2")
    await kubectl("annotate", "deploy/d", "kubernetes.io/change-cause=second")
    await rolled_out(kubectl, "d")
    history = await kubectl("rollout", "history", "deploy/d")
    assert [line.split()[0] for line in history.splitlines()[2:4]] == ["1", "2"]
    assert "second" in history
    one = await kubectl("rollout", "history", "deploy/d", "--revision=1")
    assert "sleeper:1" in one
    assert "rolled back" in await kubectl("rollout", "undo", "deploy/d")
    await rolled_out(kubectl, "d")
    assert await kubectl("get", "deploy", "d", "-o", IMAGE) == "sleeper:1"
    running = await kubectl("get", "pods", "--field-selector=status.phase=Running", "-o", "name")
    assert not first & set(running.split())


async def test_a_deployment_is_restarted_paused_and_scaled(kubectl: Kubectl):
    await kubectl("create", "deployment", "d", "--image=busybox", "--", "sleep", "1000")
    await rolled_out(kubectl, "d")
    before = await pod_names(kubectl)
    await kubectl("rollout", "restart", "deploy/d")
    await rolled_out(kubectl, "d")
    await kubectl("wait", "--for=delete", *before, "--timeout=50s")
    after = await pod_names(kubectl)
    assert len(after) == 1 and not after & before
    await kubectl("rollout", "pause", "deploy/d")
    await kubectl("set", "image", "deploy/d", "busybox=sleeper")
    assert await pod_names(kubectl) == after
    await kubectl("rollout", "resume", "deploy/d")
    await kubectl("scale", "deploy/d", "--replicas=3", "--current-replicas=1")
    await rolled_out(kubectl, "d")
    scaled = await kubectl("get", "deploy", "d", "--no-headers")
    assert scaled.split()[1] == "3/3"
    refused = await kubectl.refused("scale", "deploy/d", "--replicas=1", "--current-replicas=7")
    assert "expected replicas to be 7, was 3" in refused.lower()
    await kubectl("scale", "deploy/d", "--replicas=0")
    await kubectl("wait", "--for=delete", "pods", "--all", "--timeout=50s")


async def test_a_file_of_several_objects_is_applied_again_and_again(kubectl: Kubectl):
    first = await kubectl("apply", "-f", "-", stdin=STACK)
    assert first.splitlines() == [
        "configmap/settings created", "service/web created", "deployment.apps/web created",
    ]  # fmt: skip
    await rolled_out(kubectl, "web")
    again = await kubectl("apply", "-f", "-", stdin=STACK)
    assert [line.split()[1] for line in again.splitlines()] == ["unchanged"] * 3
    assert await kubectl("logs", "deploy/web") == "hello\n"
    before = await pod_names(kubectl)
    changed = STACK.replace("hello", "good day").replace("/etc/settings", "/etc/of-web")
    third = await kubectl("apply", "-f", "-", stdin=changed)
    assert [line.split()[1] for line in third.splitlines()] == [
        "configured", "unchanged", "configured",
    ]  # fmt: skip
    await rolled_out(kubectl, "web")
    await kubectl("wait", "--for=delete", *before, "--timeout=50s")
    assert await kubectl("logs", "deploy/web") == "good day\n"
    await kubectl("delete", "-f", "-", stdin=STACK)

    async def are_gone() -> bool:
        return not await pod_names(kubectl)

    await eventually(are_gone, pause_s=SLOW_PAUSE_S)


async def test_a_running_deployment_is_edited_and_a_pod_replaced(kubectl: Kubectl):
    await kubectl("apply", "-f", "-", stdin=STACK)
    await rolled_out(kubectl, "web")
    edited = await kubectl("edit", "deploy/web", KUBE_EDITOR="sed -i s/busybox/sleeper:9/")
    assert edited == "deployment.apps/web edited\n"
    await rolled_out(kubectl, "web")
    assert await kubectl("get", "deploy", "web", "-o", IMAGE) == "sleeper:9"

    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "lone"},
        "spec": {"containers": [{"name": "c", "image": "sleeper"}]},
    }
    await kubectl("create", "-f", "-", stdin=json.dumps(pod))
    uid = await kubectl("get", "pod", "lone", "-o", "jsonpath={.metadata.uid}")
    pod["spec"]["containers"][0]["image"] = "sleeper:2"
    pod["spec"]["containers"][0]["env"] = [{"name": "A", "value": "b"}]
    text = await kubectl.refused("replace", "-f", "-", stdin=json.dumps(pod))
    assert "pod updates may not change fields other than" in text
    await kubectl("replace", "--force", "-f", "-", stdin=json.dumps(pod))
    await kubectl("wait", "--for=condition=Ready", "pod/lone", "--timeout=50s")
    assert await kubectl("get", "pod", "lone", "-o", "jsonpath={.metadata.uid}") != uid


async def test_a_service_finds_its_pods_as_they_come_and_go(kubectl: Kubectl):
    await kubectl("create", "deployment", "d", "--image=sleeper", "--replicas=2")
    await kubectl("expose", "deployment", "d", "--port=80", "--target-port=8000")
    await rolled_out(kubectl, "d")
    addresses = "jsonpath={.subsets[*].addresses[*].ip}"

    async def found(count: int) -> bool:
        return len((await kubectl("get", "endpoints", "d", "-o", addresses)).split()) == count

    await eventually(lambda: found(2), "two addresses", pause_s=SLOW_PAUSE_S)
    await kubectl("scale", "deploy/d", "--replicas=1")
    await eventually(lambda: found(1), "one address", pause_s=SLOW_PAUSE_S)
