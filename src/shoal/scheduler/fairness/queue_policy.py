"""What a division of the cluster among queues must answer: the protocol of the policies.

A policy is made for one round of scheduling from what all queues hold and want, and is told of
every placement and eviction of the round, so its answers hold at every step of it. `allocate` and
`release` undo each other, which is how a gang's transaction is taken back.
"""

from collections.abc import Mapping
from typing import Any, Protocol

import msgspec

from shoal.api.volcano.queue import Queue
from shoal.scheduler.state.request import Amounts


class QueueUsage(msgspec.Struct):
    """What the groups of one queue hold and want; the queues below it not included."""

    allocated: Amounts = msgspec.field(default_factory=dict[str, int])
    """Of placed pods that are not finished, those about to end included; with `pods`, one each."""
    request: Amounts = msgspec.field(default_factory=dict[str, int])
    """`allocated`, and what waiting pods and admitted groups without pods ask for."""
    inqueue: Amounts = msgspec.field(default_factory=dict[str, int])
    """What admitted groups may still take: minResources less what they hold."""
    elastic: Amounts = msgspec.field(default_factory=dict[str, int])
    """What groups hold beyond their minResources."""
    has_groups: bool = False


class Shortage(msgspec.Struct, frozen=True):
    """Why a queue may not have more."""

    queue: str
    """The one whose limit binds: the queue itself, or one above it."""
    dimensions: tuple[str, ...]
    """Resources, sorted."""
    is_closed: bool = False
    """The queue is not open, or does not exist; then there are no dimensions."""
    has_children: bool = False
    """Only queues without children hold pods; then there are no dimensions."""


class QueueClaim(msgspec.Struct, frozen=True):
    """A pod's request on behalf of its queue."""

    queue: str
    request: Mapping[str, int]


class QueuePolicy(Protocol):
    """Of queues by name. A queue that does not exist gets nothing."""

    def order_key(self, queue: str) -> tuple[Any, ...]:
        """The lowest queue goes first: priority, then share, then age."""
        ...

    def is_overused(self, queue: str) -> bool:
        """Whether others go first, however much the queue waits for."""
        ...

    def shortage(self, queue: str, request: Mapping[str, int]) -> Shortage | None:
        """Why a pod may not be placed on what is free; None where it may."""
        ...

    def admission_shortage(self, queue: str, min_resources: Mapping[str, int]) -> Shortage | None:
        """Why a group may not be admitted; None where it may."""
        ...

    def may_reclaim(self, queue: str, request: Mapping[str, int]) -> bool:
        """Whether the queue is entitled to so much that others have to give."""
        ...

    def gives(self, victim: QueueClaim, reclaimer: QueueClaim) -> bool:
        """Whether the victim's queue, as it stands now, must give this pod to the reclaimer's.
        The reclaimer's request is not allocated yet; victims that are already chosen are
        released."""
        ...

    def victim_order_key(self, queue: str, reclaimer_queue: str) -> tuple[Any, ...]:
        """The lowest queue gives first."""
        ...

    def allocate(self, queue: str, request: Mapping[str, int]) -> None:
        """A pod was placed."""
        ...

    def release(self, queue: str, request: Mapping[str, int]) -> None:
        """A placement was taken back, or a pod evicted."""
        ...

    def admit(self, queue: str, min_resources: Mapping[str, int]) -> None:
        """A group was admitted."""
        ...

    def share(self, queue: str) -> float:
        """How much of what it deserves the queue holds: 1 is all of it."""
        ...

    def deserved(self, queue: str) -> Amounts:
        """What the queue is entitled to now."""
        ...

    def is_within_share(self, queue: str, min_resources: Mapping[str, int]) -> bool:
        """Whether the queue would be entitled to a group if it asked for it, so that it does not
        matter how much of the cluster is promised to others."""
        ...


class QueuePolicyMaker(Protocol):
    """Makes the policy of a round."""

    def __call__(
        self, queues: Mapping[str, Queue], usage: Mapping[str, QueueUsage], total: Amounts
    ) -> QueuePolicy:
        """`queues` by name, `root` may be missing; `total`: allocatable of all nodes, of cpu in
        thousandths, with `pods`."""
        ...
