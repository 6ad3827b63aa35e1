"""Counting failures: nothing is counted twice, nothing is forgotten, and each has its budget."""

from collections.abc import Sequence
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from shoal.api.batch import Job
from shoal.api.pod import Pod
from shoal.api.worker import ObjectTally, WorkerSpec, WorkerStatus
from shoal.controllers.worker.budgets import (
    OwnedPods,
    budget_sentence,
    count_failures,
    must_give_up,
    used_up,
)


def make_pod(uid: str, phase: str = "Running", restarts: int = 0, **more: Any) -> Pod:
    ended = {"exitCode": 1, "reason": "Error", "finishedAt": "2026-01-01T00:00:00Z"}
    state = {"terminated": ended} if phase == "Failed" else {"running": {}}
    status = {"name": "c", "restartCount": restarts, "state": state}
    if restarts:
        status["lastState"] = {"terminated": ended}
    manifest = {
        "metadata": {"uid": uid, "name": uid, **more.pop("metadata", {})},
        "status": {"phase": phase, "containerStatuses": [status], **more},
    }
    return msgspec.convert(manifest, Pod)


def after(
    status: WorkerStatus,
    *pods: Pod,
    gone: Sequence[Pod] = (),
    counts_deleted: bool = True,
    parallelism: int | None = None,
) -> WorkerStatus:
    owned = OwnedPods(
        name="w-1",
        pods=pods,
        gone=gone,
        counts_deleted=counts_deleted,
        parallelism=parallelism,
    )
    count = count_failures(status, [owned])
    return WorkerStatus(
        application_failures=count.application,
        infrastructure_failures=count.infrastructure,
        restarts=count.restarts,
        tallies=list(count.tallies),
    )


def numbers(status: WorkerStatus) -> tuple[int, int]:
    return status.application_failures, status.infrastructure_failures


def test_each_restart_is_a_failure_of_the_program():
    status = after(WorkerStatus(), make_pod("a", restarts=2))
    assert numbers(status) == (2, 0)
    assert numbers(after(status, make_pod("a", restarts=3))) == (3, 0)


def test_an_evicted_pod_is_a_failure_of_the_infrastructure():
    evicted = make_pod("a", "Failed", reason="Evicted")
    assert numbers(after(WorkerStatus(), evicted)) == (0, 1)


def test_a_container_whose_end_nobody_saw_is_one_too():
    unseen = {"exitCode": 137, "reason": "ContainerStatusUnknown"}
    status = {"name": "c", "restartCount": 1, "lastState": {"terminated": unseen}}
    pod = msgspec.convert(
        {"metadata": {"uid": "a"}, "status": {"phase": "Running", "containerStatuses": [status]}},
        Pod,
    )
    assert numbers(after(WorkerStatus(), pod)) == (0, 1)


def test_a_pod_that_is_gone_is_one_unless_it_went_on_purpose():
    status = after(WorkerStatus(), make_pod("a"))
    assert numbers(after(status)) == (0, 1)
    assert numbers(after(status, counts_deleted=False)) == (0, 0)


def test_a_pod_that_came_and_went_between_two_looks_is_counted_once():
    gone = [make_pod("a"), make_pod("b", "Failed"), make_pod("c", "Succeeded")]
    status = after(WorkerStatus(), gone=gone)
    assert numbers(status) == (1, 1)
    assert numbers(after(status, gone=gone)) == (1, 1)
    assert numbers(after(status)) == (1, 1)


def test_a_pod_that_was_known_is_not_counted_again_when_it_is_gone():
    status = after(WorkerStatus(), make_pod("a"), make_pod("b"))
    gone = [make_pod("a"), make_pod("b", "Failed")]
    assert numbers(after(status, gone=gone)) == (1, 1)


def test_what_went_on_purpose_is_not_counted_later_either():
    status = after(WorkerStatus(), make_pod("a"))
    gone = [make_pod("a"), make_pod("b")]
    status = after(status, gone=gone, counts_deleted=False)
    assert numbers(after(status, gone=gone)) == (0, 0)


def test_a_program_that_had_ended_before_its_pod_was_deleted_failed_by_itself():
    times = {
        "deletionTimestamp": "2026-01-01T00:01:00Z",
        "deletionGracePeriodSeconds": 30,
    }
    assert numbers(after(WorkerStatus(), make_pod("a", "Failed", metadata=times))) == (1, 0)
    earlier = {**times, "deletionTimestamp": "2026-01-01T00:00:10Z"}
    assert numbers(after(WorkerStatus(), make_pod("a", "Failed", metadata=earlier))) == (0, 1)


DELETING = {"deletionTimestamp": "2026-01-01T00:01:00Z", "deletionGracePeriodSeconds": 30}


def make_deleting(uid: str, phase: str = "Running", **more: Any) -> Pod:
    return make_pod(uid, phase, metadata=DELETING, **more)


def test_pods_that_are_too_many_are_deleted_on_purpose_whatever_is_wanted_afterwards():
    status = after(WorkerStatus(), *[make_pod(uid) for uid in "abcdef"], parallelism=6)
    leaving = [make_deleting(uid) for uid in "cdef"]
    status = after(status, make_pod("a"), make_pod("b"), *leaving, parallelism=2)
    ended = make_deleting("c", "Failed")
    status = after(status, make_pod("a"), make_pod("b"), ended, gone=leaving[1:], parallelism=6)
    assert numbers(after(status, make_pod("a"), make_pod("b"), parallelism=6)) == (0, 0)
    assert numbers(after(status, make_pod("a"), parallelism=2)) == (0, 1)


def test_no_more_are_forgiven_than_there_were_too_many():
    status = after(WorkerStatus(), *[make_pod(uid) for uid in "abcd"], parallelism=4)
    assert numbers(after(status, make_pod("a"), parallelism=2)) == (0, 1)


def test_a_pod_that_was_replaced_while_it_was_deleted_is_counted():
    status = after(WorkerStatus(), make_pod("a"), parallelism=1)
    status = after(status, make_deleting("a"), parallelism=1)
    status = after(status, make_deleting("a"), make_pod("b"), parallelism=1)
    assert numbers(after(status, make_pod("b"), parallelism=1)) == (0, 1)


def test_pods_that_were_taken_or_failed_are_counted_where_there_are_too_many():
    status = after(WorkerStatus(), *[make_pod(uid) for uid in "abcd"], parallelism=4)
    taken = {"type": "DisruptionTarget", "status": "True", "reason": "EvictionByEvictionAPI"}
    lost = make_deleting("c", conditions=[taken])
    status = after(status, make_pod("a"), make_pod("b", "Failed"), gone=[lost], parallelism=1)
    assert numbers(status) == (1, 1)


def test_a_pod_that_was_gone_before_a_container_was_started_is_no_failure():
    manifest = {"metadata": {"uid": "a", "name": "a"}, "status": {"phase": "Pending"}}
    assert numbers(after(WorkerStatus(), gone=[msgspec.convert(manifest, Pod)])) == (0, 0)


def test_the_two_budgets_are_apart():
    spec = WorkerSpec(mode="Batch", retries=1, infrastructure_retries=2)
    job = msgspec.convert({"spec": {"backoffLimit": 4}}, Job)
    within = ObjectTally(name="w-1", application_failures=1, infrastructure_failures=2)
    assert used_up(within, spec) is None
    assert not must_give_up(job, within, spec)
    beyond = ObjectTally(name="w-1", application_failures=2)
    assert must_give_up(job, beyond, spec)
    assert "spec.retries, 1" in budget_sentence(beyond, spec)
    lost = ObjectTally(name="w-1", infrastructure_failures=3)
    assert "spec.infrastructureRetries, 2" in budget_sentence(lost, spec)


FATES = st.lists(
    st.tuples(st.integers(0, 3), st.sampled_from(["restart", "fail", "evict", "vanish", "look"])),
    max_size=30,
)


@given(FATES)
def test_every_failure_is_counted_once_whoever_looks_and_how_often(
    fates: list[tuple[int, str]],
):
    """Each change is looked at, some twice, some from an old picture that is then refused."""
    alive: dict[int, int] = {}
    ended: dict[str, Pod] = {}
    status, born = WorkerStatus(), 0
    application = infrastructure = 0
    slots: dict[int, str] = {}
    for slot, fate in fates:
        if slot not in alive:
            born += 1
            alive[slot], slots[slot] = 0, f"p{born}"
            status = after(status, *_pods(alive, slots, ended))
        uid = slots[slot]
        if fate == "restart":
            alive[slot] += 1
            application += 1
        elif fate == "fail":
            ended[uid] = make_pod(uid, "Failed", alive.pop(slot))
            application += 1
        elif fate == "evict":
            ended[uid] = make_pod(uid, "Failed", alive.pop(slot), reason="Evicted")
            infrastructure += 1
        elif fate == "vanish":
            del alive[slot]
            infrastructure += 1
        for _ in range(2):
            status = after(status, *_pods(alive, slots, ended))
        assert numbers(status) == (application, infrastructure)


def _pods(alive: dict[int, int], slots: dict[int, str], ended: dict[str, Pod]) -> list[Pod]:
    running = [make_pod(slots[slot], restarts=count) for slot, count in alive.items()]
    return [*running, *ended.values()]
