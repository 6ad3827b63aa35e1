"""The official Python client's asyncio half, `kubernetes.aio`."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
import yaml
from kubernetes.aio import client as k8s
from kubernetes.aio import config, dynamic, utils, watch

from tests.plane import Plane

pytestmark = [
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.xdist_group("python-client"),
]

LIMIT_S = 60


@pytest_asyncio.fixture(loop_scope="session")
async def api(up: Plane) -> AsyncIterator[k8s.ApiClient]:
    settings = k8s.Configuration()
    await config.load_kube_config(str(up.kubeconfig), client_configuration=settings)
    async with k8s.ApiClient(settings) as client:
        yield client


def pod(name: str, script: str) -> dict[str, object]:
    container = {"name": "main", "image": "busybox", "command": ["sh", "-c", script]}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name},
        "spec": {"restartPolicy": "Never", "containers": [container]},
    }


def task(name: str) -> dict[str, object]:
    return {
        "apiVersion": "ploto.io/v1",
        "kind": "Task",
        "metadata": {"name": name},
        "spec": {"executorPool": "none", "executorPoolType": "Dynamic"},
    }


async def test_a_pod_is_followed_while_others_are_made(api: k8s.ApiClient, namespace: str):
    core = k8s.CoreV1Api(api)
    ended: dict[str, str] = {}

    async def follow() -> None:
        async with watch.Watch() as stream:
            pods = stream.stream(core.list_namespaced_pod, namespace, timeout_seconds=LIMIT_S)
            async for event in pods:
                each = event["object"]
                if each.status.phase in {"Succeeded", "Failed"}:
                    ended[each.metadata.name] = each.status.phase
                if len(ended) == 2:
                    return

    following = asyncio.create_task(follow())
    for name, script in (("well", "echo fine"), ("ill", "exit 1")):
        await core.create_namespaced_pod(namespace, pod(name, script))
    await following
    assert ended == {"well": "Succeeded", "ill": "Failed"}
    assert await core.read_namespaced_pod_log("well", namespace) == "fine\n"


async def test_objects_are_listed_patched_and_deleted(api: k8s.ApiClient, namespace: str):
    core = k8s.CoreV1Api(api)
    body = k8s.V1ConfigMap(metadata=k8s.V1ObjectMeta(name="c"), data={"a": "1"})
    await core.create_namespaced_config_map(namespace, body)
    operations = [{"op": "add", "path": "/data/b", "value": "2"}]
    for change, content_type in (
        (operations, "application/json-patch+json"),
        ({"data": {"c": "3"}}, "application/merge-patch+json"),
        ({"data": {"a": None}}, "application/strategic-merge-patch+json"),
    ):
        patched = await core.patch_namespaced_config_map(
            "c", namespace, change, _content_type=content_type
        )
    assert patched.data == {"b": "2", "c": "3"}
    listed = await core.list_namespaced_config_map(namespace, field_selector="metadata.name=c")
    assert [item.data for item in listed.items] == [patched.data]
    status = await core.delete_namespaced_config_map("c", namespace)
    assert status["status"] == "Success"
    with pytest.raises(k8s.ApiException) as missing:
        await core.read_namespaced_config_map("c", namespace)
    assert missing.value.status == 404


async def test_custom_objects_are_written_watched_and_deleted(api: k8s.ApiClient, namespace: str):
    custom = k8s.CustomObjectsApi(api)
    where = ("ploto.io", "v1", namespace, "tasks")
    await custom.create_namespaced_custom_object(*where, task("t"))
    await custom.patch_namespaced_custom_object(
        *where, "t", {"spec": {"para": "q"}}, _content_type="application/merge-patch+json"
    )
    read = await custom.get_namespaced_custom_object(*where, "t")
    assert read["spec"]["para"] == "q"
    seen = []
    async with watch.Watch() as stream:
        events = stream.stream(
            custom.list_namespaced_custom_object, *where, timeout_seconds=LIMIT_S
        )
        async for event in events:
            seen.append(event["type"])
            if event["type"] == "ADDED":
                await custom.delete_namespaced_custom_object(*where, "t")
            if event["type"] == "DELETED":
                break
    assert (seen[0], seen[-1]) == ("ADDED", "DELETED")


async def test_the_dynamic_client_finds_every_kind(api: k8s.ApiClient, namespace: str):
    cluster = await dynamic.DynamicClient(api)
    tasks = await cluster.resources.get(api_version="ploto.io/v1", kind="Task")
    await tasks.create(body=task("t"), namespace=namespace)
    listed = await tasks.get(namespace=namespace)
    assert [item.metadata.name for item in listed.items] == ["t"]
    await tasks.delete(name="t", namespace=namespace)


async def test_manifests_are_created_from_yaml(api: k8s.ApiClient, namespace: str, tmp_path: Path):
    file = tmp_path / "pod.yaml"
    file.write_text(yaml.safe_dump(pod("p", "true")))
    await utils.create_from_yaml(api, str(file), namespace=namespace)
    read = await k8s.CoreV1Api(api).read_namespaced_pod("p", namespace)
    assert read.spec.termination_grace_period_seconds == 30
