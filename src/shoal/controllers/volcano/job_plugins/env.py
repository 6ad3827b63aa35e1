"""`env`: every container knows the index of its pod within the task.

Source: Volcano v1.15, pkg/controllers/job/plugins/env.
"""

from collections.abc import Sequence

from shoal.api.resource import JsonObject
from shoal.api.volcano.job import Job
from shoal.controllers.volcano.job_plugins.plugin import PodContext
from shoal.controllers.volcano.job_plugins.pod_edits import (
    add_variables,
    all_containers,
    variable,
)

_NAMES = ("VK_TASK_INDEX", "VC_TASK_INDEX")


class EnvPlugin:
    name = "env"

    def __init__(self, words: Sequence[str]) -> None:
        """It has no arguments."""

    def on_pod(self, pod: JsonObject, context: PodContext) -> None:
        index = str(context.task_index)
        add_variables(all_containers(pod), [variable(name, index) for name in _NAMES])

    def objects(self, job: Job) -> list[JsonObject]:
        return []
