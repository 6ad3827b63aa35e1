"""Workers with a schedule: a CronJob that follows its worker, and the Jobs that it makes."""

from datetime import timedelta
from typing import Any

from shoal.api.batch import CRON_JOBS, JOBS, CronJob
from shoal.client.existence import find
from shoal.client.protocol import DeleteOptions
from tests.worker_site import NS, WorkerSite, worker_site

CRON = {"cron": "0 3 * * *", "timeZone": "Europe/Berlin"}


async def cron_job(site: WorkerSite) -> CronJob:
    for _ in range(100):
        await site.settle(1)
        found = await find(site.client, CRON_JOBS, "w", NS)
        if found is not None:
            return found
    raise AssertionError("no cron job")


async def start(site: WorkerSite, name: str) -> None:
    """What the CronJob controller does when it is time."""
    found = await site.client.get(CRON_JOBS.untyped(), "w", NS)
    template = found["spec"]["jobTemplate"]
    owner = {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "name": "w",
        "uid": found["metadata"]["uid"],
        "controller": True,
    }
    metadata = {**template["metadata"], "name": name, "ownerReferences": [owner]}
    await site.client.create(JOBS, {"metadata": metadata, "spec": template["spec"]}, NS)


async def test_a_schedule_is_a_cron_job_whose_starts_do_not_overlap():
    async with worker_site() as site, site.controllers():
        await site.submit(schedule=CRON, cleanup={"command": ["clean"]})
        made = await cron_job(site)
        assert (made.spec.schedule, made.spec.time_zone) == ("0 3 * * *", "Europe/Berlin")
        assert made.spec.concurrency_policy == "Forbid"
        job: dict[str, Any] = made.spec.job_template["spec"]
        assert job["backoffLimit"] == 0
        pods = job["template"]["spec"]
        assert pods["restartPolicy"] == "Never"
        assert [each["name"] for each in pods["initContainers"]] == ["cleanup"]
        await site.until_phase("Scheduled")


async def test_its_jobs_are_followed_from_start_to_end():
    async with worker_site() as site, site.controllers():
        await site.submit(schedule=CRON, idempotent=True)
        await cron_job(site)
        await start(site, "w-100")
        await site.job_pod("w-100", "w-100-a")
        await site.run_pod("w-100-a")
        await site.until_phase("Running")
        await site.end_pod("w-100-a")
        await site.end_job("w-100")
        worker = await site.until_phase("Scheduled")
        assert "Job w-100 succeeded" in worker.status.message
        assert [each.pod for each in worker.status.attempts] == ["w-100-a"]


async def test_changes_reach_the_cron_job_and_its_budgets_hold():
    async with worker_site() as site, site.controllers():
        await site.submit(schedule=CRON, idempotent=True, retries=0)
        await cron_job(site)
        await site.change(schedule={"cron": "@daily"}, suspend=True)
        await site.settle()
        changed = await cron_job(site)
        assert (changed.spec.schedule, changed.spec.suspend) == ("@daily", True)
        await site.change(suspend=False)
        await site.settle()
        await start(site, "w-100")
        await site.job_pod("w-100", "w-100-a")
        await site.run_pod("w-100-a")
        await site.restart_container("w-100-a", 1)
        await site.settle()
        assert (await site.jobs())["w-100"].spec.backoff_limit == 0


async def test_the_items_of_each_start_are_put_before_its_pods_start():
    async with worker_site() as site, site.controllers():
        await site.submit(mode="Queue", schedule=CRON, queue={"items": ["a", "b"]})
        await cron_job(site)
        await start(site, "w-100")
        await site.settle()
        assert not (await site.jobs())["w-100"].spec.suspend
        assert list(site.queues.batches.values()) == [["a", "b"]]
        await site.end_job("w-100")
        await start(site, "w-101")
        await site.settle()
        assert len(site.queues.batches) == 2


async def test_a_start_that_must_not_be_repeated_fails_when_it_is_suspended():
    async with worker_site() as site, site.controllers():
        await site.submit(schedule=CRON)
        await cron_job(site)
        await start(site, "w-100")
        await site.settle()
        await site.change(suspend=True)
        await site.until_phase("Stopped")
        await site.settle()
        job = (await site.jobs())["w-100"]
        assert (job.spec.active_deadline_seconds, job.spec.suspend) == (1, False)


async def test_a_batch_that_gets_a_schedule_ends_its_run_first():
    async with worker_site() as site, site.controllers():
        await site.submit(idempotent=True)
        await site.until_job("w-1")
        await site.change(schedule=CRON)
        await cron_job(site)
        await site.until_phase("Scheduled")
        assert await site.jobs() == {}


async def test_the_next_start_is_told_and_moves_on_with_time():
    async with worker_site() as site, site.controllers(), site.workloads():
        await site.submit(schedule={"cron": "*/10 * * * *"}, idempotent=True)
        worker = await site.until("a start", lambda w: w.status.next_start_at and w)
        first = worker.status.next_start_at
        assert (first - site.clock.now()).total_seconds() <= 600
        assert (first.minute % 10, first.second) == (0, 0)
        await site.clock.advance((first - site.clock.now()).total_seconds())
        ten = timedelta(minutes=10)
        await site.until("the next one", lambda w: w.status.next_start_at == first + ten)
        await site.change(suspend=True)
        await site.until("none", lambda w: w.status.next_start_at is None)


async def test_what_starts_every_so_often_is_reckoned_from_the_start_before():
    async with worker_site() as site, site.controllers(), site.workloads():
        await site.submit(schedule={"cron": "@every 1h"}, idempotent=True)
        worker = await site.until("a start", lambda w: w.status.next_start_at and w)
        await site.settle(20)
        assert (await site.worker()).status.next_start_at == worker.status.next_start_at


async def test_a_schedule_that_never_comes_is_invalid():
    async with worker_site() as site, site.controllers():
        await site.submit(schedule={"cron": "0 0 31 2 *"})
        worker = await site.until_phase("Invalid")
        assert "never comes" in worker.status.message


async def test_starts_that_ended_stay_told_while_their_jobs_do():
    async with worker_site() as site, site.controllers():
        await site.submit(schedule=CRON, idempotent=True)
        await cron_job(site)
        await start(site, "w-100")
        await site.job_pod("w-100", "w-100-a")
        await site.run_pod("w-100-a")
        await site.restart_container("w-100-a", 1, exit_code=7)
        await site.until("a restart", lambda w: w.status.restarts == 1)
        await site.end_job("w-100", "Failed", "BackoffLimitExceeded")
        worker = await site.until("an end", lambda w: w.status.starts and w)
        (told,) = worker.status.starts
        assert (told.job, told.phase, told.restarts) == ("w-100", "Failed", 1)
        assert "BackoffLimitExceeded" in told.message
        assert told.last_error is not None
        assert told.last_error.exit_code == 7
        assert told.application_failures == 1
        assert not told.is_owed
        await site.client.delete(JOBS, "w-100", NS, DeleteOptions(propagation="Background"))
        await site.until("none", lambda w: not w.status.starts)
