"""Objects that may not be there are read and deleted without minding."""

import pytest

from shoal.api.core import CONFIG_MAPS
from shoal.api.crds import all_crds
from shoal.api.resource import JsonObject
from shoal.api.status import ApiError
from shoal.api.volcano.queue import QUEUES
from shoal.client.existence import find, remove
from shoal.testing.cluster import memory_cluster

NS = "default"
BODY: JsonObject = {"metadata": {"name": "c"}}


async def test_what_is_there_is_found_and_what_is_not_is_none():
    async with memory_cluster() as cluster:
        assert await find(cluster.client, CONFIG_MAPS, "c", NS) is None
        made = await cluster.client.create(CONFIG_MAPS, BODY, NS)
        assert await find(cluster.client, CONFIG_MAPS, "c", NS) == made


async def test_an_object_is_removed_once_and_removing_it_again_does_nothing():
    async with memory_cluster() as cluster:
        made = await cluster.client.create(CONFIG_MAPS, BODY, NS)
        for _ in range(2):
            await remove(cluster.client, CONFIG_MAPS, made.metadata)
            assert await find(cluster.client, CONFIG_MAPS, "c", NS) is None


async def test_another_object_of_the_name_stays():
    async with memory_cluster() as cluster:
        first = await cluster.client.create(CONFIG_MAPS, BODY, NS)
        await remove(cluster.client, CONFIG_MAPS, first.metadata)
        second = await cluster.client.create(CONFIG_MAPS, BODY, NS)
        await remove(cluster.client, CONFIG_MAPS, first.metadata)
        assert await find(cluster.client, CONFIG_MAPS, "c", NS) == second


async def test_a_refusal_for_another_reason_is_raised():
    async with memory_cluster(crds=all_crds()) as cluster:
        queue = await cluster.client.get(QUEUES, "default")
        with pytest.raises(ApiError, match="can not be deleted"):
            await remove(cluster.client, QUEUES, queue.metadata)
