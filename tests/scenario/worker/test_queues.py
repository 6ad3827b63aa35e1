"""Queues: items are put before pods start, progress is told, and a source that is away is said."""

import asyncio

import pytest

from shoal.api.core import SECRETS
from shoal.api.meta import timestamp
from shoal.api.pod import PODS
from shoal.work.protocol import QueueSize
from tests.mortal import MortalClient
from tests.waiting import eventually
from tests.worker_site import NS, worker_site


def queue(**fields: object) -> dict[str, object]:
    return {"mode": "Queue", "queue": fields}


async def test_pods_drain_the_queue_and_progress_is_told():
    async with worker_site() as site, site.controllers():
        await site.submit(parallelism=2, **queue(items=["a", "b", "c"]))
        job = await site.until_job("w-1")
        assert (job.spec.completions, job.spec.parallelism) == (None, 2)
        (container,) = job.spec.template["spec"]["containers"]
        variables = {each["name"]: each["value"] for each in container["env"]}
        assert variables["SHOAL_WORK_QUEUE"] == "default/w"
        assert variables["SHOAL_WORK_URL"] == "sqlite:///default.db"
        assert list(site.queues.batches.values()) == [["a", "b", "c"]]
        await site.until("a first answer", lambda w: w.status.progress)
        site.queues.sizes["default/w"] = QueueSize(ready=1, leased=1, done=1)
        worker = await site.until(
            "progress", lambda w: w.status.progress and w.status.progress.done == 1 and w
        )
        assert worker.status.progress.total == 3
        assert worker.status.progress.in_flight == 1
        assert worker.status.progress.items_per_minute > 0
        assert worker.status.progress.estimated_end is not None
        site.queues.sizes["default/w"] = QueueSize(done=2, dead=1)
        await site.end_job("w-1")
        worker = await site.until_phase("Succeeded")
        assert (worker.status.progress.done, worker.status.progress.failed) == (2, 1)


@pytest.mark.parametrize(
    ("ending", "dead", "told"),
    [
        ("Complete", 0, "Job w-1 is complete"),
        ("Complete", 1, "Job w-1 is complete; 1 item of its queue is dead: `shoal work dead q` "),
        ("Complete", 2, "Job w-1 is complete; 2 items of its queue are dead: `shoal work dead q` "),
        ("Failed", 2, "; 2 items of its queue are dead: `shoal work dead q` "),
    ],
)
async def test_the_end_of_a_run_tells_of_items_that_are_dead(ending: str, dead: int, told: str):
    async with worker_site() as site, site.controllers():
        await site.submit(**queue(name="q", items=["a", "b"]))
        await site.until_job("w-1")
        await site.until("a first answer", lambda w: w.status.progress)
        site.queues.sizes["default/q"] = QueueSize(done=2 - dead, dead=dead)
        await site.end_job("w-1", ending)
        worker = await site.until_phase("Succeeded" if ending == "Complete" else "Failed")
        assert told in worker.status.message
        assert ("`shoal work revive q` puts" in worker.status.message) == bool(dead)
        await site.settle(4)
        assert (await site.worker()).status.message == worker.status.message


@pytest.mark.parametrize("writes", range(5))
async def test_items_are_put_once_whenever_the_controller_is_killed(writes: int):
    async with worker_site() as site:
        await site.submit(**queue(items=["a", "b"], pattern="ItemPerPod"))
        async with site.controllers(MortalClient(site.client, writes)):
            await site.settle(4)
        async with site.controllers():
            job = await site.until_job("w-1")
            await site.settle(2)
            assert job.spec.completions == 2
            assert job.spec.template["spec"]["restartPolicy"] == "Never"
            assert len(site.queues.batches) == 1


async def test_another_run_puts_its_items_anew():
    async with worker_site() as site, site.controllers():
        await site.submit(**queue(items=["a"]))
        await site.until_job("w-1")
        await site.end_job("w-1")
        await site.until_phase("Succeeded")
        await site.change(run=2)
        await site.until_job("w-2")
        assert len(site.queues.batches) == 2


async def test_a_source_that_does_not_answer_is_told_and_tried_again():
    async with worker_site() as site, site.controllers():
        site.queues.is_down = True
        await site.submit(**queue(items=["a"]))
        worker = await site.until(
            "the problem", lambda w: "is it running?" in w.status.message and w
        )
        assert worker.status.phase == "Pending"
        conditions = {each.type: each for each in worker.status.conditions}
        assert conditions["QueueReachable"].status == "False"
        assert await site.jobs() == {}
        site.queues.is_down = False
        await site.until_job("w-1")
        worker = await site.until("an answer", lambda w: w.status.progress and w)
        conditions = {each.type: each for each in worker.status.conditions}
        assert conditions["QueueReachable"].status == "True"


async def test_the_url_of_a_source_comes_from_its_secret_and_is_never_shown():
    async with worker_site() as site, site.controllers():
        reference = {"secretKeyRef": {"name": "db", "key": "url"}}
        await site.submit(**queue(urlFrom=reference))
        await site.until("the problem", lambda w: 'secret "db"' in w.status.message)
        body = {"metadata": {"name": "db"}, "stringData": {"url": "redis://:hush@host"}}
        await site.client.create(SECRETS, body, NS)
        job = await site.until_job("w-1")
        (container,) = job.spec.template["spec"]["containers"]
        assert {"name": "SHOAL_WORK_URL", "valueFrom": reference} in container["env"]
        assert "hush" not in str(job.spec.template)


@pytest.mark.parametrize(
    ("scheme", "said"),
    [("sqlite", "names a file"), ("SQLite", "names a file"), ("sql\tite", "holds no URL")],
)
async def test_a_secret_does_not_open_files_of_the_control_plane(scheme: str, said: str):
    async with worker_site() as site, site.controllers():
        body = {"metadata": {"name": "db"}, "stringData": {"url": f"{scheme}:///srv/other.db"}}
        await site.client.create(SECRETS, body, NS)
        reference = {"secretKeyRef": {"name": "db", "key": "url"}}
        await site.submit(**queue(urlFrom=reference, items=["a"]))
        await site.until("the problem", lambda w: said in w.status.message)
        await site.settle()
        assert await site.jobs() == {}
        assert site.queues.batches == {}


async def test_each_item_becomes_a_job_and_so_many_at_a_time():
    async with worker_site() as site, site.controllers():
        await site.submit(
            parallelism=2,
            command=["copy", "$ITEM"],
            **queue(items=["a", "b", "c"], pattern="JobPerItem"),
        )
        await site.until_job("w-1-1")
        await site.settle()
        jobs = await site.jobs()
        assert set(jobs) == {"w-1-0", "w-1-1"}
        (container,) = jobs["w-1-1"].spec.template["spec"]["containers"]
        assert container["command"] == ["copy", "b"]
        await site.end_job("w-1-0")
        await site.until_job("w-1-2")
        await site.end_job("w-1-1", "Failed", "BackoffLimitExceeded")
        await site.until("a failure", lambda w: w.status.failed_items == "1")
        await site.end_job("w-1-2")
        worker = await site.until_phase("Failed")
        assert worker.status.succeeded_items == "0,2"
        assert worker.status.progress is not None
        assert (worker.status.progress.done, worker.status.progress.failed) == (2, 1)
        assert "1 of 3 items failed" in worker.status.message


@pytest.mark.parametrize("writes", range(0, 14, 2))
async def test_each_item_has_one_job_whenever_the_controller_is_killed(writes: int):
    async with worker_site() as site:
        await site.submit(**queue(items=["a", "b"], pattern="JobPerItem"))
        uids: set[str] = set()

        async def live(seconds: int) -> None:
            for _ in range(seconds):
                await site.settle(1)
                for name, job in (await site.jobs()).items():
                    uids.add(job.metadata.uid)
                    if not job.status.conditions:
                        await site.end_job(name)

        async with site.controllers(MortalClient(site.client, writes)):
            await live(6)
        async with site.controllers():
            await live(6)
            await site.until_phase("Succeeded")
        assert len(uids) == 2


@pytest.mark.parametrize("parallelism", [1, 4])
async def test_fifty_jobs_at_the_same_second_end_and_then_nothing_is_written(parallelism: int):
    async with worker_site() as site, site.controllers():
        items = [f"item-{number}" for number in range(50)]
        await site.submit(parallelism=parallelism, **queue(items=items, pattern="JobPerItem"))
        second = {"startedAt": "2026-01-01T00:00:00Z", "finishedAt": "2026-01-01T00:00:00Z"}
        ended: set[str] = set()
        while len(ended) < len(items):
            begun = set(await site.jobs()) - ended
            for name in begun:
                await site.job_pod(name, f"{name}-a")
                await site.run_pod(f"{name}-a")
                await site.end_pod(f"{name}-a", **second)
                await site.end_job(name)
            ended |= begun
            await site.settle(1)
        worker = await site.until_phase("Succeeded")
        assert worker.status.succeeded_items == "0-49"
        assert worker.status.tallies == []
        await site.settle(5)
        rested = (await site.worker()).metadata.resource_version
        for name in ended:
            touched = {"metadata": {"annotations": {"now": timestamp(site.clock.now())}}}
            await site.client.patch(PODS, f"{name}-a", touched, NS)
        await site.settle(5)
        assert (await site.worker()).metadata.resource_version == rested


async def test_the_next_item_starts_at_once_however_many_there_were():
    async with worker_site() as site, site.controllers():
        items = [f"item-{number}" for number in range(103)]
        await site.submit(parallelism=100, **queue(items=items, pattern="JobPerItem"))
        await site.until_job("w-1-99")
        await site.change(parallelism=1)
        await site.settle(2)
        for name in await site.jobs():
            await site.job_pod(name, f"{name}-a")
            await site.run_pod(f"{name}-a")
            await site.end_pod(f"{name}-a")
            await site.end_job(name)
        await site.until("an account", lambda w: w.status.succeeded_items == "0-99")
        await site.until_job("w-1-100")
        await site.settle(10)
        await site.end_job("w-1-100")

        async def has_started() -> bool:
            return "w-1-101" in await site.jobs()

        # Time stands still.
        await eventually(has_started, "the next Job", patience_s=20)


async def test_news_of_items_do_not_make_more_than_two_writes_a_second():
    async with worker_site() as site, site.controllers():
        items = [f"item-{number}" for number in range(40)]
        await site.submit(parallelism=40, **queue(items=items, pattern="JobPerItem"))
        await site.until_job("w-1-39")
        await site.settle(2)
        versions = set[str]()
        for name in sorted(await site.jobs()):
            await site.end_job(name)
            await site.clock.advance(0.05)
            await asyncio.sleep(0.001)
            versions.add((await site.worker()).metadata.resource_version)
        assert len(versions) <= 7
        await site.until_phase("Succeeded")


@pytest.mark.parametrize("is_running", [True, False])
async def test_fewer_pods_at_a_time_use_up_no_budget(is_running: bool):
    async with worker_site() as site, site.controllers(), site.workloads():
        items = [str(each) for each in range(9)]
        await site.submit(parallelism=8, infrastructureRetries=1, **queue(items=items))

        async def number(wanted: int) -> bool:
            await site.clock.advance(0.5)
            pods = await site.pods()
            for name, pod in pods.items():
                if pod.is_deleting:
                    await site.delete_pod(name)
            return len(pods) == wanted

        await eventually(lambda: number(8), "all pods", pause_s=0.001)
        if is_running:
            for name in await site.pods():
                await site.run_pod(name)
        await site.settle(3)
        await site.change(parallelism=2)
        await eventually(lambda: number(2), "the pods that stay", pause_s=0.001)
        await site.settle(5)
        assert (await site.worker()).status.infrastructure_failures == 0
        assert (await site.jobs())["w-1"].spec.backoff_limit > 0
