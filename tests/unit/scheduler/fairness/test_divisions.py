"""What a round may ask when functions of its division are off."""

from datetime import UTC, datetime

import msgspec
import pytest

from shoal.scheduler.fairness.queue_policy import QueueClaim, Shortage
from shoal.scheduler.fairness.rules import Division, Rules
from tests.unit.scheduler.fairness.shared_clusters import (
    listed,
    nodes,
    of,
    pod,
    queue,
    round_of,
)

DIVISIONS = [Division.FAIR, Division.PROPORTION, Division.CAPACITY]


def one_full_queue(rules: Rules):
    queues = [queue("a", capability=listed(1), deserved=listed(1)), queue("b", state="Closed")]
    return round_of(
        rules, nodes(4), queues, holds={"a": [pod(1)]}, waits={"a": [pod(9)], "b": [pod(1)]}
    )


@pytest.mark.parametrize("division", DIVISIONS)
def test_everything_is_on_unless_said_otherwise(division: Division):
    policy = one_full_queue(Rules(division=division))
    assert policy.shortage("a", pod(1)) == Shortage("a", ("cpu",))
    assert policy.admission_shortage("a", of(1)) == Shortage("a", ("cpu",))
    assert not policy.may_reclaim("b", pod(1))
    assert not policy.gives(QueueClaim("a", pod(1)), QueueClaim("b", pod(1)))


@pytest.mark.parametrize("division", [*DIVISIONS, Division.NONE])
def test_a_function_that_is_off_answers_as_if_its_plugin_were_not_there(division: Division):
    rules = Rules(
        division=division,
        queue_order=False,
        overused=False,
        allocatable=False,
        preemptive=False,
        reclaimable=False,
        job_enqueued=False,
    )
    policy = one_full_queue(rules)
    assert policy.shortage("a", pod(9)) is None
    assert policy.shortage("b", pod(9)) is None
    assert policy.admission_shortage("a", of(9)) is None
    assert not policy.is_overused("a")
    assert policy.may_reclaim("b", pod(1))
    assert policy.gives(QueueClaim("a", pod(1)), QueueClaim("b", pod(1)))
    assert not policy.gives(QueueClaim("a", pod(1)), QueueClaim("a", pod(1)))


@pytest.mark.parametrize("division", [*DIVISIONS, Division.NONE])
def test_a_queue_that_does_not_exist_gets_nothing_whatever_is_off(division: Division):
    policy = one_full_queue(
        Rules(
            division=division,
            allocatable=False,
            preemptive=False,
            reclaimable=False,
            job_enqueued=False,
        )
    )
    assert policy.shortage("gone", pod(1)) == Shortage("gone", (), is_closed=True)
    assert policy.admission_shortage("gone", of(1)) == Shortage("gone", (), is_closed=True)
    assert not policy.may_reclaim("gone", pod(1))
    assert not policy.gives(QueueClaim("gone", pod(1)), QueueClaim("a", pod(1)))


def test_with_nobody_to_say_who_may_be_a_victim_nobody_is():
    silent = Rules(reclaimable=False, conformance_reclaimable=False, cooldown=False, pdb=False)
    for rules, gives in (
        (silent, False),
        (msgspec.structs.replace(silent, gang_reclaimable=True), True),
    ):
        policy = round_of(rules, nodes(4), [queue("a"), queue("b")])
        assert policy.gives(QueueClaim("a", pod(1)), QueueClaim("b", pod(1))) is gives


def test_pods_of_a_queue_that_is_not_reclaimable_stay_whatever_is_off():
    policy = round_of(
        Rules(division=Division.NONE), nodes(4), [queue("a", reclaimable=False), queue("b")]
    )
    assert not policy.gives(QueueClaim("a", pod(1)), QueueClaim("b", pod(1)))


def test_without_order_the_oldest_queue_goes_first_and_the_youngest_gives_first():
    def born(name: str, hour: int):
        made = queue(name, priority=hour)
        metadata = msgspec.structs.replace(
            made.metadata, creation_timestamp=datetime(2026, 1, 1, hour, tzinfo=UTC)
        )
        return msgspec.structs.replace(made, metadata=metadata)

    queues = [born("a", 2), born("b", 1), born("c", 3)]
    policy = round_of(Rules(queue_order=False), nodes(4), queues, holds={"b": [pod(1)]})
    assert sorted(["gone", *"abc"], key=policy.order_key) == ["b", "a", "c", "gone"]
    by_victims = sorted(["gone", *"abc"], key=lambda each: policy.victim_order_key(each, "x"))
    assert by_victims == ["c", "a", "b", "gone"]


def test_one_switch_leaves_the_others_as_they_are():
    policy = one_full_queue(Rules(allocatable=False))
    assert policy.shortage("a", pod(1)) is None
    assert policy.admission_shortage("a", of(1)) is not None
    assert policy.share("a") == 1
    assert policy.deserved("a")["cpu"] == 1000
    assert policy.is_within_share("a", {})
    policy.allocate("a", pod(1))
    assert policy.share("a") == 2
    policy.release("a", pod(1))
    policy.admit("a", of(1))
    assert policy.admission_shortage("a", of(1)) is not None
