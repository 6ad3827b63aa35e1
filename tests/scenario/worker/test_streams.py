"""Streams: a Deployment that follows its worker, and what becomes of it when the mode changes."""

from shoal.api.apps import DEPLOYMENTS, Deployment
from shoal.client.existence import find
from tests.worker_site import NS, WorkerSite, worker_site


async def deployment(site: WorkerSite) -> Deployment:
    for _ in range(100):
        await site.settle(1)
        found = await find(site.client, DEPLOYMENTS, "w", NS)
        if found is not None:
            return found
    raise AssertionError("no deployment")


async def test_a_stream_is_a_deployment_that_is_made_again_when_it_is_deleted():
    async with worker_site() as site, site.controllers():
        await site.submit(mode="Stream", parallelism=2)
        first = await deployment(site)
        assert first.spec.replicas == 2
        assert first.spec.template["spec"]["restartPolicy"] == "Always"
        await site.client.delete(DEPLOYMENTS, "w", NS)
        assert (await deployment(site)).metadata.uid != first.metadata.uid
        worker = await site.worker()
        assert worker.status.phase == "Pending"
        assert worker.status.message == "0 of 2 pods run"


async def test_changes_reach_the_deployment_and_nothing_is_written_without_one():
    async with worker_site() as site, site.controllers():
        await site.submit(mode="Stream", env=[{"name": "A", "value": "1"}])
        first = await deployment(site)
        await site.settle()
        assert (await deployment(site)).metadata.generation == first.metadata.generation
        await site.change(env=[{"name": "B", "value": "2"}], parallelism=3)
        await site.settle()
        changed = await deployment(site)
        assert changed.spec.replicas == 3
        (container,) = changed.spec.template["spec"]["containers"]
        assert [each["name"] for each in container["env"]] == ["B"]
        await site.change(suspend=True)
        await site.settle()
        assert (await deployment(site)).spec.replicas == 0
        assert (await site.worker()).status.phase == "Stopped"
        await site.change(suspend=False)
        await site.settle()
        assert (await deployment(site)).spec.replicas == 3
        assert (await site.worker()).status.phase == "Pending"


async def test_a_stream_that_becomes_a_batch_ends_before_the_batch_begins():
    async with worker_site() as site, site.controllers():
        await site.submit(mode="Stream")
        await deployment(site)
        await site.change(mode="Batch")
        await site.until_pod("w-1")
        assert await find(site.client, DEPLOYMENTS, "w", NS) is None
        await site.run_pod("w-1")
        await site.until_phase("Running")
        await site.change(mode="Stream")
        await site.settle()
        # The pod is told to go, and the stream waits for it.
        assert await find(site.client, DEPLOYMENTS, "w", NS) is None
        await site.delete_pod("w-1")
        await deployment(site)
        await site.change(mode="Batch")
        worker = await site.until_phase("Failed")
        await site.settle()
        assert await site.pods() == {}
        assert "another kind of object" in worker.status.message
