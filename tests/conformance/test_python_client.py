"""The official Python client, blocking, as scripts use it."""

import json
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from kubernetes import client as k8s
from kubernetes import config, dynamic, informer, utils, watch

from tests.plane import Plane

pytestmark = pytest.mark.xdist_group("python-client")

PLOTO = ("ploto.io", "v1")
LIMIT_S = 60


@pytest.fixture(scope="module")
def api(up: Plane) -> Iterator[k8s.ApiClient]:
    with config.new_client_from_config(str(up.kubeconfig)) as client:
        yield client


@pytest.fixture
def core(api: k8s.ApiClient) -> k8s.CoreV1Api:
    return k8s.CoreV1Api(api)


def pod(name: str, *command: str, **spec: object) -> k8s.V1Pod:
    container = k8s.V1Container(name="main", image="busybox", command=list(command))
    return k8s.V1Pod(
        metadata=k8s.V1ObjectMeta(name=name, labels={"app": name}),
        spec=k8s.V1PodSpec(containers=[container], restart_policy="Never", **spec),
    )


def task(name: str, pool: str = "none") -> dict[str, object]:
    return {
        "apiVersion": "ploto.io/v1",
        "kind": "Task",
        "metadata": {"name": name},
        "spec": {"executorPool": pool, "executorPoolType": "Fixed", "para": "p"},
    }


def test_a_pod_is_created_watched_to_its_end_and_read(core: k8s.CoreV1Api, namespace: str):
    created = core.create_namespaced_pod(namespace, pod("p", "sh", "-c", "echo hi; exit 3"))
    assert created.status.phase == "Pending"
    assert created.metadata.creation_timestamp.tzinfo is not None
    phases = []
    stream = watch.Watch()
    for event in stream.stream(core.list_namespaced_pod, namespace, timeout_seconds=LIMIT_S):
        phases.append(event["object"].status.phase)
        if phases[-1] in {"Succeeded", "Failed"}:
            stream.stop()
    assert phases[-1] == "Failed"
    ended = core.read_namespaced_pod_status("p", namespace)
    assert ended.status.container_statuses[0].state.terminated.exit_code == 3
    assert core.read_namespaced_pod_log("p", namespace) == "hi\n"
    lines = watch.Watch().stream(core.read_namespaced_pod_log, "p", namespace, follow=True)
    assert list(lines) == ["hi"]
    events = core.list_namespaced_event(namespace, field_selector="involvedObject.name=p")
    assert {"Scheduled", "Created", "Started"} <= {event.reason for event in events.items}


def test_lists_come_in_chunks_and_by_selector(core: k8s.CoreV1Api, namespace: str):
    for i in range(5):
        labels = {"parity": "even" if i % 2 == 0 else "odd"}
        body = k8s.V1ConfigMap(metadata=k8s.V1ObjectMeta(name=f"c{i}", labels=labels))
        core.create_namespaced_config_map(namespace, body)
    selector = {"label_selector": "parity"}
    first = core.list_namespaced_config_map(namespace, limit=2, **selector)
    names = [item.metadata.name for item in first.items]
    token = first.metadata._continue
    while token:
        page = core.list_namespaced_config_map(namespace, limit=2, _continue=token, **selector)
        names += [item.metadata.name for item in page.items]
        token = page.metadata._continue
    assert names == [f"c{i}" for i in range(5)]
    even = core.list_namespaced_config_map(namespace, label_selector="parity=even")
    assert [item.metadata.name for item in even.items] == ["c0", "c2", "c4"]


def test_objects_are_patched_in_every_way(api: k8s.ApiClient, namespace: str):
    apps = k8s.AppsV1Api(api)
    containers = [
        k8s.V1Container(name="a", image="sleeper:1"),
        k8s.V1Container(name="b", image="sleeper:1"),
    ]
    labels = {"app": "d"}
    spec = k8s.V1DeploymentSpec(
        replicas=0,
        selector=k8s.V1LabelSelector(match_labels=labels),
        template=k8s.V1PodTemplateSpec(
            metadata=k8s.V1ObjectMeta(labels=labels),
            spec=k8s.V1PodSpec(containers=containers),
        ),
    )
    body = k8s.V1Deployment(metadata=k8s.V1ObjectMeta(name="d"), spec=spec)
    apps.create_namespaced_deployment(namespace, body)

    def images(patched: k8s.V1Deployment) -> list[str]:
        return [container.image for container in patched.spec.template.spec.containers]

    def patched(change: object, content_type: str) -> k8s.V1Deployment:
        return apps.patch_namespaced_deployment("d", namespace, change, _content_type=content_type)

    change = {"spec": {"template": {"spec": {"containers": [{"name": "b", "image": "x:2"}]}}}}
    strategic = patched(change, "application/strategic-merge-patch+json")
    assert images(strategic) == ["sleeper:1", "x:2"]
    path = "/spec/template/spec/containers/0/image"
    operations = [{"op": "test", "path": path, "value": "sleeper:1"},
                  {"op": "replace", "path": path, "value": "x:3"}]  # fmt: skip
    assert images(patched(operations, "application/json-patch+json")) == ["x:3", "x:2"]
    assert images(patched(change, "application/merge-patch+json")) == ["x:2"]
    scaled = apps.patch_namespaced_deployment_scale("d", namespace, {"spec": {"replicas": 0}})
    assert scaled.spec.replicas == 0
    assert apps.read_namespaced_deployment_scale("d", namespace).status.selector == "app=d"


def test_a_replace_that_lost_a_race_is_a_conflict(core: k8s.CoreV1Api, namespace: str):
    body = k8s.V1ConfigMap(metadata=k8s.V1ObjectMeta(name="c"), data={"a": "1"})
    stale = core.create_namespaced_config_map(namespace, body)
    core.patch_namespaced_config_map("c", namespace, {"data": {"a": "2"}})
    stale.data = {"a": "3"}
    with pytest.raises(k8s.ApiException) as conflict:
        core.replace_namespaced_config_map("c", namespace, stale)
    assert conflict.value.status == 409
    assert json.loads(conflict.value.body)["reason"] == "Conflict"
    with pytest.raises(k8s.ApiException) as missing:
        core.read_namespaced_config_map("none", namespace)
    assert missing.value.status == 404


def test_custom_objects_are_written_watched_and_deleted(api: k8s.ApiClient, namespace: str):
    custom = k8s.CustomObjectsApi(api)
    where = (*PLOTO, namespace, "tasks")
    made = custom.create_namespaced_custom_object(*where, task("t"))
    assert made["spec"]["reentrant"] is False
    patched = custom.patch_namespaced_custom_object(*where, "t", {"spec": {"para": "q"}})
    assert patched["spec"]["para"] == "q"
    status = {"status": {"message": "seen"}}
    custom.patch_namespaced_custom_object_status(*where, "t", status)
    listed = custom.list_namespaced_custom_object(*where)
    assert [item["metadata"]["name"] for item in listed["items"]] == ["t"]
    with pytest.raises(k8s.ApiException) as refused:
        custom.create_namespaced_custom_object(*where, {**task("u"), "spec": {"para": 3}})
    assert refused.value.status == 422
    assert "spec.executorPool" in refused.value.body

    stream, seen = watch.Watch(), []
    events = stream.stream(custom.list_namespaced_custom_object, *where, timeout_seconds=LIMIT_S)
    for event in events:
        seen.append((event["type"], event["object"]["metadata"]["name"]))
        if event["type"] == "ADDED":
            custom.delete_namespaced_custom_object(*where, "t")
        if event["type"] == "DELETED":
            stream.stop()
    assert (seen[0], seen[-1]) == (("ADDED", "t"), ("DELETED", "t"))


def test_an_executor_pool_runs_tasks_of_a_script(api: k8s.ApiClient, namespace: str):
    custom = k8s.CustomObjectsApi(api)
    pool = {
        "apiVersion": "ploto.io/v1",
        "kind": "FixedExecutorPool",
        "metadata": {"name": "pool"},
        "spec": {"executor": 1, "container": {"name": "w", "image": "shoal/simple-logger"}},
    }
    custom.create_namespaced_custom_object(*PLOTO, namespace, "fixedexecutorpools", pool)
    custom.create_namespaced_custom_object(*PLOTO, namespace, "tasks", task("t", "pool"))
    stream = watch.Watch()
    events = stream.stream(
        custom.list_namespaced_custom_object, *PLOTO, namespace, "tasks", timeout_seconds=LIMIT_S
    )
    phase = ""
    for event in events:
        phase = event["object"].get("status", {}).get("phase", "")
        if phase in {"Completed", "Failed"}:
            stream.stop()
    assert phase == "Completed"


def test_a_pod_reaches_the_server_as_its_service_account(core: k8s.CoreV1Api, namespace: str):
    script = (
        "from kubernetes import client, config\n"
        "config.load_incluster_config()\n"
        f"pods = client.CoreV1Api().list_namespaced_pod({namespace!r}).items\n"
        "print(pods[0].metadata.name)\n"
        "review = client.AuthenticationV1Api().create_self_subject_review({})\n"
        "print(review.status.user_info.username)\n"
    )
    core.create_namespaced_pod(namespace, pod("inside", sys.executable, "-c", script))
    stream = watch.Watch()
    for event in stream.stream(core.list_namespaced_pod, namespace, timeout_seconds=LIMIT_S):
        if event["object"].status.phase in {"Succeeded", "Failed"}:
            stream.stop()
    said = core.read_namespaced_pod_log("inside", namespace)
    assert said == f"inside\nsystem:serviceaccount:{namespace}:default\n"


def test_the_dynamic_client_finds_every_kind(api: k8s.ApiClient, namespace: str, tmp_path: Path):
    cluster = dynamic.DynamicClient(api, cache_file=str(tmp_path / "discovery"))
    tasks = cluster.resources.get(api_version="ploto.io/v1", kind="Task")
    made = tasks.create(body=task("t"), namespace=namespace)
    assert made.spec.executorPool == "none"
    merge = "application/merge-patch+json"
    body = {"spec": {"para": "x"}}
    tasks.patch(name="t", body=body, namespace=namespace, content_type=merge)
    assert tasks.get(name="t", namespace=namespace).spec.para == "x"
    assert [item.metadata.name for item in tasks.get(namespace=namespace).items] == ["t"]
    first = next(iter(tasks.watch(namespace=namespace, timeout=5)))
    assert (first["type"], first["object"].metadata.name) == ("ADDED", "t")
    tasks.delete(name="t", namespace=namespace)
    pods = cluster.resources.get(api_version="v1", kind="Pod")
    assert pods.get(namespace=namespace).items == []


def test_an_informer_follows_changes(core: k8s.CoreV1Api, namespace: str):
    body = k8s.V1ConfigMap(metadata=k8s.V1ObjectMeta(name="before"))
    core.create_namespaced_config_map(namespace, body)
    seen, is_deleted = [], threading.Event()
    maps = informer.SharedInformer(core.list_namespaced_config_map, namespace=namespace)
    maps.add_event_handler(informer.ADDED, lambda each: seen.append(each.metadata.name))
    maps.add_event_handler(informer.DELETED, lambda each: is_deleted.set())
    maps.start()
    try:
        core.delete_namespaced_config_map("before", namespace)
        assert is_deleted.wait(LIMIT_S)
    finally:
        maps.stop()
    assert "before" in seen


def test_manifests_are_created_from_yaml(api: k8s.ApiClient, namespace: str, tmp_path: Path):
    manifests = [
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}, "data": {"a": "b"}},
        {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "s"},
         "spec": {"selector": {"app": "x"}, "ports": [{"port": 80}]}},
    ]  # fmt: skip
    file = tmp_path / "all.yaml"
    file.write_text(yaml.safe_dump_all(manifests))
    utils.create_from_yaml(api, str(file), namespace=namespace)
    core = k8s.CoreV1Api(api)
    assert core.read_namespaced_config_map("c", namespace).data == {"a": "b"}
    assert core.read_namespaced_service("s", namespace).spec.ports[0].target_port == 80
    with pytest.raises(utils.FailToCreateError, match="AlreadyExists"):
        utils.create_from_yaml(api, str(file), namespace=namespace)


def test_it_reads_discovery_version_and_definitions(api: k8s.ApiClient):
    assert int(k8s.VersionApi(api).get_code().minor.rstrip("+")) >= 33
    groups = {group.name for group in k8s.ApisApi(api).get_api_versions().groups}
    assert {"apps", "ploto.io", "coordination.k8s.io"} <= groups
    definitions = k8s.ApiextensionsV1Api(api).list_custom_resource_definition()
    assert "tasks.ploto.io" in {item.metadata.name for item in definitions.items}
    nodes = k8s.CoreV1Api(api).list_node().items
    assert [node.status.capacity["cpu"] for node in nodes] == ["8", "8"]


def test_a_pod_is_deleted_and_evicted(core: k8s.CoreV1Api, namespace: str):
    for name in ("a", "b"):
        core.create_namespaced_pod(namespace, pod(name, "sleep", "1000"))
    core.delete_namespaced_pod("a", namespace, grace_period_seconds=1)
    eviction = k8s.V1Eviction(metadata=k8s.V1ObjectMeta(name="b"))
    core.create_namespaced_pod_eviction("b", namespace, eviction)
    listed = core.list_namespaced_pod(namespace)
    left = {item.metadata.name for item in listed.items}
    stream = watch.Watch()
    if left:
        changes = stream.stream(
            core.list_namespaced_pod,
            namespace,
            resource_version=listed.metadata.resource_version,
            timeout_seconds=LIMIT_S,
        )
        for event in changes:
            if event["type"] == "DELETED":
                left.discard(event["object"].metadata.name)
            if not left:
                stream.stop()
    assert left == set()
    core.delete_collection_namespaced_pod(namespace)
    assert core.list_namespaced_pod(namespace).items == []
