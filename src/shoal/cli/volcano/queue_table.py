"""`shoal top queues`: what each queue holds and is entitled to, as rows of a tree. Pure."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from shoal.api.volcano.pod_group import PodGroup, PodGroupPhase
from shoal.api.volcano.queue import ROOT, Queue, QueueState
from shoal.cli.volcano.amounts import by_rank, counted_amounts

_PODS = "pods"
WAITING = (PodGroupPhase.PENDING, PodGroupPhase.INQUEUE)
_BRANCH, _LAST, _BAR, _GAP = "├─ ", "└─ ", "│  ", "   "


@dataclass(frozen=True, slots=True)
class Holding:
    """One resource of a queue; amounts in the units that the scheduler counts in."""

    resource: str
    allocated: int
    deserved: int | None
    """None: nobody has said."""

    @property
    def share(self) -> float | None:
        """Of what it deserves: 1 is all of it. None where nothing is deserved."""
        return self.allocated / self.deserved if self.deserved else None

    @property
    def is_over(self) -> bool:
        """Holds what others may ask back."""
        return self.deserved is not None and self.allocated > self.deserved


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueRow:
    """A queue at one moment."""

    name: str
    branch: str
    """What stands before its name in the tree."""
    state: str
    weight: int
    priority: int
    holdings: tuple[Holding, ...]
    capability: Mapping[str, int]
    phases: Mapping[PodGroupPhase, int]
    """PodGroups in the queue itself."""
    longest_wait: timedelta | None
    """Of its PodGroups that do not run; None where none waits."""

    @property
    def share(self) -> float | None:
        """The largest of its shares, which is the one that counts."""
        return max((each.share for each in self.holdings if each.share is not None), default=None)


def queue_rows(
    queues: Mapping[str, Queue], groups: Sequence[PodGroup], now: datetime
) -> list[QueueRow]:
    """Each queue below its parent, by name."""
    by_queue: dict[str, list[PodGroup]] = {}
    for group in groups:
        by_queue.setdefault(group.spec.queue, []).append(group)
    return [
        _row(queues[name], branch, by_queue.get(name, ()), now) for name, branch in tree(queues)
    ]


def tree(queues: Mapping[str, Queue]) -> Iterator[tuple[str, str]]:
    """(name, what stands before it); a queue whose parent is not there stands below root."""
    below: dict[str, list[str]] = {}
    tops: list[str] = []
    for name in sorted(queues):
        parent = queues[name].parent
        parent = parent if parent in queues else ROOT
        if name == ROOT or parent not in queues:
            tops.append(name)
        else:
            below.setdefault(parent, []).append(name)
    for name in tops:
        yield name, ""
        yield from _branches(below, name, "")


def _branches(
    below: Mapping[str, Sequence[str]], parent: str, indent: str
) -> Iterator[tuple[str, str]]:
    children = below.get(parent, ())
    for child in children:
        is_last = child == children[-1]
        yield child, indent + (_LAST if is_last else _BRANCH)
        yield from _branches(below, child, indent + (_GAP if is_last else _BAR))


def _row(queue: Queue, branch: str, groups: Sequence[PodGroup], now: datetime) -> QueueRow:
    since = [
        group.metadata.creation_timestamp
        for group in groups
        if group.phase in WAITING and group.metadata.creation_timestamp is not None
    ]
    return QueueRow(
        name=queue.metadata.name,
        branch=branch,
        state=state_of(queue),
        weight=queue.spec.weight,
        priority=queue.spec.priority,
        holdings=tuple(holdings(queue)),
        capability=counted_amounts(queue.spec.capability),
        phases=Counter(group.phase for group in groups),
        longest_wait=now - min(since) if since else None,
    )


def holdings(queue: Queue) -> Iterator[Holding]:
    """What is allocated, and what is deserved by the scheduler's word, else by the spec. Pods are
    counted only where somebody set a limit on them; of root only what is used."""
    allocated = counted_amounts(queue.status.allocated)
    deserved = counted_amounts(queue.status.deserved or queue.spec.deserved)
    limited = {*queue.spec.deserved, *queue.spec.capability}
    for resource in by_rank({**allocated, **deserved}):
        if resource == _PODS and resource not in limited:
            continue
        is_root = queue.metadata.name == ROOT
        if allocated.get(resource) or (deserved.get(resource) and not is_root):
            yield Holding(resource, allocated.get(resource, 0), deserved.get(resource))


def state_of(queue: Queue) -> str:
    """Nobody may have written it yet: then it is open."""
    return queue.status.state or QueueState.OPEN.value
