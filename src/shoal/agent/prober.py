"""Run the probes of one pod: a task for each that is active, ended when it no longer is."""

import asyncio
from collections.abc import Callable

from shoal.agent.checks import Checked, Checks
from shoal.agent.lifecycle.messages import ProbeJudged, ProbeKind, RecordEvent
from shoal.agent.lifecycle.pod import PodState
from shoal.agent.probes import ProbeKey, active_probes, count, first_delay_s, first_tally
from shoal.api.core import EventType
from shoal.api.pod import Container, Pod, Probe
from shoal.base.clock import Clock


class Prober:
    """`tell` gets verdicts as they turn, `record` the events about failed probes."""

    def __init__(
        self,
        pod: Pod,
        pod_ip: str,
        checks: Checks,
        clock: Clock,
        tell: Callable[[ProbeJudged], None],
        record: Callable[[RecordEvent], None],
    ) -> None:
        self._containers = {c.name: c for c in (*pod.spec.init_containers, *pod.spec.containers)}
        self._pod_ip = pod_ip
        self._checks = checks
        self._clock = clock
        self._tell = tell
        self._record = record
        self._tasks: dict[ProbeKey, asyncio.Task[None]] = {}

    def follow(self, state: PodState, group: asyncio.TaskGroup) -> None:
        """Start and end probes as the pod's state asks for it."""
        active = set(active_probes(state))
        for key in self._tasks.keys() - active:
            self._tasks.pop(key).cancel()
        for key in active - self._tasks.keys():
            self._tasks[key] = group.create_task(self._run(key, state))

    def stop(self) -> None:
        for task in self._tasks.values():
            task.cancel()
        self._tasks.clear()

    async def _run(self, key: ProbeKey, state: PodState) -> None:
        container = self._containers[key.container.container]
        probe = _probe(container, key.kind)
        record = state.find(container.name)
        if probe is None or record is None or record.started_at is None:
            return
        checked = Checked(key=key.container, container=container, pod_ip=self._pod_ip)
        tally = first_tally(key.kind)
        await self._clock.sleep(first_delay_s(probe, record.started_at, self._clock.now()))
        while True:
            result = await self._checks.probe(checked, probe)
            if not result.is_success:
                message = f"{key.kind} probe failed: {result.message}"
                self._record(
                    RecordEvent(
                        type=EventType.WARNING,
                        reason="Unhealthy",
                        message=message,
                        container=container.name,
                    )
                )
            before, tally = tally, count(tally, probe, result.is_success)
            if tally.verdict is not None and tally.verdict is not before.verdict:
                judged = ProbeJudged(key=key.container, probe=key.kind, is_healthy=tally.verdict)
                self._tell(judged)
            await self._clock.sleep(probe.period_seconds)


def _probe(container: Container, kind: ProbeKind) -> Probe | None:
    match kind:
        case ProbeKind.STARTUP:
            return container.startup_probe
        case ProbeKind.LIVENESS:
            return container.liveness_probe
        case ProbeKind.READINESS:
            return container.readiness_probe
