"""The scheduler as a service, on the real API server in memory."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

import pytest

from shoal.api.core import EVENTS, PRIORITY_CLASSES
from shoal.api.meta import find_condition
from shoal.api.node import NODES
from shoal.api.pod import PODS, Pod
from shoal.base.clock import Clock, SystemClock
from shoal.client.events import EventRecorder
from shoal.client.informer import InformerSet
from shoal.client.protocol import Client, DeleteOptions
from shoal.scheduler.core import Scheduler, build_scheduler
from shoal.scheduler.framework import status as statuses
from shoal.scheduler.framework.cycle_state import CycleState
from shoal.scheduler.framework.profile import PluginSpec, ProfileSpec
from shoal.scheduler.framework.registry import Handle
from shoal.scheduler.framework.status import Code, Status
from shoal.scheduler.loop import SchedulerLoop
from shoal.scheduler.plugins.in_tree import DEFAULT_PROFILES, in_tree_registry
from shoal.scheduler.state.pod_info import PodInfo
from shoal.testing.builders import PodBuilder, make_node, make_pod
from shoal.testing.cluster import MemoryCluster, memory_cluster
from tests.waiting import eventually


@asynccontextmanager
async def scheduling(
    cluster: MemoryCluster, scheduler: Scheduler | None = None, clock: Clock | None = None
) -> AsyncIterator[None]:
    client, loop_clock, clock = cluster.client, clock or cluster.clock, cluster.clock
    informers = InformerSet(client, clock, random.Random(0))
    recorder = EventRecorder(client, "default-scheduler", clock)
    scheduler = scheduler or build_scheduler(DEFAULT_PROFILES, in_tree_registry())
    loop = SchedulerLoop(scheduler, client, informers, recorder, loop_clock)
    tasks = [asyncio.create_task(each.run()) for each in (informers, recorder, loop)]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    async with memory_cluster() as cluster, scheduling(cluster):
        yield cluster.client


class HurryingClock(SystemClock):
    """Seconds pass between any two looks, so what is not due at one may be overdue at the next."""

    def __init__(self) -> None:
        self._ahead_s = 0.0

    def now(self) -> datetime:
        self._ahead_s += 3.7
        return super().now() + timedelta(seconds=self._ahead_s)

    async def sleep(self, delay_s: float) -> None:
        self._ahead_s += delay_s
        await super().sleep(0)


async def add_node(client: Client, name: str, cpu: str = "4") -> None:
    node = make_node(name).capacity(cpu=cpu, memory="8Gi")
    await client.create(NODES, {**node.manifest(), "metadata": {"name": name}})


async def add_pod(client: Client, pod: PodBuilder) -> None:
    manifest = pod.manifest()
    del manifest["metadata"]["uid"]
    await client.create(PODS, manifest, manifest["metadata"]["namespace"])


async def pods(client: Client) -> list[Pod]:
    return list((await client.list(PODS, "default")).items)


async def event_reasons(client: Client, pod: str) -> dict[str, str]:
    events = (await client.list(EVENTS, "default")).items
    return {each.reason: each.message for each in events if each.involved_object.name == pod}


async def test_pods_are_bound_within_what_nodes_have(client: Client) -> None:
    for name in ("n1", "n2"):
        await add_node(client, name, cpu="4")
    for number in range(10):
        await add_pod(client, make_pod(f"p{number}").req(cpu="1", memory="1Gi"))

    async def eight_are_bound() -> bool:
        return sum(bool(pod.spec.node_name) for pod in await pods(client)) == 8

    await eventually(eight_are_bound)
    names = [pod.spec.node_name for pod in await pods(client)]
    assert sorted(names) == ["", ""] + ["n1"] * 4 + ["n2"] * 4


async def test_a_bound_pod_has_its_event_and_condition(client: Client) -> None:
    await add_node(client, "n1")
    await add_pod(client, make_pod("a").req(cpu="1"))

    async def is_told() -> bool:
        return "Scheduled" in await event_reasons(client, "a")

    await eventually(is_told)
    reasons = await event_reasons(client, "a")
    assert reasons["Scheduled"] == "Successfully assigned default/a to n1"
    bound = await client.get(PODS, "a", "default")
    condition = find_condition(bound.status.conditions, "PodScheduled")
    assert condition is not None
    assert condition.status == "True"


async def test_a_pod_that_fits_nowhere_says_why_and_is_bound_when_a_node_comes(
    client: Client,
) -> None:
    await add_node(client, "small", cpu="1")
    await add_pod(client, make_pod("big").req(cpu="3"))

    async def is_rejected() -> bool:
        pod = await client.get(PODS, "big", "default")
        condition = find_condition(pod.status.conditions, "PodScheduled")
        return (
            condition is not None
            and condition.reason == "Unschedulable"
            and condition.message.startswith("0/1 nodes are available: 1 Insufficient cpu.")
            and "FailedScheduling" in await event_reasons(client, "big")
        )

    await eventually(is_rejected)
    await add_node(client, "large", cpu="4")

    async def is_bound() -> bool:
        return (await client.get(PODS, "big", "default")).spec.node_name == "large"

    await eventually(is_bound)


async def test_a_pod_that_matters_more_is_bound_when_its_victim_is_gone(client: Client) -> None:
    await client.create(
        PRIORITY_CLASSES,
        {"metadata": {"name": "high"}, "value": 1000, "description": "matters more"},
    )
    await add_node(client, "n1", cpu="1")
    await add_pod(client, make_pod("low").req(cpu="1"))
    await eventually(lambda: is_bound_to(client, "low", "n1"))
    await add_pod(client, make_pod("high").req(cpu="1").spec(priorityClassName="high"))

    async def is_low_leaving() -> bool:
        pod = await client.get(PODS, "low", "default")
        reasons = {each.type: each.reason for each in pod.status.conditions}
        is_told = reasons.get("DisruptionTarget") == "PreemptionByScheduler"
        return is_told and pod.is_deleting

    await eventually(is_low_leaving)

    async def is_high_nominated() -> bool:
        return (await client.get(PODS, "high", "default")).status.nominated_node_name == "n1"

    await eventually(is_high_nominated)
    await client.delete(PODS, "low", "default", DeleteOptions(grace_period_s=0))
    await eventually(lambda: is_bound_to(client, "high", "n1"))


async def is_bound_to(client: Client, name: str, node_name: str) -> bool:
    return (await client.get(PODS, name, "default")).spec.node_name == node_name


async def test_pods_of_other_schedulers_are_left_alone(client: Client) -> None:
    await add_node(client, "n1")
    await add_pod(client, make_pod("theirs").scheduler("their-scheduler").req(cpu="1"))
    await add_pod(client, make_pod("ours").scheduler("shoal").req(cpu="1"))

    async def ours_is_bound() -> bool:
        return bool((await client.get(PODS, "ours", "default")).spec.node_name)

    await eventually(ours_is_bound)
    assert (await client.get(PODS, "theirs", "default")).spec.node_name == ""


async def test_a_pod_whose_back_off_ends_between_two_looks_at_the_clock_is_not_forgotten() -> None:
    attempts: list[str] = []

    class FailsOften:
        name = "FailsOften"

        def __init__(self, arguments: object, handle: Handle) -> None:
            pass

        def reserve(self, state: CycleState, pod: PodInfo, node_name: str) -> Status:
            attempts.append(pod.name)
            return statuses.error("not yet") if len(attempts) < 12 else statuses.SUCCESS

        def unreserve(self, state: CycleState, pod: PodInfo, node_name: str) -> None:
            pass

    registry = in_tree_registry()
    registry.register("FailsOften", FailsOften)
    default = DEFAULT_PROFILES[0]
    profile = ProfileSpec(default.scheduler_name, (*default.plugins, PluginSpec("FailsOften")))
    async with memory_cluster() as cluster:
        scheduler = build_scheduler([profile], registry)
        async with scheduling(cluster, scheduler, HurryingClock()):
            await add_node(cluster.client, "n1")
            await add_pod(cluster.client, make_pod("p").req(cpu="1"))

            async def is_bound() -> bool:
                return all(pod.spec.node_name for pod in await pods(cluster.client))

            await eventually(is_bound)
    assert attempts == ["p"] * 12


async def test_a_pod_that_was_created_again_unseen_ends_what_its_former_self_began() -> None:
    unreserved: list[str] = []

    class Holds:
        name = "Holds"

        def __init__(self, arguments: object, handle: Handle) -> None:
            pass

        def permit(self, state: CycleState, pod: PodInfo, node_name: str) -> tuple[Status, float]:
            return Status(Code.WAIT), 900.0

        def reserve(self, state: CycleState, pod: PodInfo, node_name: str) -> Status:
            return statuses.SUCCESS

        def unreserve(self, state: CycleState, pod: PodInfo, node_name: str) -> None:
            unreserved.append(pod.uid)

    registry = in_tree_registry()
    registry.register("Holds", Holds)
    plugins = [PluginSpec(each) for each in ("PrioritySort", "DefaultBinder", "Holds")]
    scheduler = build_scheduler([ProfileSpec("default-scheduler", tuple(plugins))], registry)
    async with memory_cluster() as cluster:
        client, clock = cluster.client, cluster.clock
        # Not running: the test says what is listed.
        informers = InformerSet(client, clock, random.Random(0))
        recorder = EventRecorder(client, "default-scheduler", clock)
        loop = SchedulerLoop(scheduler, client, informers, recorder, clock)
        informers.informer(NODES).replace([make_node("n").obj()])
        first = make_pod("p").uid("first").meta(resourceVersion="1").obj()
        informers.informer(PODS).replace([first])
        for resource in scheduler.needs:
            informers.informer(resource).replace([])
        task = asyncio.create_task(loop.run())

        async def is_assumed() -> bool:
            return scheduler.cache.is_assumed("first")

        await eventually(is_assumed)
        second = make_pod("p").uid("second").meta(resourceVersion="2").scheduler("other")
        informers.informer(PODS).replace([second.obj()])

        async def is_given_up() -> bool:
            return unreserved == ["first"]

        await eventually(is_given_up)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert scheduler.cache.pod("first") is None
