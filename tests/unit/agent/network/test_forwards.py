"""What the proxy is told to do for Services and pods."""

from typing import Any

import msgspec

from shoal.agent.network.forwards import host_port_forwards, service_forwards
from shoal.agent.network.proxy.wire import Forward
from shoal.api.core import Endpoints, Service
from shoal.api.discovery import EndpointSlice
from shoal.api.pod import Pod

HOST = "10.200.0.1"
POD_1, POD_2 = "10.200.0.2", "10.200.0.3"


def service(*ports: dict[str, Any], **spec: Any) -> Service:
    body = {"metadata": {"name": "web"}, "spec": {"clusterIP": "10.200.128.5", **spec}}
    body["spec"]["ports"] = list(ports) or [{"port": 80}]
    return msgspec.convert(body, Service)


def slice_of(*endpoints: tuple[str, bool | None], port: int = 8080, name: str = "") -> Any:
    body = {
        "metadata": {"name": "web-1"},
        "endpoints": [
            {"addresses": [ip], "conditions": {"ready": is_ready}} for ip, is_ready in endpoints
        ],
        "ports": [{"name": name, "port": port, "protocol": "TCP"}],
    }
    return msgspec.convert(body, EndpointSlice)


def test_a_port_leads_to_the_ready_endpoints_in_their_own_port():
    found = service_forwards(
        service(), [slice_of((POD_2, True), (POD_1, None), ("10.200.0.9", False))], None, HOST
    )
    assert found == (Forward("10.200.128.5", 80, "TCP", ((POD_1, 8080), (POD_2, 8080))),)


def test_a_port_without_ready_endpoints_leads_nowhere():
    (found,) = service_forwards(service(), [slice_of((POD_1, False))], None, HOST)
    assert found.targets == ()


def test_each_port_of_a_service_finds_its_own_by_name():
    ports = ({"name": "web", "port": 80}, {"name": "admin", "port": 81})
    slices = [slice_of((POD_1, True), name="web"), slice_of((POD_1, True), port=9, name="admin")]
    found = service_forwards(service(*ports), slices, None, HOST)
    assert [(each.port, each.targets) for each in found] == [
        (80, ((POD_1, 8080),)),
        (81, ((POD_1, 9),)),
    ]


def test_endpoints_that_somebody_wrote_by_hand_count_where_there_are_no_slices():
    body = {"subsets": [{"addresses": [{"ip": "192.0.2.7"}], "ports": [{"port": 5432}]}]}
    endpoints = msgspec.convert(body, Endpoints)
    (found,) = service_forwards(service(), [], endpoints, HOST)
    assert found.targets == (("192.0.2.7", 5432),)


def test_headless_and_external_services_have_nothing_to_listen_on():
    assert service_forwards(service(clusterIP="None"), [slice_of((POD_1, True))], None, HOST) == ()
    assert service_forwards(service(type="ExternalName"), [], None, HOST) == ()


def test_a_node_port_is_on_the_machine_as_pods_and_as_users_reach_it():
    port = {"port": 80, "nodePort": 30080}
    found = service_forwards(service(port, type="NodePort"), [slice_of((POD_1, True))], None, HOST)
    assert [each.place for each in found] == [
        ("TCP", "10.200.128.5", 80),
        ("TCP", "10.200.0.1", 30080),
        ("TCP", "127.0.0.1", 30080),
    ]


def test_a_client_keeps_its_endpoint_for_as_long_as_the_service_says():
    assert service_forwards(service(sessionAffinity="ClientIP"), [], None, HOST)[0].affinity_s == (
        10800
    )
    config = {"clientIP": {"timeoutSeconds": 60}}
    asked = service(sessionAffinity="ClientIP", sessionAffinityConfig=config)
    assert service_forwards(asked, [], None, HOST)[0].affinity_s == 60


def pod(phase: str = "Running", **spec: Any) -> Pod:
    ports = [{"containerPort": 8080, "hostPort": 8888}, {"containerPort": 9}]
    body = {
        "metadata": {"name": "p"},
        "spec": {"containers": [{"name": "c", "ports": ports}], **spec},
        "status": {"podIP": POD_1, "phase": phase},
    }
    return msgspec.convert(body, Pod)


def test_a_host_port_leads_to_the_pod_while_it_is_not_over():
    assert host_port_forwards(pod(), "127.0.0.1") == (
        Forward("127.0.0.1", 8888, "TCP", ((POD_1, 8080),)),
    )
    assert host_port_forwards(pod("Succeeded"), HOST) == ()


def test_a_pod_in_the_network_of_the_machine_has_its_ports_already():
    assert host_port_forwards(pod(hostNetwork=True), HOST) == ()
