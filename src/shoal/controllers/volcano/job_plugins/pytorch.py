"""`pytorch`: every container knows where the master is, how many there are, and its own rank.

Source: Volcano v1.15, pkg/controllers/job/plugins/distributed-framework/pytorch.
"""

from collections.abc import Sequence

from shoal.api.resource import JsonObject
from shoal.api.volcano.job import Job
from shoal.api.volcano.plugin_flags import Flags
from shoal.controllers.volcano.job_plugins.hosts import domain_name, find_task
from shoal.controllers.volcano.job_plugins.plugin import PodContext
from shoal.controllers.volcano.job_plugins.pod_edits import (
    add_variables,
    init_containers,
    main_containers,
    open_port,
    variable,
)

DEFAULT_PORT = 23456
DEFAULT_TIMEOUT_S = 300
DEFAULT_IMAGE = "busybox:1.36.1"
RANK = "RANK"

# Netcat of the image asks whether the master listens.
_WAIT = """\
deadline=$(( $(date +%s) + {timeout_s} ))
until nc -z -w 1 {host} {port}; do
  if [ "$(date +%s)" -ge "$deadline" ]; then
    echo "{host}:{port} did not answer within {timeout_s} s" >&2
    exit 1
  fi
  sleep 1
done
"""


class PytorchPlugin:
    """Does nothing to a job without the master's task."""

    name = "pytorch"

    def __init__(self, words: Sequence[str]) -> None:
        flags = Flags(words)
        self._master = flags.text("master", "master")
        self._worker = flags.text("worker", "worker")
        self._port = flags.number("port", DEFAULT_PORT)
        self._waits = flags.switch("wait-master-enabled", False)
        self._timeout_s = flags.number("wait-master-timeout", DEFAULT_TIMEOUT_S)
        self._image = flags.text("wait-master-image", DEFAULT_IMAGE)

    def on_pod(self, pod: JsonObject, context: PodContext) -> None:
        master = find_task(context.job, self._master)
        if master is None:
            return
        address = domain_name(context.job, master, 0)
        variables = [
            variable("MASTER_ADDR", address),
            variable("MASTER_PORT", str(self._port)),
            variable("WORLD_SIZE", str(self._world_size(context.job))),
        ]
        rank = self._rank(context)
        if rank is not None:
            variables.append(variable(RANK, str(rank)))
        for container in main_containers(pod):
            open_port(container, "pytorchjob-port", self._port)
        add_variables(main_containers(pod), variables)
        if self._waits and context.task.name == self._worker:
            pod["spec"]["initContainers"] = [self._wait_for(address), *init_containers(pod)]

    def objects(self, job: Job) -> list[JsonObject]:
        return []

    def _world_size(self, job: Job) -> int:
        names = (self._master, self._worker)
        return sum(task.replicas for task in job.spec.tasks if task.name in names)

    def _rank(self, context: PodContext) -> int | None:
        if context.task.name == self._worker:
            return context.task_index + 1
        return 0 if context.task.name == self._master else None

    def _wait_for(self, address: str) -> JsonObject:
        script = _WAIT.format(host=address, port=self._port, timeout_s=self._timeout_s)
        return {
            "name": "wait-for-master",
            "image": self._image,
            "command": ["sh", "-c", script],
        }
