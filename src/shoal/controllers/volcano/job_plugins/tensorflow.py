"""`tensorflow`: every container knows the whole cluster and its own place in it.

Source: Volcano v1.15, pkg/controllers/job/plugins/distributed-framework/tensorflow.
"""

from collections.abc import Sequence

import orjson

from shoal.api.resource import JsonObject
from shoal.api.volcano.job import Job
from shoal.api.volcano.plugin_flags import Flags
from shoal.controllers.volcano.job_plugins.hosts import domain_name, find_task
from shoal.controllers.volcano.job_plugins.plugin import PodContext
from shoal.controllers.volcano.job_plugins.pod_edits import (
    add_variables,
    main_containers,
    variable,
)

DEFAULT_PORT = 2222
_ROLES = ("ps", "worker", "chief", "evaluator")
"""What TensorFlow calls them, in the order in which TF_CONFIG lists them."""


class TensorflowPlugin:
    name = "tensorflow"

    def __init__(self, words: Sequence[str]) -> None:
        flags = Flags(words)
        self._task_of = {role: flags.text(role, role) for role in _ROLES}
        self._port = flags.number("port", DEFAULT_PORT)

    def on_pod(self, pod: JsonObject, context: PodContext) -> None:
        tasks = context.job.spec.tasks
        if len(tasks) == 1 and tasks[0].replicas == 1:
            # TensorFlow alone on one pod needs no cluster.
            return
        config = {
            "cluster": self._cluster(context.job),
            "task": {"type": self._role(context.task.name), "index": context.task_index},
        }
        add_variables(main_containers(pod), [variable("TF_CONFIG", orjson.dumps(config).decode())])

    def objects(self, job: Job) -> list[JsonObject]:
        return []

    def _cluster(self, job: Job) -> dict[str, list[str]]:
        cluster: dict[str, list[str]] = {}
        for role, name in self._task_of.items():
            task = find_task(job, name)
            if task is not None and task.replicas:
                names = (domain_name(job, task, index) for index in range(task.replicas))
                cluster[role] = [f"{name}:{self._port}" for name in names]
        return cluster

    def _role(self, task_name: str) -> str:
        return next((r for r, name in self._task_of.items() if name == task_name), task_name)
