"""PodGroups of plain pods on a cluster in memory, with ReplicaSets and Deployments at work."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from shoal.api.apps import DEPLOYMENTS, REPLICA_SETS
from shoal.api.core import EVENTS
from shoal.api.crds import all_crds
from shoal.api.meta import OwnerReference
from shoal.api.pod import PODS
from shoal.api.resource import JsonObject, Resource
from shoal.api.volcano import keys
from shoal.api.volcano.pod_group import POD_GROUPS, PodGroup
from shoal.api.volcano.queue import QUEUES
from shoal.base.clock import VirtualClock
from shoal.client.protocol import Client, DeleteOptions
from shoal.controllers.kube.deployment import deployment_controller
from shoal.controllers.kube.replica_set import replica_set_controller
from shoal.controllers.volcano.pod_group import pod_group_controller
from shoal.testing.builders import PodBuilder, make_pod
from shoal.testing.cluster import memory_cluster
from shoal.testing.volcano import make_queue
from tests.mortal import MortalClient, in_time, life

NS = "default"
LABELS = {"app": "web"}


class Site:
    """A cluster on which plain pods are made by hand or by Deployments."""

    def __init__(self, client: Client, clock: VirtualClock) -> None:
        self.client = client
        self.clock = clock

    def controllers(self, client: Any = None) -> Any:
        return life(client or self.client, self.clock, pod_group_controller)

    def workloads(self) -> Any:
        return life(self.client, self.clock, replica_set_controller, deployment_controller)

    async def queue(self, name: str, state: str = "Open") -> None:
        await self.client.create(QUEUES, make_queue(name).manifest())
        await self.set_state(name, state)

    async def set_state(self, queue: str, state: str) -> None:
        patch = {"status": {"state": state}}
        await self.client.patch(QUEUES, queue, patch, subresource="status")

    async def pod(self, pod: PodBuilder) -> str:
        """Its uid."""
        manifest = pod.manifest()
        del manifest["metadata"]["uid"]
        return (await self.client.create(PODS, manifest, NS)).metadata.uid

    async def workload(self, annotations: dict[str, str], kind: str = "ReplicaSet") -> str:
        """Three pods; its uid."""
        body: JsonObject = {
            "apiVersion": "apps/v1",
            "kind": kind,
            "metadata": {"name": "web", "annotations": annotations},
            "spec": {
                "replicas": 3,
                "selector": {"matchLabels": LABELS},
                "template": {"metadata": {"labels": LABELS}, "spec": pod_spec()},
            },
        }
        resource: Resource[Any] = DEPLOYMENTS if kind == "Deployment" else REPLICA_SETS
        return (await self.client.create(resource, body, NS)).metadata.uid

    async def groups(self) -> list[PodGroup]:
        return list((await self.client.list(POD_GROUPS, NS)).items)

    async def group(self) -> PodGroup:
        (group,) = await self.groups()
        return group

    async def annotations(self) -> list[str | None]:
        pods = (await self.client.list(PODS, NS)).items
        return [each.metadata.annotations.get(keys.GROUP_NAME) for each in pods]

    async def until(self, what: str, look: Callable[[], Awaitable[Any]]) -> None:
        await in_time(self.clock, look, what, step_s=0.1)

    async def until_told(self, *names: str) -> None:
        async def are_told() -> bool:
            return sorted(map(str, await self.annotations())) == sorted(names)

        await self.until(f"pods of {names}", are_told)

    async def until_groups(self, *names: str) -> None:
        async def are_there() -> bool:
            return sorted(e.metadata.name for e in await self.groups()) == sorted(names)

        await self.until(f"groups {names}", are_there)

    async def until_minimum(self, min_member: int) -> None:
        async def is_so() -> bool:
            return (await self.group()).spec.min_member == min_member

        await self.until(f"a minimum of {min_member}", is_so)


def pod_spec(scheduler: str = "volcano") -> JsonObject:
    requests = {"cpu": "500m"}
    container = {"name": "c", "image": "app", "resources": {"requests": requests}}
    return {"schedulerName": scheduler, "containers": [container]}


def plain_pod(name: str, scheduler: str = "volcano") -> PodBuilder:
    return make_pod(name).scheduler(scheduler).req(cpu="500m")


@asynccontextmanager
async def make_site() -> AsyncGenerator[Site]:
    clock = VirtualClock()
    async with memory_cluster(clock=clock, crds=all_crds()) as cluster:
        yield Site(cluster.client, clock)


@pytest.fixture
async def site() -> AsyncGenerator[Site]:
    async with make_site() as site:
        yield site


async def test_a_lone_pod_gets_a_group_of_its_own(site: Site):
    await site.queue("research")
    async with site.controllers():
        uid = await site.pod(plain_pod("lone").annotations(**{keys.QUEUE_NAME: "research"}))
        await site.until_told(f"podgroup-{uid}")
    group = await site.group()
    assert group.status.phase == "Pending"
    assert (group.spec.min_member, group.spec.queue) == (1, "research")
    assert group.spec.min_resources is not None
    assert group.spec.min_resources["cpu"] == "500m"
    assert [e.uid for e in group.metadata.owner_references] == [uid]


async def test_pods_of_other_schedulers_pay_nothing(site: Site):
    async with site.controllers():
        await site.pod(plain_pod("a", "shoal"))
        await site.pod(plain_pod("b", "default-scheduler"))
        await site.pod(plain_pod("c").annotations(**{keys.GROUP_NAME: "by-hand"}))
        named = plain_pod("d", "shoal").annotations(**{keys.QUEUE_NAME: "default"})
        uid = await site.pod(named)
        await site.until_told("None", "None", "by-hand", f"podgroup-{uid}")
        await site.until_groups(f"podgroup-{uid}")


async def test_pods_of_a_deployment_share_a_group_by_its_annotations(site: Site):
    await site.workload({keys.GROUP_MIN_MEMBER: "3"}, "Deployment")
    async with site.workloads(), site.controllers():

        async def has_three() -> bool:
            return len(await site.annotations()) == 3

        await site.until("three pods", has_three)
        (replica_set,) = (await site.client.list(REPLICA_SETS, NS)).items
        await site.until_told(*[f"podgroup-{replica_set.metadata.uid}"] * 3)
        group = await site.group()
        assert group.spec.min_member == 3
        assert group.spec.min_resources is not None
        assert group.spec.min_resources["cpu"] == "1500m"
        assert group.metadata.owner_references == [
            OwnerReference(
                api_version="apps/v1",
                kind="ReplicaSet",
                name=replica_set.metadata.name,
                uid=replica_set.metadata.uid,
                controller=True,
                block_owner_deletion=True,
            )
        ]
        change = {"metadata": {"annotations": {keys.GROUP_MIN_MEMBER: "2"}}}
        await site.client.patch(DEPLOYMENTS, "web", change, NS)
        await site.until_minimum(2)


async def test_a_group_follows_annotations_that_its_workload_loses(site: Site):
    uid = await site.workload({keys.GROUP_MIN_MEMBER: "3", keys.PREEMPTABLE: "false"})
    async with site.workloads(), site.controllers():
        await site.until_told(*[f"podgroup-{uid}"] * 3)
        assert (await site.group()).metadata.annotations == {keys.PREEMPTABLE: "false"}
        change = {"metadata": {"annotations": None}}
        await site.client.patch(REPLICA_SETS, "web", change, NS)
        await site.until_minimum(1)
        assert (await site.group()).metadata.annotations == {}
        assert (await site.group()).spec.queue == "default"


async def test_the_group_of_a_workload_without_replicas_is_deleted_and_made_again(site: Site):
    uid = await site.workload({})
    async with site.workloads(), site.controllers():
        await site.until_told(*[f"podgroup-{uid}"] * 3)
        await site.client.patch(REPLICA_SETS, "web", {"spec": {"replicas": 0}}, NS)
        await site.until_groups()
        gone = DeleteOptions(grace_period_s=0)
        await site.client.delete_collection(PODS, NS, options=gone)
        await site.client.patch(REPLICA_SETS, "web", {"spec": {"replicas": 2}}, NS)
        await site.until_groups(f"podgroup-{uid}")
        await site.until_told(*[f"podgroup-{uid}"] * 2)


async def test_a_workload_that_is_scaled_to_zero_behind_the_controllers_back_loses_its_group(
    site: Site,
):
    uid = await site.workload({})
    async with site.workloads():
        async with site.controllers():
            await site.until_told(*[f"podgroup-{uid}"] * 3)
        await site.client.patch(REPLICA_SETS, "web", {"spec": {"replicas": 0}}, NS)
        async with site.controllers():
            await site.until_groups()


async def test_a_group_that_somebody_deletes_is_made_again_for_the_pods_that_are_there(site: Site):
    async with site.controllers():
        uid = await site.pod(plain_pod("lone"))
        await site.until_told(f"podgroup-{uid}")
        before = await site.group()
        await site.client.delete(POD_GROUPS, before.metadata.name, NS)

        async def is_back() -> bool:
            return [e.metadata.uid for e in await site.groups()] not in ([], [before.metadata.uid])

        await site.until("another group", is_back)


async def test_pods_whose_workload_is_gone_get_no_group(site: Site):
    async with site.controllers():
        await site.pod(plain_pod("orphan").owner("ReplicaSet", "gone", "gone-uid"))
        uid = await site.pod(plain_pod("lone"))
        await site.until_told("None", f"podgroup-{uid}")
        await site.until_groups(f"podgroup-{uid}")


async def test_pods_of_kinds_that_nobody_knows_share_a_group(site: Site):
    async with site.controllers():
        for name in ("a", "b"):
            pod = plain_pod(name).owner("Ray", "cluster", "ray-uid", api_version="ray.io/v1")
            await site.pod(pod)
        await site.until_told("podgroup-ray-uid", "podgroup-ray-uid")


async def test_pods_of_a_closed_queue_are_told_and_get_their_group_when_it_opens(site: Site):
    await site.queue("research", "Closed")
    async with site.controllers():
        uid = await site.pod(plain_pod("lone").annotations(**{keys.QUEUE_NAME: "research"}))

        async def is_told() -> bool:
            events = (await site.client.list(EVENTS, NS)).items
            return any(
                each.reason == "FailedCreatePodGroup"
                and each.involved_object.name == "lone"
                and "queue `research` status is `Closed`" in each.message
                for each in events
            )

        await site.until("an event", is_told)
        assert await site.groups() == []
        await site.set_state("research", "Open")
        await site.until_told(f"podgroup-{uid}")


async def test_pods_of_a_missing_queue_get_their_group_when_it_is_made(site: Site):
    async with site.controllers():
        uid = await site.pod(plain_pod("lone").annotations(**{keys.QUEUE_NAME: "research"}))
        await site.clock.advance(5)
        assert await site.groups() == []
        await site.queue("research")
        await site.until_told(f"podgroup-{uid}")


async def test_a_burst_makes_every_group_once_and_tells_every_pod_once(site: Site):
    """Writes are as many as there are pods and groups, whatever the informers lag behind."""
    uids = [await site.pod(plain_pod(f"lone-{i}")) for i in range(60)]
    for i in range(200):
        await site.pod(plain_pod(f"ray-{i}").owner("Ray", "r", "ray-uid", api_version="ray.io/v1"))
    counted = MortalClient(site.client, 10_000)
    async with site.controllers(counted):
        names = [f"podgroup-{uid}" for uid in uids]
        await site.until_told(*names, *["podgroup-ray-uid"] * 200)
        await site.until_groups(*names, "podgroup-ray-uid")
    assert counted.written == 60 + 60 + 1 + 200


@pytest.mark.parametrize("writes", range(5))
async def test_wherever_the_controller_is_killed_the_next_one_goes_on(writes: int):
    async with make_site() as site:
        uid = await site.workload({keys.GROUP_MIN_MEMBER: "3"})
        async with site.workloads():
            mortal = MortalClient(site.client, writes)

            async def has_died() -> bool:
                return mortal.has_died

            async with site.controllers(mortal):
                await site.until("a death", has_died)
            async with site.controllers():
                await site.until_told(*[f"podgroup-{uid}"] * 3)
                await site.until_minimum(3)
