"""`hcclrank`: the rank of each pod for collective communication, as an annotation.

It meets pods after `pytorch`, whose rank it takes over. Source: Volcano v1.15,
pkg/controllers/job/plugins/distributed-framework/hcclrank.
"""

from collections.abc import Sequence

from shoal.api.resource import JsonObject
from shoal.api.volcano.job import Job
from shoal.api.volcano.plugin_flags import Flags
from shoal.controllers.volcano.job_plugins.hosts import find_task
from shoal.controllers.volcano.job_plugins.plugin import PodContext
from shoal.controllers.volcano.job_plugins.pod_edits import main_containers
from shoal.controllers.volcano.job_plugins.pytorch import RANK

RANK_INDEX = "hccl/rankIndex"


class HcclRankPlugin:
    """A rank that the pod has by annotation or variable stays; tasks that are neither master nor
    worker get none."""

    name = "hcclrank"

    def __init__(self, words: Sequence[str]) -> None:
        flags = Flags(words)
        self._master = flags.text("master", "master")
        self._worker = flags.text("worker", "worker")

    def on_pod(self, pod: JsonObject, context: PodContext) -> None:
        annotations: dict[str, str] = pod["metadata"].setdefault("annotations", {})
        if annotations.get(RANK_INDEX):
            return
        rank = _rank_variable(pod) or self._rank(context)
        if rank:
            annotations[RANK_INDEX] = rank

    def objects(self, job: Job) -> list[JsonObject]:
        return []

    def _rank(self, context: PodContext) -> str:
        if context.task.name == self._master:
            return str(context.task_index)
        if context.task.name != self._worker:
            return ""
        master = find_task(context.job, self._master)
        return str((master.replicas if master is not None else 0) + context.task_index)


def _rank_variable(pod: JsonObject) -> str:
    """Of the first container that has one."""
    for container in main_containers(pod):
        for each in container.get("env") or []:
            if each.get("name") == RANK:
                return each.get("value") or ""
    return ""
