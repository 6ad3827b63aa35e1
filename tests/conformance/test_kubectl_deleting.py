"""kubectl delete in its forms, and the commands that wait."""

import asyncio
import json

import pytest

from shoal.api.core import NAMESPACES
from shoal.api.pod import PODS
from tests.conformance.conftest import Kubectl
from tests.conformance.manifests import CRON_TAB, CRON_TABS, POD, TWO_CONTAINERS

pytestmark = pytest.mark.kubectl


async def _run_on_a_node(kubectl: Kubectl, name: str) -> None:
    """As the scheduler and the node agent would: bound and running."""
    client = kubectl.cluster.cluster.client
    binding = {"target": {"kind": "Node", "name": "n1"}}
    await client.call(PODS, name, "binding", binding, "default")
    running = {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}
    await client.patch(PODS, name, {"status": running}, "default", subresource="status")


async def test_it_deletes_by_name_label_and_file_and_waits(kubectl: Kubectl):
    await kubectl("apply", "-f", "-", stdin=POD)
    await kubectl("delete", "pod", "web", "--wait", "--timeout=30s")
    await kubectl("apply", "-f", "-", stdin=POD)
    assert 'pod "web" deleted' in await kubectl("delete", "pods", "-l", "app=web")
    await kubectl("apply", "-f", "-", stdin=POD)
    await kubectl("delete", "-f", "-", stdin=POD)
    await kubectl("apply", "-f", "-", stdin=TWO_CONTAINERS)
    await kubectl("delete", "pods", "--all")
    assert await kubectl("get", "pods", "-o", "name") == ""


async def test_a_running_pod_has_its_grace_period(kubectl: Kubectl):
    await kubectl("apply", "-f", "-", stdin=POD)
    await _run_on_a_node(kubectl, "web")
    await kubectl("delete", "pod", "web", "--grace-period=20", "--wait=false")
    pod = json.loads(await kubectl("get", "pod", "web", "-o", "json"))
    assert pod["metadata"]["deletionGracePeriodSeconds"] == 20
    assert "Terminating" in await kubectl("get", "pod", "web")
    await kubectl("delete", "pod", "web", "--grace-period=0", "--force")
    assert "NotFound" in await kubectl.refused("get", "pod", "web")


async def test_cascades_leave_their_finalizers_to_the_garbage_collector(kubectl: Kubectl):
    for cascade, finalizer in (("foreground", "foregroundDeletion"), ("orphan", "orphan")):
        await kubectl("create", "deployment", cascade, "--image=nginx")
        await kubectl("delete", "deploy", cascade, f"--cascade={cascade}", "--wait=false")
        finalizers = "jsonpath={.metadata.finalizers[0]}"
        assert await kubectl("get", "deploy", cascade, "-o", finalizers) == finalizer


async def test_a_definition_takes_its_objects_along(kubectl: Kubectl):
    await kubectl("apply", "-f", "-", stdin=CRON_TABS)
    await kubectl("apply", "-f", "-", stdin=CRON_TAB)
    await kubectl("delete", "-f", "-", "--wait", "--timeout=30s", stdin=CRON_TABS)
    assert not kubectl.cluster.cluster.core.store.list("crontabs.stable.example.com/").entries


async def test_a_namespace_terminates_until_it_is_finalized(kubectl: Kubectl):
    await kubectl("create", "namespace", "team")
    await kubectl("delete", "namespace", "team", "--wait=false")
    assert "Terminating" in await kubectl("get", "namespace", "team")
    text = await kubectl.refused("-n", "team", "create", "configmap", "c")
    assert "because it is being terminated" in text
    client = kubectl.cluster.cluster.client
    body = {"metadata": {"name": "team"}, "spec": {"finalizers": []}}
    await client.replace(NAMESPACES, body, "team", subresource="finalize")
    assert "NotFound" in await kubectl.refused("get", "namespace", "team")
    text = await kubectl.refused("delete", "namespace", "default")
    assert "this namespace may not be deleted" in text


async def test_it_waits_for_conditions_fields_and_deletion(kubectl: Kubectl):
    await kubectl("apply", "-f", "-", stdin=POD)
    waiting = [
        asyncio.create_task(kubectl("wait", what, "pod/web", "--timeout=30s"))
        for what in ("--for=condition=Ready", "--for=jsonpath={.status.phase}=Running")
    ]
    await _run_on_a_node(kubectl, "web")
    assert await asyncio.gather(*waiting) == ["pod/web condition met\n"] * 2
    gone = asyncio.create_task(kubectl("wait", "--for=delete", "pod/web", "--timeout=30s"))
    await kubectl("delete", "pod", "web", "--grace-period=0", "--force")
    await gone


async def test_it_follows_a_rollout_to_its_end(kubectl: Kubectl):
    await kubectl("create", "deployment", "d", "--image=nginx")
    waiting = asyncio.create_task(kubectl("rollout", "status", "deploy/d", "--timeout=30s"))
    done = {
        "observedGeneration": 1, "replicas": 1, "updatedReplicas": 1, "availableReplicas": 1,
    }  # fmt: skip
    await kubectl(
        "patch", "deploy", "d", "--subresource=status", "--type=merge",
        "-p", json.dumps({"status": done}),
    )  # fmt: skip
    assert "successfully rolled out" in await waiting


async def test_it_drains_a_node(kubectl: Kubectl):
    node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n1"}}
    await kubectl("create", "-f", "-", stdin=json.dumps(node))
    await kubectl("apply", "-f", "-", stdin=POD)
    await _run_on_a_node(kubectl, "web")
    draining = asyncio.create_task(
        kubectl("drain", "n1", "--force", "--grace-period=0", "--timeout=30s")
    )
    assert "drained" in await draining
    assert "SchedulingDisabled" in await kubectl("get", "node", "n1")
    await kubectl("uncordon", "n1")
