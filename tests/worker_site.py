"""Workers on a cluster in memory, on virtual time: their controllers are real, and tests play
scheduler, node and Job controller by writing statuses.
"""

import asyncio
import random
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

from shoal.api.batch import JOBS, Job
from shoal.api.core import EVENTS
from shoal.api.crds import all_crds
from shoal.api.meta import timestamp
from shoal.api.node import NODES
from shoal.api.pod import PODS, Pod
from shoal.api.worker import WORKERS, Worker
from shoal.base.clock import VirtualClock
from shoal.client.events import EventRecorder
from shoal.client.informer import InformerSet
from shoal.client.protocol import Client, DeleteOptions, PatchType
from shoal.controllers.kube.family import KubeControllers
from shoal.controllers.worker.family import WorkerControllers
from shoal.controllers.worker.notification import NotifyFailed
from shoal.controllers.worker.queue_access import QueueAccess
from shoal.testing.builders import make_node
from shoal.testing.cluster import memory_cluster
from shoal.work.protocol import QueueSize, SourceUnavailable
from tests.waiting import eventually

NS = "default"


class FakeQueues:
    """Queues as numbers: all that the controller sees of them. `is_down` has them not answer."""

    def __init__(self) -> None:
        self.sizes: dict[str, QueueSize] = {}
        self.batches: dict[str, list[str]] = {}
        self.is_down = False

    def open(self, url: str) -> "FakeQueues":
        if not url:
            raise SourceUnavailable("no URL")
        return self

    def put(self, queue: str, bodies: Any, *, batch_id: str = "") -> int:
        self._answer()
        if batch_id in self.batches:
            return 0
        self.batches[batch_id] = items = list(bodies)
        ready = self.sizes.get(queue, QueueSize()).ready + len(items)
        self.sizes[queue] = QueueSize(ready=ready)
        return len(items)

    def size(self, queue: str) -> QueueSize:
        self._answer()
        return self.sizes.get(queue, QueueSize())

    def close(self) -> None: ...

    def _answer(self) -> None:
        if self.is_down:
            raise SourceUnavailable("the work source at db does not answer: is it running?")


class Inbox:
    """Takes news; refuses the first `refusals` of them."""

    def __init__(self) -> None:
        self.taken: list[tuple[str, bytes]] = []
        self.refusals = 0
        self.asked = 0

    async def post(self, url: str, body: bytes) -> None:
        self.asked += 1
        if self.refusals:
            self.refusals -= 1
            raise NotifyFailed("there answered status 500")
        self.taken.append((url, body))


class WorkerSite:
    """A cluster with workers; `controllers` runs a life of theirs."""

    def __init__(self, client: Client, clock: VirtualClock) -> None:
        self.client = client
        self.clock = clock
        self.queues = FakeQueues()
        self.inbox = Inbox()

    @asynccontextmanager
    async def controllers(self, client: Client | None = None) -> AsyncGenerator[None]:
        informers = InformerSet(client or self.client, self.clock, random.Random(0))
        recorder = EventRecorder(self.client, "test", self.clock)
        family = WorkerControllers(
            client or self.client,
            informers,
            recorder,
            self.clock,
            queues=QueueAccess(self.queues.open, self.clock),
            own_url=lambda namespace: f"sqlite:///{namespace}.db",
            messenger=self.inbox,
        )
        tasks = [asyncio.create_task(run()) for run in (informers.run, recorder.run, family.run)]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    @asynccontextmanager
    async def workloads(self) -> AsyncGenerator[None]:
        """The real controllers of Jobs, Deployments, CronJobs and quotas, beside those of
        workers."""
        informers = InformerSet(self.client, self.clock, random.Random(1))
        recorder = EventRecorder(self.client, "test", self.clock)
        family = KubeControllers(self.client, informers, lambda component: recorder, self.clock)
        tasks = [asyncio.create_task(run()) for run in (informers.run, recorder.run, family.run)]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def submit(self, name: str = "w", **spec: Any) -> Worker:
        body = {"metadata": {"name": name}, "spec": worker_spec(**spec)}
        return await self.client.create(WORKERS, body, NS)

    async def change(self, name: str = "w", **spec: Any) -> None:
        await self.client.patch(WORKERS, name, {"spec": spec}, NS)

    async def worker(self, name: str = "w") -> Worker:
        return await self.client.get(WORKERS, name, NS)

    async def until(self, what: str, look: Any) -> Any:
        """The first true answer of `look(worker)`, while time passes."""

        async def passing() -> Any:
            await self.clock.advance(0.5)
            return look(await self.worker())

        return await eventually(passing, what, pause_s=0.001)

    async def until_phase(self, phase: str, name: str = "w") -> Worker:
        async def passing() -> Worker | None:
            await self.clock.advance(0.5)
            worker = await self.worker(name)
            return worker if worker.status.phase == phase else None

        return await eventually(passing, f"{name} is {phase}", pause_s=0.001)

    async def settle(self, seconds: float = 15) -> None:
        """Let everybody have time to do whatever they would."""
        for _ in range(int(seconds * 2)):
            await self.clock.advance(0.5)
            await asyncio.sleep(0.001)

    async def pods(self) -> dict[str, Pod]:
        found = (await self.client.list(PODS, NS)).items
        return {pod.metadata.name: pod for pod in found}

    async def jobs(self) -> dict[str, Job]:
        return {job.metadata.name: job for job in (await self.client.list(JOBS, NS)).items}

    async def event_reasons(self) -> set[str]:
        return {event.reason for event in (await self.client.list(EVENTS, NS)).items}

    async def until_pod(self, name: str, is_startable: bool = True) -> Pod:
        async def passing() -> Pod | None:
            await self.clock.advance(0.5)
            pod = (await self.pods()).get(name)
            is_gated = pod is not None and bool(pod.spec.scheduling_gates)
            return pod if pod is not None and not (is_startable and is_gated) else None

        return await eventually(passing, f"pod {name}", pause_s=0.001)

    async def until_job(self, name: str) -> Job:
        async def passing() -> Job | None:
            await self.clock.advance(0.5)
            return (await self.jobs()).get(name)

        return await eventually(passing, f"job {name}", pause_s=0.001)

    async def run_pod(self, name: str) -> None:
        """Scheduler and node take it up."""
        target = {"apiVersion": "v1", "kind": "Node", "name": "n"}
        await self.client.call(PODS, name, "binding", {"target": target}, NS)
        started = {"running": {"startedAt": timestamp(self.clock.now())}}
        await self.pod_status(name, phase="Running", containerStatuses=[container(started)])

    async def end_pod(self, name: str, exit_code: int = 0, **ended: Any) -> None:
        now = self.clock.now()
        state = {
            "terminated": {
                "exitCode": exit_code,
                "reason": "Error" if exit_code else "Completed",
                "startedAt": timestamp(now - timedelta(seconds=1)),
                "finishedAt": timestamp(now),
                **ended,
            }
        }
        phase = "Failed" if exit_code else "Succeeded"
        await self.pod_status(name, phase=phase, containerStatuses=[container(state)])

    async def restart_container(self, name: str, count: int, exit_code: int = 1) -> None:
        """It failed, and was started again in place, for the `count`th time."""
        now = timestamp(self.clock.now())
        last = {"terminated": {"exitCode": exit_code, "reason": "Error", "finishedAt": now,
                               "startedAt": now}}  # fmt: skip
        running = container({"running": {"startedAt": now}}, restartCount=count, lastState=last)
        await self.pod_status(name, phase="Running", containerStatuses=[running])

    async def evict(self, name: str) -> None:
        """The node takes the pod away from its program."""
        condition = {
            "type": "DisruptionTarget",
            "status": "True",
            "reason": "TerminationByKubelet",
            "message": "The node was low on resource: memory.",
            "lastTransitionTime": timestamp(self.clock.now()),
        }
        await self.pod_status(
            name, phase="Failed", reason="Evicted", message="low on memory", conditions=[condition]
        )

    async def pod_status(self, name: str, **status: Any) -> None:
        await self.client.patch(
            PODS, name, {"status": status}, NS, type=PatchType.STRATEGIC, subresource="status"
        )

    async def delete_pod(self, name: str) -> None:
        await self.client.delete(PODS, name, NS, DeleteOptions(grace_period_s=0))

    async def job_pod(self, job: str, name: str) -> None:
        """What the Job controller does: a pod from the template."""
        found = await self.client.get(JOBS.untyped(), job, NS)
        template = found["spec"]["template"]
        owner = {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "name": job,
            "uid": found["metadata"]["uid"],
            "controller": True,
        }
        body = {
            "metadata": {**template["metadata"], "name": name, "ownerReferences": [owner]},
            "spec": template["spec"],
        }
        await self.client.create(PODS, body, NS)

    async def end_job(self, name: str, ending: str = "Complete", reason: str = "") -> None:
        now = timestamp(self.clock.now())
        before = "SuccessCriteriaMet" if ending == "Complete" else "FailureTarget"
        conditions = [
            {"type": kind, "status": "True", "reason": reason, "lastTransitionTime": now,
             "lastProbeTime": now}
            for kind in (before, ending)
        ]  # fmt: skip
        job = (await self.jobs())[name]
        status: dict[str, Any] = {"conditions": conditions, "startTime": now}
        if ending == "Complete":
            status |= {"completionTime": now, "succeeded": job.spec.completions or 1}
        await self.client.patch(JOBS, name, {"status": status}, NS, subresource="status")


def container(state: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {
        "name": "worker",
        "image": "app",
        "imageID": "",
        "ready": "running" in state,
        "restartCount": 0,
        "state": state,
        **fields,
    }


def worker_spec(**spec: Any) -> dict[str, Any]:
    """A non-resumable batch unless told otherwise."""
    image = {} if "template" in spec else {"image": "app", "command": ["sync"]}
    return {"mode": "Batch", **image, **spec}


@asynccontextmanager
async def worker_site() -> AsyncGenerator[WorkerSite]:
    clock = VirtualClock()
    async with memory_cluster(clock=clock, crds=all_crds()) as cluster:
        await cluster.client.create(NODES, make_node("n").manifest())
        yield WorkerSite(cluster.client, clock)
