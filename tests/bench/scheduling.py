"""How many pods a second the scheduler's core decides on, apart from any I/O."""

import time
from datetime import UTC, datetime, timedelta

from shoal.scheduler.core import build_scheduler
from shoal.scheduler.effects import Bind
from shoal.scheduler.events import NodeAdded, PodAdded, Tick
from shoal.scheduler.plugins.in_tree import DEFAULT_PROFILES, in_tree_registry
from shoal.testing.builders import make_node, make_pod

_NODES = 1_000
_PODS = 5_000
_SIGNATURES = 100
_BATCH = 64


async def throughput() -> dict[str, float]:
    """5,000 pods onto 1,000 nodes: all equal, and of 100 different shapes."""
    return {
        "nodes": _NODES,
        "pods": _PODS,
        "equal_pods_per_s": round(_pods_per_s(1)),
        "mixed_pods_per_s": round(_pods_per_s(_SIGNATURES)),
    }


def _pods_per_s(shapes: int) -> float:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    scheduler = build_scheduler(DEFAULT_PROFILES, in_tree_registry())
    for number in range(_NODES):
        node = make_node(f"n{number}").capacity(cpu="32", memory="128Gi", pods="110").obj()
        scheduler.handle(NodeAdded(node), now)
    for number in range(_PODS):
        millis = 100 + number % shapes
        pod = make_pod(f"p{number}").req(cpu=f"{millis}m", memory="100Mi").obj()
        scheduler.handle(PodAdded(pod), now)
    bound = 0
    started_s = time.perf_counter()
    while bound < _PODS:
        now += timedelta(milliseconds=1)
        effects = scheduler.handle(Tick(_BATCH), now)
        bound += sum(isinstance(effect, Bind) for effect in effects)
    return _PODS / (time.perf_counter() - started_s)
