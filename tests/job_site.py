"""A cluster in memory on which Volcano jobs run, with those who use it.

The Job controller is real. Scheduler and agent are stood in for by the test: it admits PodGroups,
lets pods run, end and go, by hand or all by themselves (`is_lively`).
"""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

from shoal.api.core import EVENTS
from shoal.api.crds import all_crds
from shoal.api.node import NODES
from shoal.api.pod import PODS, Pod
from shoal.api.resource import Resource
from shoal.api.status import ApiError
from shoal.api.volcano.command import COMMANDS
from shoal.api.volcano.job import JOBS, Job
from shoal.api.volcano.pod_group import POD_GROUPS, PodGroup
from shoal.api.volcano.queue import DEFAULT, QUEUES
from shoal.base.clock import VirtualClock
from shoal.client.protocol import Client, DeleteOptions
from shoal.controllers.volcano.job_controller import job_controller
from shoal.testing.builders import make_node
from shoal.testing.cluster import memory_cluster
from shoal.testing.volcano import JobBuilder
from tests.mortal import in_time, life

NS = "default"
NODE = "n"


class JobSite:
    def __init__(self, client: Client, clock: VirtualClock) -> None:
        self.client = client
        self.clock = clock
        self.is_lively = False
        """Whether groups are admitted, pods run, and deleted ones go, without being told."""
        self._commands = 0

    def controller(self, client: Any = None) -> AbstractAsyncContextManager[None]:
        """One life of the Job controller."""
        return life(client or self.client, self.clock, job_controller)

    async def submit(self, job: JobBuilder) -> Job:
        body = job.manifest()
        del body["metadata"]["uid"]
        return await self.client.create(JOBS, body, NS)

    async def command(self, action: str, name: str = "j") -> None:
        self._commands += 1
        job = await self.job(name)
        target = {"apiVersion": JOBS.api_version, "kind": "Job", "name": name}
        body = {
            "apiVersion": COMMANDS.api_version,
            "kind": "Command",
            "metadata": {"name": f"command-{self._commands}"},
            "action": action,
            "target": {**target, "uid": job.metadata.uid},
        }
        await self.client.create(COMMANDS, body, NS)

    async def job(self, name: str = "j") -> Job:
        return await self.client.get(JOBS, name, NS)

    async def pods(self) -> dict[str, Pod]:
        return {pod.metadata.name: pod for pod in (await self.client.list(PODS, NS)).items}

    async def group(self) -> PodGroup | None:
        """The only one that there is."""
        groups = (await self.client.list(POD_GROUPS, NS)).items
        return groups[0] if groups else None

    async def set_group(self, phase: str, **status: Any) -> None:
        group = await self.until("a PodGroup", self.group)
        patch = {"status": {"phase": phase, **status}}
        await self.client.patch(POD_GROUPS, group.metadata.name, patch, NS)

    async def admit(self) -> None:
        await self.set_group("Inqueue")

    async def run(self, *names: str) -> None:
        """Place pods and let them run, ready."""
        for name in names:
            await self._bind(name)
            await self.say(name, "Running", ready=True)

    async def _bind(self, name: str) -> None:
        pod = await self.client.get(PODS, name, NS)
        if not pod.spec.node_name:
            target = {"apiVersion": "v1", "kind": "Node", "name": NODE}
            await self.client.call(PODS, name, "binding", {"target": target}, NS)

    async def end(self, name: str, exit_code: int = 0) -> None:
        """Its only container ends."""
        finished = self.clock.now().isoformat()
        ended = {"exitCode": exit_code, "reason": "Error", "finishedAt": finished}
        await self.say(
            name, "Failed" if exit_code else "Succeeded", state={"terminated": ended}, ready=False
        )

    async def say(self, name: str, phase: str, **container: Any) -> None:
        """Write the status that an agent would."""
        containers = [{"name": "main", "restartCount": 0, **container}] if container else []
        status = {"phase": phase, "containerStatuses": containers}
        await self.client.patch(PODS, name, {"status": status}, NS, subresource="status")

    async def delete(self, name: str, *, at_once: bool = False) -> None:
        options = DeleteOptions(grace_period_s=0) if at_once else DeleteOptions()
        await self.client.delete(PODS, name, NS, options)

    async def let_go(self) -> None:
        """Pods that are being deleted have ended."""
        for name, pod in (await self.pods()).items():
            if pod.is_deleting:
                await self.delete(name, at_once=True)

    async def until(self, what: str, look: Callable[[], Awaitable[Any]]) -> Any:
        async def look_at_life() -> Any:
            if self.is_lively:
                await self._live()
            return await look()

        return await in_time(self.clock, look_at_life, what)

    async def until_phase(self, phase: str, name: str = "j") -> Job:
        async def is_there() -> Job | None:
            job = await self.job(name)
            return job if job.status.state.phase == phase else None

        return await self.until(f"job {name} to be {phase}", is_there)

    async def until_pods(self, *names: str) -> dict[str, Pod]:
        """Exactly these, none of which is being deleted."""

        async def are_there() -> dict[str, Pod] | None:
            pods = await self.pods()
            is_calm = not any(pod.is_deleting for pod in pods.values())
            return pods if set(pods) == set(names) and is_calm else None

        found = await self.until(f"pods to be {names}", lambda: _wrapped(are_there))
        return found[0]

    async def until_obeyed(self) -> None:
        async def no_commands() -> bool:
            return not (await self.client.list(COMMANDS)).items

        await self.until("all commands carried out", no_commands)

    async def settle(self, seconds: float = 2.0) -> None:
        """Let pass what has to pass."""
        for _ in range(int(seconds * 2)):
            if self.is_lively:
                await self._live()
            await self.clock.advance(0.5)

    async def messages(self) -> list[str]:
        events = (await self.client.list(EVENTS)).items
        return [f"{e.type} {e.reason} {e.involved_object.name}: {e.message}" for e in events]

    async def exists(self, resource: Resource[Any], name: str) -> Any:
        try:
            return await self.client.get(resource, name, NS)
        except ApiError as error:
            if error.is_not_found:
                return None
            raise

    async def _live(self) -> None:
        group = await self.group()
        if group is not None and group.status.phase in ("", "Pending"):
            await self.set_group_of(group, "Inqueue")
        for name, pod in (await self.pods()).items():
            if pod.is_deleting:
                await self.delete(name, at_once=True)
            elif pod.status.phase == "Pending":
                await self.run(name)

    async def set_group_of(self, group: PodGroup, phase: str) -> None:
        patch = {"status": {"phase": phase}}
        await self.client.patch(POD_GROUPS, group.metadata.name, patch, NS)


async def _wrapped(look: Callable[[], Awaitable[Any]]) -> tuple[Any] | None:
    """So that an empty answer is one, too."""
    answer = await look()
    return None if answer is None else (answer,)


@asynccontextmanager
async def job_site() -> AsyncGenerator[JobSite]:
    """With an open queue and a node."""
    clock = VirtualClock()
    async with memory_cluster(clock=clock, crds=all_crds()) as cluster:
        client = cluster.client
        await client.create(NODES, make_node(NODE).manifest())
        opened = {"status": {"state": "Open"}}
        await client.patch(QUEUES, DEFAULT, opened, subresource="status")
        yield JobSite(client, clock)
