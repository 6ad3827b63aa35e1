"""A cluster and pods for measuring the scheduler's core: in process, no API, no I/O.

All pods wait in the queue before the clock starts. They have come at one instant, so equal ones are
tried in a row, or one by one, each of another template than the one before. The clock stops when
the last one is bound, and covers cycles, bindings and their outcomes, in the batches of the running
service. The time of a cycle is measured in a run before that, one call a pod. Everything is made
the same way every time. Gangs are measured by `gangs_in_process`.
"""

import gc
import resource
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

import msgspec
import numpy as np

from shoal.api.node import Node
from shoal.api.pod import Pod
from shoal.scheduler.core import build_scheduler
from shoal.scheduler.effects import Bind
from shoal.scheduler.events import BindSucceeded, NodeAdded, PodAdded, Tick
from shoal.scheduler.plugins.in_tree import DEFAULT_PROFILES, in_tree_registry

_START = datetime(2026, 1, 1, tzinfo=UTC)
_BATCH = 64
"""Cycles between two looks at other news, as in the service."""
_ZONES = 10
_NODE_CPU = 32
_NODE_MEMORY_GIB = 128


class Constraint(StrEnum):
    """What the pods demand beside cpu and memory."""

    NONE = "none"
    ANTI_AFFINITY = "anti-affinity"
    """No two pods of a group on one host."""
    SPREAD = "spread"
    """Evenly over zones and hosts, as a hard constraint."""


@dataclass(frozen=True, slots=True)
class Load:
    """What is scheduled onto what."""

    nodes: int
    pods: int
    templates: int
    constraint: Constraint = Constraint.NONE
    in_turn: bool = False
    """Pods come one by one; else at one instant."""


class Measured(msgspec.Struct, frozen=True):
    """What came out; `cycle_ms_*` are percentiles."""

    nodes: int
    pods: int
    templates: int
    constraint: Constraint
    in_turn: bool
    bound: int
    """Pods that found a node."""
    pods_per_s: float
    cycle_ms_p50: float
    cycle_ms_p99: float
    rss_mb: float
    """Largest so far, in 10^6 bytes."""
    intake_pods_per_s: float
    """Pods a second that the scheduler takes into its queue before."""


Report = Callable[[str], None]
"""Told what begins."""


def measure(load: Load, report: Report = lambda text: None) -> Measured:
    """Raises ValueError where the load cannot be made."""
    if min(load.nodes, load.pods, load.templates) < 1:
        raise ValueError("nodes, pods and templates must be at least 1")
    # First one by one: a service has warmed up, too, by the time it is busy.
    report("one by one")
    single = _run(load, 1)
    report("in batches")
    whole = _run(load, _BATCH)
    return Measured(
        load.nodes,
        load.pods,
        load.templates,
        load.constraint,
        load.in_turn,
        bound=whole.bound,
        pods_per_s=round(whole.bound / whole.total_s, 1),
        cycle_ms_p50=round(float(np.percentile(single.calls_s, 50)) * 1000, 4),
        cycle_ms_p99=round(float(np.percentile(single.calls_s, 99)) * 1000, 4),
        rss_mb=round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6, 1),
        intake_pods_per_s=round(load.pods / whole.intake_s, 1),
    )


class _Run(msgspec.Struct, frozen=True):
    bound: int
    intake_s: float
    total_s: float
    calls_s: list[float]


@contextmanager
def settled() -> Generator[None]:
    """As in a running control plane: what exists is no garbage."""
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        gc.unfreeze()


def _run(load: Load, batch: int) -> _Run:
    scheduler = build_scheduler(DEFAULT_PROFILES, in_tree_registry())
    for node in make_nodes(load.nodes):
        scheduler.handle(NodeAdded(node), _START)
    events = [PodAdded(pod) for pod in _pods(load)]
    clock = time.perf_counter
    calls_s: list[float] = []
    bound = 0
    now, tick = _START + timedelta(minutes=1), Tick(batch)
    with settled():
        intake_begun_s = clock()
        for number, event in enumerate(events):
            came = timedelta(microseconds=number if load.in_turn else 0)
            scheduler.handle(event, _START + came)
        begun_s = clock()
        while scheduler.next_wake(now) == now:
            now += timedelta(milliseconds=1)
            call_begun_s = clock()
            effects = scheduler.handle(tick, now)
            calls_s.append(clock() - call_begun_s)
            for effect in effects:
                if isinstance(effect, Bind):
                    bound += 1
                    scheduler.handle(BindSucceeded(effect.pod, effect.node_name), now)
        total_s = clock() - begun_s
    return _Run(bound, begun_s - intake_begun_s, total_s, calls_s)


def make_nodes(count: int) -> Iterator[Node]:
    """Of 32 cpu and 128Gi, in ten zones."""
    resources = {"cpu": str(_NODE_CPU), "memory": f"{_NODE_MEMORY_GIB}Gi", "pods": "110"}
    for number in range(count):
        name = f"node-{number:05}"
        labels = {
            "kubernetes.io/hostname": name,
            "topology.kubernetes.io/zone": f"zone-{number % _ZONES}",
        }
        manifest = {
            "metadata": {"name": name, "uid": name, "labels": labels},
            "status": {"capacity": resources, "allocatable": resources},
        }
        yield msgspec.convert(manifest, Node)


def _pods(load: Load) -> Iterator[Pod]:
    specs = [msgspec.json.encode(_spec(load, t)) for t in range(min(load.templates, load.pods))]
    for number in range(load.pods):
        template = number % load.templates
        metadata = {
            "name": f"pod-{number}",
            "namespace": "default",
            "uid": f"pod-{number}",
            "labels": {"app": f"app-{_group(load, template)}"},
        }
        manifest = {"metadata": metadata, "spec": msgspec.Raw(specs[template])}
        yield msgspec.json.decode(msgspec.json.encode(manifest), type=Pod)


def _group(load: Load, template: int) -> int:
    """Templates with a constraint form 50 applications at most, whose pods keep apart."""
    return template if load.constraint is Constraint.NONE else template % 50


def _spec(load: Load, template: int) -> dict[str, object]:
    """Between 100 and 490 millicores; every template has its own memory."""
    requests = {
        "cpu": f"{100 + template % 40 * 10}m",
        "memory": f"{128 * 1024 + template * 64}Ki",
    }
    selector = {"matchLabels": {"app": f"app-{_group(load, template)}"}}
    spec: dict[str, object] = {
        "containers": [{"name": "main", "image": "app", "resources": {"requests": requests}}]
    }
    hosts, zones = "kubernetes.io/hostname", "topology.kubernetes.io/zone"
    match load.constraint:
        case Constraint.ANTI_AFFINITY:
            term = {"topologyKey": hosts, "labelSelector": selector}
            rule = {"requiredDuringSchedulingIgnoredDuringExecution": [term]}
            spec["affinity"] = {"podAntiAffinity": rule}
        case Constraint.SPREAD:
            spec["topologySpreadConstraints"] = [
                {
                    "topologyKey": key,
                    "maxSkew": 1,
                    "whenUnsatisfiable": "DoNotSchedule",
                    "labelSelector": selector,
                }
                for key in (zones, hosts)
            ]
        case Constraint.NONE:
            pass
    return spec
