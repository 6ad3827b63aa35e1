"""Two pods cannot have the same port of one node."""

import pytest

from shoal.testing.builders import PodBuilder, make_node, make_pod
from shoal.testing.rehearsal import Rehearsal

TEXT = "0/1 nodes are available: 1 node(s) didn't have free ports for the requested pod ports."


def sidecar(name: str, port: int, restart_policy: str | None = "Always") -> PodBuilder:
    container = {"name": "s", "ports": [{"containerPort": port, "hostPort": port}]}
    if restart_policy:
        container["restartPolicy"] = restart_policy
    return make_pod(name).container().spec(initContainers=[container])


@pytest.mark.parametrize(
    ("first", "second", "fit"),
    [
        (make_pod("a").host_port(80), make_pod("b").host_port(80), False),
        (make_pod("a").host_port(80), make_pod("b").host_port(81), True),
        (make_pod("a").host_port(80), make_pod("b").host_port(80, "UDP"), True),
        (make_pod("a").host_port(80, ip="10.0.0.1"), make_pod("b").host_port(80), False),
        (make_pod("a").host_port(80), make_pod("b").host_port(80, ip="10.0.0.1"), False),
        (
            make_pod("a").host_port(80, ip="10.0.0.1"),
            make_pod("b").host_port(80, ip="10.0.0.2"),
            True,
        ),
        (
            make_pod("a").host_port(80, ip="10.0.0.1"),
            make_pod("b").host_port(80, ip="10.0.0.1"),
            False,
        ),
        (sidecar("a", 80), make_pod("b").host_port(80), False),
        (make_pod("a").host_port(80), sidecar("b", 80), False),
        (sidecar("a", 80, restart_policy=None), make_pod("b").host_port(80), True),
    ],
)
def test_ports_conflict_by_protocol_number_and_address(
    first: PodBuilder, second: PodBuilder, fit: bool
) -> None:
    rehearsal = Rehearsal()
    rehearsal.add(make_node("n").capacity(cpu="4"), first)
    rehearsal.run()
    rehearsal.add(second)
    rehearsal.run()
    assert rehearsal.node_of("b") == ("n" if fit else None)
    assert rehearsal.message_of("b").startswith("" if fit else TEXT)


def test_equal_pods_fill_one_node_each() -> None:
    rehearsal = Rehearsal()
    rehearsal.add(*(make_node(f"n{i}").capacity(cpu="4") for i in range(40)))
    rehearsal.add(*(make_pod(f"p{i}").host_port(80) for i in range(41)))
    rehearsal.run()
    taken = [rehearsal.node_of(f"p{i}") for i in range(41)]
    assert len(set(taken)) == 41
    assert taken.count(None) == 1


def test_a_pod_that_frees_the_port_wakes_the_one_that_waits() -> None:
    rehearsal = Rehearsal()
    holder, other = make_pod("a").host_port(80), make_pod("c").host_port(81)
    rehearsal.add(make_node("n").capacity(cpu="4"), holder, other)
    rehearsal.run()
    rehearsal.add(make_pod("b").host_port(80))
    rehearsal.run()
    rehearsal.delete(other)
    rehearsal.advance(60)
    assert len(rehearsal.events_of("b")) == 1
    rehearsal.delete(holder)
    rehearsal.advance(60)
    assert rehearsal.node_of("b") == "n"
