"""What a turn of a worker looks at: all that goes on, and of what has ended only what matters."""

from collections.abc import Sequence
from typing import Any, cast

import msgspec

from shoal.api.apps import DEPLOYMENTS, REPLICA_SETS
from shoal.api.batch import CRON_JOBS, JOBS, Job
from shoal.api.core import EVENTS
from shoal.api.meta import ObjectKey
from shoal.api.pod import PODS, Pod
from shoal.api.resource import Resource
from shoal.api.worker import WORKERS, Worker
from shoal.base.clock import VirtualClock
from shoal.client.informer import Informer
from shoal.controllers.worker.observing import WorkerInformers, WorkerObserver
from shoal.controllers.worker.sight import Sight
from shoal.controllers.worker.sources import WorkerSources
from shoal.controllers.worker.worker_memory import WorkerMemory

KEY = ObjectKey("default", "w")
COMPLETE = [{"type": "Complete", "status": "True"}]


def metadata(name: str, owner: tuple[str, str], **labels: str) -> dict[str, Any]:
    kind, uid = owner
    reference = {"apiVersion": "v1", "kind": kind, "name": kind, "uid": uid, "controller": True}
    return {
        "name": name,
        "namespace": "default",
        "uid": f"uid-{name}",
        "labels": {"shoal.io/worker": "w", "shoal.io/worker-uid": "worker", **labels},
        "ownerReferences": [reference],
    }


def make_job(run: int, item: int | None = None, *, has_ended: bool = True) -> Job:
    labels = {"shoal.io/run": str(run)}
    if item is not None:
        labels["shoal.io/item-index"] = str(item)
    name = f"w-{run}" if item is None else f"w-{run}-{item}"
    status = {"conditions": COMPLETE} if has_ended else {}
    manifest = {"metadata": metadata(name, ("Worker", "worker"), **labels), "status": status}
    return msgspec.convert(manifest, Job)


def make_pod(name: str, owner: tuple[str, str], phase: str = "Succeeded") -> Pod:
    return msgspec.convert({"metadata": metadata(name, owner), "status": {"phase": phase}}, Pod)


def informer(resource: Resource[Any]) -> Informer[Any]:
    return Informer(resource.plural)


async def look(jobs: Sequence[Job], pods: Sequence[Pod], **status: Any) -> Sight:
    """What is seen by a controller that was just started."""
    queue = {"pattern": "JobPerItem", "items": [str(number) for number in range(10)]}
    manifest = {
        "metadata": {"name": "w", "namespace": "default", "uid": "worker"},
        "spec": {"mode": "Queue", "image": "app", "queue": queue},
        "status": status,
    }
    followed = WorkerInformers(
        workers=informer(WORKERS),
        deployments=informer(DEPLOYMENTS),
        replica_sets=informer(REPLICA_SETS),
        cron_jobs=informer(CRON_JOBS),
        jobs=informer(JOBS),
        pods=informer(PODS),
        failed_creates=informer(EVENTS),
    )
    memory = WorkerMemory(wake=lambda key: None)
    unused: Any = None
    sources = WorkerSources(unused, unused, lambda namespace: "sqlite:///x", unused)
    observer = WorkerObserver(followed, memory, sources, VirtualClock())
    followed.jobs.add_handler(lambda old, new: memory.of(KEY).note_job(old, new))
    followed.jobs.replace(jobs)
    followed.pods.replace(pods)
    followed.workers.replace([msgspec.convert(manifest, Worker)])
    return await observer.look(cast(Worker, observer.worker(KEY)))


def names(objects: Sequence[Any]) -> list[str]:
    return [each.metadata.name for each in objects]


async def test_jobs_of_items_are_looked_at_until_the_status_tells_of_them():
    jobs = [make_job(1, item) for item in range(5)] + [make_job(1, 5, has_ended=False)]
    pods = [make_pod(f"p-{n}", ("Job", f"uid-w-1-{n}")) for n in range(6)]
    sight = await look(jobs, pods, run=1, succeededItems="0-2", failedItems="3")
    assert names(sight.jobs) == ["w-1-4", "w-1-5"]
    assert names(sight.pods) == ["p-4", "p-5"]


async def test_before_a_run_is_told_of_all_its_jobs_matter():
    jobs = [make_job(2, item) for item in range(3)]
    sight = await look(jobs, [], run=1, succeededItems="0-9")
    assert names(sight.jobs) == ["w-2-0", "w-2-1", "w-2-2"]


async def test_jobs_of_runs_that_are_to_be_removed_are_found():
    jobs = [make_job(run, item) for run in range(1, 5) for item in range(2)]
    sight = await look(jobs, [], run=4, succeededItems="0-9")
    assert names(sight.jobs) == ["w-1-0", "w-1-1"]


async def test_jobs_without_items_are_looked_at_as_long_as_they_are_there():
    sight = await look([make_job(1), make_job(2)], [], run=2)
    assert names(sight.jobs) == ["w-1", "w-2"]


async def test_pods_that_have_not_ended_are_seen_whatever_they_belong_to():
    pods = [
        make_pod("own", ("Worker", "worker")),
        make_pod("lost", ("Job", "gone"), "Running"),
        make_pod("lost-and-ended", ("Job", "gone")),
    ]
    assert names((await look([], pods)).pods) == ["lost", "own"]


async def test_the_end_of_an_attempt_that_was_told_to_run_is_seen():
    pods = [make_pod("p-0", ("Job", "uid-w-1-0")), make_pod("p-1", ("Job", "uid-w-1-1"))]
    attempts = [{"pod": "p-0", "outcome": "Running"}, {"pod": "p-1", "outcome": "Succeeded"}]
    sight = await look(
        [make_job(1, 0), make_job(1, 1)], pods, run=1, succeededItems="0,1", attempts=attempts
    )
    assert names(sight.pods) == ["p-0"]
