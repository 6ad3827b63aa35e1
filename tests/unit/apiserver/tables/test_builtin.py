"""Rows of the other built-in kinds, each as `kubectl get -o wide` shows it."""

from datetime import UTC, datetime
from typing import Any

import pytest

from shoal.apiserver.tables.builtin import builtin_table
from shoal.apiserver.tables.selectors import format_selector

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
TEMPLATE = {
    "metadata": {"labels": {"app": "web"}},
    "spec": {
        "containers": [{"name": "web", "image": "nginx:1"}, {"name": "log", "image": "fluent"}],
        "nodeSelector": {"disk": "ssd"},
    },
}
SELECTOR = {"matchLabels": {"app": "web"}}


def shown(group: str, kind: str, obj: dict[str, Any]) -> dict[str, object]:
    """Header in capitals, as kubectl prints it, to cell."""
    metadata = {"name": "x", "creationTimestamp": "2026-01-01T11:00:00Z", **obj.get("metadata", {})}
    table = builtin_table(group, kind)
    cells = table.cells({**obj, "metadata": metadata}, NOW)
    return dict(zip([column.name.upper() for column in table.columns], cells, strict=True))


CASES: list[tuple[str, str, dict[str, Any], dict[str, object]]] = [
    (
        "apps",
        "Deployment",
        {
            "spec": {"replicas": 3, "selector": SELECTOR, "template": TEMPLATE},
            "status": {"readyReplicas": 1, "updatedReplicas": 2, "availableReplicas": 1},
        },
        {
            "NAME": "x",
            "READY": "1/3",
            "UP-TO-DATE": 2,
            "AVAILABLE": 1,
            "AGE": "60m",
            "CONTAINERS": "web,log",
            "IMAGES": "nginx:1,fluent",
            "SELECTOR": "app=web",
        },
    ),
    (
        "apps",
        "ReplicaSet",
        {"spec": {"replicas": 2, "selector": SELECTOR, "template": TEMPLATE}, "status": {}},
        {
            "NAME": "x",
            "DESIRED": 2,
            "CURRENT": 0,
            "READY": 0,
            "AGE": "60m",
            "CONTAINERS": "web,log",
            "IMAGES": "nginx:1,fluent",
            "SELECTOR": "app=web",
        },
    ),
    (
        "apps",
        "StatefulSet",
        {"spec": {"replicas": 2, "template": TEMPLATE}, "status": {"readyReplicas": 2}},
        {
            "NAME": "x",
            "READY": "2/2",
            "AGE": "60m",
            "CONTAINERS": "web,log",
            "IMAGES": "nginx:1,fluent",
        },
    ),
    (
        "apps",
        "DaemonSet",
        {
            "spec": {"selector": SELECTOR, "template": TEMPLATE},
            "status": {"desiredNumberScheduled": 3, "numberReady": 1},
        },
        {
            "NAME": "x",
            "DESIRED": 3,
            "CURRENT": 0,
            "READY": 1,
            "UP-TO-DATE": 0,
            "AVAILABLE": 0,
            "NODE SELECTOR": "disk=ssd",
            "AGE": "60m",
            "CONTAINERS": "web,log",
            "IMAGES": "nginx:1,fluent",
            "SELECTOR": "app=web",
        },
    ),
    (
        "batch",
        "Job",
        {
            "spec": {"completions": 4, "template": TEMPLATE},
            "status": {"succeeded": 1, "startTime": "2026-01-01T11:59:00Z"},
        },
        {
            "NAME": "x",
            "STATUS": "Running",
            "COMPLETIONS": "1/4",
            "DURATION": "60s",
            "AGE": "60m",
            "CONTAINERS": "web,log",
            "IMAGES": "nginx:1,fluent",
            "SELECTOR": "<none>",
        },
    ),
    (
        "batch",
        "CronJob",
        {
            "spec": {
                "schedule": "*/5 * * * *",
                "suspend": False,
                "jobTemplate": {"spec": {"template": TEMPLATE}},
            },
            "status": {"active": [{}], "lastScheduleTime": "2026-01-01T11:58:00Z"},
        },
        {
            "NAME": "x",
            "SCHEDULE": "*/5 * * * *",
            "TIMEZONE": "<none>",
            "SUSPEND": "False",
            "ACTIVE": 1,
            "LAST SCHEDULE": "2m",
            "AGE": "60m",
            "CONTAINERS": "web,log",
            "IMAGES": "nginx:1,fluent",
            "SELECTOR": "<none>",
        },
    ),
    (
        "",
        "Node",
        {
            "metadata": {
                "labels": {
                    "node-role.kubernetes.io/worker": "",
                    "node-role.kubernetes.io/control-plane": "",
                    "kubernetes.io/role": "edge",
                }
            },
            "spec": {"unschedulable": True},
            "status": {
                "conditions": [{"type": "Ready", "status": "True"}],
                "addresses": [{"type": "InternalIP", "address": "127.0.0.1"}],
                "nodeInfo": {"kubeletVersion": "v1.36.0", "osImage": "Debian"},
            },
        },
        {
            "NAME": "x",
            "STATUS": "Ready,SchedulingDisabled",
            "ROLES": "control-plane,edge,worker",
            "AGE": "60m",
            "VERSION": "v1.36.0",
            "INTERNAL-IP": "127.0.0.1",
            "EXTERNAL-IP": "<none>",
            "OS-IMAGE": "Debian",
            "KERNEL-VERSION": "<unknown>",
            "CONTAINER-RUNTIME": "<unknown>",
        },
    ),
    (
        "",
        "Service",
        {
            "spec": {
                "type": "NodePort",
                "clusterIP": "10.0.0.1",
                "ports": [
                    {"port": 80, "nodePort": 30080, "protocol": "TCP"},
                    {"port": 53, "protocol": "UDP"},
                ],
                "selector": {"b": "2", "a": "1"},
            }
        },
        {
            "NAME": "x",
            "TYPE": "NodePort",
            "CLUSTER-IP": "10.0.0.1",
            "EXTERNAL-IP": "<none>",
            "PORT(S)": "80:30080/TCP,53/UDP",
            "AGE": "60m",
            "SELECTOR": "a=1,b=2",
        },
    ),
    (
        "",
        "Service",
        {"spec": {"type": "LoadBalancer", "clusterIPs": ["10.0.0.1"], "externalIPs": ["1.2.3.4"]}},
        {
            "NAME": "x",
            "TYPE": "LoadBalancer",
            "CLUSTER-IP": "10.0.0.1",
            "EXTERNAL-IP": "1.2.3.4",
            "PORT(S)": "<none>",
            "AGE": "60m",
            "SELECTOR": "<none>",
        },
    ),
    (
        "",
        "Endpoints",
        {
            "subsets": [
                {
                    "addresses": [{"ip": "127.0.0.1"}, {"ip": "::1"}],
                    "ports": [{"port": 80}, {"port": 81}],
                }
            ]
        },
        {"NAME": "x", "ENDPOINTS": "127.0.0.1:80,[::1]:80,127.0.0.1:81 + 1 more...", "AGE": "60m"},
    ),
    ("", "Endpoints", {}, {"NAME": "x", "ENDPOINTS": "<none>", "AGE": "60m"}),
    (
        "discovery.k8s.io",
        "EndpointSlice",
        {
            "addressType": "IPv4",
            "endpoints": [{"addresses": [f"127.0.0.{i}"]} for i in range(1, 5)],
            "ports": [{"name": "web", "port": 80}, {"name": "any"}, {}],
        },
        {
            "NAME": "x",
            "ADDRESSTYPE": "IPv4",
            "PORTS": "80,any,*",
            "ENDPOINTS": "127.0.0.1,127.0.0.2,127.0.0.3 + 1 more...",
            "AGE": "60m",
        },
    ),
    (
        "discovery.k8s.io",
        "EndpointSlice",
        {"addressType": "IPv4", "endpoints": None, "ports": []},
        {
            "NAME": "x",
            "ADDRESSTYPE": "IPv4",
            "PORTS": "<unset>",
            "ENDPOINTS": "<unset>",
            "AGE": "60m",
        },
    ),
    (
        "",
        "ConfigMap",
        {"data": {"a": "1", "b": "2"}, "binaryData": {"c": "AA=="}},
        {"NAME": "x", "DATA": 3, "AGE": "60m"},
    ),
    (
        "",
        "Secret",
        {"type": "Opaque", "data": {"a": "MQ=="}},
        {"NAME": "x", "TYPE": "Opaque", "DATA": 1, "AGE": "60m"},
    ),
    ("", "ServiceAccount", {}, {"NAME": "x", "SECRETS": 0, "AGE": "60m"}),
    (
        "",
        "Namespace",
        {"status": {"phase": "Active"}},
        {"NAME": "x", "STATUS": "Active", "AGE": "60m"},
    ),
    (
        "coordination.k8s.io",
        "Lease",
        {"spec": {"holderIdentity": "n1"}},
        {"NAME": "x", "HOLDER": "n1", "AGE": "60m"},
    ),
    (
        "scheduling.k8s.io",
        "PriorityClass",
        {"value": 0, "preemptionPolicy": "Never"},
        {
            "NAME": "x",
            "VALUE": 0,
            "GLOBAL-DEFAULT": False,
            "AGE": "60m",
            "PREEMPTIONPOLICY": "Never",
        },
    ),
    (
        "networking.k8s.io",
        "NetworkPolicy",
        {"spec": {"podSelector": SELECTOR}},
        {"NAME": "x", "POD-SELECTOR": "app=web", "AGE": "60m"},
    ),
    (
        "policy",
        "PodDisruptionBudget",
        {"spec": {"minAvailable": "50%"}, "status": {"disruptionsAllowed": 1}},
        {
            "NAME": "x",
            "MIN AVAILABLE": "50%",
            "MAX UNAVAILABLE": "N/A",
            "ALLOWED DISRUPTIONS": 1,
            "AGE": "60m",
        },
    ),
    (
        "",
        "PersistentVolumeClaim",
        {
            "spec": {"volumeName": "v1", "storageClassName": "fast", "volumeMode": "Filesystem"},
            "status": {
                "phase": "Bound",
                "capacity": {"storage": "1Gi"},
                "accessModes": ["ReadWriteMany", "ReadWriteOnce"],
            },
        },
        {
            "NAME": "x",
            "STATUS": "Bound",
            "VOLUME": "v1",
            "CAPACITY": "1Gi",
            "ACCESS MODES": "RWO,RWX",
            "STORAGECLASS": "fast",
            "VOLUMEATTRIBUTESCLASS": "<unset>",
            "AGE": "60m",
            "VOLUMEMODE": "Filesystem",
        },
    ),
    (
        "",
        "PersistentVolume",
        {
            "metadata": {"deletionTimestamp": "2026-01-01T12:00:00Z"},
            "spec": {
                "capacity": {"storage": "1Gi"},
                "accessModes": ["ReadWriteOncePod"],
                "persistentVolumeReclaimPolicy": "Retain",
                "claimRef": {"namespace": "ns", "name": "c"},
            },
        },
        {
            "NAME": "x",
            "CAPACITY": "1Gi",
            "ACCESS MODES": "RWOP",
            "RECLAIM POLICY": "Retain",
            "STATUS": "Terminating",
            "CLAIM": "ns/c",
            "STORAGECLASS": "",
            "VOLUMEATTRIBUTESCLASS": "<unset>",
            "REASON": "",
            "AGE": "60m",
            "VOLUMEMODE": "<unset>",
        },
    ),
    (
        "apiextensions.k8s.io",
        "CustomResourceDefinition",
        {},
        {"NAME": "x", "CREATED AT": "2026-01-01T11:00:00Z"},
    ),
    (
        "",
        "Event",
        {
            "involvedObject": {"kind": "Pod", "name": "p", "fieldPath": "spec.containers{c}"},
            "reason": "Started",
            "message": "Started container c\n",
            "type": "Normal",
            "source": {"component": "kubelet", "host": "n1"},
            "firstTimestamp": "2026-01-01T11:58:00Z",
            "lastTimestamp": "2026-01-01T11:59:00Z",
            "count": 3,
        },
        {
            "LAST SEEN": "60s",
            "TYPE": "Normal",
            "REASON": "Started",
            "OBJECT": "pod/p",
            "SUBOBJECT": "spec.containers{c}",
            "SOURCE": "kubelet, n1",
            "MESSAGE": "Started container c",
            "FIRST SEEN": "2m",
            "COUNT": 3,
            "NAME": "x",
        },
    ),
    (
        "events.k8s.io",
        "Event",
        {
            "regarding": {"kind": "Pod"},
            "reason": "Scheduled",
            "note": "Assigned",
            "type": "Normal",
            "reportingController": "scheduler",
            "eventTime": "2026-01-01T11:59:00.000000Z",
            "series": {"count": 7, "lastObservedTime": "2026-01-01T11:59:50.000000Z"},
        },
        {
            "LAST SEEN": "10s",
            "TYPE": "Normal",
            "REASON": "Scheduled",
            "OBJECT": "pod",
            "SUBOBJECT": "",
            "SOURCE": "scheduler",
            "MESSAGE": "Assigned",
            "FIRST SEEN": "60s",
            "COUNT": 7,
            "NAME": "x",
        },
    ),
]


@pytest.mark.parametrize(
    ("group", "kind", "obj", "expected"), CASES, ids=[f"{n}-{c[1]}" for n, c in enumerate(CASES)]
)
def test_rows_are_those_of_a_real_cluster(
    group: str, kind: str, obj: dict[str, Any], expected: dict[str, object]
) -> None:
    row = shown(group, kind, obj)
    assert row == expected
    assert list(row) == list(expected)


@pytest.mark.parametrize(
    ("job", "status"),
    [
        ({"status": {"conditions": [{"type": "Complete", "status": "True"}]}}, "Complete"),
        ({"status": {"conditions": [{"type": "Failed", "status": "True"}]}}, "Failed"),
        ({"status": {"conditions": [{"type": "Suspended", "status": "True"}]}}, "Suspended"),
        ({"status": {"conditions": [{"type": "Failed", "status": "False"}]}}, "Running"),
        ({"metadata": {"deletionTimestamp": "2026-01-01T12:00:00Z"}}, "Terminating"),
    ],
)
def test_a_jobs_status_is_its_strongest_condition(job: dict[str, Any], status: str) -> None:
    assert shown("batch", "Job", job)["STATUS"] == status


@pytest.mark.parametrize(
    ("spec", "completions"),
    [({}, "0/1"), ({"parallelism": 3}, "0/1 of 3"), ({"completions": 5}, "0/5")],
)
def test_completions_of_a_work_queue_name_the_parallelism(
    spec: dict[str, Any], completions: str
) -> None:
    assert shown("batch", "Job", {"spec": spec})["COMPLETIONS"] == completions


@pytest.mark.parametrize(
    ("spec", "address"),
    [
        ({"type": "ClusterIP"}, "<none>"),
        ({"type": "LoadBalancer"}, "<pending>"),
        ({"type": "ExternalName", "externalName": "db.example"}, "db.example"),
    ],
)
def test_a_services_external_address_depends_on_its_type(
    spec: dict[str, Any], address: str
) -> None:
    assert shown("", "Service", {"spec": spec})["EXTERNAL-IP"] == address


@pytest.mark.parametrize("status", ["False", "Unknown"])
def test_a_node_that_is_not_ready_says_so(status: str) -> None:
    conditions = [{"type": "Ready", "status": status}]
    assert shown("", "Node", {"status": {"conditions": conditions}})["STATUS"] == "NotReady"
    assert shown("", "Node", {})["STATUS"] == "Unknown"


def test_selectors_are_ordered_by_key() -> None:
    selector = {
        "matchLabels": {"b": "1"},
        "matchExpressions": [
            {"key": "d", "operator": "DoesNotExist"},
            {"key": "c", "operator": "Exists"},
            {"key": "a", "operator": "In", "values": ["z", "y"]},
            {"key": "e", "operator": "NotIn", "values": ["x"]},
        ],
    }
    assert format_selector(selector) == "a in (y,z),b=1,c,!d,e notin (x)"
    assert format_selector({}) == format_selector(None) == "<none>"


@pytest.mark.parametrize("kind", sorted({(group, kind) for group, kind, _, _ in CASES}), ids=str)
@pytest.mark.parametrize(
    "obj",
    [{}, {"spec": {}, "status": {}}, {"spec": None, "status": None, "data": None}],
    ids=["bare", "empty", "null"],
)
def test_objects_without_anything_fill_a_row(kind: tuple[str, str], obj: dict[str, Any]) -> None:
    table = builtin_table(*kind)
    assert len(table.cells({"metadata": {"name": "x"}, **obj}, NOW)) == len(table.columns)
