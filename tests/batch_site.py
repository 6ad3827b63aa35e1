"""A cluster in memory on which Jobs of batch/v1 run, with those who use it.

The Job controllers are real. Scheduler and agent are stood in for by the test, which lets pods run,
end and go.
"""

from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

from shoal.api.batch import COMPLETION_INDEX, JOBS, Job
from shoal.api.core import EVENTS
from shoal.api.meta import find_condition
from shoal.api.node import NODES
from shoal.api.pod import PODS, Pod
from shoal.api.status import ApiError
from shoal.base.clock import VirtualClock
from shoal.client.protocol import Client, DeleteOptions
from shoal.controllers.kube.job_controller import job_controllers
from shoal.controllers.kube.job_ttl import job_ttl_controller
from shoal.testing.builders import BatchJobBuilder, make_node
from shoal.testing.cluster import memory_cluster
from tests.mortal import Factory, in_time, life

NS = "default"
NODE = "n"


def _factories() -> tuple[Factory, ...]:
    made: list[Any] = []

    def job(client: Any, informers: Any, recorder: Any, clock: Any) -> Any:
        made[:] = job_controllers(client, informers, recorder, clock)
        return made[0]

    def orphans(*_: Any) -> Any:
        return made[1]

    def ttl(client: Any, informers: Any, recorder: Any, clock: Any) -> Any:
        return job_ttl_controller(client, informers, clock)

    return job, orphans, ttl


class BatchSite:
    def __init__(self, client: Client, clock: VirtualClock) -> None:
        self.client = client
        self.clock = clock

    def controllers(self, client: Any = None) -> AbstractAsyncContextManager[None]:
        """One life of the Job controllers."""
        return life(client or self.client, self.clock, *_factories())

    async def submit(self, job: BatchJobBuilder) -> Job:
        return await self.client.create(JOBS, job.manifest(), NS)

    async def job(self, name: str = "j") -> Job:
        return await self.client.get(JOBS, name, NS)

    async def change(self, spec: dict[str, Any], name: str = "j") -> Job:
        return await self.client.patch(JOBS, name, {"spec": spec}, NS)

    async def pods(self) -> list[Pod]:
        """In the order of their creation."""
        pods = (await self.client.list(PODS, NS)).items
        return sorted(pods, key=lambda pod: int(pod.metadata.resource_version))

    async def active(self) -> list[Pod]:
        return [pod for pod in await self.pods() if not pod.is_finished and not pod.is_deleting]

    async def of_index(self, index: int) -> Pod:
        """The pod of an index that has not ended."""
        marked = [
            p for p in await self.active() if p.metadata.annotations[COMPLETION_INDEX] == str(index)
        ]
        assert len(marked) == 1, f"{len(marked)} pods of index {index}"
        return marked[0]

    async def place(self, pod: Pod) -> None:
        target = {"apiVersion": "v1", "kind": "Node", "name": NODE}
        await self.client.call(PODS, pod.metadata.name, "binding", {"target": target}, NS)

    async def run(self, *pods: Pod) -> None:
        """Place pods and let them run, ready."""
        for pod in pods:
            await self.place(pod)
            ready = {"type": "Ready", "status": "True"}
            await self.say(pod, "Running", conditions=[ready])

    async def end(self, pod: Pod, exit_code: int = 0, **status: Any) -> None:
        """Its only container ends."""
        finished = self.clock.now().isoformat()
        ended = {"exitCode": exit_code, "finishedAt": finished}
        containers = [{"name": "main", "restartCount": 0, "state": {"terminated": ended}}]
        phase = "Failed" if exit_code else "Succeeded"
        await self.say(pod, phase, containerStatuses=containers, **status)

    async def say(self, pod: Pod, phase: str, **status: Any) -> None:
        """Write the status that an agent would."""
        changes = {"status": {"phase": phase, **status}}
        await self.client.patch(PODS, pod.metadata.name, changes, NS, subresource="status")

    async def delete(self, pod: Pod, *, at_once: bool = False) -> None:
        options = DeleteOptions(grace_period_s=0) if at_once else DeleteOptions()
        await self.client.delete(PODS, pod.metadata.name, NS, options)

    async def let_go(self) -> None:
        """Pods that are being deleted have ended."""
        for pod in await self.pods():
            if pod.is_deleting and pod.metadata.deletion_grace_period_seconds:
                await self.delete(pod, at_once=True)

    async def until_pods(self, count: int) -> list[Pod]:
        """So many that have not ended and stay."""

        async def are_there() -> list[Pod] | None:
            active = await self.active()
            return active if len(active) == count else None

        if not count:
            await self.settle()
            assert not await self.active()
            return []
        return await in_time(self.clock, are_there, f"{count} pods", step_s=0.1)

    async def until(self, name: str = "j", **status: Any) -> Job:
        """The job when its status says this."""

        async def says() -> Job | None:
            job = await self.job(name)
            told = {field: getattr(job.status, field) for field in status}
            return job if told == status else None

        return await in_time(self.clock, says, f"a status with {status}", step_s=0.1)

    async def until_condition(self, kind: str, status: str = "True", name: str = "j") -> Job:
        async def holds() -> Job | None:
            job = await self.job(name)
            found = find_condition(job.status.conditions, kind)
            return job if found is not None and found.status == status else None

        return await in_time(self.clock, holds, f"{kind} to be {status}", step_s=0.1)

    async def is_gone(self, name: str = "j") -> bool:
        try:
            await self.job(name)
        except ApiError as error:
            return error.is_not_found
        return False

    async def settle(self, seconds: float = 1.0) -> None:
        """Let pass what has to pass."""
        for _ in range(max(1, int(seconds * 2))):
            await self.clock.advance(0.5)

    async def events(self) -> list[str]:
        events = (await self.client.list(EVENTS)).items
        return [f"{event.type} {event.reason}: {event.message}" for event in events]


@asynccontextmanager
async def batch_site() -> AsyncGenerator[BatchSite]:
    clock = VirtualClock()
    async with memory_cluster(clock=clock) as cluster:
        await cluster.client.create(NODES, make_node(NODE).manifest())
        yield BatchSite(cluster.client, clock)


def reason_of(job: Job, kind: str) -> tuple[str, str]:
    """Reason and message of a condition."""
    found = find_condition(job.status.conditions, kind)
    assert found is not None, f"no condition {kind}"
    return found.reason, found.message
