"""The end of a custom kind: its objects go before its definition does.

A deleted definition is held by a finalizer. For each such definition this service deletes all
objects, waits until those with finalizers of their own have gone too, then lets it go. It sleeps
on watches while there is nothing to clean up.
"""

import asyncio
from contextlib import closing

import orjson

from shoal.api.resource import JsonObject
from shoal.api.status import ApiError
from shoal.apiserver.core import Core
from shoal.apiserver.deleting import delete_collection
from shoal.apiserver.registry import CRD_BUCKET
from shoal.apiserver.requests import Deletion, Selection, Target, WriteOptions
from shoal.apiserver.strategies.crds import CLEANUP_FINALIZER
from shoal.apiserver.updating import revise


class CustomCleanup:
    def __init__(self, core: Core) -> None:
        self._core = core
        self._running: set[str] = set()

    async def run(self) -> None:
        """Until the store is closed, or cancelled."""
        store = self._core.store
        async with asyncio.TaskGroup() as tasks:
            with closing(store.watch(f"{CRD_BUCKET}/", after=store.revision)) as watch:
                for entry in store.list(f"{CRD_BUCKET}/").entries:
                    self._start(tasks, orjson.loads(entry.value))
                async for event in watch:
                    self._start(tasks, orjson.loads(event.value))

    def _start(self, tasks: asyncio.TaskGroup, crd: JsonObject) -> None:
        metadata: JsonObject = crd["metadata"]
        is_due = "deletionTimestamp" in metadata and CLEANUP_FINALIZER in (
            metadata.get("finalizers") or []
        )
        if is_due and metadata["name"] not in self._running:
            self._running.add(metadata["name"])
            tasks.create_task(self._clean_up(metadata["name"]))

    async def _clean_up(self, name: str) -> None:
        try:
            await self._delete_objects(name)
            await self._release(name)
        except ApiError as error:
            if not error.is_not_found:
                raise
        finally:
            self._running.discard(name)

    async def _delete_objects(self, name: str) -> None:
        plural, _, group = name.partition(".")
        served = next(
            (
                s
                for s in self._core.registry.all()
                if s.resource.plural == plural and s.resource.group == group
            ),
            None,
        )
        if served is None:
            return
        store = self._core.store
        with closing(store.watch(f"{name}/", after=store.revision)) as watch:
            await delete_collection(self._core, Target(served), Selection(), Deletion())
            if not store.list(f"{name}/", limit=1).entries:
                return
            async for _ in watch:
                if not store.list(f"{name}/", limit=1).entries:
                    return

    async def _release(self, name: str) -> None:
        served = self._core.registry.find("apiextensions.k8s.io", "v1", "customresourcedefinitions")
        assert served is not None

        def without_finalizer(crd: JsonObject) -> tuple[JsonObject, tuple[str, ...]]:
            finalizers: list[str] = crd["metadata"]["finalizers"]
            crd["metadata"]["finalizers"] = [f for f in finalizers if f != CLEANUP_FINALIZER]
            crd["metadata"].pop("resourceVersion", None)
            return crd, ()

        await revise(self._core, Target(served, name=name), without_finalizer, WriteOptions())
