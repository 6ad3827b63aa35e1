"""Shoal's own division: shares along the tree, borrowing, and who gives back."""

from shoal.scheduler.fairness.queue_policy import QueueClaim, Shortage
from tests.unit.scheduler.fairness.shared_clusters import (
    FAIR,
    GPU,
    listed,
    nodes,
    of,
    pod,
    queue,
    reclaims,
    round_of,
)

FOUR_CORES = nodes(4)


def cpu_of(policy, *names: str) -> list[float]:
    return [policy.deserved(each).get("cpu", 0) / 1000 for each in names]


def test_weights_of_1_and_3_let_jobs_of_1_and_3_cpus_run():
    policy = round_of(
        FAIR,
        FOUR_CORES,
        [queue("a", weight=1), queue("b", weight=3)],
        waits={"a": [pod(1)], "b": [pod(3)]},
    )
    assert cpu_of(policy, "a", "b") == [1, 3]
    for name, size in (("a", 1), ("b", 3)):
        assert policy.shortage(name, pod(size)) is None
        policy.allocate(name, pod(size))
    assert policy.share("a") == policy.share("b") == 1


def test_a_queue_alone_borrows_everything_and_gives_the_large_job_back():
    policy = round_of(
        FAIR,
        FOUR_CORES,
        [queue("a", weight=1), queue("b", weight=3)],
        holds={"a": [pod(1), pod(3)]},
        waits={"b": [pod(3)]},
    )
    assert policy.order_key("b") < policy.order_key("a")
    assert reclaims(policy, ("b", pod(3)), ("a", pod(3)))
    policy.release("a", pod(3))
    assert not reclaims(policy, ("b", pod(3)), ("a", pod(1)))


def test_a_queue_never_exceeds_its_capability():
    policy = round_of(
        FAIR, FOUR_CORES, [queue("a", capability=listed(2))], waits={"a": [pod(1), pod(3)]}
    )
    assert policy.shortage("a", pod(1)) is None
    policy.allocate("a", pod(1))
    assert policy.shortage("a", pod(3)) == Shortage("a", ("cpu",))
    assert policy.deserved("a")["cpu"] == 2000


def test_a_queue_that_is_not_reclaimable_gives_nothing():
    policy = round_of(
        FAIR,
        FOUR_CORES,
        [queue("a", reclaimable=False), queue("b")],
        holds={"a": [pod(3)]},
        waits={"b": [pod(2)]},
    )
    assert policy.may_reclaim("b", pod(2))
    assert not reclaims(policy, ("b", pod(2)), ("a", pod(3)))


def test_of_two_jobs_larger_than_what_their_queues_deserve_none_evicts_the_other():
    policy = round_of(
        FAIR,
        FOUR_CORES,
        [queue("a"), queue("b")],
        holds={"a": [pod(3)]},
        waits={"b": [pod(3)]},
    )
    assert cpu_of(policy, "a", "b") == [2, 2]
    assert not policy.may_reclaim("b", pod(3))
    assert policy.order_key("b") < policy.order_key("a")  # But it is next.


def test_two_gpus_of_three_are_deserved_by_one_gang_of_two():
    waits = {"a": [pod(gpu=1)] * 2, "b": [pod(gpu=1)] * 2}
    policy = round_of(FAIR, nodes(9, gpu=3), [queue("a"), queue("b")], waits=waits)
    assert [policy.deserved(each)[GPU] for each in "ab"] == [2, 1]


def test_the_named_deserved_comes_first_and_the_rest_is_divided_by_weight():
    waits = {each: [pod(20)] for each in "abc"}
    policy = round_of(
        FAIR,
        nodes(10),
        [queue("a", deserved=listed(4)), queue("b", weight=1), queue("c", weight=2)],
        waits=waits,
    )
    assert cpu_of(policy, "a", "b", "c") == [4, 2, 4]


def test_a_named_deserved_that_is_not_asked_for_is_divided_among_the_others():
    policy = round_of(
        FAIR,
        nodes(10),
        [queue("a", deserved=listed(4)), queue("b"), queue("c")],
        waits={"a": [pod(1)], "b": [pod(20)], "c": [pod(20)]},
    )
    assert cpu_of(policy, "a", "b", "c") == [1, 4.5, 4.5]


def test_named_deserveds_beyond_the_cluster_are_met_in_proportion():
    waits = {each: [pod(20)] for each in "ab"}
    policy = round_of(
        FAIR,
        nodes(6),
        [queue("a", deserved=listed(8)), queue("b", deserved=listed(4))],
        waits=waits,
    )
    assert cpu_of(policy, "a", "b") == [4, 2]


def test_a_guarantee_is_kept_free_for_its_queue():
    policy = round_of(
        FAIR,
        FOUR_CORES,
        [queue("a", guarantee={"resource": listed(2)}), queue("b"), queue("c")],
        holds={"b": [pod(1)]},
        waits={"c": [pod(1)] * 2},
    )
    assert cpu_of(policy, "a", "b", "c") == [2, 1, 1]
    assert policy.shortage("c", pod(1)) is None
    policy.allocate("c", pod(1))
    assert policy.shortage("c", pod(1)) == Shortage("root", ("cpu",))
    assert policy.shortage("a", pod(2)) is None
    policy.allocate("a", pod(2))
    policy.release("b", pod(1))
    assert policy.shortage("c", pod(1)) is None


def test_room_is_kept_inside_a_family_for_a_guaranteed_child():
    queues = [
        queue("p", guarantee={"resource": listed(2)}),
        queue("a", parent="p", guarantee={"resource": listed(2)}),
        queue("b", parent="p"),
    ]
    policy = round_of(FAIR, FOUR_CORES, queues, waits={"b": [pod(3)]})
    assert policy.shortage("b", pod(2)) is None
    assert policy.shortage("b", pod(3)) == Shortage("root", ("cpu",))


def test_nobody_is_reclaimed_below_its_guarantee():
    policy = round_of(
        FAIR,
        FOUR_CORES,
        [queue("a", guarantee={"resource": listed(1)}), queue("b")],
        holds={"a": [pod(4)]},
        waits={"b": [pod(1)]},
    )
    assert not reclaims(policy, ("b", pod(1)), ("a", pod(4)))
    assert reclaims(policy, ("b", pod(1)), ("a", pod(3)))


def test_a_family_shares_what_its_parent_deserves():
    queues = [queue("p", weight=3), queue("a", parent="p"), queue("b", parent="p"), queue("c")]
    waits = {each: [pod(20)] for each in "abc"}
    policy = round_of(FAIR, nodes(8), queues, waits=waits)
    assert cpu_of(policy, "p", "a", "b", "c") == [6, 3, 3, 2]


def test_a_child_takes_from_its_sibling_when_the_family_has_its_share():
    queues = [queue("p"), queue("a", parent="p"), queue("b", parent="p"), queue("c")]
    policy = round_of(
        FAIR,
        nodes(8),
        queues,
        holds={"a": [pod(1)] * 4, "c": [pod(1)] * 4},
        waits={"b": [pod(1)] * 4, "c": [pod(1)]},
    )
    assert reclaims(policy, ("b", pod(1)), ("a", pod(1)))
    policy.allocate("c", pod(1))  # Now the other family is beyond its share, too.
    assert not reclaims(policy, ("b", pod(1)), ("c", pod(1)))  # This one has its own already.
    assert policy.victim_order_key("a", "b") < policy.victim_order_key("c", "b")


def test_a_queue_may_use_what_its_siblings_leave_of_the_share_of_their_parent():
    queues = [queue("p"), queue("a", parent="p"), queue("b", parent="p"), queue("c")]
    policy = round_of(
        FAIR,
        nodes(8),
        queues,
        holds={"a": [pod(1)] * 4, "b": [], "c": [pod(1)] * 4},
        waits={"c": [pod(1)]},
    )
    assert not reclaims(policy, ("c", pod(1)), ("a", pod(1)))


def test_only_a_resource_that_both_pods_use_makes_a_victim():
    policy = round_of(
        FAIR,
        nodes(4, 8),
        [queue("a"), queue("b")],
        holds={"a": [pod(0, 3), pod(0, 3), pod(1)], "b": []},
        waits={"b": [pod(1, 4), pod(1)]},
    )
    assert not reclaims(policy, ("b", pod(1)), ("a", pod(0, 3)))
    assert not reclaims(policy, ("b", pod(1, 4)), ("a", pod(1)))
    assert reclaims(policy, ("b", pod(1, 4)), ("a", pod(0, 3)))


def test_higher_priority_goes_first_and_gives_last():
    queues = [queue("a", priority=1), queue("b", priority=2), queue("c", priority=2)]
    policy = round_of(FAIR, nodes(9), queues, holds={"b": [pod(1)]}, waits={"c": [pod(1)]})
    assert sorted("abc", key=policy.order_key) == ["c", "b", "a"]
    assert sorted("abc", key=lambda each: policy.victim_order_key(each, "x"))[0] == "a"


def test_what_is_not_deserved_at_all_is_borrowed():
    policy = round_of(
        FAIR, nodes(4), [queue("a", deserved={"cpu": "0"}), queue("b")], holds={"a": [pod(1)]}
    )
    assert policy.share("a") == 1.25


def test_closed_unknown_and_inner_queues_get_nothing():
    queues = [queue("a", state="Closed"), queue("p"), queue("b", parent="p")]
    policy = round_of(FAIR, nodes(4), queues, waits={"a": [pod(1)], "p": [pod(1)]})
    assert policy.shortage("a", pod(1)) == Shortage("a", (), is_closed=True)
    assert policy.shortage("gone", pod(1)) == Shortage("gone", (), is_closed=True)
    assert policy.shortage("p", pod(1)) == Shortage("p", (), has_children=True)
    for name in ("a", "gone", "p"):
        assert policy.admission_shortage(name, of(1)) is not None
        assert not policy.may_reclaim(name, pod(1))
    assert not policy.gives(QueueClaim("gone", pod(1)), QueueClaim("b", pod(1)))
    assert sorted(["gone", "b", "a"], key=policy.order_key)[-1] == "gone"
    assert (policy.share("gone"), policy.deserved("gone")) == (0, {})
    policy.allocate("gone", pod(1))
    policy.admit("gone", of(1))


def test_groups_are_admitted_up_to_the_capability_on_the_way_up():
    queues = [queue("p", capability=listed(4)), queue("a", parent="p"), queue("b", parent="p")]
    policy = round_of(FAIR, nodes(9), queues, holds={"a": [pod(1)]}, inqueue={"b": of(1)})
    assert policy.admission_shortage("a", of(2)) is None
    policy.admit("a", of(2))
    assert policy.admission_shortage("b", of(1)) == Shortage("p", ("cpu",))


def test_a_group_that_its_queue_could_claim_is_within_its_share_before_it_asks():
    policy = round_of(FAIR, nodes(4), [queue("a"), queue("b")], holds={"a": [pod(4)], "b": []})
    assert cpu_of(policy, "a", "b") == [4, 0]
    assert policy.is_within_share("b", of(2))
    assert not policy.is_within_share("b", of(3))
    assert not policy.is_within_share("gone", of(1))
    policy.admit("b", of(1))
    assert not policy.is_within_share("b", of(2))
