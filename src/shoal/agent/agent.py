"""`Agent`: one machine's pods, for one or several virtual nodes.

    Informer of pods ──> Agent ──> PodWorker (one a pod) ──> Runtime
                           ^                                   │
                           └──────────── exits ────────────────┘

At start it finds the containers of an earlier agent again and hands each to its pod's worker;
what belongs to no pod any more is removed.
"""

import asyncio
import logging
from collections.abc import Sequence

from shoal.agent.downward import NodeFacts
from shoal.agent.heartbeat import Heartbeat
from shoal.agent.lifecycle.messages import ContainerEnded, ObjectGone
from shoal.agent.lifecycle.recovery import initial_state
from shoal.agent.node_context import NodeConfig, NodeContext
from shoal.agent.node_status import MachineFacts
from shoal.agent.pod_worker import PodWorker
from shoal.agent.runtime.protocol import ContainerExit, ContainerKey, FoundPod
from shoal.api.pod import Pod
from shoal.base.guard import Failed, attempt_async
from shoal.base.supervision import HEALTHY_AFTER_S, RESTART_BACKOFF, keep_running
from shoal.client.informer import Informer

_log = logging.getLogger(__name__)


class Agent:
    """`pods` may follow all pods or just those of the nodes; others are passed over."""

    def __init__(
        self,
        context: NodeContext,
        nodes: Sequence[NodeConfig],
        machine: MachineFacts,
        pods: Informer[Pod],
    ) -> None:
        self._context = context
        self._nodes = {node.name: node for node in nodes}
        self._pods = pods
        self._heartbeat = Heartbeat(
            context.client,
            context.clock,
            nodes,
            context.runtime.capabilities,
            machine,
            context.host_ip,
            context.network,
        )
        self._workers: dict[str, PodWorker] = {}
        self._found: dict[str, FoundPod] = {}
        self._early_exits: dict[str, list[ContainerExit]] = {}
        self._group = asyncio.TaskGroup()

    @property
    def pod_count(self) -> int:
        """Pods that have a worker."""
        return len(self._workers)

    def count_running_pods(self) -> int:
        """Pods with a container that lives."""
        return sum(
            any(record.is_live for record in worker.state.containers)
            for worker in self._workers.values()
        )

    def is_running(self, key: ContainerKey) -> bool:
        """Whether this attempt may still write to its log."""
        worker = self._workers.get(key.pod_uid)
        record = worker.state.find(key.container) if worker is not None else None
        if worker is None or record is None:
            return False
        return record.is_live and worker.state.key(record) == key

    async def run(self) -> None:
        """Run once; returns only when cancelled. Containers go on running then."""
        for pod in await self._context.runtime.recover():
            self._found[pod.uid] = pod
            if pod.pod_ip:
                self._context.addresses.claim(pod.uid, pod.pod_ip)
        clock = self._context.clock
        async with self._group:
            self._group.create_task(keep_running("heartbeat", self._heartbeat.run, clock))
            self._group.create_task(keep_running("container exits", self._follow_exits, clock))
            await self._pods.wait_synced()
            self._claim_addresses()
            self._pods.add_handler(self._observe)
            await self._remove_orphans()

    async def _follow_exits(self) -> None:
        async for ended in self._context.runtime.exits():
            uid = ended.key.pod_uid
            worker = self._workers.get(uid)
            if worker is not None:
                worker.tell(ContainerEnded(exit=ended))
            elif uid in self._found:
                # Its pod has not been listed yet.
                self._early_exits.setdefault(uid, []).append(ended)

    def _observe(self, old: Pod | None, new: Pod | None) -> None:
        if old is not None and (new is None or old.metadata.uid != new.metadata.uid):
            worker = self._workers.get(old.metadata.uid)
            if worker is not None:
                worker.tell(ObjectGone())
        if new is None or new.spec.node_name not in self._nodes:
            return
        worker = self._workers.get(new.metadata.uid)
        if worker is None:
            worker = self._adopt(new)
        worker.observe(new)

    def _adopt(self, pod: Pod) -> PodWorker:
        """Give a pod its worker."""
        context = self._context
        uid = pod.metadata.uid
        facts = NodeFacts(
            host_ip=context.host_ip,
            pod_ip=self._pod_ip(pod),
            allocatable=self._nodes[pod.spec.node_name].resources,
        )
        state = initial_state(pod, self._found.pop(uid, None), context.clock.now())
        worker = self._workers[uid] = PodWorker(pod, state, facts, context)
        for ended in self._early_exits.pop(uid, ()):
            worker.tell(ContainerEnded(exit=ended))
        self._group.create_task(self._work(worker))
        return worker

    def _claim_addresses(self) -> None:
        """Of all pods that have one, before any gets a new one."""
        for pod in self._pods.lister.list():
            if pod.spec.node_name in self._nodes:
                self._claim_address(pod)

    def _claim_address(self, pod: Pod) -> None:
        """Its own from an earlier agent. What the runtime knows was claimed first and counts."""
        known = pod.status.pod_ip
        if not known or pod.spec.host_network or pod.is_finished:
            return
        if self._context.addresses.covers(known) or pod.metadata.uid in self._found:
            self._context.addresses.claim(pod.metadata.uid, known)

    def _pod_ip(self, pod: Pod) -> str:
        """A pod keeps its address for life; one that is over needs no new one."""
        if pod.spec.host_network:
            return self._context.host_ip
        if pod.is_finished:
            return pod.status.pod_ip
        self._claim_address(pod)
        return self._context.addresses.take(pod.metadata.uid)

    async def _work(self, worker: PodWorker) -> None:
        """Until the pod is gone, however often the worker fails."""
        metadata = worker.pod.metadata
        clock = self._context.clock
        failures, started_s = 0, clock.monotonic()
        while isinstance(outcome := await attempt_async(worker.run()), Failed):
            if clock.monotonic() - started_s > HEALTHY_AFTER_S:
                failures = 0
            failures += 1
            _log.error("the worker of pod %s failed", metadata.key, exc_info=outcome.error)
            await self._pause(worker, RESTART_BACKOFF.delay_s(failures))
            started_s = clock.monotonic()
        self._workers.pop(metadata.uid, None)
        self._context.addresses.release(metadata.uid)

    async def _pause(self, worker: PodWorker, delay_s: float) -> None:
        """A pod that is to be deleted does not wait for that."""
        waits = [
            asyncio.ensure_future(wait)
            for wait in (self._context.clock.sleep(delay_s), worker.wait_hurried())
        ]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()

    async def _remove_orphans(self) -> None:
        """What is left of pods that were deleted while no agent ran."""
        for uid in tuple(self._found):
            found = self._found.pop(uid)
            _log.info("removing what is left of pod %s/%s", found.namespace, found.name)
            self._early_exits.pop(uid, None)
            try:
                await self._context.runtime.remove_pod(uid)
            except OSError as error:
                # Nothing of it runs. The next start tries again.
                _log.warning("what is left of pod %s stays: %s", uid, error)
            self._context.addresses.release(uid)
