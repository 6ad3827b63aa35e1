"""A batch that is neither resumable nor idempotent: one pod a run, whatever happens."""

from collections.abc import Awaitable, Callable

import pytest

from shoal.api.pod import PODS
from tests.mortal import MortalClient
from tests.worker_site import NS, WorkerSite, worker_site

CLEANUP = {"command": ["clean"]}


async def test_it_becomes_one_pod_that_waits_until_the_status_knows_it():
    async with worker_site() as site, site.controllers():
        await site.submit()
        pod = await site.until_pod("w-1")
        worker = await site.worker()
        assert worker.status.pod_uid == pod.metadata.uid
        assert worker.status.run == 1
        assert pod.spec.restart_policy == "Never"
        assert worker.status.strategy is not None
        assert worker.status.strategy.kind == "Pod"
        assert "must not be started again by itself" in worker.status.strategy.reason


async def test_a_run_that_succeeds_is_told_with_its_attempt():
    async with worker_site() as site, site.controllers():
        await site.submit()
        await site.until_pod("w-1")
        await site.run_pod("w-1")
        running = await site.until_phase("Running")
        assert [each.outcome for each in running.status.attempts] == ["Running"]
        await site.end_pod("w-1")
        worker = await site.until_phase("Succeeded")
        (attempt,) = worker.status.attempts
        assert (attempt.pod, attempt.outcome, attempt.exit_code) == ("w-1", "Succeeded", 0)
        conditions = {each.type: each.status for each in worker.status.conditions}
        assert conditions["Complete"] == "True"
        assert conditions["Failed"] == "False"


async def test_a_failed_run_stays_failed_until_it_is_asked_for_again_and_cleans_up_first():
    async with worker_site() as site, site.controllers():
        await site.submit(cleanup=CLEANUP)
        first = await site.until_pod("w-1")
        assert first.spec.init_containers == []
        await site.run_pod("w-1")
        await site.end_pod("w-1", 3)
        worker = await site.until_phase("Failed")
        assert worker.status.last_error is not None
        assert worker.status.last_error.exit_code == 3
        assert "shoal worker rerun w" in worker.status.message
        await site.settle(600)
        assert set(await site.pods()) == {"w-1"}
        await site.change(run=2)
        second = await site.until_pod("w-2")
        assert [each.name for each in second.spec.init_containers] == ["cleanup"]
        assert set(await site.pods()) == {"w-1", "w-2"}
        await site.run_pod("w-2")
        await site.end_pod("w-2")
        worker = await site.until_phase("Succeeded")
        assert (worker.status.run, worker.status.last_error) == (2, None)
        await site.change(run=3)
        third = await site.until_pod("w-3")
        assert third.spec.init_containers == []


@pytest.mark.parametrize("is_seen", [True, False])
async def test_a_pod_that_is_lost_fails_the_run_on_the_account_of_the_infrastructure(is_seen: bool):
    async with worker_site() as site:
        async with site.controllers():
            await site.submit()
            await site.until_pod("w-1")
            await site.run_pod("w-1")
            await site.until_phase("Running")
            if is_seen:
                await site.delete_pod("w-1")
                await site.until_phase("Failed")
        if not is_seen:
            await site.delete_pod("w-1")
        async with site.controllers():
            worker = await site.until_phase("Failed")
            await site.settle(60)
            assert await site.pods() == {}
            assert worker.status.infrastructure_failures == 1
            assert worker.status.application_failures == 0
            error = worker.status.last_error
            assert error is not None
            assert (error.reason, error.category, error.pod) == (
                "PodDeleted",
                "Infrastructure",
                "w-1",
            )


async def test_an_eviction_is_told_as_such():
    async with worker_site() as site, site.controllers():
        await site.submit()
        await site.until_pod("w-1")
        await site.run_pod("w-1")
        await site.evict("w-1")
        worker = await site.until_phase("Failed")
        error = worker.status.last_error
        assert error is not None
        assert (error.reason, error.category) == ("Evicted", "Infrastructure")
        assert worker.status.infrastructure_failures == 1


async def test_what_is_suspended_before_it_has_a_place_starts_when_it_goes_on():
    async with worker_site() as site, site.controllers():
        await site.submit()
        await site.until_pod("w-1")
        await site.change(suspend=True)
        await site.until("the pod to go", lambda worker: not worker.status.pod_uid)
        await site.settle()
        assert await site.pods() == {}
        assert (await site.worker()).status.phase == "Stopped"
        await site.change(suspend=False)
        await site.until_pod("w-1")
        await site.run_pod("w-1")
        await site.until_phase("Running")


async def test_what_is_suspended_while_it_runs_has_failed():
    async with worker_site() as site, site.controllers():
        await site.submit()
        await site.until_pod("w-1")
        await site.run_pod("w-1")
        await site.until_phase("Running")
        await site.change(suspend=True)

        async def asked_to_go(worker):
            return (await site.pods())["w-1"].is_deleting

        for _ in range(100):
            await site.settle(0.5)
            if (await site.pods())["w-1"].is_deleting:
                break
        await site.delete_pod("w-1")
        worker = await site.until_phase("Failed")
        assert "stopped" in worker.status.message
        await site.change(suspend=False)
        await site.settle(60)
        assert await site.pods() == {}


async def test_suspended_from_the_start_nothing_is_made():
    async with worker_site() as site, site.controllers():
        await site.submit(suspend=True)
        await site.until_phase("Stopped")
        await site.settle()
        assert await site.pods() == {}


Fate = Callable[[WorkerSite], Awaitable[None]]


async def succeed(site: WorkerSite) -> None:
    await site.run_pod("w-1")
    await site.end_pod("w-1")


async def fail(site: WorkerSite) -> None:
    await site.run_pod("w-1")
    await site.end_pod("w-1", 1)


async def vanish(site: WorkerSite) -> None:
    await site.run_pod("w-1")
    await site.delete_pod("w-1")


@pytest.mark.parametrize("writes", range(6))
@pytest.mark.parametrize("fate", [succeed, fail, vanish])
async def test_a_controller_that_is_killed_between_any_two_writes_starts_no_pod_twice(
    writes: int, fate: Fate
):
    async with worker_site() as site:
        started: set[str] = set()
        await site.submit()
        mortal = MortalClient(site.client, writes)
        async with site.controllers(mortal):
            await site.settle(5)
            pod = (await site.pods()).get("w-1")
            if pod is not None and not pod.spec.scheduling_gates:
                started.add(pod.metadata.uid)
                await fate(site)
            await site.settle(5)
        async with site.controllers():
            await site.settle(5)
            pod = (await site.pods()).get("w-1")
            if pod is not None and not pod.spec.node_name:
                assert not pod.spec.scheduling_gates
                started.add(pod.metadata.uid)
                await fate(site)
            worker = await site.until_phase("Succeeded" if fate is succeed else "Failed")
            await site.settle()
            assert len(started) == 1
            assert worker.status.pod_uid in started
            assert set(await site.pods()) == (set() if fate is vanish else {"w-1"})


async def test_a_gated_pod_that_nobody_knows_of_is_removed_or_taken_up_and_never_runs_beside():
    async with worker_site() as site:
        async with site.controllers():
            await site.submit()
            pod = await site.until_pod("w-1")
            await site.run_pod("w-1")
            await site.until_phase("Running")
        # Somebody with an old picture of the world makes the pod once more.
        manifest = await site.client.get(PODS.untyped(), "w-1", NS)
        await site.delete_pod("w-1")
        spec = {**manifest["spec"], "schedulingGates": [{"name": "shoal.io/recorded"}]}
        del spec["nodeName"]
        metadata = {key: manifest["metadata"][key] for key in ("name", "labels", "ownerReferences")}
        await site.client.create(PODS, {"metadata": metadata, "spec": spec}, NS)
        async with site.controllers():
            worker = await site.until_phase("Failed")
            await site.settle()
            assert worker.status.pod_uid == pod.metadata.uid
            assert await site.pods() == {}
