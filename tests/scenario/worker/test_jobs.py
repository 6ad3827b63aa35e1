"""Batches that may be started again: a Job, with budgets for the program and for the machines."""

import pytest

from shoal.api.batch import JOBS
from shoal.api.pod import PODS
from shoal.client.protocol import DeleteOptions
from tests.mortal import MortalClient
from tests.worker_site import NS, WorkerSite, worker_site


async def started(site: WorkerSite, **spec: object) -> None:
    await site.submit(idempotent=True, **spec)
    await site.until_job("w-1")
    await site.job_pod("w-1", "w-1-a")
    await site.run_pod("w-1-a")
    await site.until_phase("Running")


async def test_it_becomes_a_job_with_room_for_both_budgets():
    async with worker_site() as site, site.controllers():
        await site.submit(resumable=True, retries=2, infrastructureRetries=5)
        job = await site.until_job("w-1")
        assert job.spec.backoff_limit == 8
        assert job.spec.template["spec"]["restartPolicy"] == "OnFailure"
        await site.end_job("w-1")
        worker = await site.until_phase("Succeeded")
        assert worker.status.strategy is not None
        assert "resumable" in worker.status.strategy.reason


async def test_the_program_may_fail_as_often_as_retries_says_and_no_more():
    async with worker_site() as site, site.controllers():
        await started(site, retries=2)
        for count in (1, 2):
            await site.restart_container("w-1-a", count)
            await site.until("the count", lambda w, n=count: w.status.application_failures == n)
        await site.settle()
        assert (await site.jobs())["w-1"].spec.backoff_limit > 0
        await site.restart_container("w-1-a", 3)
        await site.until("the count", lambda w: w.status.application_failures == 3)
        await site.settle(3)
        assert (await site.jobs())["w-1"].spec.backoff_limit == 0
        assert "GivenUp" in await site.event_reasons()
        await site.end_job("w-1", "Failed", "BackoffLimitExceeded")
        worker = await site.until_phase("Failed")
        assert "BackoffLimitExceeded" in worker.status.message
        assert worker.status.restarts == 3


async def test_evictions_and_lost_pods_do_not_use_up_retries():
    async with worker_site() as site, site.controllers():
        await started(site, retries=0, infrastructureRetries=2)
        await site.evict("w-1-a")
        await site.until("a count", lambda w: w.status.infrastructure_failures == 1)
        await site.job_pod("w-1", "w-1-b")
        await site.run_pod("w-1-b")
        await site.settle(2)
        await site.delete_pod("w-1-b")
        worker = await site.until("a count", lambda w: w.status.infrastructure_failures == 2 and w)
        assert worker.status.application_failures == 0
        await site.settle()
        assert (await site.jobs())["w-1"].spec.backoff_limit > 0
        await site.job_pod("w-1", "w-1-c")
        await site.run_pod("w-1-c")
        await site.settle(2)
        await site.evict("w-1-c")
        await site.until("a count", lambda w: w.status.infrastructure_failures == 3)
        await site.settle(3)
        assert (await site.jobs())["w-1"].spec.backoff_limit == 0


async def test_restarts_of_a_pod_that_is_gone_stay_in_the_count():
    async with worker_site() as site, site.controllers():
        await started(site, retries=3)
        await site.restart_container("w-1-a", 2)
        await site.until("a count", lambda w: w.status.application_failures == 2)
        await site.evict("w-1-a")
        await site.until("a count", lambda w: w.status.infrastructure_failures == 1)
        await site.delete_pod("w-1-a")
        await site.job_pod("w-1", "w-1-b")
        await site.run_pod("w-1-b")
        await site.restart_container("w-1-b", 1)
        worker = await site.until("a count", lambda w: w.status.application_failures == 3 and w)
        assert worker.status.infrastructure_failures == 1
        assert worker.status.restarts == 3


async def test_a_pod_that_came_and_went_between_two_looks_uses_up_its_budget():
    async with worker_site() as site, site.controllers():
        await started(site)
        for _ in range(3):
            await site.job_pod("w-1", "w-1-b")
            await site.run_pod("w-1-b")
            await site.delete_pod("w-1-b")
        worker = await site.until("a count", lambda w: w.status.infrastructure_failures == 3 and w)
        assert worker.status.application_failures == 0
        await site.settle(3)
        assert (await site.worker()).status.infrastructure_failures == 3


@pytest.mark.parametrize("writes", range(8))
async def test_failures_are_counted_once_whenever_the_controller_is_killed(writes: int):
    async with worker_site() as site:
        async with site.controllers():
            await started(site, retries=1)
        async with site.controllers(MortalClient(site.client, writes)):
            await site.restart_container("w-1-a", 1)
            await site.settle(3)
            await site.evict("w-1-a")
            await site.settle(3)
        async with site.controllers():
            await site.settle(3)
            await site.delete_pod("w-1-a")
            await site.settle(3)
            worker = await site.worker()
            assert worker.status.application_failures == 1
            assert worker.status.infrastructure_failures == 1
            assert (await site.jobs())["w-1"].spec.backoff_limit > 0


async def test_a_suspended_job_is_held_and_goes_on():
    async with worker_site() as site, site.controllers():
        await started(site)
        await site.change(suspend=True)
        await site.until_phase("Stopped")
        await site.settle(2)
        assert (await site.jobs())["w-1"].spec.suspend
        await site.delete_pod("w-1-a")
        await site.change(suspend=False)
        await site.until_phase("Pending")
        await site.settle(2)
        assert not (await site.jobs())["w-1"].spec.suspend
        assert (await site.worker()).status.infrastructure_failures == 0


async def test_a_stop_that_was_asked_for_is_no_failure():
    async with worker_site() as site, site.controllers():
        await started(site)
        await site.change(suspend=True)
        await site.until_phase("Stopped")
        await site.client.delete(PODS, "w-1-a", NS, DeleteOptions(grace_period_s=30))
        await site.end_pod("w-1-a", 143)
        await site.settle(2)
        await site.delete_pod("w-1-a")
        await site.change(suspend=False)
        await site.until_phase("Pending")
        await site.settle(2)
        worker = await site.worker()
        assert worker.status.last_error is None
        assert "PodDeleted" not in worker.status.message


async def test_a_job_that_somebody_deleted_is_made_again_when_its_pods_are_gone():
    async with worker_site() as site, site.controllers():
        await started(site)
        uid = (await site.jobs())["w-1"].metadata.uid
        await site.client.delete(JOBS, "w-1", NS, DeleteOptions(propagation="Background"))
        await site.settle()
        assert await site.jobs() == {}
        await site.delete_pod("w-1-a")
        job = await site.until_job("w-1")
        assert job.metadata.uid != uid


async def test_a_change_of_the_spec_is_for_the_next_run():
    async with worker_site() as site, site.controllers():
        await started(site)
        await site.change(idempotent=False, command=["other"])
        await site.settle()
        worker = await site.worker()
        assert worker.status.strategy is not None
        assert worker.status.strategy.kind == "Job"
        assert set(await site.jobs()) == {"w-1"}
        await site.end_pod("w-1-a")
        await site.end_job("w-1")
        await site.until_phase("Succeeded")
        await site.change(run=2)
        pod = await site.until_pod("w-2")
        assert pod.spec.containers[0].command == ["other"]


async def test_several_pods_of_a_batch_know_their_share_by_their_index():
    async with worker_site() as site, site.controllers():
        await site.submit(idempotent=True, parallelism=3)
        job = await site.until_job("w-1")
        assert (job.spec.completion_mode, job.spec.completions) == ("Indexed", 3)


async def test_the_image_that_cannot_be_pulled_is_the_last_error():
    async with worker_site() as site, site.controllers():
        await started(site)
        waiting = {"waiting": {"reason": "ImagePullBackOff", "message": "no such image"}}
        status = {"name": "worker", "image": "app", "imageID": "", "ready": False,
                  "restartCount": 0, "state": waiting}  # fmt: skip
        await site.pod_status("w-1-a", phase="Pending", containerStatuses=[status])
        worker = await site.until("an error", lambda w: w.status.last_error and w)
        assert worker.status.last_error.reason == "ImagePullBackOff"
        assert "no such image" in worker.status.message


async def test_only_the_newest_runs_are_kept():
    async with worker_site() as site, site.controllers():
        await site.submit(idempotent=True)
        for run in range(1, 6):
            await site.until_job(f"w-{run}")
            await site.end_job(f"w-{run}")
            await site.until_phase("Succeeded")
            await site.change(run=run + 1)
        await site.until_job("w-6")
        await site.settle()
        assert set(await site.jobs()) == {"w-4", "w-5", "w-6"}


async def test_what_the_api_server_refuses_is_invalid_until_it_is_mended():
    async with worker_site() as site, site.controllers():
        bad = {"spec": {"containers": [{"name": "No Such Name", "image": "app"}]}}
        await site.submit(idempotent=True, template=bad)
        worker = await site.until_phase("Invalid")
        assert "No Such Name" in worker.status.message
        good = {"spec": {"containers": [{"name": "a", "image": "app", "command": ["x"]}]}}
        await site.change(template=good)
        await site.until_job("w-1")
        await site.until_phase("Pending")


@pytest.mark.parametrize(
    ("spec", "word"),
    [
        ({"cluster": "elsewhere"}, "only this cluster"),
        ({"parallelism": 2}, "runs as one pod"),
        ({"template": {"spec": {}}}, "at least one container"),
    ],
)
async def test_what_no_object_can_do_is_said_in_a_sentence(spec: dict[str, object], word: str):
    async with worker_site() as site, site.controllers():
        await site.submit(**spec)
        worker = await site.until_phase("Invalid")
        assert word in worker.status.message
        assert await site.pods() == {}
