"""DaemonSets: one pod on every node that suits.

What to do next is decided in `daemon_set_plan`; here it is carried out. Pods have generated names,
so writes that the informer has not shown yet are remembered as expectations.
Source of the events: Kubernetes v1.36, pkg/controller/daemon/daemon_controller.go.
"""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from shoal.api.apps import CONTROLLER_REVISIONS, DAEMON_SETS, DaemonSet
from shoal.api.core import EventType
from shoal.api.meta import ObjectKey
from shoal.api.node import NODES, Node
from shoal.api.pod import PODS, Pod
from shoal.api.status import ApiError
from shoal.base.backoff import Backoff
from shoal.base.clock import Clock
from shoal.client.events import EventRecorder
from shoal.client.informer import InformerSet, Lister
from shoal.client.protocol import Client
from shoal.client.workqueue import WorkQueue
from shoal.controllers.expectations import Expectations
from shoal.controllers.kube import (
    daemon_set_plan,
    daemon_set_pods,
    owners,
    replica_count,
    revisions,
)
from shoal.controllers.kube.pod_control import PodControl
from shoal.controllers.kube.revision_history import RevisionHistory, Settled
from shoal.controllers.reconciler import Result
from shoal.controllers.runner import Controller, enqueue_self

_FAILED_BACKOFF = Backoff(initial_s=1.0, max_s=900.0)


class FailedDaemons:
    """When the failed pod of a node may be removed: a pod that fails at once must not be made
    again and again without a pause. Forgotten with the process, which costs one early attempt."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], tuple[int, datetime]] = {}

    def wait_s(self, uid: str, node: str, now: datetime) -> float:
        """How long to wait still; 0 lets the removal count as one more failure."""
        failures, since = self._known.get((uid, node), (0, now))
        passed_s = (now - since).total_seconds()
        if passed_s > 2 * _FAILED_BACKOFF.max_s:
            failures, passed_s = 0, 0.0
        left_s = _FAILED_BACKOFF.delay_s(failures) - passed_s
        if left_s > 0:
            return left_s
        self._known[uid, node] = (failures + 1, now)
        return 0.0

    def forget(self, gone: str) -> None:
        """The set with this uid, or the node of this name."""
        self._known = {key: value for key, value in self._known.items() if gone not in key}


class DaemonSetReconciler:
    """What one set lacks or has too much of, on all nodes."""

    def __init__(
        self,
        client: Client,
        daemon_sets: Lister[DaemonSet],
        nodes: Lister[Node],
        pods: Lister[Pod],
        history: RevisionHistory,
        control: PodControl,
        recorder: EventRecorder,
        expectations: Expectations,
        failed: FailedDaemons,
        clock: Clock,
    ) -> None:
        self._client = client
        self._daemon_sets = daemon_sets
        self._nodes = nodes
        self._pods = pods
        self._history = history
        self._control = control
        self._recorder = recorder
        self._expectations = expectations
        self._failed = failed
        self._clock = clock

    async def reconcile(self, key: ObjectKey) -> Result:
        daemon_set = self._daemon_sets.get(key)
        if daemon_set is None:
            self._expectations.forget(key)
            return Result()
        if daemon_set.metadata.deletion_timestamp is not None:
            return Result()
        owned = await self._claim(daemon_set)
        settled = await self._history.settle(
            daemon_set.metadata,
            daemon_set.spec.selector,
            daemon_set.spec.template,
            daemon_set.status.collision_count,
        )
        now = self._clock.now()
        hashed = settled.newest.metadata.labels.get(revisions.POD_HASH, "")
        view = daemon_set_plan.daemons(daemon_set, hashed, self._nodes.list(), owned, now)
        wait_s: float | None = None
        if self._expectations.is_settled(key, now):
            try:
                wait_s = await self._step(view, daemon_set_plan.next_step(view))
            except ApiError:
                # Whoever waits for a rollout must see how far it has come, also where it failed.
                await self._report(view, settled)
                raise
        await self._report(view, settled)
        await self._truncate(daemon_set, owned, settled)
        ready_s = replica_count.available_in_s(daemon_set.spec.min_ready_seconds, owned, now)
        return Result(min((w for w in (wait_s, ready_s) if w is not None), default=None))

    async def _claim(self, daemon_set: DaemonSet) -> list[Pod]:
        meta = daemon_set.metadata
        claim = replica_count.claim_pods(
            meta, daemon_set.spec.selector, self._pods.list(meta.namespace)
        )
        return await owners.settle_pods(self._client, claim, DAEMON_SETS, meta)

    async def _step(
        self, view: daemon_set_plan.Daemons, step: daemon_set_plan.DaemonStep
    ) -> float | None:
        """Carry it out; when to look again at a failed pod that may not go yet."""
        wait_s: float | None = None
        leaving = list(step.remove)
        for pod in step.ended:
            left_s = self._failed_wait_s(view, pod)
            if left_s > 0:
                wait_s = left_s if wait_s is None else min(wait_s, left_s)
            else:
                self._record_end(view.daemon_set, pod)
                leaving.append(pod)
        for node in step.create:
            body = daemon_set_pods.pod_body(view.daemon_set, node, view.hashed)
            await self._control.create(view.daemon_set.metadata, body)
        for pod in leaving:
            await self._control.remove(view.daemon_set.metadata, pod)
        return wait_s

    def _failed_wait_s(self, view: daemon_set_plan.Daemons, pod: Pod) -> float:
        if pod.status.phase != "Failed":
            return 0.0
        uid, node = view.daemon_set.metadata.uid, daemon_set_pods.node_of(pod)
        return self._failed.wait_s(uid, node, view.now)

    async def _report(self, view: daemon_set_plan.Daemons, settled: Settled) -> None:
        daemon_set = view.daemon_set
        wanted = {
            **daemon_set_plan.status(view),
            "observedGeneration": daemon_set.metadata.generation,
            "collisionCount": settled.collisions,
        }
        stored = msgspec.to_builtins(daemon_set.status)
        changes = {k: v for k, v in wanted.items() if v != stored.get(k, 0)}
        if changes:
            meta = daemon_set.metadata
            patch = {"metadata": {"uid": meta.uid}, "status": changes}
            await self._client.patch(
                DAEMON_SETS, meta.name, patch, meta.namespace, subresource="status"
            )

    async def _truncate(
        self, daemon_set: DaemonSet, owned: Sequence[Pod], settled: Settled
    ) -> None:
        hashes = {pod.metadata.labels.get(revisions.POD_HASH, "") for pod in owned}
        live = {
            each.metadata.name
            for each in settled.kept
            if each.metadata.labels.get(revisions.POD_HASH) in hashes
        }
        live.add(settled.newest.metadata.name)
        limit = daemon_set.spec.revision_history_limit
        await self._history.truncate(settled.kept, live, limit)

    def _record_end(self, daemon_set: DaemonSet, pod: Pod) -> None:
        meta = pod.metadata
        about = f"daemon pod {meta.namespace}/{meta.name} on node {daemon_set_pods.node_of(pod)}"
        if pod.status.phase == "Failed":
            message = f"Found failed {about}, will try to kill it"
            self._record(daemon_set, EventType.WARNING, "FailedDaemonPod", message)
        else:
            message = f"Found succeeded {about}, will try to delete it"
            self._record(daemon_set, EventType.NORMAL, "SucceededDaemonPod", message)

    def _record(self, daemon_set: DaemonSet, type: EventType, reason: str, message: str) -> None:
        self._recorder.record(DAEMON_SETS, daemon_set.metadata, type, reason, message)


def daemon_set_controller(
    client: Client, informers: InformerSet, recorder: EventRecorder, clock: Clock
) -> Controller:
    """Follows DaemonSets, their pods, and what makes nodes suit."""
    queue: WorkQueue[ObjectKey] = WorkQueue(clock)
    expectations, failed = Expectations(), FailedDaemons()
    daemon_sets, nodes = informers.informer(DAEMON_SETS), informers.informer(NODES)
    pods, kept = informers.informer(PODS), informers.informer(CONTROLLER_REVISIONS)
    history = RevisionHistory(client, kept.lister, DAEMON_SETS, revisions.POD_HASH)
    reconciler = DaemonSetReconciler(
        client,
        daemon_sets.lister,
        nodes.lister,
        pods.lister,
        history,
        PodControl(client, DAEMON_SETS, pods.lister, recorder, expectations, clock),
        recorder,
        expectations,
        failed,
        clock,
    )

    def on_set(old: DaemonSet | None, new: DaemonSet | None) -> None:
        if old is not None and (new is None or new.metadata.uid != old.metadata.uid):
            failed.forget(old.metadata.uid)

    def on_node(old: Node | None, new: Node | None) -> None:
        if old is not None and new is None:
            failed.forget(old.metadata.name)
        # A heartbeat changes nothing that matters here.
        if old is None or new is None or _traits(old) != _traits(new):
            for each in daemon_sets.lister.list():
                queue.add(each.metadata.key)

    daemon_sets.add_handler(enqueue_self(queue))
    daemon_sets.add_handler(on_set)
    nodes.add_handler(on_node)
    pods.add_handler(
        owners.enqueue_set_of_pod(queue, DAEMON_SETS.kind, daemon_sets.lister, expectations)
    )
    return Controller("daemonset", reconciler, queue)


def _traits(node: Node) -> object:
    return node.metadata.uid, node.metadata.labels, node.spec.taints
