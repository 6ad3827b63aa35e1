"""`shoal explain`: why is it waiting?

The parts write their reasons where everyone can read them: conditions, container states, events.
This module only gathers them into a few sentences; it decides nothing.
"""

from collections.abc import Sequence
from typing import TypeVar

from shoal.api import meta
from shoal.api.core import EVENTS
from shoal.api.ploto import TASKS, Task
from shoal.api.pod import PODS, ContainerStatus, Pod
from shoal.api.resource import Resource
from shoal.api.status import ApiError
from shoal.cli.output import CliError
from shoal.client.protocol import Client

T = TypeVar("T")

_KINDS = {"pod": "pod", "pods": "pod", "po": "pod", "task": "task", "tasks": "task"}


async def explain(client: Client, words: Sequence[str], namespace: str) -> None:
    """Print why a pod or a task is where it is. Raises CliError where there is none."""
    kind, name = _target(words)
    if kind in {"", "pod"}:
        pod = await _find(client, PODS, name, namespace)
        if pod is not None:
            print("\n".join([*pod_story(pod), *await _warnings(client, pod)]))
            return
    if kind in {"", "task"}:
        task = await _find(client, TASKS, name, namespace)
        if task is not None:
            print("\n".join(task_story(task)))
            return
    what = kind or "pod or task"
    raise CliError(f'there is no {what} "{name}" in namespace "{namespace}"')


def _target(words: Sequence[str]) -> tuple[str, str]:
    kind, slash, name = words[0].partition("/")
    if len(words) == 1 and not slash:
        return "", words[0]
    if not slash:
        name = words[1]
    if kind.lower() not in _KINDS:
        raise CliError(f'cannot explain a "{kind}"; name a pod or a task')
    return _KINDS[kind.lower()], name


async def _find(client: Client, resource: Resource[T], name: str, namespace: str) -> T | None:
    try:
        return await client.get(resource, name, namespace)
    except ApiError as error:
        if error.is_not_found:
            return None
        raise


def pod_story(pod: Pod) -> list[str]:
    """Sentences, the most telling first."""
    name = f"Pod {pod.metadata.key}"
    if pod.is_deleting:
        return [f"{name} is being deleted since {pod.metadata.deletion_timestamp}."]
    scheduled = meta.find_condition(pod.status.conditions, "PodScheduled")
    if not pod.spec.node_name:
        return _unplaced(name, pod, scheduled)
    head = f"{name} is {pod.status.phase or 'Pending'} on node {pod.spec.node_name}"
    head += f" ({pod.status.reason}: {pod.status.message})." if pod.status.reason else "."
    statuses = [*pod.status.init_container_statuses, *pod.status.container_statuses]
    return [head, *(line for status in statuses for line in _container_story(status))]


def _unplaced(name: str, pod: Pod, scheduled: meta.Condition | None) -> list[str]:
    if scheduled is None or scheduled.status == "True":
        return [
            f"{name} waits for scheduler {pod.spec.scheduler_name}, which has not looked at it yet;"
            " is that scheduler running?"
        ]
    since = scheduled.last_transition_time
    lines = [f"{name} waits to be placed since {since}: {scheduled.reason}."]
    lines.append(f"  {scheduled.message}")
    return lines


def _container_story(status: ContainerStatus) -> list[str]:
    state, last = status.state, status.last_state.terminated
    lines: list[str] = []
    if state.waiting is not None:
        why = f": {state.waiting.message}" if state.waiting.message else "."
        lines.append(f"  Container {status.name} waits, {state.waiting.reason}{why}")
    elif state.terminated is not None:
        ended = state.terminated
        lines.append(
            f"  Container {status.name} ended, {ended.reason} (exit code {ended.exit_code})."
        )
    elif not status.ready:
        lines.append(f"  Container {status.name} runs but is not ready.")
    if last is not None:
        lines.append(
            f"    It was restarted {status.restart_count} times; its last attempt ended with "
            f"{last.reason} (exit code {last.exit_code})."
        )
    return lines


async def _warnings(client: Client, pod: Pod) -> list[str]:
    page = await client.list(
        EVENTS,
        pod.metadata.namespace,
        field_selector=f"involvedObject.uid={pod.metadata.uid},type=Warning",
    )
    return [f"  Warning {e.reason} (x{max(e.count, 1)}): {e.message}" for e in page.items]


def task_story(task: Task) -> list[str]:
    """Sentences, the most telling first."""
    phase = task.status.phase or "Pending"
    head = f"Task {task.metadata.key} is {phase}"
    if task.status.executor_pod_name and phase != "Pending":
        head += f" on executor {task.status.executor_pod_name}"
    lines = [head + "."]
    waiting = [c for c in task.status.conditions if c.status == "False" and c.message]
    if phase == "Pending":
        lines += [f"  {c.reason}: {c.message}" for c in waiting]
    if task.status.message:
        lines.append(f"  {task.status.message}")
    if task.status.failed_time:
        lines.append(f"  Its executor died {task.status.failed_time} times.")
    return lines
