"""What goes with its owner and what does not, where news come late."""

import pytest

from shoal.api.apps import REPLICA_SETS
from shoal.api.core import CONFIG_MAPS
from shoal.api.pod import PODS
from shoal.client.existence import find
from shoal.client.protocol import DeleteOptions
from shoal.controllers.kube.garbage_collector import garbage_collector
from tests.lagging import HeldClient, LaggingClient
from tests.workload_site import NS, site, template, workload


def collecting():
    made = []

    def collector(client, informers, recorder, clock):
        made[:] = garbage_collector(client, informers, clock)
        return made[0]

    def follower(*_):
        return made[1]

    return collector, follower


def reference(owner, kind="ReplicaSet", version="apps/v1"):
    meta = owner.metadata
    return {"apiVersion": version, "kind": kind, "name": meta.name, "uid": meta.uid}


async def make_pod(each, *owners):
    metadata = {"name": "p", "ownerReferences": list(owners)}
    await each.client.create(PODS, {"metadata": metadata, "spec": template("a")["spec"]}, NS)


async def owners_of_pod(each):
    """None where the pod has gone, or is to go."""
    pod = await find(each.client, PODS, "p", NS)
    if pod is None or pod.is_deleting:
        return None
    return [owner.name for owner in pod.metadata.owner_references]


@pytest.fixture
async def each():
    async with site() as each:
        each.owner = await each.client.create(REPLICA_SETS, workload("ReplicaSet"), NS)
        yield each


async def delete_owner(each, propagation):
    await each.client.delete(REPLICA_SETS, "web", NS, DeleteOptions(propagation=propagation))


async def until_owner_is_gone(each):
    async def is_gone():
        return await find(each.client, REPLICA_SETS, "web", NS) is None

    await each.until(is_gone, "the owner is gone")
    await each.settle(4)


async def test_a_pod_goes_with_its_owner(each):
    await make_pod(each, reference(each.owner))
    async with each.controllers(*collecting()):
        await each.settle(4)
        await delete_owner(each, "Background")
        await until_owner_is_gone(each)
        assert await owners_of_pod(each) is None


async def test_a_pod_that_is_set_free_stays_though_its_owner_is_seen_to_go_first(each):
    await make_pod(each, reference(each.owner))
    async with each.controllers(*collecting(), client=LaggingClient(each.client, PODS)):
        await each.settle(4)
        await delete_owner(each, "Orphan")
        await until_owner_is_gone(each)
        assert await owners_of_pod(each) == []


async def test_a_pod_that_has_found_another_owner_stays(each):
    await make_pod(each, reference(each.owner))
    other = await each.client.create(CONFIG_MAPS, {"metadata": {"name": "other"}}, NS)
    async with each.controllers(*collecting(), client=LaggingClient(each.client, PODS)):
        await each.settle(4)
        references = [reference(other, "ConfigMap", "v1")]
        await each.client.patch(PODS, "p", {"metadata": {"ownerReferences": references}}, NS)
        await delete_owner(each, "Background")
        await until_owner_is_gone(each)
        assert await owners_of_pod(each) == ["other"]


async def test_an_owner_that_came_meanwhile_is_kept_when_another_is_dropped(each):
    other = await each.client.create(CONFIG_MAPS, {"metadata": {"name": "other"}}, NS)
    third = await each.client.create(CONFIG_MAPS, {"metadata": {"name": "third"}}, NS)
    known = [reference(each.owner), reference(other, "ConfigMap", "v1")]
    await make_pod(each, *known)
    async with each.controllers(*collecting(), client=LaggingClient(each.client, PODS)):
        await each.settle(4)
        references = [*known, reference(third, "ConfigMap", "v1")]
        await each.client.patch(PODS, "p", {"metadata": {"ownerReferences": references}}, NS)
        await delete_owner(each, "Background")
        await until_owner_is_gone(each)
        assert await owners_of_pod(each) == ["other", "third"]


async def make_map(each, *owners):
    metadata = {"name": "m", "ownerReferences": list(owners)}
    await each.client.create(CONFIG_MAPS, {"metadata": metadata}, NS)


def blocking(owner):
    return {**reference(owner), "blockOwnerDeletion": True}


async def test_an_owner_goes_in_the_foreground_though_its_dependent_is_seen_to_go_late(each):
    await make_map(each, blocking(each.owner))
    client = HeldClient(each.client, CONFIG_MAPS)
    async with each.controllers(*collecting(), client=client):
        await each.settle(4)
        client.hold()
        await each.client.delete(CONFIG_MAPS, "m", NS)
        await delete_owner(each, "Foreground")
        await each.settle(4)
        client.let_go()
        await until_owner_is_gone(each)


async def test_an_owner_goes_in_the_foreground_once_a_shared_dependent_is_not_its_own(each):
    other = await each.client.create(CONFIG_MAPS, {"metadata": {"name": "other"}}, NS)
    await make_map(each, blocking(each.owner), reference(other, "ConfigMap", "v1"))
    async with each.controllers(*collecting()):
        await each.settle(4)
        await delete_owner(each, "Foreground")
        await until_owner_is_gone(each)
        shared = await each.client.get(CONFIG_MAPS, "m", NS)
        assert [owner.name for owner in shared.metadata.owner_references] == ["other"]


async def test_a_pod_is_set_free_though_a_new_collector_is_shown_its_owner_first(each):
    await make_pod(each, reference(each.owner))
    await delete_owner(each, "Orphan")
    client = HeldClient(each.client, PODS)
    client.hold()
    async with each.controllers(*collecting(), client=client):
        await each.settle(4)
        client.let_go()
        await until_owner_is_gone(each)
        assert await owners_of_pod(each) == []


async def test_an_owner_goes_though_some_collection_cannot_be_listed(each):
    await delete_owner(each, "Orphan")
    client = HeldClient(each.client, PODS)
    client.hold()
    async with each.controllers(*collecting(), client=client):
        await until_owner_is_gone(each)
