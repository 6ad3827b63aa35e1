"""What `shoal explain` says of a deployment: how far its rollout is, what pods it waits for."""

from collections.abc import Sequence
from datetime import datetime

from shoal.api.apps import Deployment, ReplicaSet
from shoal.api.pod import Pod
from shoal.cli.phrases import condition_line, counted

_REVISION = "deployment.kubernetes.io/revision"
_GOOD_STATUS = {"Available": "True", "Progressing": "True", "ReplicaFailure": "False"}


def newest_pods_waiting(
    deployment: Deployment, replica_sets: Sequence[ReplicaSet], pods: Sequence[Pod]
) -> list[Pod]:
    """The pods of its newest ReplicaSet that are not ready."""
    mine = [each for each in replica_sets if _is_owned(each, deployment)]
    if not mine:
        return []
    newest = max(mine, key=lambda each: int(each.metadata.annotations.get(_REVISION) or 0))
    return [pod for pod in pods if _is_owned(pod, newest) and not pod.is_ready]


def deployment_story(deployment: Deployment, waiting: Sequence[Pod], now: datetime) -> list[str]:
    """Sentences; the first of the `waiting` pods is told about by whoever prints them."""
    spec, status = deployment.spec, deployment.status
    lines = [
        f"Deployment {deployment.metadata.key} wants {counted(spec.replicas, 'replica')}:"
        f" {status.updated_replicas} updated, {status.available_replicas} available."
    ]
    if spec.paused:
        lines.append("  Its rollout is paused.")
    lines += [
        condition_line(condition, now)
        for condition in status.conditions
        if condition.status != _GOOD_STATUS.get(condition.type, condition.status)
    ]
    if waiting:
        is_one = len(waiting) == 1
        which = "is not ready" if is_one else "are not ready, the first of them"
        lines.append(f"  {counted(len(waiting), 'new pod')} {which}:")
    return lines


def _is_owned(child: Pod | ReplicaSet, owner: Deployment | ReplicaSet) -> bool:
    reference = child.metadata.controller
    return reference is not None and reference.uid == owner.metadata.uid
