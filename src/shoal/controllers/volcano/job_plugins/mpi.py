"""`mpi`: the master knows the workers, and all of them declare the port of sshd.

Source: Volcano v1.15, pkg/controllers/job/plugins/distributed-framework/mpi. Admission adds `svc`
and `ssh` to a job that has it.
"""

from collections.abc import Sequence

from shoal.api.resource import JsonObject
from shoal.api.volcano.job import Job
from shoal.api.volcano.plugin_flags import Flags
from shoal.controllers.volcano.job_plugins.hosts import find_task, task_hosts
from shoal.controllers.volcano.job_plugins.plugin import PodContext
from shoal.controllers.volcano.job_plugins.pod_edits import (
    add_variables,
    all_containers,
    open_port,
    variable,
)

DEFAULT_PORT = 22


class MpiPlugin:
    name = "mpi"

    def __init__(self, words: Sequence[str]) -> None:
        flags = Flags(words)
        self._master = flags.text("master", "master")
        self._worker = flags.text("worker", "worker")
        self._port = flags.number("port", DEFAULT_PORT)

    def on_pod(self, pod: JsonObject, context: PodContext) -> None:
        containers = all_containers(pod)
        for container in containers:
            open_port(container, "mpijob-port", self._port)
        if context.task.name == self._master:
            workers = find_task(context.job, self._worker)
            hosts = task_hosts(context.job, workers) if workers is not None else []
            add_variables(containers, [variable("MPI_HOST", ",".join(hosts))])

    def objects(self, job: Job) -> list[JsonObject]:
        return []
