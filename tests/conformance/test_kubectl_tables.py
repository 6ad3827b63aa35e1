"""What kubectl prints for each kind, to the column.

The server makes the tables, so one kubectl is enough to see them: the newest, which is always
there.
"""

import re
import sys
from pathlib import Path
from typing import Any

import pytest

from shoal.api.resource import JsonObject, Resource
from shoal.client.protocol import Client
from tests.conformance.conftest import Kubectl

_NEWEST = Path(sys.executable).parent / "kubectl"
pytestmark = [
    pytest.mark.kubectl,
    pytest.mark.parametrize("kubectl", [_NEWEST], ids=["newest"], indirect=True),
]

_LONG_AGO = "2026-01-01T00:00:00Z"
_TEMPLATE = {
    "metadata": {"labels": {"app": "web"}},
    "spec": {"containers": [{"name": "web", "image": "nginx:1"}, {"name": "log", "image": "l"}]},
}
_SELECTOR = {"matchLabels": {"app": "web"}}


def resource(api_version: str, plural: str, kind: str, namespaced: bool = True) -> Any:
    group, _, version = api_version.rpartition("/")
    return Resource(group, version, plural, kind, JsonObject, namespaced)


PODS = resource("v1", "pods", "Pod")
NODES = resource("v1", "nodes", "Node", namespaced=False)
SERVICES = resource("v1", "services", "Service")
DEPLOYMENTS = resource("apps/v1", "deployments", "Deployment")
REPLICA_SETS = resource("apps/v1", "replicasets", "ReplicaSet")
CLAIMS = resource("v1", "persistentvolumeclaims", "PersistentVolumeClaim")
LEASES = resource("coordination.k8s.io/v1", "leases", "Lease")
EVENTS = resource("v1", "events", "Event")


def rows(printed: str) -> list[dict[str, str]]:
    """A printed table, by header; ages are left out, since they depend on the moment."""
    header, *lines = printed.rstrip("\n").split("\n")
    starts = [match.start() for match in re.finditer(r"\S+(?: \S+)*", header)]
    cuts = list(zip(starts, [*starts[1:], None], strict=True))
    names = [header[start:end].strip() for start, end in cuts]
    found = [[line[start:end].strip() for start, end in cuts] for line in lines]
    return [
        {name: cell for name, cell in zip(names, cells, strict=True) if name != "AGE"}
        for cells in found
    ]


async def stored(
    client: Client, of: Any, name: str, body: JsonObject, status: JsonObject | None = None
) -> None:
    """Create an object, and give it a status as a controller would."""
    namespace = "default" if of.namespaced else ""
    meta = {"name": name, **body.pop("metadata", {})}
    await client.create(of, {**body, "metadata": meta}, namespace)
    if status is not None:
        await client.patch(of, name, {"status": status}, namespace, subresource="status")


async def test_pods_show_what_their_containers_do(kubectl: Kubectl):
    client = kubectl.cluster.cluster.client
    spec = {"containers": [{"name": "c", "image": "i"}], "initContainers": [
        {"name": "i", "image": "i"}]}  # fmt: skip
    crashing = {
        "phase": "Running",
        "podIP": "127.0.0.9",
        "podIPs": [{"ip": "127.0.0.9"}],
        "containerStatuses": [
            {
                "name": "c",
                "image": "i",
                "imageID": "",
                "ready": False,
                "restartCount": 3,
                "state": {"waiting": {"reason": "CrashLoopBackOff"}},
                "lastState": {"terminated": {"exitCode": 1, "finishedAt": _LONG_AGO}},
            }
        ],
    }
    await stored(client, PODS, "crashing", {"spec": {**spec, "nodeName": "n1"}}, crashing)
    waiting = {"name": "i", "image": "i", "imageID": "", "ready": False, "restartCount": 0,
               "state": {"running": {"startedAt": _LONG_AGO}}}  # fmt: skip
    await stored(
        client,
        PODS,
        "starting",
        {"spec": spec},
        {"phase": "Pending", "initContainerStatuses": [waiting]},
    )
    crashed, starting = rows(await kubectl("get", "pods", "-o", "wide"))
    assert re.fullmatch(r"3 \(\d+d ago\)", crashed.pop("RESTARTS"))
    assert crashed == {
        "NAME": "crashing",
        "READY": "0/1",
        "STATUS": "CrashLoopBackOff",
        "IP": "127.0.0.9",
        "NODE": "n1",
        "NOMINATED NODE": "<none>",
        "READINESS GATES": "<none>",
    }
    assert (starting["STATUS"], starting["RESTARTS"]) == ("Init:0/1", "0")
    assert list(rows(await kubectl("get", "pods"))[0]) == ["NAME", "READY", "STATUS", "RESTARTS"]


async def test_nodes_show_roles_and_whether_they_take_pods(kubectl: Kubectl):
    client = kubectl.cluster.cluster.client
    body = {
        "metadata": {"labels": {"node-role.kubernetes.io/worker": ""}},
        "spec": {"unschedulable": True},
    }
    status = {
        "conditions": [{"type": "Ready", "status": "True"}],
        "addresses": [{"type": "InternalIP", "address": "127.0.0.1"}],
        "nodeInfo": {
            name: name
            for name in (
                "architecture",
                "bootID",
                "containerRuntimeVersion",
                "kernelVersion",
                "kubeProxyVersion",
                "kubeletVersion",
                "machineID",
                "operatingSystem",
                "osImage",
                "systemUUID",
            )
        },
    }
    await stored(client, NODES, "n1", body, status)
    assert rows(await kubectl("get", "nodes", "-o", "wide")) == [
        {
            "NAME": "n1",
            "STATUS": "Ready,SchedulingDisabled",
            "ROLES": "worker",
            "VERSION": "kubeletVersion",
            "INTERNAL-IP": "127.0.0.1",
            "EXTERNAL-IP": "<none>",
            "OS-IMAGE": "osImage",
            "KERNEL-VERSION": "kernelVersion",
            "CONTAINER-RUNTIME": "containerRuntimeVersion",
        }
    ]


async def test_workloads_show_how_many_pods_they_have(kubectl: Kubectl):
    client = kubectl.cluster.cluster.client
    spec = {"replicas": 3, "selector": _SELECTOR, "template": _TEMPLATE}
    status = {"replicas": 2, "readyReplicas": 1, "updatedReplicas": 2, "availableReplicas": 1}
    wide = {"CONTAINERS": "web,log", "IMAGES": "nginx:1,l", "SELECTOR": "app=web"}
    await stored(client, DEPLOYMENTS, "web", {"spec": dict(spec)}, dict(status))
    assert rows(await kubectl("get", "deploy", "-o", "wide")) == [
        {"NAME": "web", "READY": "1/3", "UP-TO-DATE": "2", "AVAILABLE": "1", **wide}
    ]
    del status["updatedReplicas"]
    await stored(client, REPLICA_SETS, "web-1", {"spec": dict(spec)}, status)
    assert rows(await kubectl("get", "rs", "-o", "wide")) == [
        {"NAME": "web-1", "DESIRED": "3", "CURRENT": "2", "READY": "1", **wide}
    ]


async def test_the_smaller_kinds_show_their_own_columns(kubectl: Kubectl):
    client = kubectl.cluster.cluster.client
    ports = [{"name": "http", "port": 80, "targetPort": 8080}]
    await stored(client, SERVICES, "web", {"spec": {"ports": ports, "selector": {"app": "web"}}})
    (service,) = rows(await kubectl("get", "svc", "web", "-o", "wide"))
    assert service.pop("CLUSTER-IP")
    assert service == {
        "NAME": "web",
        "TYPE": "ClusterIP",
        "EXTERNAL-IP": "<none>",
        "PORT(S)": "80/TCP",
        "SELECTOR": "app=web",
    }
    claim = {
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": "1Gi"}},
        "storageClassName": "fast",
    }
    await stored(client, CLAIMS, "disk", {"spec": claim})
    (claimed,) = rows(await kubectl("get", "pvc"))
    assert claimed == {
        "NAME": "disk",
        "STATUS": "Pending",
        "VOLUME": "",
        "CAPACITY": "",
        "ACCESS MODES": "",
        "STORAGECLASS": "fast",
        "VOLUMEATTRIBUTESCLASS": "<unset>",
    }
    await stored(client, LEASES, "leader", {"spec": {"holderIdentity": "me"}})
    assert rows(await kubectl("get", "leases")) == [{"NAME": "leader", "HOLDER": "me"}]
    assert rows(await kubectl("get", "ns", "default")) == [{"NAME": "default", "STATUS": "Active"}]
    assert rows(await kubectl("get", "sa")) == [{"NAME": "default", "SECRETS": "0"}]
    assert rows(await kubectl("get", "pc", "system-node-critical")) == [
        {
            "NAME": "system-node-critical",
            "VALUE": "2000001000",
            "GLOBAL-DEFAULT": "false",
            "PREEMPTIONPOLICY": "PreemptLowerPriority",
        }
    ]


async def test_events_show_what_happened_to_what(kubectl: Kubectl):
    event = {
        "involvedObject": {"kind": "Pod", "name": "p", "namespace": "default"},
        "reason": "Started",
        "message": "Started container c",
        "type": "Normal",
        "source": {"component": "agent", "host": "n1"},
        "firstTimestamp": _LONG_AGO,
        "lastTimestamp": _LONG_AGO,
        "count": 2,
    }
    await stored(kubectl.cluster.cluster.client, EVENTS, "p.1", event)
    for name in ("events", "events.v1.events.k8s.io"):
        (shown,) = rows(await kubectl("get", name, "-o", "wide"))
        assert re.fullmatch(r"\d+d", shown.pop("LAST SEEN"))
        assert re.fullmatch(r"\d+d", shown.pop("FIRST SEEN"))
        assert shown == {
            "TYPE": "Normal",
            "REASON": "Started",
            "OBJECT": "pod/p",
            "SUBOBJECT": "",
            "SOURCE": "agent, n1",
            "MESSAGE": "Started container c",
            "COUNT": "2",
            "NAME": "p.1",
        }


WIDGETS = """
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.example.com}
spec:
  group: example.com
  scope: Namespaced
  names: {plural: widgets, kind: Widget}
  versions:
  - name: v1
    served: true
    storage: true
    subresources: {status: {}}
    additionalPrinterColumns:
    - {name: Size, type: integer, jsonPath: .spec.size}
    - {name: Ready, type: string, jsonPath: '.status.conditions[?(@.type=="Ready")].status'}
    - {name: Since, type: date, jsonPath: .spec.since}
    - {name: Tags, type: string, jsonPath: .spec.tags, priority: 1}
    schema:
      openAPIV3Schema:
        type: object
        properties:
          spec:
            type: object
            description: What is wanted.
            properties:
              size: {type: integer, description: How big it is.}
              since: {type: string}
              tags: {type: array, items: {type: string}}
          status: {type: object, x-kubernetes-preserve-unknown-fields: true}
"""

WIDGET = """
apiVersion: example.com/v1
kind: Widget
metadata: {name: one}
spec: {size: 3, since: "2026-01-01T00:00:00Z", tags: [a, b]}
"""


async def test_custom_kinds_show_the_columns_of_their_definition(kubectl: Kubectl):
    await kubectl("apply", "-f", "-", stdin=WIDGETS)
    await kubectl("wait", "--for=condition=established", "crd/widgets.example.com")
    await kubectl("apply", "-f", "-", stdin=WIDGET)
    await kubectl("apply", "-f", "-", stdin=WIDGET.split("spec:")[0].replace("one", "two"))
    ready = '{"status":{"conditions":[{"type":"Ready","status":"True"}]}}'
    await kubectl("patch", "widget", "one", "--subresource=status", "--type=merge", "-p", ready)
    one, two = rows(await kubectl("get", "widgets", "-o", "wide"))
    assert re.fullmatch(r"\d+d", one.pop("SINCE"))
    assert one == {"NAME": "one", "SIZE": "3", "READY": "True", "TAGS": '["a","b"]'}
    assert two == {"NAME": "two", "SIZE": "", "READY": "", "SINCE": "", "TAGS": ""}
    (definition,) = rows(await kubectl("get", "crd"))
    assert list(definition) == ["NAME", "CREATED AT"]


async def test_it_explains_fields_of_built_in_and_custom_kinds(kubectl: Kubectl):
    explained = await kubectl("explain", "pod.spec.containers")
    assert "FIELD: containers <[]Container>" in explained
    assert "List of containers belonging to the pod." in explained
    assert re.search(r"name\t<string> -required-", explained)
    recursive = await kubectl("explain", "deployment.spec.strategy", "--recursive")
    assert "maxSurge\t<IntOrString>" in recursive
    await kubectl("apply", "-f", "-", stdin=WIDGETS)
    await kubectl("wait", "--for=condition=established", "crd/widgets.example.com")
    assert "How big it is." in await kubectl("explain", "widget.spec")
    assert "metadata\t<ObjectMeta>" in await kubectl("explain", "widget")
