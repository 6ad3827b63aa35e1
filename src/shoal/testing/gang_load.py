"""Gangs for measuring how soon they have their nodes: the load, and what is said of it.

`gangs_in_process` measures the scheduler's core with them, `gangs_through_api` a control plane.
"""

import time
from collections import Counter
from collections.abc import Iterator, Mapping
from enum import StrEnum

import msgspec
import numpy as np

from shoal.api.resource import JsonObject
from shoal.api.volcano import keys
from shoal.api.volcano.job import JOBS, SCHEDULER_NAME
from shoal.api.volcano.pod_group import POD_GROUPS

NAMESPACE = "default"
_QUEUE = "default"
_CPU_MILLIS = 100
_MEMORY_MIB = 128


class Way(StrEnum):
    """How gangs come to the scheduler."""

    IN_PROCESS = "in process"
    """The core is told of PodGroups and pods; there is nothing else."""
    API = "API"
    """Clients create PodGroups and pods in the embedded API server."""
    JOBS = "API, jobs"
    """Clients create Volcano jobs there, of which controllers make PodGroups and pods."""


class GangLoad(msgspec.Struct, frozen=True):
    """Gangs that are placed as wholes or not at all. Raises ValueError for a number below 1."""

    nodes: int
    gangs: int
    size: int

    def __post_init__(self) -> None:
        if min(self.nodes, self.gangs, self.size) < 1:
            raise ValueError("nodes, gangs and size must be at least 1")

    @property
    def pods(self) -> int:
        return self.gangs * self.size


STANDARD_SHAPES = ((10, 100), (20, 500), (10_000, 1))
"""How many gangs of how many pods."""


class GangsMeasured(msgspec.Struct, frozen=True):
    """What came out."""

    way: Way
    nodes: int
    gangs: int
    size: int
    bound: int
    """Pods that found a node."""
    total_s: float
    """From the creation of the first gang to the last binding."""
    cpu_s: float
    """Of the process, in that time; busy neighbours make it grow less than `total_s`."""
    pods_per_s: float
    gangs_per_s: float
    gang_s_p50: float
    """From the creation of a gang to all its members being bound; 0 where none is."""
    gang_s_p99: float
    writes: dict[str, int]
    """By verb and collection."""


class Watcher:
    """Notes which pods are bound, and when. The clock runs from when it is made."""

    def __init__(self, load: GangLoad) -> None:
        self._load = load
        self._left = Counter({gang_name(number): load.size for number in range(load.gangs)})
        self._created_at_s: dict[str, float] = {}
        self._took_s: list[float] = []
        self.bound = 0
        self._last_s = 0.0
        self._cpu_begun_s = time.process_time()
        self._begun_s = time.perf_counter()
        self._cpu_s = 0.0

    @property
    def now_s(self) -> float:
        """Since the beginning."""
        return time.perf_counter() - self._begun_s

    @property
    def is_done(self) -> bool:
        return self.bound >= self._load.pods

    def created(self, gang: str) -> None:
        """Its creation begins; without this it has been there from the beginning."""
        self._created_at_s[gang] = self.now_s

    def note_bound(self, gang: str) -> None:
        """One more of its pods; other pods' gangs are fine."""
        if self._left[gang] <= 0:
            return
        self._left[gang] -= 1
        self.bound += 1
        if self._left[gang] == 0:
            self._took_s.append(self.now_s - self._created_at_s.get(gang, 0.0))
        if self.is_done:
            self._last_s = self.now_s
            self._cpu_s = time.process_time() - self._cpu_begun_s

    def measured(self, way: Way, writes: Mapping[str, int]) -> GangsMeasured:
        """Up to the last binding; up to now where some pods have no node."""
        load = self._load
        total_s = self._last_s or self.now_s
        cpu_s = self._cpu_s or time.process_time() - self._cpu_begun_s
        times = np.array(self._took_s or [0.0])
        return GangsMeasured(
            way,
            load.nodes,
            load.gangs,
            load.size,
            self.bound,
            total_s=round(total_s, 4),
            cpu_s=round(cpu_s, 4),
            pods_per_s=round(self.bound / total_s, 1),
            gangs_per_s=round(len(self._took_s) / total_s, 1),
            gang_s_p50=round(float(np.percentile(times, 50)), 4),
            gang_s_p99=round(float(np.percentile(times, 99)), 4),
            writes=dict(sorted(writes.items())),
        )


def gang_name(number: int) -> str:
    """Of its PodGroup, or of its job."""
    return f"gang-{number:05}"


def pod_group(load: GangLoad, number: int) -> JsonObject:
    resources = {"cpu": f"{_CPU_MILLIS * load.size}m", "memory": f"{_MEMORY_MIB * load.size}Mi"}
    return {
        "apiVersion": POD_GROUPS.api_version,
        "kind": POD_GROUPS.kind,
        "metadata": {"name": gang_name(number), "namespace": NAMESPACE},
        "spec": {"minMember": load.size, "queue": _QUEUE, "minResources": resources},
    }


def members(load: GangLoad, number: int) -> Iterator[JsonObject]:
    """The pods of a gang."""
    for member in range(load.size):
        yield {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {
                "name": f"{gang_name(number)}-{member}",
                "namespace": NAMESPACE,
                "annotations": {keys.GROUP_NAME: gang_name(number)},
            },
            "spec": {"schedulerName": SCHEDULER_NAME, **_pod_spec()},
        }


def job(load: GangLoad, number: int) -> JsonObject:
    """A gang of one task."""
    task = {"name": "worker", "replicas": load.size, "template": {"spec": _pod_spec()}}
    return {
        "apiVersion": JOBS.api_version,
        "kind": JOBS.kind,
        "metadata": {"name": gang_name(number), "namespace": NAMESPACE},
        "spec": {"minAvailable": load.size, "queue": _QUEUE, "tasks": [task]},
    }


def _pod_spec() -> JsonObject:
    requests = {"cpu": f"{_CPU_MILLIS}m", "memory": f"{_MEMORY_MIB}Mi"}
    container = {"name": "main", "image": "app", "resources": {"requests": requests}}
    return {"containers": [container], "restartPolicy": "Never"}
