"""How many Jobs a second a control plane takes in, and how soon they have their pods.

    this process:  API server on SQLite, every write synced <──> Kubernetes' own controllers
    other process: clients that create Jobs over https, each waiting for its answer

There is no scheduler and no agent, so that pods stay pending. The clock runs from the first create;
it is the machine's, so that both processes read the same.
"""

import asyncio
import json
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import numpy as np
import uvloop

from shoal.api.batch import JOBS
from shoal.api.pod import PODS, Pod
from shoal.api.resource import JsonObject
from shoal.base.clock import SystemClock
from shoal.client.connection import load_connection
from shoal.client.events import EventRecorder
from shoal.client.http import HttpClient
from shoal.client.informer import InformerSet
from shoal.client.protocol import Client
from shoal.controllers.kube.family import KubeControllers
from shoal.testing.cluster import https_cluster
from shoal.testing.gangs_through_api import CountingStore, searching_seldom

NAMESPACE = "default"
_PERIOD_S = 0.005
"""Between two looks at how many pods there are."""
_STUCK_S = 60.0
"""Without another pod for so long, the rest does not come."""


class JobLoad(msgspec.Struct, frozen=True):
    """Jobs of one pod each. Raises ValueError for a number below 1."""

    jobs: int = 2000
    clients: int = 32

    def __post_init__(self) -> None:
        if min(self.jobs, self.clients) < 1:
            raise ValueError("jobs and clients must be at least 1")


class JobsMeasured(msgspec.Struct, frozen=True):
    """What came out."""

    jobs: int
    clients: int
    pods: int
    """That there are."""
    taken_in_s: float
    """From the first create of a Job to the answer to the last."""
    pods_s: float
    """From the first create of a Job to the creation of the last pod."""
    jobs_per_s: float
    pods_per_s: float
    create_s_p50: float
    """From a client's request to its answer."""
    create_s_p99: float
    cpu_s: float
    """Of this process, in `pods_s`; busy neighbours make it grow less."""
    writes: dict[str, int]
    """By verb and collection, from the first create of a Job to the creation of the last pod."""


class _Creates(msgspec.Struct, frozen=True):
    """What the other process tells: readings of the machine's clock."""

    begun_s: float
    ended_s: float
    answers_s: list[float]


def measure_jobs(load: JobLoad, report: Callable[[str], None] = lambda _: None) -> JobsMeasured:
    """Everything is gone afterwards."""
    with (
        tempfile.TemporaryDirectory() as folder,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        return runner.run(_measure(load, report, Path(folder)))


async def _measure(load: JobLoad, report: Callable[[str], None], folder: Path) -> JobsMeasured:
    clock = SystemClock()
    store = await CountingStore.open(folder / "store.db", clock=clock)
    async with (
        https_cluster(folder, clock=clock, store=store) as served,
        _controlled(served.cluster.client, clock) as informers,
    ):
        watched = _Watched()
        informers.informer(PODS).add_handler(watched.note)
        with searching_seldom():
            store.writes.clear()
            cpu_begun_s = time.process_time()
            clients = asyncio.create_task(_create_elsewhere(served.kubeconfig, load))
            await watched.until(load.jobs, report)
            cpu_s = time.process_time() - cpu_begun_s
            writes = Counter(store.writes)
            creates = await clients
    return _measured(load, creates, watched, cpu_s, writes)


class _Watched:
    """The pods that there are, and when the last one came."""

    def __init__(self) -> None:
        self.pods = 0
        self.last_s = time.perf_counter()

    def note(self, before: Pod | None, after: Pod | None) -> None:
        if before is None and after is not None:
            self.pods += 1
            self.last_s = time.perf_counter()

    async def until(self, count: int, report: Callable[[str], None]) -> None:
        while self.pods < count and time.perf_counter() - self.last_s < _STUCK_S:
            await asyncio.sleep(_PERIOD_S)
            report(f"{self.pods} of {count} pods")


@asynccontextmanager
async def _controlled(client: Client, clock: SystemClock) -> AsyncGenerator[InformerSet]:
    """Kubernetes' own controllers at work."""
    informers = InformerSet(client, clock, random.Random(0))
    recorders: list[EventRecorder] = []

    def recorder_of(component: str) -> EventRecorder:
        recorders.append(EventRecorder(client, component, clock))
        return recorders[-1]

    family = KubeControllers(client, informers, recorder_of, clock)
    services = [informers, family, *recorders]
    tasks = [asyncio.create_task(each.run()) for each in services]
    try:
        await informers.wait_synced()
        yield informers
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _create_elsewhere(kubeconfig: Path, load: JobLoad) -> _Creates:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "shoal.testing.job_load",
        str(kubeconfig), str(load.jobs), str(load.clients),
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    printed, _ = await process.communicate()
    if process.returncode:
        raise RuntimeError("the clients failed: see above")
    return msgspec.json.decode(printed, type=_Creates)


def _measured(
    load: JobLoad, creates: _Creates, watched: _Watched, cpu_s: float, writes: Counter[str]
) -> JobsMeasured:
    taken_in_s = creates.ended_s - creates.begun_s
    pods_s = watched.last_s - creates.begun_s
    return JobsMeasured(
        jobs=load.jobs,
        clients=load.clients,
        pods=watched.pods,
        taken_in_s=round(taken_in_s, 3),
        pods_s=round(pods_s, 3),
        jobs_per_s=round(load.jobs / taken_in_s, 1),
        pods_per_s=round(watched.pods / pods_s, 1),
        create_s_p50=round(float(np.percentile(creates.answers_s, 50)), 4),
        create_s_p99=round(float(np.percentile(creates.answers_s, 99)), 4),
        cpu_s=round(cpu_s, 3),
        writes=dict(sorted(writes.items())),
    )


def job(number: int) -> JsonObject:
    """A Job of one pod."""
    requests = {"cpu": "100m", "memory": "64Mi"}
    container = {"name": "main", "image": "app", "resources": {"requests": requests}}
    return {
        "apiVersion": JOBS.api_version,
        "kind": JOBS.kind,
        "metadata": {"name": f"job-{number:06}", "namespace": NAMESPACE},
        "spec": {"template": {"spec": {"containers": [container], "restartPolicy": "Never"}}},
    }


async def _create_all(kubeconfig: Path, jobs: int, clients: int) -> _Creates:
    """What the other process does."""
    client = HttpClient(await load_connection(kubeconfig))
    answers_s: list[float] = []
    numbers = iter(range(jobs))

    async def one_client() -> None:
        for number in numbers:
            asked_s = time.perf_counter()
            await client.create(JOBS.untyped(), job(number), NAMESPACE)
            answers_s.append(time.perf_counter() - asked_s)

    try:
        await client.list(JOBS, NAMESPACE)
        begun_s = time.perf_counter()
        async with asyncio.TaskGroup() as group:
            for _ in range(clients):
                group.create_task(one_client())
        return _Creates(begun_s, time.perf_counter(), answers_s)
    finally:
        await client.close()


if __name__ == "__main__":
    creates = uvloop.run(_create_all(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])))
    sys.stdout.write(json.dumps(msgspec.to_builtins(creates)))
