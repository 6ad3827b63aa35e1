"""`shoal explain job|podgroup|queue`: reads what the story is about, and tells it."""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import TypeVar

from shoal.api.core import PRIORITY_CLASSES
from shoal.api.node import NODES
from shoal.api.pod import PODS, Pod
from shoal.api.resource import Resource
from shoal.api.status import ApiError
from shoal.api.volcano import keys
from shoal.api.volcano.job import Job
from shoal.api.volcano.pod_group import POD_GROUPS, PodGroup
from shoal.api.volcano.queue import QUEUES, Queue
from shoal.cli.output import CliError
from shoal.cli.volcano.group_story import group_story, verdict_lines
from shoal.cli.volcano.job_story import job_lines, job_story
from shoal.cli.volcano.job_view import group_of
from shoal.cli.volcano.queue_story import queue_story
from shoal.cli.volcano.queue_table import state_of
from shoal.client.protocol import Client
from shoal.scheduler.config.loading import ConfigurationError
from shoal.scheduler.config.volcano_conf import load_volcano_conf
from shoal.scheduler.explaining.gang_view import GangView, gang_view
from shoal.scheduler.fairness.rules import Rules
from shoal.standalone.published_configuration import published

T = TypeVar("T")


async def gang_story(client: Client, found: Job | PodGroup | Queue, now: datetime) -> list[str]:
    """Sentences. Who may not see all of the cluster gets what the object itself tells."""
    try:
        view = await read_view(client, now)
    except ApiError as error:
        if not error.is_forbidden:
            raise
        return [*await _own_lines(client, found, now), f"  More cannot be said: {error}"]
    name = found.metadata.name
    if isinstance(found, Job):
        groups = [each.object for each in view.groups.values() if each.object is not None]
        obj = _of_its_namespace(found, groups)
        return job_story(found, view.groups[obj.metadata.key] if obj else None, view, now)
    if isinstance(found, Queue) and name in view.queues:
        return queue_story(name, view, now)
    if isinstance(found, PodGroup) and found.metadata.key in view.groups:
        return group_story(view.groups[found.metadata.key], view, now)
    raise CliError(f'"{name}" has just been deleted')


async def member_story(client: Client, pod: Pod, now: datetime) -> list[str]:
    """Of a pod without a node: what its gang waits for. Empty for one that has none."""
    name = pod.metadata.annotations.get(keys.GROUP_NAME)
    if name is None or pod.spec.node_name or pod.is_deleting:
        return []
    try:
        group = await client.get(POD_GROUPS, name, pod.metadata.namespace)
    except ApiError as error:
        if not error.is_not_found:
            raise
        return [f"  Its PodGroup {name} does not exist: nothing is placed before it does."]
    told = await gang_story(client, group, now)
    # Where it ends with the question that has just been asked, it adds nothing.
    own = f"`shoal explain pod {pod.metadata.name} "
    return [f"  {line}" for line in told if own not in line]


async def read_view(client: Client, now: datetime) -> GangView:
    """All that the queues of the cluster are about."""
    queues, groups, pods, nodes, classes = await asyncio.gather(
        _list(client, QUEUES),
        _list(client, POD_GROUPS),
        _list(client, PODS),
        _list(client, NODES),
        _list(client, PRIORITY_CLASSES),
    )
    return gang_view(queues, groups, pods, nodes, classes, now, await _rules(client))


async def _rules(client: Client) -> Rules:
    """Those that `shoal up` has told of, else the default ones."""
    text = (await published(client)).volcano_conf
    if text is None:
        return Rules()
    try:
        return load_volcano_conf(text).rules
    except ConfigurationError:  # It is of another version.
        return Rules()


async def _list(client: Client, resource: Resource[T]) -> Sequence[T]:
    return (await client.list(resource)).items


async def _own_lines(client: Client, found: Job | PodGroup | Queue, now: datetime) -> list[str]:
    if isinstance(found, Queue):
        return [f"Queue {found.metadata.name} is {state_of(found)}."]
    if isinstance(found, PodGroup):
        head = f"PodGroup {found.metadata.key} is {found.phase}."
        return [head, *verdict_lines(found, now)]
    groups = await client.list(POD_GROUPS, found.metadata.namespace)
    group = group_of(found, groups.items)
    return [*job_lines(found, now), *(verdict_lines(group, now) if group else ())]


def _of_its_namespace(job: Job, groups: Sequence[PodGroup]) -> PodGroup | None:
    namespace = job.metadata.namespace
    return group_of(job, [each for each in groups if each.metadata.namespace == namespace])
