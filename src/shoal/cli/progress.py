"""How a demo goes: samples over time, and whether it kept its promises. Pure."""

from collections import Counter
from dataclasses import dataclass, replace

from shoal.api.ploto import Task, TaskPhase


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """The demo at one moment."""

    at_s: float
    """Since the manifests were applied."""
    tasks: tuple[Task, ...]
    total: int
    """Executors of the pool."""
    busy: int
    minimum: int
    maximum: int

    @property
    def phases(self) -> Counter[TaskPhase]:
        return Counter(task.phase for task in self.tasks)


@dataclass(frozen=True, slots=True)
class Progress:
    """The demo so far."""

    task_count: int
    """Tasks that were applied."""
    samples: tuple[Sample, ...] = ()

    def with_sample(self, sample: Sample) -> "Progress":
        return replace(self, samples=(*self.samples, sample))

    @property
    def last(self) -> Sample | None:
        return self.samples[-1] if self.samples else None

    @property
    def peak(self) -> int:
        return max((sample.total for sample in self.samples), default=0)

    @property
    def sizes(self) -> list[int]:
        """The pool's size at every sample."""
        return [sample.total for sample in self.samples]

    @property
    def is_done(self) -> bool:
        """All tasks are final, and a pool that had to grow has come back."""
        last = self.last
        if last is None or len(last.tasks) < self.task_count:
            return False
        has_shrunk = self.peak > last.minimum and last.total == last.minimum
        return all(task.phase.is_final for task in last.tasks) and has_shrunk

    @property
    def is_success(self) -> bool:
        last = self.last
        return self.is_done and last is not None and all(ran_well(task) for task in last.tasks)


def ran_well(task: Task) -> bool:
    return task.phase is TaskPhase.COMPLETED and bool(task.status.executor_pod_name)
