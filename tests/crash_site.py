"""Volcano jobs on a `shoal up` that is killed: what they leave behind, and what must hold of it.

Every start of a container leaves a line in a file of its own, written by the container itself, so
what really ran is known apart from what the control plane says.
"""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from shoal.api import quantity
from shoal.api.pod import PODS, Pod
from shoal.api.resource import JsonObject
from shoal.api.volcano.command import COMMANDS
from shoal.api.volcano.job import JOBS, Job
from shoal.api.volcano.keys import GROUP_NAME, JOB_NAME, JOB_VERSION
from shoal.api.volcano.pod_group import POD_GROUPS
from shoal.api.volcano.queue import QUEUES
from shoal.cli.volcano.asking import command
from shoal.client.connection import load_connection
from shoal.client.http import HttpClient
from tests.plane import Plane, plane
from tests.waiting import SLOW_PAUSE_S, eventually

NAMESPACE = "default"
CPUS = 6
TAKES_ITS_TIME = "trap 'sleep 3; exit 0' TERM; sleep 1000 & wait"
"""A process that needs three seconds to end."""


class CrashSite:
    """A control plane with six cpus, and those who look at it from outside."""

    def __init__(self, up: Plane, client: HttpClient, runs: Path, rng: random.Random) -> None:
        self.client = client
        self.rng = rng
        self._up = up
        self._runs = runs

    async def crash(self, within_s: float = 0.0) -> None:
        """Kill the control plane at some time, and start it on what is left."""
        await asyncio.sleep(self.rng.uniform(0.0, within_s))
        await self.client.close()
        await self._up.kill()
        await self._up.start()
        self.client = await connect(self._up)

    async def create(self, name: str, **words: object) -> None:
        """A job whose containers keep the record."""
        await self.client.create(JOBS, job(name, self._runs, **words), NAMESPACE)  # pyright: ignore

    async def create_queue(self, name: str) -> None:
        body = {"metadata": {"name": name}, "spec": {"weight": 1}}
        await self.client.create(QUEUES, body)

    async def ask(self, name: str, action: str) -> None:
        """Give a Command to a job."""
        body = command(JOBS, await self.job(name), action)
        await self.client.create(COMMANDS, body, NAMESPACE)

    async def job(self, name: str) -> Job:
        return await self.client.get(JOBS, name, NAMESPACE)

    async def pods(self, job: str = "") -> list[Pod]:
        """Of one job, or all."""
        labels = f"{JOB_NAME}={job}" if job else ""
        return list((await self.client.list(PODS, NAMESPACE, label_selector=labels)).items)

    async def phases(self) -> dict[str, str]:
        """Of the jobs, by name."""
        items = (await self.client.list(JOBS, NAMESPACE)).items
        return {each.metadata.name: each.phase.value for each in items}

    def runs(self) -> dict[str, list[tuple[str, str]]]:
        """For each name of a pod the uid and job version of each container that was started."""
        return {
            path.name: [(uid, version) for uid, version in map(str.split, read_lines(path))]
            for path in self._runs.iterdir()
        }

    async def until(self, look: Callable[[list[Pod]], bool], what: str) -> None:
        """Return when the pods are as `look` wants."""

        async def is_so() -> bool:
            return look(await self.pods())

        await eventually(is_so, what, pause_s=0.01)

    async def until_phases(self, *lines: str) -> None:
        """Return when the jobs are so: `Running Running Pending`, by their names."""
        expected = sorted(lines)

        async def is_so() -> bool:
            return sorted((await self.phases()).values()) == expected

        try:
            await eventually(is_so, "", pause_s=SLOW_PAUSE_S)
        except AssertionError:
            raise AssertionError(f"jobs are {await self.phases()}, expected {lines}") from None

    async def check(self) -> None:
        """What must hold whatever was killed, once nothing changes any more."""
        lines = Counter(uid for runs in self.runs().values() for uid, _ in runs)
        assert not [uid for uid, count in lines.items() if count > 1], "a pod ran twice"
        await self._settle(self._queues_are_right, "queues count what is there")
        await self._settle(self._gangs_are_whole, "no gang is half there")
        await self._settle(self._no_commands, "Commands are carried out")

    async def _settle(self, look: Callable[[], object], what: str) -> None:
        await eventually(look, what, pause_s=SLOW_PAUSE_S)  # pyright: ignore

    async def _no_commands(self) -> bool:
        return not (await self.client.list(COMMANDS, NAMESPACE)).items

    async def _gangs_are_whole(self) -> bool:
        groups = (await self.client.list(POD_GROUPS, NAMESPACE)).items
        held = Counter(group_of(pod) for pod in await self.pods() if pod.spec.node_name)
        return all(
            held[group.metadata.name] == 0 or held[group.metadata.name] >= group.spec.min_member
            for group in groups
        )

    async def _queues_are_right(self) -> bool:
        groups = (await self.client.list(POD_GROUPS, NAMESPACE)).items
        queue_of = {group.metadata.name: group.spec.queue for group in groups}
        held: Counter[str] = Counter()
        for pod in await self.pods():
            if pod.spec.node_name and not pod.is_finished:
                held[queue_of[group_of(pod)]] += 1
        for queue in (await self.client.list(QUEUES)).items:
            name, status = queue.metadata.name, queue.status
            if name == "root":
                continue
            counts = Counter(g.phase.value for g in groups if g.spec.queue == name)
            shown = (status.pending, status.inqueue, status.running)
            if shown != (counts["Pending"], counts["Inqueue"], counts["Running"]):
                return False
            if quantity.value(status.allocated.get("cpu", "0")) != held[name]:
                return False
        return True


@asynccontextmanager
async def crash_site(folder: Path, seed: int) -> AsyncGenerator[CrashSite]:
    async with plane("--node-resources", f"cpu={CPUS},memory=8Gi") as up:
        site = CrashSite(up, await connect(up), folder, random.Random(seed))
        try:
            yield site
        finally:
            await site.client.close()


async def connect(up: Plane) -> HttpClient:
    return HttpClient(await load_connection(up.kubeconfig))


def job(
    name: str,
    runs: Path,
    *,
    queue: str = "default",
    pods: int = 3,
    script: str = "sleep 1000",
    **spec: object,
) -> JsonObject:
    """A gang of pods of one cpu each; `script` runs after the container has left its line."""
    fields = {
        "POD_NAME": "metadata.name",
        "POD_UID": "metadata.uid",
        "JOB_VERSION": f"metadata.annotations['{JOB_VERSION}']",
    }
    line = f'echo "$POD_UID $JOB_VERSION" >> {runs}/$POD_NAME; {script}'
    container = {
        "name": "work",
        "image": "any",
        "command": ["sh", "-c", line],
        "env": [
            {"name": each, "valueFrom": {"fieldRef": {"fieldPath": path}}}
            for each, path in fields.items()
        ],
        "resources": {"requests": {"cpu": "1"}},
    }
    template = {"spec": {"restartPolicy": "Never", "containers": [container]}}
    task = {"name": "work", "replicas": pods, "template": template}
    return {"metadata": {"name": name}, "spec": {"queue": queue, "tasks": [task], **spec}}


def read_lines(path: Path) -> list[str]:
    return path.read_text().splitlines()


def group_of(pod: Pod) -> str:
    return pod.metadata.annotations.get(GROUP_NAME, "")


def uids(pods: list[Pod]) -> set[str]:
    return {pod.metadata.uid for pod in pods}


def running(pods: list[Pod]) -> list[Pod]:
    return [pod for pod in pods if pod.status.phase == "Running" and not pod.is_deleting]
