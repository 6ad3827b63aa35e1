"""Which events wake a pod that a user's plugin rejected, and how soon."""

from typing import Any

import pytest

from shoal.scheduler.framework import status as statuses
from shoal.scheduler.framework.cluster_event import (
    ASSIGNED_POD_DELETE,
    NODE,
    POD,
    ActionType,
    ClusterEvent,
    QueueingHint,
    Registration,
)
from shoal.scheduler.framework.status import SUCCESS, Code, Status
from shoal.scheduler.queueing.rooms import Room
from shoal.testing import Rehearsal, make_node, make_pod
from tests.plugins import answering, plugin

POD_A = make_pod("a").req(cpu="1")
NODE_1 = make_node("n1").capacity(cpu="4", memory="8Gi")
LABEL_CHANGE = ClusterEvent(NODE, ActionType.UPDATE_NODE_LABEL)
NOT_YET = statuses.unschedulable("not yet")
PENDING = Status(Code.PENDING, ("not yet",))


def rejected(answer: Status = NOT_YET, **more: Any) -> Rehearsal:
    """Pod `a`, which the plugin has rejected once."""
    rehearsal = Rehearsal(plugin(filter=answering(answer), **more))
    rehearsal.add(NODE_1, POD_A)
    rehearsal.run()
    assert attempts(rehearsal) == 1
    return rehearsal


def attempts(rehearsal: Rehearsal) -> int:
    return len(rehearsal.events_of("a"))


def registering(*registrations: Registration) -> dict[str, Any]:
    return {"events_to_register": answering(registrations)}


def after(rehearsal: Rehearsal, *objects: Any) -> int:
    """How often the pod was tried, once these changes have happened and back-offs have passed."""
    rehearsal.add(*objects)
    rehearsal.advance(20)
    return attempts(rehearsal)


def test_a_plugin_that_registers_nothing_at_all_is_helped_by_every_event() -> None:
    assert after(rejected(), NODE_1.labels(rack="a")) == 2


def test_a_plugin_that_registers_an_empty_list_is_helped_by_none() -> None:
    rehearsal = rejected(**registering())
    assert after(rehearsal, NODE_1.labels(rack="a"), make_node("n2").capacity(cpu="4")) == 1


def test_only_events_that_are_registered_wake_the_pod() -> None:
    rehearsal = rejected(**registering(Registration(LABEL_CHANGE)))
    assert after(rehearsal, make_pod("b").req(cpu="1").node("n1")) == 1
    assert after(rehearsal, NODE_1.capacity(cpu="8")) == 1
    assert after(rehearsal, NODE_1.capacity(cpu="8").labels(rack="a")) == 2


def test_a_plugin_that_waits_for_nodes_is_woken_by_taints_too() -> None:
    rehearsal = rejected(**registering(Registration(ClusterEvent(NODE, ActionType.ADD))))
    assert after(rehearsal, NODE_1.labels(rack="a")) == 1
    assert after(rehearsal, NODE_1.labels(rack="a").taint("starting")) == 2


def test_pod_as_a_resource_means_placed_and_waiting_ones() -> None:
    rehearsal = rejected(**registering(Registration(ClusterEvent(POD, ActionType.ADD))))
    assert after(rehearsal, make_pod("b").req(cpu="1").node("n1")) == 2


def test_a_hint_sees_the_pod_and_the_object_before_and_after() -> None:
    seen: list[tuple[Any, ...]] = []

    def hint(pod: Any, before: Any, after: Any) -> QueueingHint:
        racks = [each and each.metadata.labels.get("rack", "") for each in (before, after)]
        seen.append((pod.name, *racks))
        return QueueingHint.QUEUE if racks[1] == "b" else QueueingHint.SKIP

    rehearsal = rejected(**registering(Registration(LABEL_CHANGE, hint)))
    assert after(rehearsal, NODE_1.labels(rack="a")) == 1
    assert after(rehearsal, NODE_1.labels(rack="b")) == 2
    assert seen == [("a", "", "a"), ("a", "a", "b")]


def test_a_hint_sees_what_is_gone() -> None:
    gone: list[str] = []

    def hint(pod: Any, before: Any, after: Any) -> QueueingHint:
        assert after is None
        gone.append(before.name)
        return QueueingHint.SKIP

    rehearsal = Rehearsal(
        plugin(
            filter=lambda state, pod, node: NOT_YET if pod.name == "a" else SUCCESS,
            **registering(Registration(ASSIGNED_POD_DELETE, hint)),
        )
    )
    other = make_pod("b").req(cpu="1")
    rehearsal.add(NODE_1, other, POD_A)
    rehearsal.run()
    rehearsal.delete(other)
    assert gone == ["b"]


def test_the_hint_of_a_plugin_that_did_not_reject_is_not_asked() -> None:
    def hint(*_: object) -> QueueingHint:
        raise AssertionError("asked")

    bystander = plugin(
        "Bystander", filter=answering(SUCCESS), **registering(Registration(LABEL_CHANGE, hint))
    )
    rehearsal = Rehearsal(plugin(filter=answering(NOT_YET), **registering()), bystander)
    rehearsal.add(NODE_1, POD_A)
    rehearsal.run()
    assert after(rehearsal, NODE_1.labels(rack="a")) == 1


@pytest.mark.parametrize(("answer", "delay_s"), [(NOT_YET, 2), (PENDING, 0)])
def test_a_pending_pod_is_tried_at_once_and_others_after_their_back_off(
    answer: Status, delay_s: int
) -> None:
    """Looked at before anything runs: an idle scheduler takes pods early out of their back-off."""
    rehearsal = rejected(answer, **registering(Registration(LABEL_CHANGE)))
    rehearsal.add(NODE_1.labels(rack="a"))
    room = Room.ACTIVE if delay_s == 0 else Room.BACKOFF
    assert rehearsal.scheduler.statistics()[room] == 1
    rehearsal.advance(delay_s)
    assert attempts(rehearsal) == 2


def test_a_pending_rejection_by_reserve_waits_for_its_event() -> None:
    rehearsal = Rehearsal(
        plugin(
            reserve=answering(PENDING),
            unreserve=answering(None),
            **registering(Registration(LABEL_CHANGE)),
        )
    )
    rehearsal.add(NODE_1, POD_A)
    rehearsal.run()
    assert after(rehearsal, NODE_1.capacity(cpu="8")) == 1
    rehearsal.add(NODE_1.capacity(cpu="8").labels(rack="a"))
    assert rehearsal.scheduler.statistics()[Room.ACTIVE] == 1


def test_a_pod_that_waited_five_minutes_is_tried_again_without_an_event() -> None:
    rehearsal = rejected(**registering())
    rehearsal.advance(299)
    assert attempts(rehearsal) == 1
    rehearsal.advance(2)
    assert attempts(rehearsal) == 2


def test_a_gated_pod_is_asked_about_again_after_events_of_its_gate_only() -> None:
    asked: list[str] = []

    def pre_enqueue(pod: Any) -> Status:
        asked.append(pod.name)
        return SUCCESS if len(asked) > 1 else NOT_YET

    rehearsal = Rehearsal(
        plugin(pre_enqueue=pre_enqueue, **registering(Registration(LABEL_CHANGE)))
    )
    rehearsal.add(NODE_1, POD_A)
    rehearsal.add(NODE_1.capacity(cpu="8"))
    rehearsal.run()
    assert asked == ["a"]
    rehearsal.add(NODE_1.capacity(cpu="8").labels(rack="a"))
    rehearsal.run()
    assert rehearsal.node_of("a") == "n1"
