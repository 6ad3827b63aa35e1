"""The pods of a Worker: its template, or one made from its image, with what the strategy adds.

Labels say whose pods they are, variables tell a queue's pods where their items are, and `$ITEM`
stands for the item of a Job per item.
"""

import copy
import re
from collections.abc import Callable
from typing import Any, cast

import msgspec

from shoal.api.resource import JsonObject
from shoal.api.worker import (
    CONTAINER_NAME,
    LEASE_VARIABLE,
    MAX_ATTEMPTS_VARIABLE,
    QUEUE_VARIABLE,
    RUN_LABEL,
    URL_VARIABLE,
    WORKER_LABEL,
    WORKER_UID_LABEL,
    Worker,
    WorkerQueue,
)

CLEANUP_NAME = "cleanup"
ITEM_VARIABLE = "ITEM"
_ITEM = re.compile(r"\$ITEM\b")

Template = JsonObject


class PodWish(msgspec.Struct, frozen=True, kw_only=True):
    """What the pods get beside the worker's template."""

    restart_policy: str
    run: int | None = None
    """None where the pods belong to no numbered run."""
    has_cleanup: bool = False
    own_url: str = ""
    """Of the queue, where the worker names none."""
    item: str | None = None


def queue_of(worker: Worker) -> str:
    """As a work source knows it: `<namespace>/<name>`."""
    queue = worker.spec.queue or WorkerQueue()
    return f"{worker.metadata.namespace}/{queue.name or worker.metadata.name}"


def worker_labels(worker: Worker, run: int | None) -> dict[str, str]:
    """On everything that is made for the worker."""
    labels = {WORKER_LABEL: worker.metadata.name, WORKER_UID_LABEL: worker.metadata.uid}
    return {**labels, RUN_LABEL: str(run)} if run is not None else labels


def pod_template(worker: Worker, wish: PodWish) -> Template:
    """`metadata` and `spec`, ready for a Job, a Deployment, or a pod by itself."""
    template = copy.deepcopy(worker.spec.template) or _from_image(worker)
    metadata: JsonObject = template.setdefault("metadata", {})
    metadata["labels"] = {**(metadata.get("labels") or {}), **worker_labels(worker, wish.run)}
    spec: JsonObject = template.setdefault("spec", {})
    spec["restartPolicy"] = wish.restart_policy
    if wish.has_cleanup and worker.spec.cleanup is not None:
        spec["initContainers"] = [_cleanup(worker), *(spec.get("initContainers") or [])]
    variables = _queue_variables(worker, wish.own_url)
    if wish.item is not None:
        _each_container(spec, _filled_in(wish.item))
        variables.append({"name": ITEM_VARIABLE, "value": wish.item})
    if variables:
        _each_container(spec, lambda container: _with_variables(container, variables))
    return template


def _from_image(worker: Worker) -> Template:
    spec = worker.spec
    container: JsonObject = {"name": CONTAINER_NAME, "image": spec.image}
    for field, value in (
        ("command", spec.command),
        ("args", spec.args),
        ("env", spec.env),
        ("resources", spec.resources),
    ):
        if value:
            container[field] = copy.deepcopy(value)
    return {"spec": {"containers": [container]}}


def _cleanup(worker: Worker) -> JsonObject:
    container = {"name": CLEANUP_NAME, **copy.deepcopy(worker.spec.cleanup or {})}
    if not container.get("image") and worker.spec.image:
        container["image"] = worker.spec.image
    return container


def _queue_variables(worker: Worker, own_url: str) -> list[JsonObject]:
    queue = worker.spec.queue
    if queue is None:
        return []
    reference = queue.url_from.secret_key_ref if queue.url_from is not None else None
    url: JsonObject = {"name": URL_VARIABLE}
    if reference is not None:
        url["valueFrom"] = {"secretKeyRef": {"name": reference.name, "key": reference.key}}
    else:
        url["value"] = own_url
    return [
        url,
        {"name": QUEUE_VARIABLE, "value": queue_of(worker)},
        {"name": LEASE_VARIABLE, "value": str(queue.lease_seconds)},
        {"name": MAX_ATTEMPTS_VARIABLE, "value": str(queue.max_attempts)},
    ]


def _each_container(spec: JsonObject, change: Callable[[JsonObject], None]) -> None:
    for field in ("initContainers", "containers"):
        for container in cast(list[JsonObject], spec.get(field) or []):
            change(container)


def _with_variables(container: JsonObject, variables: list[JsonObject]) -> None:
    """What the container sets itself goes before."""
    own: list[JsonObject] = container.get("env") or []
    taken = {variable.get("name") for variable in own}
    # First, so that the container's own variables may refer to them.
    container["env"] = [each for each in variables if each["name"] not in taken] + own


def _filled_in(item: str) -> Callable[[JsonObject], None]:
    def fill(text: Any) -> Any:
        return _ITEM.sub(lambda _: item, text) if isinstance(text, str) else text

    def change(container: JsonObject) -> None:
        for field in ("command", "args"):
            if container.get(field):
                container[field] = [fill(word) for word in container[field]]
        for variable in container.get("env") or []:
            if "value" in variable:
                variable["value"] = fill(variable["value"])

    return change
