"""The division of Volcano's capacity, by the cases that its own tables tell."""

import pytest

from shoal.scheduler.fairness.queue_policy import Shortage
from shoal.scheduler.fairness.rules import Rules
from tests.unit.scheduler.fairness.shared_clusters import (
    CAPACITY,
    FLAT_CAPACITY,
    capacity_to_level,
    listed,
    nodes,
    of,
    pod,
    queue,
    reclaims,
    round_of,
)


@pytest.mark.parametrize(("capability", "may"), [(2, True), (1.5, False)])
def test_c0_c1_the_capability_decides(capability: float, may: bool):
    queues = [queue("q", capability=listed(capability))]
    policy = round_of(FLAT_CAPACITY, nodes(4), queues, holds={"q": [pod(1)]})
    assert policy.shortage("q", pod(1)) == (None if may else Shortage("q", ("cpu",)))


def test_c2_a_queue_below_its_deserved_takes_from_one_above():
    deserved = listed(2, 4)
    policy = round_of(
        FLAT_CAPACITY,
        nodes(4, 8),
        [queue("q3", deserved=deserved), queue("q4", deserved=deserved)],
        holds={"q3": [pod(2, 4)] * 2},
        waits={"q4": [pod(2, 4)]},
    )
    assert policy.order_key("q4") < policy.order_key("q3")
    assert reclaims(policy, ("q4", pod(2, 4)), ("q3", pod(2, 4)))
    policy.release("q3", pod(2, 4))
    assert not reclaims(policy, ("q4", pod(2, 4)), ("q3", pod(2, 4)))


def test_c3_beyond_in_cpu_and_memory_a_queue_may_still_claim_its_devices():
    policy = round_of(
        FLAT_CAPACITY,
        nodes(16, 64, a100=20),
        [
            queue("q5", deserved=listed(8, 8, a100=10)),
            queue("q6", deserved=listed(1, 1, a100=10)),
        ],
        holds={"q5": [pod(1, 1, a100=10)] * 2, "q6": [pod(4, 4)]},
        waits={"q6": [pod(a100=10)]},
    )
    assert reclaims(policy, ("q6", pod(a100=10)), ("q5", pod(1, 1, a100=10)))


def test_c4_the_highest_priority_goes_first():
    queues = [queue(f"q{n}", priority=n, capability=listed(2)) for n in (5, 1, 10)]
    policy = round_of(FLAT_CAPACITY, nodes(2), queues)
    assert min(["q5", "q1", "q10"], key=policy.order_key) == "q10"


@pytest.mark.parametrize(("cpu", "may"), [(1, True), (2, False)])
def test_c5_c6_one_resource_within_the_deserved_is_enough(cpu: int, may: bool):
    policy = round_of(
        FLAT_CAPACITY,
        nodes(4, 8),
        [queue("q9"), queue("q10", deserved=listed(2, 2))],
        holds={"q9": [pod(1, 1)], "q10": [pod(cpu, 3)]},
        waits={"q10": [pod(1, 1)]},
    )
    assert reclaims(policy, ("q10", pod(1, 1)), ("q9", pod(1, 1))) is may


def test_c7_a_queue_within_its_deserved_gives_nothing():
    policy = round_of(
        FLAT_CAPACITY,
        nodes(4, 8),
        [queue("a", deserved=listed(2, 4)), queue("b", deserved=listed(2, 4))],
        holds={"a": [pod(2, 4)]},
        waits={"b": [pod(2, 4)]},
    )
    assert not reclaims(policy, ("b", pod(2, 4)), ("a", pod(2, 4)))


def test_c8_only_what_the_reclaimer_asks_for_is_taken():
    policy = round_of(
        FLAT_CAPACITY,
        nodes(4, 8, gpu=1),
        [
            queue("queue17", deserved=listed(2, 2)),
            queue("queue18", deserved=listed(2, 4, gpu=1)),
        ],
        holds={"queue17": [pod(0, 4), pod(1), pod(gpu=1)], "queue18": [pod(2, 4)]},
        waits={"queue18": [pod(1, gpu=1)]},
    )
    taken = [
        victim
        for victim in (pod(0, 4), pod(1), pod(gpu=1))
        if reclaims(policy, ("queue18", pod(1, gpu=1)), ("queue17", victim))
    ]
    assert taken == [pod(gpu=1)]


def test_c9_what_a_queue_does_not_name_does_not_make_it_exceed():
    policy = round_of(
        FLAT_CAPACITY,
        nodes(8, gpu=4),
        [queue("a", deserved=listed(gpu=2)), queue("b", deserved=listed(4))],
        holds={"a": [pod(4, gpu=1)]},
        waits={"b": [pod(4)]},
    )
    assert not reclaims(policy, ("b", pod(4)), ("a", pod(4, gpu=1)))


def test_c10_beyond_the_capability_nobody_reclaims():
    policy = round_of(
        FLAT_CAPACITY,
        nodes(8, 8),
        [queue("a"), queue("b", capability=listed(2), deserved=listed(2, 4))],
        holds={"a": [pod(4, 4)], "b": [pod(2, 1)]},
        waits={"b": [pod(1, 1)]},
    )
    assert not policy.may_reclaim("b", pod(1, 1))


@pytest.mark.parametrize("rules", [FLAT_CAPACITY, CAPACITY])
def test_r5_a_closed_queue_does_not_reclaim(rules: Rules):
    policy = round_of(
        rules,
        nodes(3),
        [queue("q1"), queue("q2", state="Closed", deserved=listed(1))],
        holds={"q1": [pod(1)] * 3},
        waits={"q2": [pod(1)]},
    )
    assert not policy.may_reclaim("q2", pod(1))


def test_h1_only_queues_without_children_hold_pods():
    policy = round_of(CAPACITY, nodes(4), [queue("p"), queue("a", parent="p")])
    assert policy.shortage("p", pod(1)) == Shortage("p", (), has_children=True)
    assert policy.admission_shortage("p", of(1)) == Shortage("p", (), has_children=True)
    assert policy.shortage("a", pod(1)) is None


def test_h3_the_sibling_gives_before_another_branch():
    two = {"capability": listed(4, 4), "deserved": listed(2, 2)}
    policy = round_of(
        CAPACITY,
        nodes(8, 8),
        [
            queue("q3", capability=listed(4, 4), deserved=listed(4, 4)),
            queue("q31", parent="q3", **two),
            queue("q32", parent="q3", **two),
            queue("q4", **two),
        ],
        holds={"q4": [pod(4, 4)], "q31": [pod(2, 2)] * 2},
        waits={"q32": [pod(2, 2)]},
    )
    assert reclaims(policy, ("q32", pod(2, 2)), ("q31", pod(2, 2)))
    assert reclaims(policy, ("q32", pod(2, 2)), ("q4", pod(4, 4)))
    assert policy.victim_order_key("q31", "q32") < policy.victim_order_key("q4", "q32")


def test_h4_the_limit_of_the_parent_binds_its_children_together():
    queues = [queue("p", capability=listed(4)), *(queue(each, parent="p") for each in "abc")]
    policy = round_of(CAPACITY, nodes(8), queues, holds={"a": [pod(2)], "b": [pod(2)]})
    assert policy.shortage("c", pod(3)) == Shortage("p", ("cpu",))


def test_h5_what_a_child_does_not_limit_is_limited_as_in_its_parent():
    queues = [queue("p", capability=listed(2, 4)), queue("a", parent="p", capability=listed(4))]
    policy = round_of(CAPACITY, nodes(8, 8), queues)
    assert policy.shortage("a", pod(3)) == Shortage("a", ("cpu",))
    assert policy.shortage("a", pod(1, 5)) == Shortage("a", ("memory",))


def test_h6_two_groups_in_different_children_share_the_limit_of_the_parent():
    queues = [
        queue("q6", capability=listed(2, 4)),
        queue("q61", parent="q6"),
        queue("q62", parent="q6"),
    ]
    policy = round_of(CAPACITY, nodes(8, 8), queues)
    assert policy.admission_shortage("q61", of(2, 4)) is None
    policy.admit("q61", of(2, 4))
    assert policy.admission_shortage("q62", of(2, 4)) == Shortage("q6", ("cpu", "memory"))


def test_h12_a_queue_that_names_nothing_gives_what_another_deserves():
    policy = round_of(
        CAPACITY,
        nodes(16, a100=4),
        [queue("a", deserved=listed(a100=2)), queue("b")],
        holds={"b": [pod(1, a100=1)] * 4},
        waits={"a": [pod(1, a100=1)]},
    )
    assert reclaims(policy, ("a", pod(1, a100=1)), ("b", pod(1, a100=1)))
    assert policy.share("b") == 1


def test_l1_a_leaf_claims_what_its_parent_deserves_from_level_1_on():
    for level, may in ((0, False), (1, True)):
        policy = round_of(
            capacity_to_level(level),
            nodes(16, 16, a100=4),
            [
                queue("queue1", deserved=listed(a100=1)),
                queue("queue11", parent="queue1"),
                queue("queue2"),
            ],
            holds={"queue2": [pod(1, 1, a100=4)]},
            waits={"queue11": [pod(1, 1, a100=1)]},
        )
        reclaimer = ("queue11", pod(1, 1, a100=1))
        assert reclaims(policy, reclaimer, ("queue2", pod(1, 1, a100=4))) is may


@pytest.mark.parametrize(("level", "may"), [(0, True), (1, True), (2, False)])
def test_l5_l7_ancestors_of_the_victim_within_their_deserved_protect_it(level: int, may: bool):
    def branch(letter: str, grand: int, below: int):
        return [
            queue(f"grand-{letter}", capability=listed(4), deserved=listed(grand)),
            queue(f"parent-{letter}", parent=f"grand-{letter}", deserved=listed(below)),
            queue(f"queue-{letter}", parent=f"parent-{letter}", deserved=listed(below)),
        ]

    policy = round_of(
        capacity_to_level(level),
        nodes(2),
        branch("a", 2, 2) + branch("b", 3, 1),
        holds={"queue-b": [pod(2)]},
        waits={"queue-a": [pod(2)]},
    )
    assert reclaims(policy, ("queue-a", pod(2)), ("queue-b", pod(2))) is may


def test_siblings_do_not_claim_from_each_other_what_their_parent_deserves():
    queues = [queue("p", deserved=listed(4)), queue("a", parent="p"), queue("b", parent="p")]
    policy = round_of(
        capacity_to_level(1),
        nodes(8),
        queues,
        holds={"a": [pod(3)]},
        waits={"b": [pod(1)]},
    )
    assert not reclaims(policy, ("b", pod(1)), ("a", pod(3)))


def test_two_queues_that_each_exceed_in_something_else_do_not_evict_each_other_in_turn():
    """Volcano lets them."""
    queues = [queue("a", deserved=listed(2, 2)), queue("b", deserved=listed(2, 2))]
    policy = round_of(
        FLAT_CAPACITY,
        nodes(4, 4),
        queues,
        holds={"a": [pod(1, 3)], "b": [pod(3, 1)]},
        waits={"a": [pod(1, 1)]},
    )
    assert policy.may_reclaim("a", pod(1, 1))
    assert not reclaims(policy, ("a", pod(1, 1)), ("b", pod(3, 1)))


def test_a_guarantee_is_neither_used_by_others_nor_taken():
    queues = [queue("a", guarantee={"resource": listed(3)}), queue("b", deserved=listed(3))]
    policy = round_of(
        FLAT_CAPACITY, nodes(4), queues, holds={"a": [pod(1)] * 3}, waits={"b": [pod(1)]}
    )
    assert policy.deserved("a") == of(3)
    assert policy.deserved("b") == of(1)
    assert policy.shortage("b", pod(2)) == Shortage("b", ("cpu",))
    assert not reclaims(policy, ("b", pod(1)), ("a", pod(1)))


def test_a_group_that_holds_its_places_is_counted_once():
    queues = [queue("q1", capability=listed(4, 8))]
    policy = round_of(FLAT_CAPACITY, nodes(4, 8), queues, holds={"q1": [pod(1, 1)] * 3})
    assert policy.admission_shortage("q1", of(1, 1)) is None
    assert policy.shortage("q1", pod(1, 1)) is None


def test_a_queue_with_a_deserved_goes_before_one_without_at_equal_shares():
    queues = [queue("a"), queue("b", deserved=listed(1)), queue("c", deserved=listed(2))]
    policy = round_of(FLAT_CAPACITY, nodes(4), queues, holds={"b": [pod(1)], "c": [pod(1)]})
    assert sorted("abc", key=policy.order_key) == ["c", "b", "a"]


def test_unknown_queues_get_and_give_nothing():
    policy = round_of(CAPACITY, nodes(4), [queue("a", deserved=listed(4))])
    assert policy.shortage("gone", pod(1)) == Shortage("gone", (), is_closed=True)
    assert policy.admission_shortage("gone", of(1)) == Shortage("gone", (), is_closed=True)
    assert not reclaims(policy, ("gone", pod(1)), ("a", pod(1)))
    assert not reclaims(policy, ("a", pod(1)), ("gone", pod(1)))
    assert max(["gone", "a"], key=policy.order_key) == "gone"
    assert max(["gone", "a"], key=lambda each: policy.victim_order_key(each, "a")) == "gone"
