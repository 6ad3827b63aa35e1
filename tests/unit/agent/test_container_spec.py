"""A container of the API as a specification for a runtime."""

import msgspec
import pytest

from shoal.agent.addresses import PodAddresses
from shoal.agent.container_spec import make_sandbox, make_spec
from shoal.agent.environment import ConfigProblem, hostname
from shoal.agent.hosts_file import hosts_text
from shoal.agent.images import Program
from shoal.agent.runtime.protocol import ContainerKey, Limits, Privileges
from shoal.api.pod import Pod


def make_pod(container=None, **spec):
    body = {
        "metadata": {"uid": "u", "name": "p", "namespace": "ns"},
        "spec": {"containers": [{"name": "c"} | (container or {})], **spec},
    }
    return msgspec.convert(body, Pod)


def spec_of(pod, argv=("run",), env=None, default_user_id=0):
    container = pod.spec.containers[0]
    sandbox = make_sandbox(pod, "127.1.0.1")
    program = Program(argv=list(argv), env={})
    key = ContainerKey("u", "c", 0)
    return make_spec(key, pod, sandbox, container, program, env or {}, [], default_user_id)


def test_the_command_is_expanded_with_the_environment():
    assert spec_of(make_pod(), ["echo", "$(A)", "$$(A)"], {"A": "1"}).argv == [
        "echo",
        "1",
        "$(A)",
    ]


def test_the_containers_user_goes_before_the_pods():
    pod = make_pod(
        {"securityContext": {"runAsUser": 5}},
        securityContext={"runAsUser": 6, "runAsGroup": 7},
    )
    spec = spec_of(pod)
    assert (spec.user_id, spec.group_id) == (5, 7)


def test_root_is_refused_where_it_is_not_wanted():
    with pytest.raises(ConfigProblem) as problem:
        spec_of(make_pod({"securityContext": {"runAsUser": 0, "runAsNonRoot": True}}))
    assert problem.value.message == (
        'container\'s runAsUser breaks non-root policy (pod: "p_ns(u)", container: c)'
    )


def test_a_root_by_default_is_refused_where_root_is_not_wanted():
    pod = make_pod(securityContext={"runAsNonRoot": True})
    with pytest.raises(ConfigProblem) as problem:
        spec_of(pod)
    assert problem.value.message == (
        'container has runAsNonRoot and image will run as root (pod: "p_ns(u)", container: c)'
    )
    assert problem.value.reason == "CreateContainerConfigError"
    assert spec_of(pod, default_user_id=1000).user_id is None


def test_privileges_are_the_containers_and_groups_the_pods():
    pod = make_pod(
        {
            "securityContext": {
                "capabilities": {"add": ["NET_ADMIN"], "drop": ["ALL"]},
                "allowPrivilegeEscalation": False,
            }
        },
        securityContext={"supplementalGroups": [7], "fsGroup": 8},
    )
    privileges = spec_of(pod).privileges
    assert (privileges.added, privileges.dropped) == (["NET_ADMIN"], ["ALL"])
    assert (privileges.groups, privileges.can_gain) == ([7, 8], False)
    assert spec_of(make_pod()).privileges == Privileges(groups=[], added=[], dropped=[])


def test_limits_are_numbers():
    pod = make_pod({"resources": {"limits": {"cpu": "1500m", "memory": "64Mi"}}})
    assert spec_of(pod).limits == Limits(cpu_millis=1500, memory_bytes=64 * 2**20)


def test_the_hostname_is_the_pods_name_cut_to_what_the_kernel_takes():
    assert hostname(make_pod(hostname="h")) == "h"
    long = msgspec.convert({"metadata": {"name": "a" * 62 + "-" + "b" * 9}}, Pod)
    assert hostname(long) == "a" * 62


def test_the_hosts_file_names_the_pod_and_its_aliases():
    aliases = [{"ip": "10.0.0.1", "hostnames": ["a", "b"]}]
    text = hosts_text(make_pod(subdomain="sub", hostAliases=aliases), "127.1.0.1")
    assert "\n127.1.0.1\tp.sub.ns.svc.cluster.local\tp\n" in text
    assert text.endswith("# Entries added by HostAliases.\n10.0.0.1\ta\tb\n")


def test_no_two_pods_have_the_same_address():
    addresses = PodAddresses()
    addresses.claim("old", "127.1.0.1")
    taken = {addresses.take(f"u{i}") for i in range(600)}
    assert len(taken) == 600 and "127.1.0.1" not in taken
    assert not any(address.endswith((".0", ".255")) for address in taken)
    assert addresses.take("u0") == addresses.take("u0")


def test_an_address_that_another_pod_has_cannot_be_claimed():
    addresses = PodAddresses()
    first = addresses.take("a")
    addresses.claim("b", first)
    assert addresses.take("b") != first
    addresses.release("b")
    assert addresses.take("a") == first
    assert first not in {addresses.take(f"u{i}") for i in range(70_000)}


def test_a_pod_has_one_address():
    addresses = PodAddresses()
    addresses.claim("a", "127.1.0.1")
    addresses.claim("a", "127.1.0.2")
    assert addresses.take("a") == "127.1.0.1"
    addresses.claim("b", "127.1.0.2")
    assert addresses.take("b") == "127.1.0.2"


def test_control_planes_on_one_machine_give_out_different_addresses():
    planes = [PodAddresses(f"/data/{number}") for number in range(20)]
    taken = [plane.take(f"u{i}") for plane in planes for i in range(50)]
    assert len(set(taken)) == len(taken)
    assert PodAddresses("/data/1").take("u") == PodAddresses("/data/1").take("v")


def test_a_released_address_can_be_had_again_but_not_at_once():
    addresses = PodAddresses()
    first = addresses.take("a")
    addresses.release("a")
    assert addresses.take("b") != first
