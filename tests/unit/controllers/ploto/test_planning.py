"""What is decided for a pool: sizes, assignments, losses, reasons to wait."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shoal.api.meta import Condition, ObjectKey, ObjectMeta, OwnerReference, timestamp
from shoal.api.ploto import Assignment, DynamicExecutorPool, LastWords, Task
from shoal.api.pod import (
    ContainerState,
    ContainerStateTerminated,
    ContainerStatus,
    Pod,
    PodStatus,
)
from shoal.controllers.ploto.executor_pod import read_executor
from shoal.controllers.ploto.planning import Plan, plan_pool, why_waiting
from shoal.controllers.ploto.pool import PoolKey, read_dynamic
from shoal.controllers.ploto.pool_roster import Standing
from shoal.controllers.ploto.roster import Roster

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
KEY = PoolKey("Dynamic", "default", "pool")
IMAGE = "sidecar:1"


def a_pool(container: str = "work", **spec: Any) -> DynamicExecutorPool:
    fields = {"minExecutor": 2, "maxExecutor": 5, "container": {"name": container}, **spec}
    metadata = {"name": "pool", "namespace": "default", "uid": "pool-uid"}
    return msgspec.convert({"metadata": metadata, "spec": fields}, DynamicExecutorPool)


TEMPLATE = read_dynamic(a_pool(), IMAGE).template


def a_task(
    name: str = "task",
    *,
    version: int = 1,
    uid: str = "",
    priority: int = 0,
    created_s: int = 0,
    **status: Any,
) -> Task:
    content = {
        "metadata": {
            "name": name,
            "namespace": "default",
            "uid": uid or f"{name}-uid",
            "resourceVersion": str(version),
            "creationTimestamp": timestamp(NOW + timedelta(seconds=created_s)),
        },
        "spec": {"executorPool": "pool", "executorPoolType": "Dynamic", "priority": priority},
        "status": status,
    }
    return msgspec.convert(content, Task)


def a_pod(
    name: str = "pool-a",
    *,
    version: int = 1,
    uid: str = "",
    is_ready: bool = True,
    phase: str = "Running",
    template: str = TEMPLATE,
    told: Task | None = None,
    is_deleting: bool = False,
    created_at: datetime = NOW,
    taken: tuple[str, int] | None = None,
) -> Pod:
    annotations: dict[str, str] = {}
    if told is not None:
        assignment = Assignment(
            name=told.metadata.name,
            namespace="default",
            uid=told.metadata.uid,
            attempt=told.attempt,
        )
        annotations["ploto.io/task"] = msgspec.json.encode(assignment).decode()
    owner = OwnerReference(
        api_version="ploto.io/v1",
        kind="DynamicExecutorPool",
        name="pool",
        uid="pool-uid",
        controller=True,
    )
    metadata = ObjectMeta(
        name=name,
        namespace="default",
        uid=uid or f"{name}-uid",
        resource_version=str(version),
        creation_timestamp=created_at,
        deletion_timestamp=NOW if is_deleting else None,
        labels={
            "ploto.io/pool": "pool",
            "ploto.io/pool-type": "Dynamic",
            "ploto.io/template": template,
        },
        annotations=annotations,
        owner_references=[owner],
    )
    ready = Condition(type="Ready", status="True" if is_ready else "False")
    words = msgspec.json.encode(LastWords(taken=taken)).decode() if taken else ""
    ended = ContainerState(terminated=ContainerStateTerminated(message=words))
    sidecar = ContainerStatus(name="ploto-sidecar", state=ended)
    status = PodStatus(phase=phase, conditions=[ready], init_container_statuses=[sidecar])
    return Pod(metadata=metadata, status=status)


def a_roster(*objects: DynamicExecutorPool | Task | Pod) -> Roster:
    roster = Roster()
    for obj in objects:
        see(roster, obj)
    return roster


def see(roster: Roster, obj: DynamicExecutorPool | Task | Pod) -> None:
    match obj:
        case Task():
            roster.observe_task(obj)
        case Pod():
            executor = read_executor(obj)
            assert executor is not None
            roster.observe_executor(executor)
        case DynamicExecutorPool():
            roster.set_pool(read_dynamic(obj, IMAGE))


def plan(roster: Roster, now: datetime = NOW) -> Plan:
    return plan_pool(roster, roster.pool(KEY), now)


def assigned(found: Plan) -> list[tuple[str, str]]:
    return [(task.metadata.name, executor.name) for task, executor in found.assign]


def running(name: str = "task", pod: str = "pool-a", **more: Any) -> Task:
    return a_task(name, phase="Running", executorPodName=pod, **{"failedTime": 0, **more})


def test_a_new_pool_starts_with_its_initial_size() -> None:
    assert plan(a_roster(a_pool(initialExecutor=3))).create == 3
    assert plan(a_roster(a_pool())).create == 2


def test_a_known_pool_keeps_the_size_that_its_status_tells() -> None:
    pool = msgspec.structs.replace(a_pool(), status=msgspec.convert({"totalExecutor": 4}, STATUS))
    assert plan(a_roster(pool)).create == 4


STATUS = type(a_pool().status)


def test_a_task_goes_to_an_idle_ready_executor() -> None:
    starting = a_pod("pool-b", is_ready=False)
    found = plan(a_roster(a_pool(), a_task(), a_task("next"), a_pod("pool-a"), starting))
    assert assigned(found) == [("task", "pool-a")]


def test_higher_priority_goes_first_and_then_the_older() -> None:
    roster = a_roster(
        a_pool(maxExecutor=4, initialExecutor=4),
        a_task("young", created_s=2),
        a_task("old", created_s=1),
        a_task("high", created_s=3, priority=1),
        *(a_pod(f"pool-{n}") for n in "abc"),
    )
    assert [name for name, _ in assigned(plan(roster))] == ["high", "old", "young"]


def test_an_assignment_that_is_under_way_is_not_decided_again() -> None:
    roster = a_roster(a_pool(), a_task(), a_task("next"), a_pod())
    roster.begin(ObjectKey("default", "task"))
    roster.pool(KEY).assume("pool-a", ObjectKey("default", "task"))
    assert plan(roster).assign == []


@pytest.mark.parametrize(
    "pod",
    [
        a_pod(phase="Failed"),
        a_pod(is_deleting=True),
        a_pod(template="old"),
        a_pod(is_ready=False),
        a_pod(told=running(), version=2),
    ],
    ids=["dead", "leaving", "outdated", "starting", "busy"],
)
def test_no_other_executor_gets_a_task(pod: Pod) -> None:
    roster = a_roster(a_pool(), pod, a_task("next"))
    if pod.metadata.annotations:
        see(roster, running())
    assert plan(roster).assign == []


def test_old_news_of_a_task_changes_nothing() -> None:
    roster = a_roster(a_pool(), a_pod(), running(version=5))
    assert roster.observe_task(a_task(version=3)) == set()
    assert plan(roster).assign == []


def test_an_answer_for_a_task_that_is_gone_does_not_bring_it_back() -> None:
    roster = a_roster(a_pool(), a_pod(), a_task())
    roster.remove_task(ObjectKey("default", "task"))
    roster.answer_task(running(version=2))
    assert roster.task(ObjectKey("default", "task")) is None


def test_the_end_of_an_executor_may_be_seen_before_the_answer_to_its_creation() -> None:
    roster = a_roster(a_pool())
    roster.remove_executor(ObjectKey("default", "pool-a"), "pool-a-uid")
    see(roster, a_pod())
    assert roster.pool(KEY).living == 0


def test_a_running_task_whose_executor_is_dead_is_lost_and_buried_after_that() -> None:
    roster = a_roster(a_pool(), running(), a_pod(phase="Failed", told=running()))
    found = plan(roster)
    assert [(task.metadata.name, death) for task, death in found.lost] == [
        ("task", "its pod ended")
    ]
    assert found.bury == []
    see(roster, a_task(version=2, phase="Failed", executorPodName="pool-a"))
    found = plan(roster)
    assert (found.lost, [e.name for e in found.bury]) == ([], ["pool-a"])


def test_a_later_pod_of_the_same_name_is_not_the_executor() -> None:
    by_uid = running(executorPodUid="first-uid", startedAt=timestamp(NOW))
    by_age = running(startedAt=timestamp(NOW - timedelta(seconds=5)))
    for task in (by_uid, by_age):
        assert [t.metadata.name for t, _ in plan(a_roster(a_pool(), task, a_pod())).lost] == [
            "task"
        ]
    same = running(executorPodUid="pool-a-uid")
    assert plan(a_roster(a_pool(), same, a_pod(told=same))).lost == []


def test_an_executor_that_is_not_known_is_looked_for_first() -> None:
    found = plan(a_roster(a_pool(), running()))
    assert (len(found.unseen), found.lost) == (1, [])


def test_an_executor_that_was_not_told_is_told() -> None:
    found = plan(a_roster(a_pool(), running(), a_pod()))
    assert [(t.metadata.name, e.name) for t, e in found.deliver] == [("task", "pool-a")]


def test_of_two_tasks_on_one_executor_the_second_is_told_after_the_first() -> None:
    first, second = running("first"), running("second")
    roster = a_roster(a_pool(), first, second, a_pod(told=first))
    assert plan(roster).deliver == []
    see(roster, a_task("first", version=2, phase="Completed", executorPodName="pool-a"))
    assert [t.metadata.name for t, _ in plan(roster).deliver] == ["second"]


def test_a_shrinking_pool_gives_up_starting_executors_first_and_busy_ones_never() -> None:
    task = running(pod="pool-busy")
    roster = a_roster(
        a_pool(minExecutor=0, initialExecutor=4),
        task,
        a_pod("pool-busy", told=task),
        a_pod("pool-old"),
        a_pod("pool-new"),
        a_pod("pool-starting", is_ready=False),
    )
    names: list[list[str]] = []
    for target in (3, 2, 0):
        roster.pool(KEY).target = target
        names.append([e.name for e in plan(roster).retire])
    assert names == [
        ["pool-starting"],
        ["pool-starting", "pool-new"],
        ["pool-starting", "pool-new", "pool-old"],
    ]


def test_an_executor_that_has_to_go_gets_no_task_first() -> None:
    roster = a_roster(a_pool(minExecutor=0), a_pod("pool-a"), a_pod("pool-b"), a_task())
    roster.pool(KEY).target = 1
    found = plan(roster)
    assert [e.name for e in found.retire] == ["pool-b"]
    assert assigned(found) == [("task", "pool-a")]


def test_an_outdated_executor_is_replaced_when_it_is_idle() -> None:
    task = running(pod="pool-busy")
    roster = a_roster(
        a_pool(),
        task,
        a_pod("pool-busy", template="old", told=task),
        a_pod("pool-idle", template="old"),
    )
    found = plan(roster)
    assert ([e.name for e in found.retire], found.create) == (["pool-idle"], 1)


def test_the_executor_of_a_deleted_running_task_is_replaced() -> None:
    task = running()
    roster = a_roster(a_pool(), task, a_pod(told=task), a_pod("pool-b"))
    roster.remove_task(task.metadata.key)
    found = plan(roster)
    assert ([e.name for e in found.retire], found.create) == (["pool-a"], 1)


def test_executors_that_die_before_they_had_a_task_are_waited_for() -> None:
    roster = a_roster(a_pool())
    pool = roster.pool(KEY)
    pool.failed_starts, pool.last_failed_start = 3, NOW
    found = plan(roster, NOW + timedelta(seconds=1))
    assert (found.create, found.retry_after_s) == (0, 3.0)
    assert plan(roster, NOW + timedelta(seconds=4)).create == 2


def test_a_pool_that_is_gone_gets_no_executors_and_its_tasks_wait_for_it() -> None:
    roster = a_roster(a_pool(), a_pod(), a_task())
    roster.remove_pool(KEY)
    found = plan(roster)
    assert found.is_empty
    assert why_waiting(roster.pool(KEY), roster).reason == "PoolNotFound"


@pytest.mark.parametrize(
    ("objects", "reason"),
    [
        ((a_pool(minExecutor=0),), "PoolEmpty"),
        ((a_pool(),), "ExecutorsNotReady"),
        ((a_pool(), a_pod(is_ready=False)), "ExecutorsNotReady"),
        ((a_pool(), running(), a_pod(told=running())), "NoIdleExecutor"),
    ],
)
def test_a_task_that_waits_is_told_why(objects: tuple[Any, ...], reason: str) -> None:
    roster = a_roster(*objects)
    assert why_waiting(roster.pool(KEY), roster).reason == reason


def test_a_task_of_a_failing_pool_is_told_what_its_executors_die_of() -> None:
    roster = a_roster(a_pool(), a_pod(is_ready=False))
    pool = roster.pool(KEY)
    pool.failed_starts, pool.last_death = 1, "container work exited with code 1"
    found = why_waiting(pool, roster)
    assert found.reason == "ExecutorsFailing"
    assert found.message.endswith("die before they have a task: container work exited with code 1")


def test_a_task_that_names_the_other_type_of_pool_is_told_so() -> None:
    roster = a_roster(a_pool())
    wanted = roster.pool(KEY.of_other_type)
    found = why_waiting(wanted, roster)
    assert found.reason == "PoolOfOtherType"
    assert found.message.endswith("set executorPoolType to Dynamic")


def test_only_a_task_that_was_surely_not_taken_by_its_own_executor_is_given_back() -> None:
    task, told = running(), a_pod(phase="Failed", told=running(), taken=("task-uid", 1))
    assert len(plan(a_roster(a_pool(), task, told)).lost) == 1
    untold = a_pod(phase="Failed", taken=("other-uid", 1))
    found = plan(a_roster(a_pool(), task, untold))
    assert (found.lost, [t.metadata.name for t, _ in found.returned]) == ([], ["task"])
    found = plan(a_roster(a_pool(), running(executorPodUid="first-uid"), untold))
    assert (len(found.lost), found.returned) == (1, [])


# Random histories.

NAMES = st.sampled_from(["pool-a", "pool-b", "pool-c"])
TASK_NAMES = st.sampled_from(["t1", "t2", "t3", "t4"])
PHASES = st.sampled_from(["", "Pending", "Running", "Completed", "Failed"])


@st.composite
def histories(draw: st.DrawFn) -> list[Any]:
    """Objects in the order in which they are seen; later ones are newer."""
    seen: list[Any] = [a_pool(initialExecutor=draw(st.integers(2, 5)))]
    for version in range(1, draw(st.integers(1, 25))):
        kind = draw(st.sampled_from(["task", "pod", "task gone", "pod gone", "pool"]))
        if kind == "pool":
            seen.append(a_pool(draw(st.sampled_from(["work", "other"]))))
        elif kind.startswith("task"):
            task = a_task(
                draw(TASK_NAMES),
                version=version,
                uid=draw(st.sampled_from(["u1", "u2"])),
                phase=draw(PHASES),
                executorPodName=draw(NAMES),
                failedTime=draw(st.integers(0, 2)),
            )
            seen.append(task.metadata.key if "gone" in kind else task)
        else:
            pod = a_pod(
                draw(NAMES),
                version=version,
                uid=f"uid-{version}" if draw(st.booleans()) else "",
                is_ready=draw(st.booleans()),
                phase=draw(st.sampled_from(["Pending", "Running", "Failed"])),
                told=a_task(draw(TASK_NAMES), uid="u1") if draw(st.booleans()) else None,
                is_deleting=draw(st.booleans()),
            )
            seen.append((pod.metadata.key, pod.metadata.uid) if "gone" in kind else pod)
    return seen


@settings(max_examples=300, deadline=None)
@given(histories())
def test_a_plan_is_sound_and_depends_on_what_is_there_not_on_how_it_came(
    history: list[Any],
) -> None:
    roster = Roster()
    last: dict[Any, Any] = {}
    gone: set[str] = set()
    doomed = False
    for item in history:
        match item:
            case ObjectKey():
                known = last.get(("task", item))
                doomed |= known is not None and known.phase == "Running"
                roster.remove_task(item)
                last.pop(("task", item), None)
            case (key, uid):
                roster.remove_executor(key, uid)
                gone.add(uid)
                known = last.get(("pod", key))
                if known is not None and known.metadata.uid == uid:
                    del last["pod", key]
            case Task():
                known = last.get(("task", item.metadata.key))
                is_other = known is not None and known.metadata.uid != item.metadata.uid
                doomed |= is_other and known.phase == "Running"
                see(roster, item)
                last["task", item.metadata.key] = item
            case Pod():
                see(roster, item)
                if item.metadata.uid not in gone:
                    last["pod", item.metadata.key] = item
            case _:
                see(roster, item)
                last["pool"] = item
    pool = roster.pool(KEY)
    found = plan(roster)
    assert_sound(found, roster)

    fresh = a_roster(*last.values())
    for standing in Standing:
        names = {e.name for e in pool.executors(standing)}
        if not doomed:
            assert names == {e.name for e in fresh.pool(KEY).executors(standing)}, standing
    assert {t.metadata.key for t in pool.pending()} == {
        t.metadata.key for t in fresh.pool(KEY).pending()
    }
    if not doomed:
        assert pool.concerns == fresh.pool(KEY).concerns


def assert_sound(found: Plan, roster: Roster) -> None:
    pool = roster.pool(KEY)
    tasks = [task.metadata.key for task, _ in found.assign]
    executors = [executor.name for _, executor in found.assign]
    assert len(set(tasks)) == len(tasks)
    assert len(set(executors)) == len(executors)
    removed = {e.name for e in (*found.retire, *found.bury)}
    assert not removed & set(executors)
    for name in (*executors, *removed):
        assert not pool.running_on(name)
    assert pool.living - len(set(removed) & living_names(roster)) + found.create <= max(
        pool.target, pool.count(Standing.BUSY)
    )


def living_names(roster: Roster) -> set[str]:
    pool = roster.pool(KEY)
    standings = (Standing.STARTING, Standing.IDLE, Standing.BUSY)
    return {e.name for standing in standings for e in pool.executors(standing)}
