"""Claims that are made for volumes of pods, on a cluster in memory."""

from contextlib import asynccontextmanager

import pytest

from shoal.api.core import EVENTS, RESOURCE_QUOTAS
from shoal.api.pod import PODS
from shoal.api.storage import CLAIMS
from shoal.base.clock import VirtualClock
from shoal.client.existence import find
from shoal.client.protocol import DeleteOptions
from shoal.controllers.kube.ephemeral_volume import ephemeral_volume_controller
from shoal.testing.cluster import memory_cluster
from tests.mortal import MortalClient, in_time, life

NS = "default"
SPEC = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
TEMPLATE = {"metadata": {"labels": {"for": "scratch"}, "annotations": {"a": "b"}}, "spec": SPEC}


def pod(*volumes, name="p"):
    return {
        "metadata": {"name": name},
        "spec": {
            "containers": [{"name": "c", "image": "i"}],
            "volumes": [
                {"name": volume, "ephemeral": {"volumeClaimTemplate": TEMPLATE}}
                for volume in volumes
            ],
        },
    }


class Site:
    def __init__(self, client, clock):
        self.client = client
        self.clock = clock

    def controllers(self, client=None):
        return life(client or self.client, self.clock, ephemeral_volume_controller)

    async def until_claimed(self, name):
        async def is_there():
            return await find(self.client, CLAIMS, name, NS)

        return await in_time(self.clock, is_there, f"claim {name}")

    async def until_told(self, message):
        async def is_told():
            events = (await self.client.list(EVENTS)).items
            return ("FailedBinding", message) in [(each.reason, each.message) for each in events]

        await in_time(self.clock, is_told, message)


@pytest.fixture
async def site():
    clock = VirtualClock()
    async with memory_cluster(clock=clock) as cluster:
        yield Site(cluster.client, clock)


async def test_each_volume_gets_a_claim_that_is_the_pods(site):
    async with site.controllers():
        made = await site.client.create(PODS, pod("one", "two"), NS)
        for name in ("p-one", "p-two"):
            claim = await site.until_claimed(name)
            [owner] = claim.metadata.owner_references
            assert (owner.kind, owner.name, owner.uid) == ("Pod", "p", made.metadata.uid)
            assert owner.controller and owner.block_owner_deletion
            assert claim.metadata.labels == {"for": "scratch"}
            assert claim.metadata.annotations["a"] == "b"
            assert claim.spec.access_modes == ["ReadWriteOnce"]


async def test_a_claim_that_somebody_deletes_is_made_again(site):
    async with site.controllers():
        await site.client.create(PODS, pod("v"), NS)
        before = await site.until_claimed("p-v")
        await site.client.patch(CLAIMS, "p-v", {"metadata": {"finalizers": None}}, NS)
        await site.client.delete(CLAIMS, "p-v", NS)

        async def is_another():
            found = await find(site.client, CLAIMS, "p-v", NS)
            return found is not None and found.metadata.uid != before.metadata.uid

        await in_time(site.clock, is_another, "another claim")


async def test_a_claim_of_somebody_else_is_left_alone_and_told_of(site):
    await site.client.create(CLAIMS, {"metadata": {"name": "p-v"}, "spec": SPEC}, NS)
    async with site.controllers():
        made = await site.client.create(PODS, pod("v"), NS)
        why = "PVC default/p-v was not created for pod default/p (pod is not owner)"
        await site.until_told(f"ephemeral volume v: {why}")
        assert (await site.until_claimed("p-v")).metadata.controller is None
        await site.client.patch(CLAIMS, "p-v", {"metadata": {"finalizers": None}}, NS)
        await site.client.delete(CLAIMS, "p-v", NS)

        async def is_own():
            found = await find(site.client, CLAIMS, "p-v", NS)
            owner = found.metadata.controller if found is not None else None
            return owner is not None and owner.uid == made.metadata.uid

        await in_time(site.clock, is_own, "a claim of its own")


async def test_a_claim_that_is_refused_is_told_of_and_tried_again(site):
    quota = {"metadata": {"name": "none"}, "spec": {"hard": {"persistentvolumeclaims": "0"}}}
    await site.client.create(RESOURCE_QUOTAS, quota, NS)
    status = {"status": {"hard": {"persistentvolumeclaims": "0"}, "used": {}}}
    status["status"]["used"] = {"persistentvolumeclaims": "0"}
    await site.client.patch(RESOURCE_QUOTAS, "none", status, NS, subresource="status")
    async with site.controllers():
        await site.client.create(PODS, pod("v"), NS)
        why = (
            'create PVC p-v: persistentvolumeclaims "p-v" is forbidden: exceeded quota: none, '
            "requested: persistentvolumeclaims=1, used: persistentvolumeclaims=0, "
            "limited: persistentvolumeclaims=0"
        )
        await site.until_told(f"ephemeral volume v: {why}")
        await site.client.delete(RESOURCE_QUOTAS, "none", NS)
        await site.until_claimed("p-v")


async def test_a_pod_that_is_going_gets_nothing(site):
    body = pod("v")
    body["spec"]["nodeName"] = "n"
    await site.client.create(PODS, body, NS)
    await site.client.delete(PODS, "p", NS, DeleteOptions(grace_period_s=30))
    async with site.controllers():
        for _ in range(10):
            await site.clock.advance(1.0)
        await site.client.create(PODS, pod("v", name="q"), NS)
        await site.until_claimed("q-v")
        assert await find(site.client, CLAIMS, "p-v", NS) is None


@asynccontextmanager
async def lives(site, writes):
    """One that ends after so many writes, then one that does not."""
    mortal = MortalClient(site.client, writes)
    async with site.controllers(mortal):

        async def has_died():
            return mortal.has_died

        await in_time(site.clock, has_died, "the end")
    async with site.controllers():
        yield


@pytest.mark.parametrize("writes", [0, 1, 2])
async def test_a_controller_that_is_killed_makes_each_claim_once(site, writes):
    await site.client.create(PODS, pod("one", "two", "three"), NS)
    async with lives(site, writes):
        for name in ("p-one", "p-two", "p-three"):
            await site.until_claimed(name)
    assert len((await site.client.list(CLAIMS, NS)).items) == 3
    assert not (await site.client.list(EVENTS)).items
