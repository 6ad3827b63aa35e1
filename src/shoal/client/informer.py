"""`Informer`: a shared local copy of a collection that tells its handlers what changes.

    server ──> Reflector ──> Informer (Indexer) ──> handlers, in order, synchronously
                                  └── Lister: reads

An `InformerSet` holds one informer per collection and process, so that ten controllers that
follow pods cost one watch.
"""

import asyncio
import logging
import random
from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

from shoal.api.meta import Object, ObjectKey
from shoal.api.resource import Resource
from shoal.api.selectors import EVERYTHING, Selector
from shoal.base.clock import Clock
from shoal.base.guard import Failed, attempt
from shoal.base.supervision import keep_running
from shoal.client.indexer import Indexer, IndexFunction, key_of, labels_of, resource_version_of
from shoal.client.protocol import Client, WatchEvent, WatchEventType
from shoal.client.reflector import Reflector

T = TypeVar("T")

_log = logging.getLogger(__name__)

Handler = Callable[[T | None, T | None], object]
"""Called with (None, new) for an object that appears, (old, new) for one that changes, and
(old, None) for one that goes."""


class Lister(Generic[T]):
    """Reads an informer's copy. What it gives is shared: never to be changed."""

    def __init__(self, indexer: Indexer[T]) -> None:
        self._indexer = indexer

    def get(self, key: ObjectKey) -> T | None:
        return self._indexer.get(key)

    def list(self, namespace: str = "", selector: Selector = EVERYTHING) -> list[T]:
        """An empty namespace lists all."""
        found = self._indexer.in_namespace(namespace) if namespace else self._indexer
        return [obj for obj in found if not selector or selector.matches(labels_of(obj))]

    def by_index(self, name: str, value: str) -> Sequence[T]:
        """What an index of `Informer.add_index` holds under `value`."""
        return list(self._indexer.by_index(name, value))


class Informer(Generic[T]):
    """A reflector's sink; made by `InformerSet.informer`."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._indexer: Indexer[T] = Indexer()
        self._handlers: list[Handler[T]] = []
        self._synced = asyncio.Event()
        self.lister = Lister(self._indexer)

    @property
    def has_synced(self) -> bool:
        """Whether everything that the first list showed has been handed to the handlers."""
        return self._synced.is_set()

    async def wait_synced(self) -> None:
        await self._synced.wait()

    def add_index(self, name: str, function: IndexFunction[T]) -> None:
        self._indexer.add_index(name, function)

    def add_handler(self, handler: Handler[T]) -> None:
        """A late handler is shown at once what is there already."""
        self._handlers.append(handler)
        for obj in list(self._indexer):
            self._call(handler, None, obj)

    def replace(self, items: Sequence[T]) -> None:
        """Of `client.reflector.Sink`."""
        gone = set(self._indexer.keys())
        for new in items:
            key = key_of(new)
            gone.discard(key)
            old = self._indexer.get(key)
            if old is None or resource_version_of(old) != resource_version_of(new):
                self._indexer.set(key, new)
                self._tell(old, new)
        for key in gone:
            self._tell(self._indexer.remove(key), None)
        self._synced.set()

    def apply(self, event: WatchEvent[T]) -> None:
        """Of `client.reflector.Sink`."""
        if event.object is None:
            return
        key = key_of(event.object)
        if event.type is not WatchEventType.DELETED:
            self._tell(self._indexer.set(key, event.object), event.object)
        elif self._indexer.remove(key) is not None:
            # The last state, as deleted: what an object was when it went matters to handlers.
            self._tell(event.object, None)

    def _tell(self, old: T | None, new: T | None) -> None:
        for handler in self._handlers:
            self._call(handler, old, new)

    def _call(self, handler: Handler[T], old: T | None, new: T | None) -> None:
        outcome = attempt(handler, old, new)
        if isinstance(outcome, Failed):
            # The other handlers, and the next events of this one, must still be served.
            _log.error("a handler of %s failed", self.name, exc_info=outcome.error)


class InformerSet:
    """One informer per collection, type and selection; `run` keeps them all going."""

    def __init__(self, client: Client, clock: Clock, rng: random.Random) -> None:
        self._client = client
        self._clock = clock
        self._rng = rng
        self._informers: dict[tuple[object, ...], Informer[Any]] = {}
        self._reflectors: list[tuple[str, Reflector[Any]]] = []
        self._added = asyncio.Event()

    def informer(
        self,
        resource: Resource[T],
        namespace: str = "",
        *,
        label_selector: str = "",
        field_selector: str = "",
    ) -> Informer[T]:
        """The shared informer, made on first use, also while the set runs."""
        key = (resource, namespace, label_selector, field_selector)
        informer = self._informers.get(key)
        if informer is None:
            informer = self._informers[key] = Informer[T](resource.group_resource)
            reflector = Reflector(
                self._client,
                resource,
                informer,
                self._clock,
                self._rng,
                namespace=namespace,
                label_selector=label_selector,
                field_selector=field_selector,
            )
            self._reflectors.append((f"informer of {informer.name}", reflector))
            self._added.set()
        return informer

    def metadata_informer(self, resource: Resource[Any]) -> Informer[Object]:
        """Where only metadata matters."""
        return self.informer(
            Resource(
                resource.group,
                resource.version,
                resource.plural,
                resource.kind,
                Object,
                resource.namespaced,
            )
        )

    async def wait_synced(self) -> None:
        """Until every informer that is known now has its first list."""
        for informer in tuple(self._informers.values()):
            await informer.wait_synced()

    async def run(self) -> None:
        """Returns only when cancelled."""
        started = 0
        async with asyncio.TaskGroup() as group:
            while True:
                self._added.clear()
                for name, reflector in self._reflectors[started:]:
                    group.create_task(keep_running(name, reflector.run, self._clock))
                started = len(self._reflectors)
                await self._added.wait()
