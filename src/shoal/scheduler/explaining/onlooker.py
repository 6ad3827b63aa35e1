"""A scheduler that was told of a cluster and only looks at it.

It is the production core, told of nodes, pods and other objects as informers would tell it, but
never given a tick, so that it places nothing.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from shoal.api.node import Node
from shoal.api.pod import Pod
from shoal.api.resource import Resource
from shoal.scheduler.core import Scheduler
from shoal.scheduler.events import NodeAdded, ObjectChanged, PodAdded, SchedulerEvent
from shoal.scheduler.explaining import explanation
from shoal.scheduler.explaining.explanation import Explanation
from shoal.scheduler.framework import placing
from shoal.scheduler.framework.profile import Profile
from shoal.scheduler.framework.status import Status
from shoal.scheduler.state import pod_info


@dataclass(frozen=True, slots=True)
class ClusterView:
    """A cluster as it was read."""

    nodes: Sequence[Node]
    pods: Sequence[Pod]
    objects: Mapping[Resource[Any], Sequence[Any]] = field(
        default_factory=dict[Resource[Any], Sequence[Any]]
    )
    """Collections that plugins need, beyond nodes and pods."""

    def events(self) -> Iterator[SchedulerEvent]:
        """What tells a scheduler of all of it."""
        for resource, found in self.objects.items():
            for each in found:
                yield ObjectChanged(resource, None, each)
        for node in self.nodes:
            yield NodeAdded(node)
        for pod in self.pods:
            yield PodAdded(pod)


class Onlooker:
    """Takes the scheduler over: it must know nothing yet, and serves nobody else."""

    def __init__(self, scheduler: Scheduler, view: ClusterView, now: datetime) -> None:
        """Raises QuantityError where an amount of a node or a pod is none."""
        self._scheduler = scheduler
        for event in view.events():
            scheduler.handle(event, now)

    def profile(self, scheduler_name: str) -> Profile | None:
        """None where no profile bears the name."""
        return self._scheduler.profiles.get(scheduler_name)

    def explain(self, pod: Pod, profile: Profile) -> Explanation:
        """The pod must not be in the view."""
        scheduler = self._scheduler
        snapshot, nominations = scheduler.cache.snapshot, scheduler.nominations
        return explanation.explain(profile, snapshot, nominations, pod_info.of(pod))

    def room_for(self, pod: Pod, profile: Profile, limit: int) -> int:
        """How many pods such as this would find a place one after the other; counts no further
        than `limit`."""
        cache, nominations = self._scheduler.cache, self._scheduler.nominations
        info = pod_info.of(pod)
        points, evaluation = explanation.judged(profile, cache.snapshot, nominations, info)
        with ExitStack() as undo:
            for number in range(limit):
                if nominations:
                    # What is left beside nominated pods is good for one look only.
                    evaluation = explanation.judged(profile, cache.snapshot, nominations, info)[1]
                row = evaluation.choose()
                if isinstance(row, Status):
                    return number
                node_name = cache.snapshot.node(row).name
                copy = replace(info, uid=f"{info.uid}-{number + 1}")
                cache.assume(copy, node_name)
                undo.callback(cache.forget, copy.uid)
                if not points.reserve:
                    continue
                # Some keep books of their own, as of the devices of a node.
                state = evaluation.state.clone()
                undo.callback(placing.run_unreserves, points, state, copy, node_name)
                if not placing.run_reserves(points, state, copy, node_name).is_success:
                    return number
            return limit
