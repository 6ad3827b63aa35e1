"""Pods with gates stay out of the queue until the last gate is gone."""

from shoal.scheduler.framework.registry import Handle
from shoal.scheduler.framework.status import SUCCESS, Code
from shoal.scheduler.framework.waiting_pods import WaitingPods
from shoal.scheduler.plugins.scheduling_gates import SchedulingGates
from shoal.scheduler.state import pod_info
from shoal.scheduler.state.cache import Cache
from shoal.testing.builders import make_node, make_pod
from shoal.testing.rehearsal import Rehearsal


def test_the_gates_are_named() -> None:
    plugin = SchedulingGates({}, Handle(Cache().snapshot, WaitingPods()))
    gated = plugin.pre_enqueue(pod_info.of(make_pod("a").gate("x").gate("y").obj()))
    assert gated.code is Code.UNSCHEDULABLE_AND_UNRESOLVABLE
    assert gated.message == "waiting for scheduling gates: [x y]"
    assert plugin.pre_enqueue(pod_info.of(make_pod("a").obj())) == SUCCESS


def test_a_gated_pod_is_placed_when_its_last_gate_goes() -> None:
    rehearsal = Rehearsal()
    gated = make_pod("a").gate("x").gate("y")
    rehearsal.add(make_node("n").capacity(cpu="1"), gated)
    rehearsal.advance(600)
    assert rehearsal.node_of("a") is None
    assert rehearsal.events_of("a") == []
    rehearsal.add(make_pod("a").gate("y"))
    rehearsal.advance(600)
    assert rehearsal.node_of("a") is None
    rehearsal.add(make_pod("a"))
    rehearsal.run()
    assert rehearsal.node_of("a") == "n"
