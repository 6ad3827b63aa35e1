"""The division of Volcano's proportion, with its own tables."""

from shoal.scheduler.fairness.divisions import policy_of
from shoal.scheduler.fairness.queue_policy import Shortage
from tests.unit.scheduler.fairness.shared_clusters import (
    GPU,
    PROPORTION,
    listed,
    nodes,
    of,
    pod,
    queue,
    reclaims,
    round_of,
    usage,
)


def two_queues(**more: object):
    """PR1: limits hold for each resource on its own."""
    return round_of(
        PROPORTION,
        nodes(4, 4),
        [queue("q1", capability=listed(2, 2)), queue("q2", capability=listed(3, 3))],
        holds={"q1": [pod(1, 2)], "q2": [pod(2, 1)]},
        **more,
    )


def test_pr1_a_pod_that_asks_only_for_what_is_left_is_admitted_and_placed():
    policy = two_queues(waits={"q1": [pod(1)], "q2": [pod(0, 1)]})
    for name, request, group in (("q1", pod(1), of(1)), ("q2", pod(0, 1), of(0, 1))):
        assert not policy.is_overused(name)
        assert policy.admission_shortage(name, group) is None
        assert policy.shortage(name, request) is None


def test_pr1_one_resource_beyond_the_capability_is_enough_for_a_no():
    policy = two_queues(waits={"q1": [pod(1, 1)]})
    assert policy.admission_shortage("q1", of(1, 1)) == Shortage("q1", ("memory",))
    assert policy.shortage("q1", pod(1, 1)) == Shortage("q1", ("memory",))


def test_pr1_a_closed_queue_admits_nothing():
    policy = round_of(PROPORTION, nodes(4, 4), [queue("q3", state="Closed")])
    closed = Shortage("q3", (), is_closed=True)
    assert policy.admission_shortage("q3", of(1)) == policy.shortage("q3", pod(1)) == closed
    assert not policy.may_reclaim("q3", pod(1))


def test_nobody_holds_more_than_it_deserves():
    policy = round_of(
        PROPORTION,
        nodes(4),
        [queue("a", weight=1), queue("b", weight=3)],
        waits={"a": [pod(1)] * 4, "b": [pod(3)]},
    )
    assert policy.shortage("a", pod(1)) is None
    policy.allocate("a", pod(1))
    assert policy.shortage("a", pod(1)) == Shortage("a", ("cpu",))


def test_a_queue_is_overused_when_it_holds_all_it_deserves_of_everything():
    policy = round_of(
        PROPORTION, nodes(2), [queue("a"), queue("b")], waits={"a": [pod(1)], "b": [pod(1)]}
    )
    assert not policy.is_overused("a")
    policy.allocate("a", pod(1))
    assert policy.is_overused("a")
    assert policy.is_overused("gone")


def test_a7_the_lowest_share_is_next_and_shares_are_taken_anew():
    policy = round_of(
        PROPORTION,
        nodes(5, 5),
        [queue("q-1"), queue("q-2")],
        holds={"q-1": [pod(1, 1)]},
        waits={"q-1": [pod(2, 2)], "q-2": [pod(2, 2), pod(1, 1)]},
    )
    assert policy.order_key("q-2") < policy.order_key("q-1")
    policy.allocate("q-2", pod(2, 2))
    assert policy.order_key("q-1") < policy.order_key("q-2")


def test_priority_goes_before_share():
    queues = [queue("q1", priority=5), queue("q2", priority=1), queue("q3", priority=10)]
    policy = round_of(PROPORTION, nodes(9), queues, holds={"q3": [pod(5)]})
    assert sorted(["q1", "q2", "q3"], key=policy.order_key) == ["q3", "q1", "q2"]


def test_r1_a_queue_below_its_share_takes_from_one_above():
    policy = round_of(
        PROPORTION,
        nodes(3, 3),
        [queue("q1"), queue("q2")],
        holds={"q1": [pod(1, 0.93)] * 3},
        waits={"q2": [pod(1, 0.93)]},
    )
    assert reclaims(policy, ("q2", pod(1, 0.93)), ("q1", pod(1, 0.93)))
    policy.release("q1", pod(1, 0.93))
    assert not reclaims(policy, ("q2", pod(1, 0.93)), ("q1", pod(1, 0.93)))


def test_r3_the_queue_of_lowest_priority_gives_first():
    one = pod(1, 0.93)
    policy = round_of(
        PROPORTION,
        nodes(4, 4),
        [queue("q1", priority=5), queue("q2", priority=10), queue("q3", priority=1)],
        holds={"q1": [one] * 2, "q2": [one] * 2},
        waits={"q3": [one]},
    )
    assert reclaims(policy, ("q3", one), ("q1", one))
    assert policy.victim_order_key("q1", "q3") < policy.victim_order_key("q2", "q3")


def test_r6_only_memory_is_short():
    one = pod(1, 0.93)
    policy = round_of(
        PROPORTION,
        nodes(10, 2),
        [queue("q1", priority=1), queue("q2", priority=2), queue("q3", weight=3)],
        holds={"q1": [one], "q2": [one]},
        waits={"q3": [pod(2, 0.93)]},
    )
    assert reclaims(policy, ("q3", pod(2, 0.93)), ("q1", one))
    policy.release("q1", one)
    assert not reclaims(policy, ("q3", pod(2, 0.93)), ("q1", one))


def test_a_fraction_strands_no_device():
    gang = [pod(gpu=1)] * 2
    policy = round_of(
        PROPORTION, nodes(9, gpu=3), [queue("a"), queue("b")], waits={"a": gang, "b": gang}
    )
    policy.allocate("a", pod(gpu=1))
    assert policy.shortage("a", pod(gpu=1)) is None
    policy.allocate("b", pod(gpu=1))
    assert policy.shortage("b", pod(gpu=1)) == Shortage("b", (GPU,))


def test_what_is_guaranteed_to_others_is_beyond_reach():
    policy = round_of(
        PROPORTION,
        nodes(4),
        [queue("a", guarantee={"resource": listed(3)}), queue("b")],
        waits={"b": [pod(2)]},
    )
    assert policy.deserved("b")["cpu"] == 1000
    assert policy.admission_shortage("b", of(2)) == Shortage("b", ("cpu",))
    assert policy.admission_shortage("b", of(1)) is None


def test_what_admitted_groups_may_still_take_counts_and_what_they_hold_beyond_does_not():
    queues = {"q": queue("q", capability=listed(4))}
    for inqueue, elastic, room in ((0, 0, 2), (1, 0, 1), (0, 1, 3)):
        used = usage([pod(2)], inqueue=of(inqueue))
        used.elastic = of(elastic)
        policy = policy_of(PROPORTION)(queues, {"q": used}, nodes(9))
        assert policy.admission_shortage("q", of(room)) is None
        assert policy.admission_shortage("q", of(room + 1)) == Shortage("q", ("cpu",))
        policy.admit("q", of(1))
        assert policy.admission_shortage("q", of(room)) == Shortage("q", ("cpu",))


def test_a_group_is_within_the_share_that_its_queue_has_by_weight():
    policy = round_of(
        PROPORTION, nodes(4), [queue("a"), queue("b")], holds={"a": [pod(4)], "b": []}
    )
    assert policy.is_within_share("b", of(2))
    assert not policy.is_within_share("b", of(3))
