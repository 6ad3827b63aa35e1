"""The executor pool controllers as one service, set up as shoal.yaml says."""

import asyncio

import shoal
from shoal.base.clock import Clock
from shoal.client.events import EventRecorder
from shoal.client.informer import InformerSet
from shoal.client.protocol import Client
from shoal.controllers.ploto.archive import FileArchive
from shoal.controllers.ploto.controller import (
    DEFAULT_ARCHIVE_AFTER_S,
    DEFAULT_SIDECAR_IMAGE,
    PlotoOptions,
    ploto_controllers,
)
from shoal.controllers.ploto.roster import Roster
from shoal.controllers.ploto.webhook import ScaleAdviser
from shoal.standalone.config import PlotoSection


class ExecutorPools:
    """`informers` and `recorder` are run by whoever made them."""

    def __init__(
        self,
        client: Client,
        informers: InformerSet,
        recorder: EventRecorder,
        adviser: ScaleAdviser,
        clock: Clock,
        options: PlotoOptions,
    ) -> None:
        self.roster = Roster()
        self.controllers = ploto_controllers(
            client, informers, recorder, adviser, clock, options, self.roster
        )
        self._informers = informers
        self._is_at_work = False

    def is_at_work(self) -> bool:
        """Whether pools and tasks are seen to."""
        return self._is_at_work

    async def run(self) -> None:
        """Returns only when cancelled. Nothing is decided before the first lists are there."""
        await self._informers.wait_synced()
        self._is_at_work = True
        try:
            async with asyncio.TaskGroup() as group:
                for controller in self.controllers:
                    group.create_task(controller.run())
        finally:
            self._is_at_work = False


def ploto_options(section: PlotoSection) -> PlotoOptions:
    after_s = section.archive_after_s
    return PlotoOptions(
        sidecar_image=f"{DEFAULT_SIDECAR_IMAGE}:{shoal.__version__}",
        archive=FileArchive(section.archive) if section.archive else None,
        archive_after_s=DEFAULT_ARCHIVE_AFTER_S if after_s is None else after_s,
    )
