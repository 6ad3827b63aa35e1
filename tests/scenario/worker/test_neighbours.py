"""Workers beside others: what only looks like theirs is not."""

from shoal.api.core import NAMESPACES
from shoal.api.pod import PODS
from tests.worker_site import NS, worker_site


async def test_pods_of_other_namespaces_are_not_its_whatever_they_bear():
    async with worker_site() as site, site.controllers():
        worker = await site.submit(suspend=True)
        labels = {"shoal.io/worker": "w", "shoal.io/worker-uid": worker.metadata.uid}
        stranger = {
            "metadata": {"name": "stranger", "labels": labels},
            "spec": {"containers": [{"name": "c", "image": "any"}]},
        }
        await site.client.create(NAMESPACES, {"metadata": {"name": "other"}})
        await site.client.create(PODS, stranger, "other")
        await site.settle(3)
        await site.change(suspend=False)
        assert (await site.until_pod("w-1")).metadata.namespace == NS
