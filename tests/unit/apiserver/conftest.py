"""A cluster in memory with one custom kind."""

from collections.abc import AsyncIterator

import pytest

from shoal.client.protocol import Client
from shoal.testing.cluster import MemoryCluster, memory_cluster
from tests.unit.apiserver.cron_tabs import definition


@pytest.fixture
async def cluster() -> AsyncIterator[MemoryCluster]:
    async with memory_cluster(crds=[definition()]) as cluster:
        yield cluster


@pytest.fixture
def client(cluster: MemoryCluster) -> Client:
    return cluster.client
