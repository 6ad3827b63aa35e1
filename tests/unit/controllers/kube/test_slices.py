"""Which endpoints a Service's EndpointSlices hold."""

import msgspec

from shoal.api.core import Service
from shoal.api.discovery import EndpointSlice
from shoal.api.pod import Pod
from shoal.controllers.kube.slices import change, slices


def service(*ports, **spec):
    return msgspec.convert(
        {
            "metadata": {"name": "web", "uid": "u", "labels": {"tier": "front"}},
            "spec": {"ports": list(ports), **spec},
        },
        Service,
    )


def pod(name, ip, *, ready=True, port=8080, phase="Running", **meta):
    return msgspec.convert(
        {
            "metadata": {"name": name, "namespace": "ns", "uid": name, **meta},
            "spec": {
                "nodeName": "n",
                "containers": [{"name": "c", "ports": [{"name": "http", "containerPort": port}]}],
            },
            "status": {
                "phase": phase,
                "podIP": ip,
                "conditions": [{"type": "Ready", "status": "True" if ready else "False"}],
            },
        },
        Pod,
    )


def conditions(each):
    return [tuple(e["conditions"].values()) for e in each["endpoints"]]


def test_a_slice_says_whose_it_is_and_where_the_pods_are():
    [(name, each)] = slices(service({"port": 80, "targetPort": 8080}), [pod("a", "::1")]).items()
    assert name.startswith("web-") and len(name) == len("web-12345")
    assert each["metadata"]["labels"] == {
        "tier": "front",
        "kubernetes.io/service-name": "web",
        "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io",
    }
    [owner] = each["metadata"]["ownerReferences"]
    assert (owner["kind"], owner["uid"], owner["controller"]) == ("Service", "u", True)
    assert each["ports"] == [{"name": "", "port": 8080, "protocol": "TCP"}]
    assert each["endpoints"] == [
        {
            "addresses": ["::1"],
            "conditions": {"ready": True, "serving": True, "terminating": False},
            "nodeName": "n",
            "targetRef": {"kind": "Pod", "namespace": "ns", "name": "a", "uid": "a"},
        }
    ]


def test_pods_that_are_not_ready_or_terminate_are_there_and_said_to_be_so():
    pods = [
        pod("a", "127.0.1.1", ready=False),
        pod("b", "127.0.1.2", deletionTimestamp="2026-01-01T00:00:00Z"),
        pod("c", "127.0.1.3", phase="Succeeded"),
        pod("d", ""),
    ]
    [each] = slices(service({"port": 80}), pods).values()
    assert conditions(each) == [(False, False, False), (False, True, True)]
    [each] = slices(service({"port": 80}, publishNotReadyAddresses=True), pods).values()
    assert conditions(each) == [(True, False, False), (True, True, True)]


def test_pods_whose_named_port_differs_are_in_slices_of_their_own():
    pods = [pod("a", "127.0.1.1", port=8080), pod("b", "127.0.1.2", port=9090)]
    made = slices(service({"name": "web", "port": 80, "targetPort": "http"}), pods)
    assert [each["ports"][0]["port"] for each in made.values()] == [8080, 9090]
    assert len(made) == 2


def test_a_service_keeps_the_name_of_its_slice_when_pods_and_ports_change():
    [before] = slices(service({"port": 80}), [])
    [after] = slices(service({"port": 81}, clusterIP="None"), [pod("a", "127.0.1.1")])
    assert before == after


def test_only_what_differs_is_written():
    [wanted] = slices(service({"port": 80}), [pod("a", "127.0.1.1")]).values()
    assert change(msgspec.convert(wanted, EndpointSlice), wanted) is None
    relabeled = {**wanted, "metadata": {**wanted["metadata"], "labels": {"old": "x"}}}
    patch = change(msgspec.convert(relabeled, EndpointSlice), wanted)
    assert patch["metadata"]["labels"]["old"] is None
    assert patch["metadata"]["labels"]["tier"] == "front"
