"""A Worker of mode Queue on a real `shoal up` with a real work source, and what can befall them:
programs, pods, the control plane and the database are ended at random, or held up.
"""

import asyncio
import os
import random
import signal
import sys
import tempfile
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, closing, nullcontext, suppress
from pathlib import Path
from typing import Any

from shoal.api.batch import JOBS
from shoal.api.core import EVENTS, SECRETS
from shoal.api.pod import PODS
from shoal.api.status import ApiError
from shoal.api.worker import WORKER_LABEL, WORKERS, Worker
from shoal.client.connection import load_connection
from shoal.client.http import HttpClient
from shoal.client.protocol import ConnectionFailed, DeleteOptions
from shoal.testing.databases import DatabaseServer
from shoal.work.locations import make_own, own_url
from shoal.work.protocol import QueueSize, SourceUnavailable
from shoal.work.sources import open_source
from tests import fault_program
from tests.deliveries import Counted, Deliveries, Start, check_deliveries
from tests.fault_program import POISON
from tests.plane import Plane, plane
from tests.servers import running
from tests.waiting import SLOW_PAUSE_S, eventually

NAMESPACE = "default"
NAME = "faulty"
QUEUE = f"{NAMESPACE}/{NAME}"
LEASE_S = 2
MAX_ATTEMPTS = 5
PATIENCE_S = 180
SUPPLY = 100
"""Items that are always ready while faults are to come, however slow the machine is."""


class FaultSite:
    """One Worker, whose queue is filled before it is made."""

    def __init__(
        self, up: Plane, notes: Path, url: str, server: DatabaseServer | None, seed: int
    ) -> None:
        self.up = up
        self.url = url
        self.server = server
        self.rng = random.Random(seed)
        # Pods do not see the data folder.
        self.deliveries = Deliveries(notes)
        self.client: HttpClient
        self.killed: set[str] = set()
        """Logs and pods whose programs were ended without a word."""
        self.kills: list[Start] = []
        self.deletions: list[Start] = []
        self.good = 0
        """Items that can be done."""
        self.poison = 0
        self.late_deletions = 0
        """Whose programs had done their work: the Job may have known that or not."""

    async def connect(self) -> None:
        self.client = HttpClient(await load_connection(self.up.kubeconfig))

    def put(self, good: int, poison: int = 0) -> None:
        bodies = [str(number) for number in range(good)] + [POISON] * poison
        self.rng.shuffle(bodies)
        self.good, self.poison = good, poison
        with closing(open_source(self.url)) as source:
            source.put(QUEUE, bodies)

    def size(self) -> QueueSize:
        with closing(open_source(self.url)) as source:
            return source.size(QUEUE)

    async def make_queue(self, pattern: str, pause_s: float, **spec: Any) -> None:
        url = {}
        if self.server is not None:
            secret = {"metadata": {"name": "queue"}, "stringData": {"url": self.url}}
            await self.client.create(SECRETS, secret, NAMESPACE)
            url = {"urlFrom": {"secretKeyRef": {"name": "queue", "key": "url"}}}
        queue = {"pattern": pattern, "leaseSeconds": LEASE_S, "maxAttempts": MAX_ATTEMPTS, **url}
        way = "drain" if pattern == "Drain" else "one"
        await self.make_worker(NAME, way, pause_s, mode="Queue", queue=queue, **spec)

    async def make_worker(self, name: str, way: str, pause_s: float = 0.0, **spec: Any) -> None:
        words = [str(self.deliveries.folder), str(pause_s), way]
        container = {
            "name": "worker",
            "image": "any",
            "command": [sys.executable, fault_program.__file__, *words],
            "env": [
                {"name": "POD_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}
            ],
        }
        # The servers listen on the machine's own 127.0.0.1.
        template = {"spec": {"hostNetwork": True, "containers": [container]}}
        body = {"metadata": {"name": name}, "spec": {"template": template, **spec}}
        await self.client.create(WORKERS, body, NAMESPACE)

    async def worker(self, name: str = NAME) -> Worker:
        return await self.client.get(WORKERS, name, NAMESPACE)

    async def touch(self, name: str) -> None:
        """Have the controller look at a worker once more."""
        annotations = {"touched": str(self.rng.random())}
        await self.client.patch(
            WORKERS, name, {"metadata": {"annotations": annotations}}, NAMESPACE
        )

    async def until_done(self, least: int) -> None:
        await eventually(
            lambda: self.size().done >= least,
            f"{least} items are done",
            pause_s=0.05,
            patience_s=PATIENCE_S,
        )

    async def at_work(self, pods: str = "") -> Start:
        """Some start of the program that is at work on an item, in a pod whose name begins so."""

        def some() -> Start | None:
            alive = [
                each
                for each in self.deliveries.starts()
                if each.is_at_work()
                and each.pod.startswith(pods)
                and not {each.pod, each.path.name} & self.killed
                and each.pid()
            ]
            return self.rng.choice(alive) if alive else None

        return await eventually(some, "a program is at work", pause_s=0.02)

    async def kill_program(self, pods: str = "") -> None:
        """kill -9 of a container's process, at work or just after."""
        while True:
            victim, pid = await self._caught(pods)
            os.kill(pid, signal.SIGCONT)
            await asyncio.sleep(self.rng.uniform(0.0, 0.05))
            # One that has said its last word would fail all the same if it were killed now.
            if await hold(pid) and not victim.has_ended():
                await self._kill(victim, pid)
                return
            let_go(pid)

    async def _caught(self, pods: str = "") -> tuple[Start, int]:
        """A program at work, held where it is."""
        while True:
            victim = await self.at_work(pods)
            pid = victim.pid()
            if pid is None:
                continue
            if await hold(pid) and victim.is_at_work():
                return victim, pid
            let_go(pid)

    async def _kill(self, victim: Start, pid: int) -> None:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        await eventually(lambda: victim.pid() is None, f"{victim} is gone")
        if not victim.has_ended():
            self.killed.add(victim.path.name)
            self.kills.append(victim)

    async def delete_pod_politely(self) -> None:
        """Its program may end the item at hand."""
        victim = await self.at_work()
        # With an item per pod it has done all that it was to do.
        if await self._delete(victim, DeleteOptions()):
            self.late_deletions += 1
        else:
            self.deletions.append(victim)

    async def delete_pod_at_once(self, pods: str = "") -> None:
        """Its program stands still meanwhile: one that ended its item before the node got to it
        would be a success to its Job."""
        victim, _ = await self._caught(pods)
        self.killed.add(victim.pod)
        await self._delete(victim, DeleteOptions(grace_period_s=0))
        self.deletions.append(victim)

    async def _delete(self, victim: Start, options: DeleteOptions) -> bool:
        """Whether its program came to its end."""
        with suppress(ApiError):
            await self.client.delete(PODS, victim.pod, NAMESPACE, options)
        await eventually(lambda: victim.pid() is None, f"{victim} is gone")
        return victim.has_ended()

    async def hold_up(self) -> None:
        """Stop a program at work until its lease is over, and let it go on."""
        _, pid = await self._caught()
        over_s = time.time() + 1.3 * LEASE_S
        await eventually(lambda: time.time() > over_s, "the lease is over", pause_s=0.05)
        let_go(pid)

    @asynccontextmanager
    async def without_plane(self) -> AsyncGenerator[None]:
        """kill -9 of the control plane; afterwards it is there again."""
        await self.client.close()
        await self.up.kill()
        yield
        await self.up.start()
        await self.connect()

    async def kill_plane(self, pods: str = "") -> None:
        """And a program while it is gone; queues need no control plane."""
        victim, pid = await self._caught(pods)
        async with self.without_plane():
            await self._kill(victim, pid)

    async def restart_database(self) -> None:
        assert self.server is not None
        if self.rng.random() < 0.3:
            await asyncio.to_thread(self.server.stop)
        else:
            await asyncio.to_thread(self.server.kill)
        await asyncio.sleep(self.rng.uniform(0.0, 0.5))
        await asyncio.to_thread(self.server.start)

    @asynccontextmanager
    async def supplied(self) -> AsyncGenerator[None]:
        """Put items as fast as they get done, so that there is work for as long as this lasts."""
        is_over = asyncio.Event()
        supplying = asyncio.create_task(self._supply(is_over))
        try:
            yield
        finally:
            is_over.set()
            await supplying

    async def _supply(self, is_over: asyncio.Event) -> None:
        batch = 0
        while not is_over.is_set():
            # Of a database that is down it may be unknown what was put: the batch is put again.
            with suppress(SourceUnavailable):
                if (await asyncio.to_thread(self.size)).ready < SUPPLY:
                    await asyncio.to_thread(self._put_more, batch)
                    self.good += SUPPLY
                    batch += 1
            await asyncio.sleep(SLOW_PAUSE_S)

    def _put_more(self, batch: int) -> None:
        with closing(open_source(self.url)) as source:
            source.put(QUEUE, map(str, range(SUPPLY)), batch_id=f"more-{batch}")

    async def befall(self, least: int, faults: list[Callable[[], Awaitable[object]]]) -> None:
        """All of the faults, in any order. Before each so many items get done: a Job makes its
        next pod the later the more have failed in a row."""
        self.rng.shuffle(faults)
        for fault in faults:
            await self.until_done(self.size().done + least)
            await asyncio.sleep(self.rng.uniform(0.0, 0.3))
            await fault()

    async def ended(self, name: str = NAME) -> Worker:
        async def has_ended() -> Worker | None:
            found = await self.worker(name)
            return found if found.status.phase in ("Succeeded", "Failed") else None

        return await eventually(
            has_ended, f"{name} ends", pause_s=SLOW_PAUSE_S, patience_s=PATIENCE_S
        )

    def check_items(self) -> Counted:
        return check_deliveries(
            self.deliveries, self.size(), self.good, self.poison, MAX_ATTEMPTS, self.killed
        )

    async def note_pods(self, born: set[tuple[str, str]]) -> None:
        """Name and uid of every pod that is seen, over lives of the control plane; those of a
        moment before the watch is there again are told by `pods_of_events`."""
        client = HttpClient(await load_connection(self.up.kubeconfig))
        try:
            while True:
                with suppress(ConnectionFailed, ApiError):
                    await self._note_pods(client, born)
                await asyncio.sleep(SLOW_PAUSE_S)
        finally:
            await client.close()

    async def _note_pods(self, client: HttpClient, born: set[tuple[str, str]]) -> None:
        page = await client.list(PODS, NAMESPACE)
        born |= {(each.metadata.name, each.metadata.uid) for each in page.items}
        version = page.resource_version
        async with client.watch(PODS, NAMESPACE, resource_version=version) as events:
            async for event in events:
                if event.object is not None:
                    born.add((event.object.metadata.name, event.object.metadata.uid))

    async def pods_of_events(self) -> set[tuple[str, str]]:
        """Every pod that something happened to."""
        events = (await self.client.list(EVENTS, NAMESPACE)).items
        objects = [each.involved_object for each in events]
        return {(each.name, each.uid) for each in objects if each.kind == "Pod"}

    async def job_conditions(self) -> list[str]:
        labels = f"{WORKER_LABEL}={NAME}"
        [job] = (await self.client.list(JOBS, NAMESPACE, label_selector=labels)).items
        return [each.type for each in job.status.conditions if each.status == "True"]


async def hold(pid: int) -> bool:
    """Have a process stand still; whether there is one. A signal takes a moment."""
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGSTOP)
    await eventually(lambda: state_of(pid) in ("T", "Z", ""), f"{pid} stands still")
    return state_of(pid) == "T"


def let_go(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGCONT)


def state_of(pid: int) -> str:
    """As proc(5) calls it; empty where there is no such process."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    return ""


@asynccontextmanager
async def fault_site(kind: str, seed: int, *flags: str) -> AsyncGenerator[FaultSite]:
    """`kind` of work source: sqlite, the control plane's own; postgresql or redis, of its own.
    `flags` are those of `shoal up`."""
    with (
        tempfile.TemporaryDirectory(prefix="shoal-notes-") as notes,
        nullcontext() if kind == "sqlite" else running(kind) as server,
    ):
        async with plane("--node-resources", "cpu=8,memory=8Gi", *flags) as up:
            make_own(up.folder, NAMESPACE)
            url = own_url(up.folder, NAMESPACE) if server is None else server.url
            site = FaultSite(up, Path(notes), url, server, seed)
            await site.connect()
            try:
                yield site
            finally:
                await site.client.close()
