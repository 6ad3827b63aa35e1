"""`svc`: the pods of a job find each other by name.

Every pod gets a hostname and a subdomain, which a headless Service of the job's name makes
resolvable; files and variables list the names of each task. A NetworkPolicy keeps other pods out,
where something enforces it. Source: Volcano v1.15, pkg/controllers/job/plugins/svc.
"""

from collections.abc import Iterator, Sequence

from shoal.api.resource import JsonObject
from shoal.api.volcano.job import Job, TaskSpec
from shoal.api.volcano.keys import JOB_NAME, JOB_NAMESPACE
from shoal.api.volcano.plugin_flags import Flags
from shoal.controllers.volcano.job_plugins.hosts import task_hosts
from shoal.controllers.volcano.job_plugins.plugin import PodContext
from shoal.controllers.volcano.job_plugins.pod_edits import add_variables, all_containers, mount

HOSTS_DIRECTORY = "/etc/volcano"


class SvcPlugin:
    name = "svc"

    def __init__(self, words: Sequence[str]) -> None:
        flags = Flags(words)
        self._shows_unready = flags.switch("publish-not-ready-addresses", False)
        self._has_policy = not flags.switch("disable-network-policy", False)
        self._injects_hosts = flags.switch("inject-hosts-env", True)

    def on_pod(self, pod: JsonObject, context: PodContext) -> None:
        spec = pod["spec"]
        spec["hostname"] = spec.get("hostname") or pod["metadata"]["name"]
        spec["subdomain"] = spec.get("subdomain") or context.job.metadata.name
        config_map = _config_map_name(context.job)
        if self._injects_hosts:
            variables = [_from_config_map(name, config_map) for name in _variables(context.job)]
            add_variables(all_containers(pod), variables)
        mount(pod, {"name": config_map, "configMap": {"name": config_map}}, HOSTS_DIRECTORY)

    def objects(self, job: Job) -> list[JsonObject]:
        made = [self._config_map(job), self._service(job)]
        return [*made, _network_policy(job)] if self._has_policy else made

    def _config_map(self, job: Job) -> JsonObject:
        data: dict[str, str] = {}
        for task in job.spec.tasks:
            hosts = task_hosts(job, task)
            for file in _host_files(task):
                data[file] = "\n".join(hosts)
            of_hosts, of_number = _variables_of(task)
            data[of_hosts] = ",".join(hosts)
            data[of_number] = str(len(hosts))
        metadata = {"name": _config_map_name(job)}
        return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}

    def _service(self, job: Job) -> JsonObject:
        return {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": job.metadata.name},
            "spec": {
                "clusterIP": "None",
                "selector": pods_of(job),
                "publishNotReadyAddresses": self._shows_unready,
            },
        }


def pods_of(job: Job) -> dict[str, str]:
    """Labels that all pods of a job have."""
    return {JOB_NAME: job.metadata.name, JOB_NAMESPACE: job.metadata.namespace}


def _config_map_name(job: Job) -> str:
    return f"{job.metadata.name}-svc"


def _host_files(task: TaskSpec) -> set[str]:
    """Volcano writes `_` for `-` in the file's name, and its manual does not: both are there."""
    return {f"{task.name}.host", f"{_underscored(task.name)}.host"}


def _variables(job: Job) -> Iterator[str]:
    for task in job.spec.tasks:
        yield from _variables_of(task)


def _variables_of(task: TaskSpec) -> tuple[str, str]:
    """Of the task's hosts, and of their number."""
    name = _underscored(task.name).upper()
    return f"VC_{name}_HOSTS", f"VC_{name}_NUM"


def _underscored(name: str) -> str:
    return name.replace("-", "_")


def _from_config_map(name: str, config_map: str) -> JsonObject:
    return {"name": name, "valueFrom": {"configMapKeyRef": {"name": config_map, "key": name}}}


def _network_policy(job: Job) -> JsonObject:
    pods = {"matchLabels": pods_of(job)}
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": job.metadata.name},
        "spec": {
            "podSelector": pods,
            "ingress": [{"from": [{"podSelector": pods}]}],
            "policyTypes": ["Ingress"],
        },
    }
