"""`shoal explain`: why is it waiting?

The parts write their reasons where everyone can read them: conditions, container states, events.
This module only gathers them into a few sentences; it decides nothing. What a pod's scheduler has
to say beyond that comes from `explain_pod`.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

from shoal.api import meta
from shoal.api.apps import DEPLOYMENTS, REPLICA_SETS
from shoal.api.core import EVENTS, Event
from shoal.api.meta import Object
from shoal.api.ploto import DYNAMIC_EXECUTOR_POOLS, FIXED_EXECUTOR_POOLS, TASKS, Task
from shoal.api.pod import PODS, ContainerStatus, Pod
from shoal.api.resource import Resource
from shoal.api.status import ApiError
from shoal.api.volcano.job import JOBS, SCHEDULER_NAME
from shoal.api.volcano.keys import GROUP_NAME
from shoal.api.volcano.pod_group import POD_GROUPS
from shoal.api.volcano.queue import QUEUES
from shoal.api.worker import WORKERS
from shoal.base.clock import SystemClock
from shoal.cli.deployment_story import deployment_story, newest_pods_waiting
from shoal.cli.explain_pod import PodQuestion, explain_pod
from shoal.cli.options import EXPLAINED
from shoal.cli.output import DATA_FORMATS, CliError, print_object
from shoal.cli.phrases import condition_line, counted, event_line, lasting
from shoal.cli.placement_story import is_failed_attempt
from shoal.cli.pool_story import is_of, pool_story
from shoal.cli.volcano.explaining import gang_story, member_story
from shoal.cli.worker_story import worker_story
from shoal.client.protocol import Client

T = TypeVar("T")

_EPOCH = datetime.fromtimestamp(0, UTC)

_RESOURCES: dict[str, Resource[Any]] = {
    "pod": PODS,
    "task": TASKS,
    "dynamicexecutorpool": DYNAMIC_EXECUTOR_POOLS,
    "fixedexecutorpool": FIXED_EXECUTOR_POOLS,
    "deployment": DEPLOYMENTS,
    "job": JOBS,
    "podgroup": POD_GROUPS,
    "queue": QUEUES,
    "worker": WORKERS,
}
_GANG_KINDS = (JOBS, POD_GROUPS, QUEUES)
_TOLD_ELSEWHERE = ("Unschedulable", "Failed", "Invalid")
"""Reasons of Events whose text is in the conditions, too."""
_SHORT_NAMES = {
    "po": "pod",
    "dep": "dynamicexecutorpool",
    "fep": "fixedexecutorpool",
    "deploy": "deployment",
    "vcjob": "job",
    "vj": "job",
    "pg": "podgroup",
    "q": "queue",
    "wk": "worker",
}


async def explain(
    client: Client, words: Sequence[str], namespace: str, asked: PodQuestion = PodQuestion()
) -> None:
    """Print why something is where it is. `asked` is about pods. Raises CliError where there is
    none."""
    kind, name = _target(words)
    for resource in [_RESOURCES[kind]] if kind else _RESOURCES.values():
        found = await _find(client, resource, name, namespace)
        if found is None:
            continue
        now = SystemClock().now()
        if resource is PODS:
            await _explain_pod(client, found, asked, now)
        else:
            _print_story(await _story(client, resource, found, now), asked)
        return
    what = kind or EXPLAINED.removeprefix("a ")
    where = "" if kind == "queue" else f' in namespace "{namespace}"'
    raise CliError(f'there is no {what} "{name}"{where}')


def _target(words: Sequence[str]) -> tuple[str, str]:
    """What kind of thing, or empty for any, and its name."""
    kind, slash, name = words[0].partition("/")
    if len(words) == 1 and not slash:
        return "", words[0]
    if not slash:
        name = words[1]
    if more := words[1 if slash else 2 :]:
        raise CliError(f"one thing is explained at a time; leave out {', '.join(more)}")
    singular = kind.lower().partition(".")[0].removesuffix("s")
    singular = _SHORT_NAMES.get(singular, singular)
    if singular not in _RESOURCES:
        raise CliError(f'cannot explain a "{kind}"; name {EXPLAINED}')
    return singular, name


async def _explain_pod(client: Client, pod: Pod, asked: PodQuestion, now: datetime) -> None:
    events = await _events(client, pod)
    others = [event for event in events if not is_failed_attempt(event)]
    gang = await member_story(client, pod, now)
    story = [*pod_story(pod, now), *warnings(others, now), *gang]
    await explain_pod(client, pod, events, asked, story)


def _print_story(lines: Sequence[str], asked: PodQuestion) -> None:
    if asked.changes is not None:
        raise CliError("--what-if is for pods; name one")
    if asked.output in DATA_FORMATS:
        print_object({"story": [line.strip() for line in lines]}, asked.output)
    else:
        print("\n".join(lines))


async def _story(client: Client, resource: Resource[Any], found: Any, now: datetime) -> list[str]:
    namespace = found.metadata.namespace
    if resource is PODS:
        return [*pod_story(found, now), *warnings(await _events(client, found), now)]
    if resource in _GANG_KINDS:
        told = await gang_story(client, found, now)
        return [*told, *_own_warnings(await _events(client, found), now)]
    if resource is TASKS:
        return task_story(found, now)
    if resource is WORKERS:
        return [*worker_story(found, now), *_own_warnings(await _events(client, found), now)]
    if resource is DEPLOYMENTS:
        replica_sets = (await client.list(REPLICA_SETS, namespace)).items
        pods = newest_pods_waiting(found, replica_sets, (await client.list(PODS, namespace)).items)
        lines = deployment_story(found, pods, now)
        if pods:
            of_first = await _story(client, PODS, pods[0], now)
            lines += [f"  {line}" for line in of_first]
        return lines
    tasks = (await client.list(TASKS, namespace)).items
    mine = [task for task in tasks if is_of(task, found)]
    events = await _events(client, found)
    return [*pool_story(found, mine, events, now), *warnings(events, now)]


async def _find(client: Client, resource: Resource[T], name: str, namespace: str) -> T | None:
    try:
        return await client.get(resource, name, namespace if resource.namespaced else "")
    except ApiError as error:
        if error.is_not_found:
            return None
        raise


def pod_story(pod: Pod, now: datetime) -> list[str]:
    """Sentences, the most telling first."""
    name = f"Pod {pod.metadata.key}"
    if pod.is_deleting:
        return [f"{name} is being deleted."]
    scheduled = meta.find_condition(pod.status.conditions, "PodScheduled")
    if not pod.spec.node_name:
        return _unplaced(name, pod, scheduled, now)
    head = f"{name} is {pod.status.phase or 'Pending'} on node {pod.spec.node_name}"
    head += f" ({pod.status.reason}: {pod.status.message})." if pod.status.reason else "."
    statuses = [*pod.status.init_container_statuses, *pod.status.container_statuses]
    return [head, *(line for status in statuses for line in _container_story(status))]


def _unplaced(name: str, pod: Pod, scheduled: meta.Condition | None, now: datetime) -> list[str]:
    if scheduled is None or scheduled.status == "True":
        if GROUP_NAME in pod.metadata.annotations:
            return [f"{name} waits to be placed with the rest of its gang."]
        if pod.spec.scheduler_name == SCHEDULER_NAME:
            return [f"{name} waits for its PodGroup, which is made before it is placed."]
        return [
            f"{name} waits for scheduler {pod.spec.scheduler_name}, which has not looked at it yet;"
            " is that scheduler running?"
        ]
    duration = lasting(scheduled.last_transition_time, now)
    return [
        f"{name} waits to be placed{duration}: {scheduled.reason}.",
        f"  {scheduled.message}",
    ]


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
            f"    It was restarted {counted(status.restart_count, 'time')}; its last attempt ended"
            f" with {last.reason} (exit code {last.exit_code})."
        )
    return lines


async def _events(client: Client, obj: Object) -> list[Event]:
    """About this object, the newest last."""
    selector = f"involvedObject.uid={obj.metadata.uid}"
    page = await client.list(EVENTS, obj.metadata.namespace, field_selector=selector)
    return sorted(page.items, key=lambda event: event.last_timestamp or _EPOCH)


def warnings(events: Sequence[Event], now: datetime) -> list[str]:
    """A line for each."""
    return [event_line(event, now) for event in events if event.type == "Warning"]


def _own_warnings(events: Sequence[Event], now: datetime) -> list[str]:
    """The newest of each reason. What the scheduler says of a gang stands in its conditions."""
    newest = {each.reason: each for each in events if each.type == "Warning"}
    for told in _TOLD_ELSEWHERE:
        newest.pop(told, None)
    return [event_line(each, now) for each in newest.values()]


def task_story(task: Task, now: datetime) -> list[str]:
    """Sentences, the most telling first."""
    phase = task.status.phase or "Pending"
    head = f"Task {task.metadata.key} is {phase}"
    if task.status.executor_pod_name and phase != "Pending":
        head += f" on executor {task.status.executor_pod_name}"
    lines = [head + "."]
    waiting = [c for c in task.status.conditions if c.status == "False" and c.message]
    if phase == "Pending":
        lines += [condition_line(condition, now) for condition in waiting]
    if task.status.message:
        lines.append(f"  {task.status.message}")
    if task.status.failed_time:
        lines.append(f"  Its executor died {counted(task.status.failed_time, 'time')}.")
    return lines
