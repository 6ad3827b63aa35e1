"""`ray`: head and workers are started as one Ray cluster, behind a Service for clients.

Source: Volcano v1.15, pkg/controllers/job/plugins/distributed-framework/ray.
"""

from collections.abc import Sequence

from shoal.api.resource import JsonObject
from shoal.api.volcano.job import Job
from shoal.api.volcano.keys import TASK_SPEC
from shoal.api.volcano.plugin_flags import Flags
from shoal.controllers.volcano.job_plugins.hosts import domain_name, find_task
from shoal.controllers.volcano.job_plugins.plugin import PodContext
from shoal.controllers.volcano.job_plugins.pod_edits import main_containers, open_port
from shoal.controllers.volcano.job_plugins.svc import pods_of


class RayPlugin:
    """Leaves the commands alone in a job without the head's task: there is nothing to join."""

    name = "ray"

    def __init__(self, words: Sequence[str]) -> None:
        flags = Flags(words)
        self._head = flags.text("head", "head")
        self._head_container = flags.text("headContainer", "head")
        self._worker = flags.text("worker", "worker")
        self._worker_container = flags.text("workerContainer", "worker")
        self._ports = {
            "gcs": flags.number("port", 6379),
            "dashboard": flags.number("dashboardPort", 8265),
            "client-server": flags.number("clientPort", 10001),
        }

    def on_pod(self, pod: JsonObject, context: PodContext) -> None:
        head = find_task(context.job, self._head)
        if head is None:
            return
        for container in main_containers(pod):
            place = (context.task.name, container.get("name"))
            if place == (self._head, self._head_container):
                for name, port in self._ports.items():
                    open_port(container, name, port)
                container["command"] = ["sh", "-c", self._start_head()]
            elif place == (self._worker, self._worker_container):
                address = f"{domain_name(context.job, head, 0)}:{self._ports['gcs']}"
                container["command"] = ["sh", "-c", f"ray start --block --address={address}"]

    def objects(self, job: Job) -> list[JsonObject]:
        ports = [
            {"name": name, "port": port, "targetPort": name, "protocol": "TCP"}
            for name, port in self._ports.items()
        ]
        service = {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": f"{job.metadata.name}-head-svc"},
            "spec": {"selector": {**pods_of(job), TASK_SPEC: self._head}, "ports": ports},
        }
        return [service]

    def _start_head(self) -> str:
        return (
            "ray start --head --block --dashboard-host=0.0.0.0"
            f" --port={self._ports['gcs']} --dashboard-port={self._ports['dashboard']}"
            f" --ray-client-server-port={self._ports['client-server']}"
        )
