"""A `volcano-scheduler.conf` that changes while `shoal up` runs, as Volcano's users expect it.

The file is read every few seconds, because what edits or mounts it may replace it in ways that its
times do not show. Rules for queues and gangs are swapped at once. Filters and scores belong to the
scheduler's profile, which is built when it starts: a file that changes them says so. A file that
cannot be used leaves all as it is, and is told of once.
"""

import logging
from collections.abc import Callable

from shoal.api.core import CONFIG_MAPS, EventType
from shoal.api.meta import ObjectMeta
from shoal.api.volcano.pod_group import PodGroup, TopologyMode
from shoal.base.clock import Clock
from shoal.client.events import EventRecorder
from shoal.scheduler.fairness.rules import Rules
from shoal.standalone.config import ConfigError, VolcanoConfFile, read_volcano_conf
from shoal.standalone.published_configuration import NAME, NAMESPACE

_log = logging.getLogger(__name__)

PERIOD_S = 2.0

Report = Callable[[EventType, str, str], None]
"""Type, reason and text of an event."""


class VolcanoReload:
    def __init__(
        self,
        file: VolcanoConfFile,
        set_rules: Callable[[Rules], None],
        report: Report,
        clock: Clock,
    ) -> None:
        """`file` is what the scheduler was started with."""
        self._path = file.path
        self._text = file.text
        self._rules = file.loaded.rules
        self._profile = file.loaded.profile
        self._set_rules = set_rules
        self._report = report
        self._clock = clock
        self._fault = ""
        self._is_topology_told = False

    def on_pod_group(self, _old: PodGroup | None, new: PodGroup | None) -> None:
        """Says once that a gang demands what the file does not have kept."""
        if new is None or self._is_topology_told or self._rules.network_topology:
            return
        topology = new.spec.network_topology
        if topology is None or topology.mode != TopologyMode.HARD:
            return
        self._is_topology_told = True
        _log.warning(
            "%s does not enable network-topology-aware, so the hard networkTopology of PodGroup %s,"
            " and of others, is not kept: add that plugin",
            self._path,
            new.metadata.key,
        )

    async def run(self) -> None:
        """Returns only when cancelled."""
        while True:
            await self._clock.sleep(PERIOD_S)
            self.look()

    def look(self) -> None:
        """Once."""
        try:
            file = read_volcano_conf(self._path)
        except ConfigError as error:
            self._keep(str(error))
            return
        self._fault = ""
        if file.text != self._text:
            self._text = file.text
            self._take(file)

    def _keep(self, fault: str) -> None:
        if fault != self._fault:
            self._fault = fault
            self._tell(EventType.WARNING, "ReloadFailed", f"{fault}\nThe previous one holds.")

    def _take(self, file: VolcanoConfFile) -> None:
        loaded = file.loaded
        if loaded.rules != self._rules:
            self._rules = loaded.rules
            self._set_rules(loaded.rules)
        said = [f"{file.path} is read again.", *(f"Warning: {each}." for each in loaded.warnings)]
        if loaded.profile != self._profile:
            said.append("Its filters and scores hold when shoal up is started again.")
        is_done = len(said) == 1
        kind = EventType.NORMAL if is_done else EventType.WARNING
        self._tell(kind, "Reloaded", " ".join(said))

    def _tell(self, kind: EventType, reason: str, text: str) -> None:
        _log.log(logging.WARNING if kind is EventType.WARNING else logging.INFO, "%s", text)
        self._report(kind, reason, text)


def reporter(recorder: EventRecorder) -> Report:
    """Events about the ConfigMap in which the file stands as it was at the start."""
    about = ObjectMeta(name=NAME, namespace=NAMESPACE)

    def report(kind: EventType, reason: str, text: str) -> None:
        recorder.record(CONFIG_MAPS, about, kind, reason, text)

    return report


def warn_of(file: VolcanoConfFile) -> None:
    """At the start: what is accepted and not done."""
    for each in file.loaded.warnings:
        _log.warning("%s: %s", file.path, each)
