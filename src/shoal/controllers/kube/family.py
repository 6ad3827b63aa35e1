"""All of Kubernetes' own controllers, as one service."""

import asyncio
from collections.abc import Callable
from pathlib import Path

from shoal.base.clock import Clock
from shoal.base.supervision import keep_running
from shoal.client.events import EventRecorder
from shoal.client.informer import InformerSet
from shoal.client.protocol import Client
from shoal.controllers.kube.cron_job import cron_job_controller
from shoal.controllers.kube.daemon_set import daemon_set_controller
from shoal.controllers.kube.deployment import deployment_controller
from shoal.controllers.kube.disruption import disruption_controller
from shoal.controllers.kube.endpoints import endpoints_controller
from shoal.controllers.kube.ephemeral_volume import ephemeral_volume_controller
from shoal.controllers.kube.event_expiry import EventExpiry
from shoal.controllers.kube.garbage_collector import garbage_collector
from shoal.controllers.kube.job_controller import job_controllers
from shoal.controllers.kube.job_ttl import job_ttl_controller
from shoal.controllers.kube.namespace import namespace_controller
from shoal.controllers.kube.pod_gc import pod_gc_controller
from shoal.controllers.kube.replica_set import replica_set_controller
from shoal.controllers.kube.resource_quota import resource_quota_controller
from shoal.controllers.kube.service_account import service_account_controller
from shoal.controllers.kube.stale_disruption import stale_disruption_controller
from shoal.controllers.kube.stateful_set import stateful_set_controller
from shoal.controllers.kube.volume_binder import volume_binder_controller
from shoal.controllers.kube.volume_folders import VolumeFolders
from shoal.controllers.kube.volume_protection import volume_protection_controller


class KubeControllers:
    """`informers` and the recorders are run by whoever made them."""

    def __init__(
        self,
        client: Client,
        informers: InformerSet,
        recorder_of: Callable[[str], EventRecorder],
        clock: Clock,
        volumes_dir: Path | None = None,
    ) -> None:
        """`recorder_of` gives the recorder of a component, the one that events name. Claims get
        folders below `volumes_dir`; without one, nobody binds them."""
        collector, follower = garbage_collector(client, informers, clock)
        self.controllers = [
            replica_set_controller(client, informers, recorder_of("replicaset-controller"), clock),
            deployment_controller(client, informers, recorder_of("deployment-controller"), clock),
            cron_job_controller(client, informers, recorder_of("cronjob-controller"), clock),
            stateful_set_controller(
                client, informers, recorder_of("statefulset-controller"), clock
            ),
            daemon_set_controller(client, informers, recorder_of("daemonset-controller"), clock),
            *job_controllers(client, informers, recorder_of("job-controller"), clock),
            job_ttl_controller(client, informers, clock),
            disruption_controller(client, informers, recorder_of("controllermanager"), clock),
            stale_disruption_controller(client, informers, clock),
            endpoints_controller(client, informers, clock),
            service_account_controller(client, informers, clock),
            namespace_controller(client, informers, clock),
            pod_gc_controller(client, informers, clock),
            resource_quota_controller(client, informers, clock),
            volume_protection_controller(client, informers, clock),
            ephemeral_volume_controller(client, informers, recorder_of("ephemeral_volume"), clock),
            collector,
        ]
        if volumes_dir is not None:
            folders = VolumeFolders(volumes_dir)
            recorder = recorder_of("persistentvolume-controller")
            self.controllers.append(
                volume_binder_controller(client, informers, recorder, clock, folders)
            )
        self._follower = follower
        self._expiry = EventExpiry(client, clock)
        self._informers = informers
        self._clock = clock

    async def run(self) -> None:
        """Returns only when cancelled. Nothing is decided before the first lists are there."""
        await self._informers.wait_synced()
        async with asyncio.TaskGroup() as group:
            for controller in self.controllers:
                group.create_task(controller.run())
            for name, run in (
                ("garbage collection follower", self._follower.run),
                ("event expiry", self._expiry.run),
            ):
                group.create_task(keep_running(name, run, self._clock))
