"""The objects that a Worker becomes: Deployment, Job, CronJob, or one pod.

Names are made from the worker's and the run's number, so that making one again finds the one there
is. Source of what each field does: Kubernetes v1.36, apps/v1 and batch/v1.
"""

from collections.abc import Sequence
from hashlib import sha256

import msgspec

from shoal.api.apps import DEPLOYMENTS
from shoal.api.batch import CRON_JOBS, JOBS
from shoal.api.owners import controller_reference
from shoal.api.pod import PODS
from shoal.api.resource import JsonObject
from shoal.api.worker import WORKER_LABEL, WORKERS, Worker, WorkerSchedule
from shoal.controllers.worker.pod_template import PodWish, pod_template, worker_labels
from shoal.controllers.worker.strategy import Shape, StrategyChoice

APPLIED = "shoal.io/applied"
"""Annotation: a digest of what was asked for, as the server adds to what is stored."""
ITEM_INDEX = "shoal.io/item-index"
"""Label of a Job of one item: its place in `spec.queue.items`."""
ITEMS_DIGEST = "shoal.io/items-digest"
"""Annotation of such a Job: which items there were when it was made."""
START_GATE = "shoal.io/recorded"
"""Holds a pod that may be made only once until its worker's status names it: a pod that nobody
knows of has never run."""


def run_name(worker: Worker, run: int, item: int | None = None) -> str:
    """Of the Job or the pod of a run."""
    name = f"{worker.metadata.name}-{run}"
    return name if item is None else f"{name}-{item}"


def deployment_body(worker: Worker, choice: StrategyChoice) -> JsonObject:
    wish = PodWish(restart_policy=choice.restart_policy, run=worker.spec.run)
    template = pod_template(worker, wish)
    return {
        "apiVersion": DEPLOYMENTS.api_version,
        "kind": DEPLOYMENTS.kind,
        "metadata": _metadata(worker, worker.metadata.name, None, digest(template)),
        "spec": {
            "replicas": replicas(worker),
            "selector": {"matchLabels": {WORKER_LABEL: worker.metadata.name}},
            "template": template,
        },
    }


def replicas(worker: Worker) -> int:
    """Pods of a stream."""
    return 0 if worker.spec.suspend else worker.spec.parallelism


def cron_job_body(worker: Worker, choice: StrategyChoice, own_url: str) -> JsonObject:
    schedule = worker.spec.schedule or WorkerSchedule()
    # Who makes the Jobs does not know how the one before ended.
    wish = PodWish(restart_policy=choice.restart_policy, has_cleanup=True, own_url=own_url)
    job = _job_spec(worker, choice.shape, wish, completions=_items_put(worker))
    if _items_put(worker):
        # It goes on when its items are in the queue.
        job["suspend"] = True
    spec: JsonObject = {
        "schedule": schedule.cron,
        "concurrencyPolicy": schedule.concurrency_policy,
        "jobTemplate": {"metadata": {"labels": worker_labels(worker, None)}, "spec": job},
    }
    if schedule.time_zone is not None:
        spec["timeZone"] = schedule.time_zone
    if schedule.starting_deadline_seconds is not None:
        spec["startingDeadlineSeconds"] = schedule.starting_deadline_seconds
    return {
        "apiVersion": CRON_JOBS.api_version,
        "kind": CRON_JOBS.kind,
        "metadata": _metadata(worker, worker.metadata.name, None, digest(spec)),
        "spec": {**spec, "suspend": worker.spec.suspend},
    }


def _items_put(worker: Worker) -> int:
    return len(worker.spec.queue.items) if worker.spec.queue is not None else 0


class RunWish(msgspec.Struct, frozen=True, kw_only=True):
    """What one run is to get."""

    run: int
    has_cleanup: bool = False
    own_url: str = ""
    completions: int = 0
    """Of an item per pod: how many items there are."""
    item: int | None = None
    """Of a Job per item: which."""


def job_body(worker: Worker, choice: StrategyChoice, wish: RunWish) -> JsonObject:
    items = worker.spec.queue.items if worker.spec.queue is not None else []
    pods = PodWish(
        restart_policy=choice.restart_policy,
        run=wish.run,
        has_cleanup=wish.has_cleanup,
        own_url=wish.own_url,
        item=None if wish.item is None else items[wish.item],
    )
    spec = _job_spec(worker, choice.shape, pods, completions=wish.completions)
    body: JsonObject = {
        "apiVersion": JOBS.api_version,
        "kind": JOBS.kind,
        "metadata": _metadata(worker, run_name(worker, wish.run, wish.item), wish.run),
        "spec": spec,
    }
    if wish.item is not None:
        body["metadata"]["labels"][ITEM_INDEX] = str(wish.item)
        body["metadata"]["annotations"] = {ITEMS_DIGEST: digest_of_items(items)}
    return body


def _job_spec(worker: Worker, shape: Shape, pods: PodWish, *, completions: int) -> JsonObject:
    parallelism = worker.spec.parallelism
    spec: JsonObject = {
        "backoffLimit": backoff_limit(worker, shape),
        "template": pod_template(worker, pods),
    }
    if shape is Shape.DRAIN:
        return {**spec, "parallelism": parallelism}
    if shape is Shape.ITEM_PER_POD:
        return {**spec, "parallelism": parallelism, "completions": completions}
    if shape is Shape.REPEATABLE and parallelism > 1:
        # Each pod knows its share by its index.
        indexed = {"completionMode": "Indexed", "completions": parallelism}
        return {**spec, **indexed, "parallelism": parallelism}
    spec |= {"parallelism": 1, "completions": 1}
    if shape is Shape.ONCE:
        spec["podReplacementPolicy"] = "Failed"
    return spec


def backoff_limit(worker: Worker, shape: Shape) -> int:
    """A Job has one limit for failures of every sort, so it starts with room for both budgets;
    `budgets` lowers it when one of them is used up.

    A pod whose containers restart in place fails its Job when it has restarted so often, not more
    often: one more. Source: Kubernetes v1.36, pkg/controller/job, pastBackoffLimitOnFailure.
    """
    if shape is Shape.ONCE:
        return 0
    both = worker.spec.retries + worker.spec.infrastructure_retries
    return both if shape is Shape.ITEM_PER_POD else both + 1


def pod_body(worker: Worker, choice: StrategyChoice, wish: RunWish) -> JsonObject:
    """The one pod of a run that must not be started twice; its gate keeps it off all nodes."""
    pods = PodWish(restart_policy=choice.restart_policy, run=wish.run, has_cleanup=wish.has_cleanup)
    template = pod_template(worker, pods)
    gates = [{"name": START_GATE}, *(template["spec"].get("schedulingGates") or [])]
    own = template["metadata"]
    metadata = _metadata(worker, run_name(worker, wish.run), wish.run)
    metadata["labels"] = {**(own.get("labels") or {}), **metadata["labels"]}
    metadata["annotations"] = own.get("annotations") or {}
    return {
        "apiVersion": PODS.api_version,
        "kind": PODS.kind,
        "metadata": metadata,
        "spec": {**template["spec"], "schedulingGates": gates},
    }


def _metadata(worker: Worker, name: str, run: int | None, applied: str = "") -> JsonObject:
    owner = controller_reference(WORKERS.api_version, WORKERS.kind, worker.metadata)
    metadata: JsonObject = {
        "name": name,
        "labels": worker_labels(worker, run),
        "ownerReferences": [owner],
    }
    return {**metadata, "annotations": {APPLIED: applied}} if applied else metadata


def digest_of_items(items: Sequence[str]) -> str:
    """Tells two lists of items apart."""
    return sha256(msgspec.json.encode(items)).hexdigest()[:16]


def digest(wanted: JsonObject) -> str:
    """Tells two wishes apart."""
    return sha256(msgspec.json.encode(wanted, order="sorted")).hexdigest()[:16]
