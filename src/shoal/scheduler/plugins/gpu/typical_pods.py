"""The pods that are to be expected: what fragmentation is measured by.

They are configured, or learned from the pods that stand on the nodes: the most frequent requests
that together make up 95 % of these pods, those without GPUs included. Learned ones are learned
anew each time as many more pods stand there as did the last time, so that what is known of nodes
is seldom outdated.

Source: kubernetes-scheduler-simulator (github.com/hkust-adsl), pkg/utils/frag.go, GetTypicalPods.
"""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import msgspec
import numpy as np

from shoal.api.gpu_sharing import MAX_COUNT, WHOLE, models_of
from shoal.scheduler.framework.points import ProfileError
from shoal.scheduler.state.gpu_shares import GpuShares, request_of
from shoal.scheduler.state.node_table import PODS_ROW, BoolArray
from shoal.scheduler.state.pod_info import PodInfo
from shoal.scheduler.state.snapshot import Snapshot

POPULARITY = 0.95
"""Of all pods that typical ones make up."""

_FIRST_LESSON = 16


class PodShape(NamedTuple):
    """What fragmentation knows of a pod."""

    cpu_millis: int
    gpu_milli: int = 0
    """Of each device; 0 for a pod without GPUs."""
    gpu_count: int = 0
    models: frozenset[str] = frozenset()

    @property
    def rank(self) -> tuple[int, int, int, str]:
        """Orders shapes that are equally frequent."""
        return (self.cpu_millis, self.gpu_milli, self.gpu_count, "|".join(sorted(self.models)))


class TypicalPodEntry(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """A typical pod as configuration files have it."""

    cpu_milli: int = 0
    gpu_milli: int = 0
    gpu_count: int = 0
    gpu_models: str = ""
    """With `|` between them; empty for any."""
    weight: float = 1.0
    """How frequent it is, compared with the others."""

    @property
    def shape(self) -> PodShape:
        milli, count = self.gpu_milli, self.gpu_count
        if milli or count:
            milli, count = milli or WHOLE, count or 1
        return PodShape(self.cpu_milli, milli, count, models_of(self.gpu_models))


class TypicalSet:
    """Typical pods as columns: the first axis is the pod."""

    def __init__(self, shapes: Sequence[tuple[PodShape, float]]) -> None:
        """Each with its frequency; together they are 1."""
        self.shapes = tuple(shape for shape, _ in shapes)
        self.frequency = np.array([frequency for _, frequency in shapes], np.float64)
        self.cpu_millis = np.array([shape.cpu_millis for shape in self.shapes], np.int64)
        self.gpu_milli = np.array([shape.gpu_milli for shape in self.shapes], np.int64)
        self.gpu_count = np.array([shape.gpu_count for shape in self.shapes], np.int64)
        self.cpu_levels = np.unique(self.cpu_millis)
        """Each amount of cpu once, ascending."""
        self.cpu_level = np.searchsorted(self.cpu_levels, self.cpu_millis)
        """By pod: which of them it wants."""
        self._allowed: BoolArray = np.zeros((0, 0), np.bool_)

    def clone(self) -> "TypicalSet":
        """Itself: what it says never changes."""
        return self

    def allowed_models(self, shares: GpuShares) -> BoolArray:
        """By pod and number of a model: whether the pod may use it."""
        if self._allowed.shape[1] != shares.model_count:
            numbers = [[shares.model_number(m) for m in shape.models] for shape in self.shapes]
            allowed = np.zeros((len(self.shapes), shares.model_count), np.bool_)
            for line, named in enumerate(numbers):
                allowed[line, named or slice(None)] = True
            self._allowed = allowed
        return self._allowed


class TypicalPods:
    """The typical pods of now."""

    def __init__(self, configured: Sequence[TypicalPodEntry] | None, snapshot: Snapshot) -> None:
        """None learns them."""
        self._snapshot = snapshot
        self._learns = configured is None
        self._next_lesson_at = 1
        self.version = 0
        """Grows when they change."""
        entries = configured or ()
        total = sum(each.weight for each in entries)
        self._current = TypicalSet([(each.shape, each.weight / total) for each in entries])

    def refresh(self) -> TypicalSet:
        count = int(self._snapshot.requested[PODS_ROW].sum())
        if self._learns and count >= self._next_lesson_at:
            self._next_lesson_at = max(2 * count, _FIRST_LESSON)
            pods = (pod for node in self._snapshot.nodes() for pod in node.pods)
            self._current = TypicalSet(most_frequent(Counter(map(shape_of, pods))))
            self.version += 1
        return self._current


def shape_of(pod: PodInfo) -> PodShape:
    request, cpu_millis = request_of(pod), pod.request.amount("cpu")
    if request is None:
        return PodShape(cpu_millis)
    return PodShape(cpu_millis, request.milli, request.count, request.models)


def most_frequent(
    counts: Counter[PodShape], popularity: float = POPULARITY
) -> list[tuple[PodShape, float]]:
    """The most frequent shapes that together make up this share of all; their frequencies are
    those among themselves."""
    total = counts.total()
    ordered = sorted(counts.items(), key=lambda item: (item[1], item[0].rank), reverse=True)
    chosen: list[tuple[PodShape, int]] = []
    covered = 0
    for shape, count in ordered:
        if covered >= popularity * total:
            break
        chosen.append((shape, count))
        covered += count
    # Divided twice as in the source, which decides the last bit.
    return [(shape, count / total / (covered / total)) for shape, count in chosen]


def check_entries(plugin: str, entries: Sequence[TypicalPodEntry] | None) -> None:
    """Raises ProfileError for what no pod can ask for."""
    for index, each in enumerate(entries or ()):
        place = f"{plugin}: args.typicalPods[{index}]"
        if not 0 <= each.gpu_milli <= WHOLE:
            raise ProfileError(f"{place}.gpuMilli is {each.gpu_milli}, but must be 0 to {WHOLE}")
        if not 0 <= each.gpu_count <= MAX_COUNT:
            raise ProfileError(f"{place}.gpuCount is {each.gpu_count}, but must be 0 to 64")
        if each.cpu_milli < 0 or each.weight <= 0:
            raise ProfileError(f"{place}: cpuMilli must not be negative, and weight positive")
