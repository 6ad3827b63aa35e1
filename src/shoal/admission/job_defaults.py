"""What a Job says where it says nothing. Source: Volcano v1.15,
pkg/webhooks/admission/jobs/mutate.

Unlike there a change is filled in too, not only a creation. `kubectl apply` replaces the list of
tasks as a whole: a manifest that is applied twice would otherwise take the defaults out again, and
be refused for that.
"""

from shoal.admission.lookup import Lookup
from shoal.api.resource import JsonObject
from shoal.api.volcano.job import DEFAULT_MAX_RETRY, SCHEDULER_NAME
from shoal.api.volcano.queue import DEFAULT

_NEED_SVC = ("tensorflow", "mpi", "pytorch", "ray")


def default_job(job: JsonObject, old: JsonObject | None, _lookup: Lookup) -> None:
    """Edits a job that is created, or takes the place of `old`."""
    spec: JsonObject = job.setdefault("spec", {})
    _fill(spec, "queue", DEFAULT)
    _fill(spec, "schedulerName", SCHEDULER_NAME)
    _fill(spec, "maxRetry", DEFAULT_MAX_RETRY)
    tasks: list[JsonObject] = spec.get("tasks") or []
    for index, task in enumerate(tasks):
        _default_task(task, index)
    _fill(spec, "minAvailable", sum(task["minAvailable"] for task in tasks))
    _default_plugins(spec)
    if old is not None:
        _keep_claims(spec, old.get("spec") or {})


def _fill(fields: JsonObject, name: str, value: object) -> None:
    if not fields.get(name):
        fields[name] = value


def _default_task(task: JsonObject, index: int) -> None:
    _fill(task, "name", f"default{index}")
    pod_spec: object = (task.get("template") or {}).get("spec")
    if isinstance(pod_spec, dict) and pod_spec.get("hostNetwork"):
        _fill(pod_spec, "dnsPolicy", "ClusterFirstWithHostNet")
    if task.get("minAvailable") is None:
        policy: JsonObject = task.get("partitionPolicy") or {}
        partitions = policy.get("minPartitions", 0) * policy.get("partitionSize", 0)
        task["minAvailable"] = partitions if partitions > 0 else task.get("replicas", 0)
    _fill(task, "maxRetry", DEFAULT_MAX_RETRY)


def _default_plugins(spec: JsonObject) -> None:
    """Plugins that rest on others bring them along."""
    plugins: JsonObject = spec.get("plugins") or {}
    if any(name in plugins for name in _NEED_SVC):
        plugins.setdefault("svc", [])
    if "mpi" in plugins:
        plugins.setdefault("ssh", [])


def _keep_claims(spec: JsonObject, old_spec: JsonObject) -> None:
    """The names of claims that were made for the job: whoever replaces the list of volumes does
    not know them."""
    made: dict[str, str] = {
        volume["mountPath"]: volume["volumeClaimName"]
        for volume in old_spec.get("volumes") or []
        if volume.get("volumeClaim") is not None and volume.get("volumeClaimName")
    }
    for volume in spec.get("volumes") or []:
        if volume.get("volumeClaim") is not None and volume.get("mountPath") in made:
            _fill(volume, "volumeClaimName", made[volume["mountPath"]])
