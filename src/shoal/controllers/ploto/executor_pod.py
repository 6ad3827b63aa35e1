"""Executors are bare pods: how one is made, and what a pod says of its executor.

    init container (sidecar)   carries tasks in and results out; restarted when it dies
    container (the user's)     does the work; never restarted, so that its deaths are counted
    volume `ploto`             the directory in which the two meet

The sidecar is an init container with `restartPolicy: Always` (Kubernetes 1.29 and newer): it is
up before the user's container, outlives it by the moment that a last result needs, and does not
keep the pod from ending. It is the ready sidecar that makes an executor ready.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import msgspec

from shoal.api.meta import ObjectKey, find_condition
from shoal.api.ploto import (
    POOL_LABEL,
    POOL_TYPE_LABEL,
    TASK_ANNOTATION,
    TASKS,
    TEMPLATE_LABEL,
    Assignment,
    LastWords,
    Task,
)
from shoal.api.ploto_status import cut
from shoal.api.pod import ContainerStateTerminated, Pod
from shoal.api.resource import JsonObject
from shoal.controllers.ploto.pool import Pool, PoolKey

SIDECAR_NAME = "ploto-sidecar"
VOLUME_NAME = "ploto"
MOUNT_PATH = "/ploto"
_DIRECTORY_VARIABLE = "PLOTO_DIR"
_MANAGED_BY = "app.kubernetes.io/managed-by"

PARA_LIMIT_BYTES = 16 * 1024
"""A longer `para` does not go into the annotation; the sidecar reads it from the task."""

_DEATH_LIMIT_BYTES = 512
"""Of a container's last words."""
_STARTING_REASONS = {"", "ContainerCreating", "PodInitializing"}

_READINESS_SCRIPT = f"""\
cd "${_DIRECTORY_VARIABLE}"
tries=40
until test -e .sidecar-ready; do
  tries=$((tries - 1))
  test $tries -gt 0 || {{ echo "the sidecar is not ready"; exit 1; }}
  sleep 0.1
done
if test -e state && grep -q leaving state; then
  echo "the container takes no more tasks"
  exit 1
fi
"""
"""Waits for the sidecar to come up rather than fail: an answer sooner, and no warning about it."""


class ExecutorHealth(StrEnum):
    STARTING = "Starting"
    READY = "Ready"
    LEAVING = "Leaving"
    """Being deleted; it may still finish its task."""
    DEAD = "Dead"


@dataclass(frozen=True, slots=True, kw_only=True)
class Executor:
    """What a pod says of its executor."""

    pool_key: PoolKey
    pool_uid: str
    name: str
    uid: str
    resource_version: str
    template: str
    health: ExecutorHealth
    death: str = ""
    """How a dead one died, for people."""
    hindrance: str = ""
    """What keeps one from starting, if anything is known to, for people."""
    last_words: LastWords | None = None
    """Of the sidecar of a dead one."""
    run: tuple[str, int] | None = None
    """The run that was delivered to it last."""
    created_at: datetime | None = None
    is_deleting: bool = False

    @property
    def key(self) -> ObjectKey:
        return ObjectKey(self.pool_key.namespace, self.name)

    def has_surely_not_taken(self, task: Task) -> bool:
        """Did this executor end before the container could see the task?"""
        words = self.last_words
        return words is not None and words.taken != (task.metadata.uid, task.attempt)


def read_executor(pod: Pod) -> Executor | None:
    """None for a pod that is not an executor."""
    labels = pod.metadata.labels
    if POOL_LABEL not in labels or POOL_TYPE_LABEL not in labels:
        return None
    owner = pod.metadata.controller
    health = _health(pod)
    return Executor(
        pool_key=PoolKey(labels[POOL_TYPE_LABEL], pod.metadata.namespace, labels[POOL_LABEL]),
        pool_uid=owner.uid if owner else "",
        name=pod.metadata.name,
        uid=pod.metadata.uid,
        resource_version=pod.metadata.resource_version,
        template=labels.get(TEMPLATE_LABEL, ""),
        health=health,
        death=_death(pod) if health is ExecutorHealth.DEAD else "",
        hindrance=_hindrance(pod) if health is ExecutorHealth.STARTING else "",
        last_words=_last_words(pod) if health is ExecutorHealth.DEAD else None,
        run=_run(pod.metadata.annotations.get(TASK_ANNOTATION, "")),
        created_at=pod.metadata.creation_timestamp,
        is_deleting=pod.is_deleting,
    )


def executor_body(pool: Pool, sidecar_image: str) -> JsonObject:
    """The pod of a new executor."""
    spec: JsonObject = {
        "restartPolicy": "Never",
        "initContainers": [_sidecar(sidecar_image)],
        "containers": [_with_directory(pool.container)],
        "volumes": [{"name": VOLUME_NAME, "emptyDir": {}}],
    }
    if pool.service_account_name:
        spec["serviceAccountName"] = pool.service_account_name
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "generateName": f"{pool.key.name}-",
            "namespace": pool.key.namespace,
            "labels": {
                POOL_LABEL: pool.key.name,
                POOL_TYPE_LABEL: pool.key.type,
                TEMPLATE_LABEL: pool.template,
                _MANAGED_BY: "shoal",
            },
            "ownerReferences": [
                {
                    "apiVersion": TASKS.api_version,
                    "kind": pool.key.kind,
                    "name": pool.key.name,
                    "uid": pool.uid,
                    "controller": True,
                    "blockOwnerDeletion": True,
                }
            ],
        },
        "spec": spec,
    }


def _with_directory(container: JsonObject) -> JsonObject:
    """The user's container, with the shared directory unless it brings its own mount of it."""
    mounts = list(container.get("volumeMounts") or [])
    if all(mount.get("mountPath") != MOUNT_PATH for mount in mounts):
        mounts.append({"name": VOLUME_NAME, "mountPath": MOUNT_PATH})
    env = [e for e in container.get("env") or [] if e.get("name") != _DIRECTORY_VARIABLE]
    env.append({"name": _DIRECTORY_VARIABLE, "value": MOUNT_PATH})
    return {**container, "volumeMounts": mounts, "env": env}


def _sidecar(image: str) -> JsonObject:
    fields = {
        "POD_NAME": "metadata.name",
        "POD_NAMESPACE": "metadata.namespace",
        "POD_UID": "metadata.uid",
    }
    env: list[JsonObject] = [
        {"name": name, "valueFrom": {"fieldRef": {"fieldPath": path}}}
        for name, path in fields.items()
    ]
    env.append({"name": _DIRECTORY_VARIABLE, "value": MOUNT_PATH})
    return {
        "name": SIDECAR_NAME,
        "image": image,
        "restartPolicy": "Always",
        "env": env,
        "volumeMounts": [{"name": VOLUME_NAME, "mountPath": MOUNT_PATH}],
        "readinessProbe": {
            "exec": {"command": ["sh", "-c", _READINESS_SCRIPT]},
            "periodSeconds": 1,
            "timeoutSeconds": 5,
            "failureThreshold": 1,
        },
    }


def _health(pod: Pod) -> ExecutorHealth:
    if pod.is_finished or _sidecar_has_followed(pod):
        return ExecutorHealth.DEAD
    if pod.is_deleting:
        return ExecutorHealth.LEAVING
    return ExecutorHealth.READY if pod.is_ready else ExecutorHealth.STARTING


def _sidecar_has_followed(pod: Pod) -> bool:
    """The user's container has ended and the sidecar too, so that no result comes any more: the
    pod's phase may say it later."""
    ended = any(status.state.terminated for status in pod.status.container_statuses)
    return ended and all(
        status.state.running is None for status in pod.status.init_container_statuses
    )


def _death(pod: Pod) -> str:
    for status in pod.status.container_statuses:
        if status.state.terminated is not None:
            return f"container {status.name} {_ending(status.state.terminated)}"
    return pod.status.message or pod.status.reason or "its pod ended"


def _ending(terminated: ContainerStateTerminated) -> str:
    how = f"exited with code {terminated.exit_code}"
    if terminated.signal:
        how = f"was killed by signal {terminated.signal}"
    named = terminated.reason not in {"", "Error", "Completed"}
    if named:
        how += f" ({terminated.reason})"
    lines = terminated.message.strip().splitlines()
    return f"{how}: {cut(lines[-1], _DEATH_LIMIT_BYTES)}" if lines else how


def _hindrance(pod: Pod) -> str:
    scheduled = find_condition(pod.status.conditions, "PodScheduled")
    if scheduled is not None and scheduled.status == "False":
        return f"{scheduled.reason}: {scheduled.message}"
    for status in (*pod.status.init_container_statuses, *pod.status.container_statuses):
        waiting = status.state.waiting
        if waiting is not None and waiting.reason not in _STARTING_REASONS:
            return f"{waiting.reason}: {waiting.message}"
    return ""


def _last_words(pod: Pod) -> LastWords | None:
    for status in pod.status.init_container_statuses:
        if status.name == SIDECAR_NAME and status.state.terminated is not None:
            try:
                return msgspec.json.decode(status.state.terminated.message, type=LastWords)
            except msgspec.MsgspecError:
                return None
    return None


def _run(annotation: str) -> tuple[str, int] | None:
    if not annotation:
        return None
    try:
        return msgspec.json.decode(annotation, type=Assignment).run
    except msgspec.MsgspecError:
        return None
