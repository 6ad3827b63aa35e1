"""PrioritySort: higher priority first, then who has waited longer."""

from datetime import datetime

from shoal.scheduler.framework.plugin import PluginArguments, QueuedPodInfo
from shoal.scheduler.framework.registry import Handle


class PrioritySort:
    name = "PrioritySort"

    def __init__(self, arguments: PluginArguments, handle: Handle) -> None:
        pass

    def sort_key(self, queued: QueuedPodInfo) -> tuple[int, datetime]:
        return (-queued.pod.priority, queued.queued_at)
