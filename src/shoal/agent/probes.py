"""When a container is probed, and what a row of answers means. Pure.

Source of the rules: Kubernetes v1.36, pkg/kubelet/prober/worker.go.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from shoal.agent.lifecycle.container import ContainerPhase, ContainerRecord
from shoal.agent.lifecycle.messages import ProbeKind
from shoal.agent.lifecycle.pod import PodState
from shoal.agent.runtime.protocol import ContainerKey
from shoal.api.pod import Probe


@dataclass(frozen=True, slots=True)
class ProbeKey:
    container: ContainerKey
    kind: ProbeKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """What the answers so far come to."""

    verdict: bool | None
    """True is healthy, None not yet known."""
    last: bool | None = None
    run: int = 0
    """How many answers in a row were like the last."""


def first_tally(kind: ProbeKind) -> Tally:
    """Before the first answer a container is alive, not ready, and not known to have started."""
    match kind:
        case ProbeKind.LIVENESS:
            return Tally(verdict=True)
        case ProbeKind.READINESS:
            return Tally(verdict=False)
        case ProbeKind.STARTUP:
            return Tally(verdict=None)


def count(tally: Tally, probe: Probe, is_success: bool) -> Tally:
    """The tally after one more answer; the verdict turns when a threshold is reached."""
    run = tally.run + 1 if tally.last is is_success else 1
    threshold = probe.success_threshold if is_success else probe.failure_threshold
    verdict = is_success if run >= threshold else tally.verdict
    return Tally(verdict=verdict, last=is_success, run=run)


def first_delay_s(probe: Probe, started_at: datetime, now: datetime) -> float:
    """How long to wait for the first probe of a container."""
    return max(probe.initial_delay_seconds - (now - started_at).total_seconds(), 0.0)


def active_probes(state: PodState) -> Iterator[ProbeKey]:
    """Which probes should run now: startup alone until it has passed; of a container that is
    being stopped only readiness is still of interest."""
    for record in state.containers:
        for kind in _active_kinds(record, is_ending=state.ending is not None):
            yield ProbeKey(state.key(record), kind)


def _active_kinds(record: ContainerRecord, *, is_ending: bool) -> Iterator[ProbeKind]:
    plan = record.plan
    if not record.is_live or record.phase is ContainerPhase.POST_START:
        return
    if not record.is_started:
        if plan.has_startup_probe and record.phase is ContainerPhase.RUNNING and not is_ending:
            yield ProbeKind.STARTUP
        return
    if plan.has_readiness_probe:
        yield ProbeKind.READINESS
    if plan.has_liveness_probe and record.phase is ContainerPhase.RUNNING and not is_ending:
        yield ProbeKind.LIVENESS
