"""Would the pod fit if something were different, and how many more like it?

Each change is tried alone, and all of them together, each time held against the cluster as it is.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from shoal.api.node import Node
from shoal.scheduler.core import Scheduler
from shoal.scheduler.explaining.changes import Scene, WhatIfChange
from shoal.scheduler.explaining.explanation import Explanation
from shoal.scheduler.explaining.onlooker import ClusterView, Onlooker
from shoal.scheduler.framework.profile import Profile

AS_IT_IS = "as it is"
ALL_TOGETHER = "all together"


@dataclass(frozen=True, slots=True)
class Prospect:
    """How the pod would fare."""

    change: str
    """In words."""
    explanation: Explanation
    room: int
    """How many pods such as this would find a place, itself included."""

    @property
    def node_name(self) -> str:
        """Where it would go, or be nominated to; empty where it fits nowhere."""
        if self.explanation.feasible:
            return self.explanation.scores.ranking[0]
        way_out = self.explanation.way_out
        return way_out.node_name if way_out else ""


class WhatIf:
    """Tries scenes out on one cluster; scenes with the same nodes share a scheduler."""

    def __init__(
        self, build: Callable[[], Scheduler], view: ClusterView, limit: int, now: datetime
    ) -> None:
        """`limit` is where counting pods ends. `view` is without the pod that is asked about."""
        self._build = build
        self._view = view
        self._limit = limit
        self._now = now
        self._onlookers: list[tuple[Sequence[Node], Onlooker, Profile]] = []

    def prospects(self, scene: Scene, changes: Sequence[WhatIfChange]) -> list[Prospect]:
        """As it is, with each change, with all of them. Raises ChangeError."""
        tried = [(AS_IT_IS, scene), *((each.text, each.make(scene)) for each in changes)]
        if len(changes) > 1:
            together = scene
            for each in changes:
                together = each.make(together)
            tried.append((ALL_TOGETHER, together))
        return [self._prospect(text, each) for text, each in tried]

    def _prospect(self, text: str, scene: Scene) -> Prospect:
        onlooker, profile = self._onlooker(scene)
        explanation = onlooker.explain(scene.pod, profile)
        room = onlooker.room_for(scene.pod, profile, self._limit) if explanation.feasible else 0
        return Prospect(text, explanation, room)

    def _onlooker(self, scene: Scene) -> tuple[Onlooker, Profile]:
        for nodes, onlooker, profile in self._onlookers:
            if nodes is scene.nodes:
                return onlooker, profile
        view = ClusterView(scene.nodes, self._view.pods, self._view.objects)
        onlooker = Onlooker(self._build(), view, self._now)
        profile = onlooker.profile(scene.pod.spec.scheduler_name)
        assert profile is not None
        self._onlookers.append((scene.nodes, onlooker, profile))
        return onlooker, profile
