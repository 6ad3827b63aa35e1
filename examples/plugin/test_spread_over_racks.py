"""The example in the real scheduler, on virtual time."""

from pathlib import Path

import pytest
from spread_over_racks import SpreadOverRacks

from shoal.testing import Enabled, NodeBuilder, PodBuilder, Rehearsal, make_node, make_pod


def node(name: str, rack: str) -> NodeBuilder:
    return make_node(name).capacity(cpu="8", memory="16Gi").labels(rack=rack)


def web(name: str = "") -> PodBuilder:
    return make_pod(name).req(cpu="1").labels(app="web")


def rehearse(**arguments: object) -> Rehearsal:
    return Rehearsal(Enabled(SpreadOverRacks, weight=10, arguments=arguments))


def test_pods_of_an_app_go_to_the_rack_that_has_the_fewest() -> None:
    rehearsal = rehearse()
    rehearsal.add(node("a1", "a"), node("a2", "a"), node("b1", "b"))
    pods = [web() for _ in range(4)]
    rehearsal.add(*pods)
    rehearsal.run()
    racks = sorted((rehearsal.node_of(pod) or "?")[0] for pod in pods)
    assert racks == ["a", "a", "b", "b"]


def test_a_rack_takes_no_more_pods_than_it_may() -> None:
    rehearsal = rehearse(maxPerRack=1)
    rehearsal.add(node("a1", "a"), node("b1", "b"), web(), web(), web("last"))
    rehearsal.run()
    assert rehearsal.node_of("last") is None
    reason = "2 node(s) were in a rack with enough pods of the app."
    assert reason in rehearsal.message_of("last")


def test_a_pod_of_the_app_that_goes_makes_room_and_others_do_not() -> None:
    rehearsal = rehearse(maxPerRack=1)
    first, other = web("first"), make_pod("other").req(cpu="1")
    rehearsal.add(node("a1", "a"), first, other)
    rehearsal.run()
    rehearsal.add(web("last"))
    rehearsal.run()
    rehearsal.delete(other)
    rehearsal.advance(seconds=20)
    assert len(rehearsal.events_of("last")) == 1
    rehearsal.delete(first)
    rehearsal.advance(seconds=20)
    assert rehearsal.node_of("last") == "a1"


def test_pods_without_an_app_go_anywhere() -> None:
    rehearsal = rehearse(maxPerRack=1)
    rehearsal.add(make_node("rackless").capacity(cpu="8"), make_pod("a").req(cpu="1"))
    rehearsal.run()
    assert rehearsal.node_of("a") == "rackless"


def test_a_limit_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="maxPerRack must be 1 or more, not 0"):
        rehearse(maxPerRack=0)


def test_the_configuration_allows_two_a_rack() -> None:
    rehearsal = Rehearsal(configuration=Path(__file__).with_name("scheduler.yaml"))
    pods = [web() for _ in range(3)]
    rehearsal.add(node("a1", "a"), *pods)
    rehearsal.run()
    assert [rehearsal.node_of(pod) for pod in pods] == ["a1", "a1", None]
