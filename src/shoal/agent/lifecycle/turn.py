"""One turn of the life cycle: the state as it changes while one event is handled.

Lives only inside `core.handle`, which gives back plain values.
"""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from shoal.agent.lifecycle import container, pod
from shoal.agent.lifecycle.container import ContainerRecord, ContainerStep
from shoal.agent.lifecycle.messages import Action, RecordEvent
from shoal.agent.lifecycle.pod import PodState, PodStep
from shoal.api.core import EventType


class Turn:
    """The pod's state, and the actions that the event gives rise to."""

    def __init__(self, state: PodState, now: datetime) -> None:
        self.state = state
        self.now = now
        self.actions: list[Action] = []

    def emit(self, action: Action) -> None:
        self.actions.append(action)

    def tell(self, type: EventType, reason: str, message: str, container: str = "") -> None:
        """Record an event that people read."""
        self.emit(RecordEvent(type=type, reason=reason, message=message, container=container))

    def later(self, delay_s: float) -> datetime:
        return self.now + timedelta(seconds=delay_s)

    def step_pod(self, step: PodStep, **changes: Any) -> None:
        self.state = replace(self.state, stage=pod.next_state(self.state.stage, step), **changes)

    def step(self, record: ContainerRecord, step: ContainerStep, **changes: Any) -> ContainerRecord:
        """Take a container one step further, and change what goes with it."""
        return self.put(replace(record, phase=container.next_state(record.phase, step), **changes))

    def put(self, record: ContainerRecord) -> ContainerRecord:
        containers = tuple(
            record if other.name == record.name else other for other in self.state.containers
        )
        self.state = replace(self.state, containers=containers)
        return record
