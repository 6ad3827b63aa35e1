"""A controller: keys, results, failures, workers."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest

from shoal.api.meta import Object, ObjectKey, ObjectMeta, OwnerReference
from shoal.api.status import ApiError, already_exists, conflict, internal_error
from shoal.base.backoff import Backoff
from shoal.base.clock import VirtualClock
from shoal.client.workqueue import WorkQueue
from shoal.controllers.reconciler import Result
from shoal.controllers.runner import Controller, enqueue_owner, enqueue_self

A, B = ObjectKey("ns", "a"), ObjectKey("ns", "b")


class ScriptedReconciler:
    """Answers from a script, then with an empty result."""

    def __init__(self, *script: Result | Exception) -> None:
        self._script = list(script)
        self.keys: list[ObjectKey] = []
        self.at_once = 0
        self.most_at_once = 0

    async def reconcile(self, key: ObjectKey) -> Result:
        self.keys.append(key)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        await asyncio.sleep(0)
        self.at_once -= 1
        answer = self._script.pop(0) if self._script else Result()
        if isinstance(answer, Exception):
            raise answer
        return answer


@asynccontextmanager
async def running(
    reconciler: ScriptedReconciler, clock: VirtualClock, workers: int = 1
) -> AsyncGenerator[WorkQueue[ObjectKey]]:
    queue: WorkQueue[ObjectKey] = WorkQueue(clock, Backoff(initial_s=1, max_s=8))
    task = asyncio.create_task(Controller("test", reconciler, queue, workers).run())
    try:
        yield queue
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_keys_are_reconciled_and_forgotten() -> None:
    clock, reconciler = VirtualClock(), ScriptedReconciler()
    async with running(reconciler, clock) as queue:
        queue.add(A)
        queue.add(B)
        await clock.advance(100)
    assert reconciler.keys == [A, B]


async def test_a_key_comes_back_when_its_result_says_so() -> None:
    clock, reconciler = VirtualClock(), ScriptedReconciler(Result(requeue_after_s=30))
    async with running(reconciler, clock) as queue:
        queue.add(A)
        await clock.advance(29)
        assert reconciler.keys == [A]
        await clock.advance(1)
        assert reconciler.keys == [A, A]


async def test_a_failure_is_logged_and_tried_again_with_a_growing_pause(
    caplog: pytest.LogCaptureFixture,
) -> None:
    clock = VirtualClock()
    reconciler = ScriptedReconciler(internal_error("no"), RuntimeError("bug"), Result())
    async with running(reconciler, clock) as queue:
        queue.add(A)
        await clock.advance(1)
        assert len(reconciler.keys) == 2
        await clock.advance(1.5)
        assert len(reconciler.keys) == 2
        await clock.advance(0.5)
        assert len(reconciler.keys) == 3
        assert queue.failures(A) == 0
    assert [record.levelname for record in caplog.records] == ["WARNING", "ERROR"]
    assert caplog.records[1].exc_info is not None


async def test_what_nobody_may_do_is_no_normal_life(caplog: pytest.LogCaptureFixture) -> None:
    clock = VirtualClock()
    forbidden = ApiError(403, "Forbidden", 'pods is forbidden: "system" cannot create them')
    async with running(ScriptedReconciler(forbidden), clock) as queue:
        queue.add(A)
        await clock.advance(0.5)
    assert [record.levelname for record in caplog.records] == ["WARNING"]


_TERMINATING = {"causes": [{"reason": "NamespaceTerminating"}]}


@pytest.mark.parametrize(
    "error",
    [
        conflict("pods", "a"),
        already_exists("endpoints", "a"),
        ApiError(403, "Forbidden", "it is being terminated", _TERMINATING),
        ApiError(403, "Forbidden", 'pods "a" is forbidden: exceeded quota: q, requested: pods=1'),
        ApiError(403, "Forbidden", 'pods "a" is forbidden: failed quota: q: must specify cpu'),
    ],
)
async def test_what_is_normal_life_is_tried_again_quietly(
    error: ApiError, caplog: pytest.LogCaptureFixture
) -> None:
    clock = VirtualClock()
    reconciler = ScriptedReconciler(error)
    async with running(reconciler, clock) as queue:
        queue.add(A)
        await clock.advance(1)
    assert reconciler.keys == [A, A]
    assert caplog.records == []


async def test_workers_share_the_keys_but_never_one_key() -> None:
    clock, reconciler = VirtualClock(), ScriptedReconciler()
    async with running(reconciler, clock, workers=3) as queue:
        for number in range(9):
            queue.add(ObjectKey("ns", str(number)))
        await clock.advance(1)
    assert reconciler.most_at_once == 3
    assert len(reconciler.keys) == 9


def thing(name: str, owner_kind: str = "", owner: str = "") -> Object:
    references = [
        OwnerReference(api_version="v1", kind=owner_kind, name=owner, uid="u", controller=True)
    ]
    return Object(
        metadata=ObjectMeta(namespace="ns", name=name, owner_references=references if owner else [])
    )


async def test_handlers_add_the_key_of_an_object_or_of_its_owner() -> None:
    own: WorkQueue[ObjectKey] = WorkQueue(VirtualClock())
    handle = enqueue_self(own)
    handle(None, thing("a"))
    handle(thing("b"), None)
    assert [await own.get() for _ in range(2)] == [A, B]

    owners: WorkQueue[ObjectKey] = WorkQueue(VirtualClock())
    handle = enqueue_owner(owners, "ReplicaSet")
    handle(thing("x", "ReplicaSet", "a"), thing("x", "ReplicaSet", "b"))
    handle(None, thing("y", "Job", "c"))
    handle(None, thing("z"))
    assert [await owners.get() for _ in range(len(owners))] == [A, B]
