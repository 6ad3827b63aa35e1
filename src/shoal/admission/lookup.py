"""`Lookup`: how rules see other objects.

The embedded API server reads its store, a webhook server its informers, a test a dict.
"""

from collections.abc import Sequence
from typing import Protocol, TypeVar

from shoal.api.resource import Resource
from shoal.api.volcano.queue import QUEUES, Queue

T = TypeVar("T")


class Lookup(Protocol):
    def get(self, resource: Resource[T], name: str, namespace: str = "") -> T | None:
        """One object; None where there is none."""
        ...

    def list(self, resource: Resource[T]) -> Sequence[T]:
        """All objects of a kind."""
        ...


def queue_named(lookup: Lookup, name: str) -> Queue | None:
    return lookup.get(QUEUES, name)


def children_of(lookup: Lookup, parent: str) -> list[Queue]:
    """The queues right below one, by name."""
    found = [queue for queue in lookup.list(QUEUES) if queue.parent == parent]
    return sorted(found, key=lambda queue: queue.metadata.name)


def queue_missing(name: str) -> str:
    """What Volcano's lister answers, with the singular of the kind."""
    return f'queue.scheduling.volcano.sh "{name}" not found'
