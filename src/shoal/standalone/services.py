"""The parts that follow the API and never end: one list of named services over one client.

They share one set of informers, so that each collection is watched once in the process.
"""

import asyncio
import random
import socket
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

from shoal.agent.network.proxy_process import ProxyProcess
from shoal.agent.network.service_proxy import ServiceProxy
from shoal.agent.service_names import ServiceNames
from shoal.api.core import ENDPOINTS, NAMESPACES, SERVICES, EventType, Namespace, Service
from shoal.api.pod import PODS, Pod
from shoal.api.volcano.pod_group import POD_GROUPS
from shoal.base.clock import Clock
from shoal.base.supervision import keep_running
from shoal.client.events import EventRecorder
from shoal.client.http_session import HttpSession
from shoal.client.informer import InformerSet
from shoal.client.protocol import Client
from shoal.controllers.kube.family import KubeControllers
from shoal.controllers.ploto.webhook import ScaleAdviser
from shoal.controllers.volcano.family import VolcanoControllers
from shoal.controllers.volcano.pod_group_plan import ServedNames
from shoal.controllers.worker.family import COMPONENT as WORKER_COMPONENT
from shoal.controllers.worker.family import WorkerControllers
from shoal.controllers.worker.notification import HttpMessenger
from shoal.controllers.worker.queue_access import TIMEOUT_S, QueueAccess
from shoal.scheduler.config.loading import LoadedConfiguration
from shoal.scheduler.core import Scheduler
from shoal.scheduler.extenders import Extenders
from shoal.scheduler.loop import SchedulerLoop
from shoal.standalone.config import (
    PlotoSection,
    SchedulerSection,
    VolcanoConfFile,
    VolcanoSection,
)
from shoal.standalone.executor_pools import ExecutorPools, ploto_options
from shoal.standalone.scheduler_plugins import plugin_registry
from shoal.standalone.scheduler_profiles import build_wanted
from shoal.standalone.volcano_reload import VolcanoReload, reporter, warn_of
from shoal.work.locations import make_own, own_url, prepare_own, remove_own
from shoal.work.sources import open_source

Run = Callable[[], Awaitable[None]]


class Services:
    def __init__(self, client: Client, clock: Clock) -> None:
        self._client = client
        self._clock = clock
        self._services: list[tuple[str, Run]] = []
        self.informers = InformerSet(client, clock, random.Random())
        self.add("informers", self.informers.run)

    def add(self, name: str, run: Run) -> None:
        """`run` returns only when cancelled; where it fails it is logged and run again."""
        self._services.append((name, run))

    def recorder_of(self, component: str) -> EventRecorder:
        """A running recorder whose events name `component`."""
        recorder = EventRecorder(self._client, component, self._clock, socket.gethostname())
        self.add(f"events of {component}", recorder.run)
        return recorder

    def service_names(self, host: str) -> ServiceNames:
        """For the hosts files of pods, which reach the machine at `host`."""
        informer = self.informers.informer
        names = ServiceNames(informer(SERVICES), informer(ENDPOINTS), host)
        self.add("names of services", lambda: names.run(self._clock))
        return names

    def add_service_proxy(self, process: ProxyProcess, host: str) -> None:
        """`host` is where pods reach the machine."""
        recorder = self.recorder_of("service-proxy")

        def refused(about: Service | Pod, message: str) -> None:
            kind = SERVICES if isinstance(about, Service) else PODS
            recorder.record(kind, about.metadata, EventType.WARNING, "AddressUnavailable", message)

        self.add("proxy of services", ServiceProxy(self.informers, process, host, refused).run)

    def add_scheduler(
        self,
        section: SchedulerSection,
        wanted: LoadedConfiguration | None,
        session: HttpSession,
        volcano_conf: VolcanoConfFile | None = None,
    ) -> Scheduler:
        """`session` is for extenders. Raises ConfigError where the profiles that are wanted cannot
        be run."""
        registry = plugin_registry(self._clock, section.plugin_timeout_s)
        volcano = volcano_conf.loaded if volcano_conf is not None else None
        scheduler = build_wanted(wanted, registry, volcano)
        recorder = self.recorder_of("default-scheduler")
        extenders = Extenders(wanted.extenders if wanted else (), self._client, session)
        loop = SchedulerLoop(
            scheduler, self._client, self.informers, recorder, self._clock, extenders
        )
        self.add("scheduler", loop.run)
        if volcano_conf is not None:
            warn_of(volcano_conf)
            report = reporter(recorder)
            reload = VolcanoReload(volcano_conf, loop.set_rules, report, self._clock)
            self.informers.informer(POD_GROUPS).add_handler(reload.on_pod_group)
            self.add("reload of volcano-scheduler.conf", reload.run)
        return scheduler

    def add_kube_controllers(self, volumes_dir: Path) -> KubeControllers:
        """`volumes_dir` is where claims have their folders."""
        family = KubeControllers(
            self._client, self.informers, self.recorder_of, self._clock, volumes_dir
        )
        self.add("kube controllers", family.run)
        return family

    def add_volcano_controllers(self, section: VolcanoSection) -> VolcanoControllers:
        served = ServedNames(always=frozenset(section.scheduler_names))
        family = VolcanoControllers(
            self._client, self.informers, self.recorder_of, self._clock, served
        )
        self.add("volcano controllers", family.run)
        return family

    def add_executor_pools(self, adviser: ScaleAdviser, section: PlotoSection) -> ExecutorPools:
        recorder = self.recorder_of("executorpool-controller")
        options = ploto_options(section)
        pools = ExecutorPools(self._client, self.informers, recorder, adviser, self._clock, options)
        self.add("executor pool controllers", pools.run)
        return pools

    def add_workers(
        self, session: HttpSession, data_dir: Path, machine_address: str
    ) -> WorkerControllers:
        """`session` tells others of runs that end; queues that name no source are kept in
        `data_dir`; pods reach this machine at `machine_address`."""
        prepare_own(data_dir)

        def on_namespace(old: Namespace | None, new: Namespace | None) -> None:
            if old is not None and new is None:
                remove_own(data_dir, old.metadata.name)

        def url_of(namespace: str) -> str:
            # There before the pods that are told of it, whatever runs them.
            make_own(data_dir, namespace)
            return own_url(data_dir, namespace)

        self.informers.informer(NAMESPACES).add_handler(on_namespace)
        family = WorkerControllers(
            self._client,
            self.informers,
            self.recorder_of(WORKER_COMPONENT),
            self._clock,
            queues=QueueAccess(partial(open_source, timeout_s=TIMEOUT_S), self._clock),
            own_url=url_of,
            messenger=HttpMessenger(session),
            machine_address=machine_address,
        )
        self.add("worker controllers", family.run)
        return family

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[None]:
        tasks = [
            asyncio.create_task(keep_running(name, run, self._clock))
            for name, run in self._services
        ]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
