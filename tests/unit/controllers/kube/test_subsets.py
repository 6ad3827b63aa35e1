"""Which addresses a Service's Endpoints hold."""

import msgspec

from shoal.api.core import Service
from shoal.api.pod import Pod
from shoal.controllers.kube.subsets import subsets


def service(*ports, **spec):
    return msgspec.convert(
        {"metadata": {"name": "web"}, "spec": {"ports": list(ports), **spec}}, Service
    )


def pod(name, ip, *, ready=True, port=8080, phase="Running"):
    return msgspec.convert(
        {
            "metadata": {"name": name, "namespace": "ns", "uid": name},
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


def test_ready_and_unready_pods_are_kept_apart():
    pods = [pod("a", "127.0.1.1"), pod("b", "127.0.1.2", ready=False)]
    made = subsets(service({"port": 80, "targetPort": 8080}), pods)
    assert len(made) == 1
    assert [a["ip"] for a in made[0]["addresses"]] == ["127.0.1.1"]
    assert [a["ip"] for a in made[0]["notReadyAddresses"]] == ["127.0.1.2"]
    assert made[0]["ports"] == [{"port": 8080, "protocol": "TCP"}]


def test_a_named_port_is_looked_up_in_each_pod():
    made = subsets(
        service({"name": "web", "port": 80, "targetPort": "http"}),
        [pod("a", "127.0.1.1", port=8080), pod("b", "127.0.1.2", port=9090)],
    )
    assert [s["ports"][0]["port"] for s in made] == [8080, 9090]


def test_finished_pods_and_pods_without_address_do_not_serve():
    pods = [pod("a", "127.0.1.1", phase="Succeeded"), pod("b", "")]
    assert subsets(service({"port": 80}), pods) == []


def test_unready_pods_serve_where_the_service_says_so():
    made = subsets(
        service({"port": 80}, publishNotReadyAddresses=True), [pod("a", "127.0.1.1", ready=False)]
    )
    assert [a["ip"] for a in made[0]["addresses"]] == ["127.0.1.1"]
