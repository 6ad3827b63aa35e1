"""All controllers of Volcano's kinds, as one service."""

import asyncio
from collections.abc import Callable

from shoal.base.clock import Clock
from shoal.client.events import EventRecorder
from shoal.client.informer import InformerSet
from shoal.client.protocol import Client
from shoal.controllers.runner import Controller
from shoal.controllers.volcano.cron_job import cron_job_controller
from shoal.controllers.volcano.hyper_node import hyper_node_controller
from shoal.controllers.volcano.job_controller import job_controller
from shoal.controllers.volcano.job_flow import job_flow_controller
from shoal.controllers.volcano.job_template import job_template_controller
from shoal.controllers.volcano.pod_group import pod_group_controller
from shoal.controllers.volcano.pod_group_plan import ServedNames
from shoal.controllers.volcano.queue import queue_controller

COMPONENT = "vc-controller-manager"
"""Who speaks in events, as in Volcano."""


class VolcanoControllers:
    """`informers` and the recorders are run by whoever made them."""

    def __init__(
        self,
        client: Client,
        informers: InformerSet,
        recorder_of: Callable[[str], EventRecorder],
        clock: Clock,
        served: ServedNames = ServedNames(),
    ) -> None:
        """`recorder_of` gives the recorder of a component, the one that events name; `served` says
        which plain pods get a PodGroup."""
        recorder = recorder_of(COMPONENT)
        self.controllers: list[Controller] = [
            queue_controller(client, informers, recorder, clock),
            hyper_node_controller(client, informers, clock),
            pod_group_controller(client, informers, recorder, clock, served),
            job_controller(client, informers, recorder, clock),
            cron_job_controller(client, informers, recorder, clock),
            job_flow_controller(client, informers, recorder, clock),
            job_template_controller(client, informers, clock),
        ]
        self._informers = informers

    async def run(self) -> None:
        """Returns only when cancelled. Nothing is decided before the first lists are there."""
        await self._informers.wait_synced()
        async with asyncio.TaskGroup() as group:
            for controller in self.controllers:
                group.create_task(controller.run())
