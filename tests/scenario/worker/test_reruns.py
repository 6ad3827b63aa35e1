"""Runs that are asked for while the one before has not ended: each is made once, in its turn."""

import msgspec
import pytest

from shoal.api.batch import JOBS
from shoal.client.protocol import DeleteOptions
from tests.mortal import MortalClient
from tests.scenario.worker.test_notification import URL
from tests.worker_site import NS, WorkerSite, worker_site

ITEMS = {"pattern": "JobPerItem", "items": ["a", "b", "c"]}


async def stopped_before_it_had_a_place(site: WorkerSite, **spec: object) -> None:
    await site.submit(**spec)
    await site.until_pod("w-1")
    await site.change(suspend=True)
    await site.until("the pod to go", lambda worker: not worker.status.pod_uid)


async def item_of(site: WorkerSite, job: str) -> str:
    await site.until_job(job)
    found = await site.client.get(JOBS.untyped(), job, NS)
    variables = found["spec"]["template"]["spec"]["containers"][0]["env"]
    return next(each["value"] for each in variables if each["name"] == "ITEM")


async def do_item(site: WorkerSite, job: str) -> str:
    item = await item_of(site, job)
    await site.end_job(job)
    return item


async def test_a_rerun_of_what_had_no_place_when_it_was_stopped_starts_one_pod():
    async with worker_site() as site, site.controllers():
        await stopped_before_it_had_a_place(site)
        await site.change(suspend=False, run=2)
        await site.until_pod("w-2")
        assert set(await site.pods()) == {"w-2"}
        await site.run_pod("w-2")
        await site.end_pod("w-2")
        worker = await site.until_phase("Succeeded")
        await site.settle()
        assert (worker.status.run, set(await site.pods())) == (2, {"w-2"})


async def test_a_rerun_of_a_job_that_was_stopped_runs_once():
    async with worker_site() as site, site.controllers():
        await site.submit(idempotent=True)
        await site.until_job("w-1")
        await site.change(suspend=True)
        await site.until_phase("Stopped")
        await site.settle(2)
        await site.change(suspend=False, run=2)
        await site.until_job("w-2")
        assert set(await site.jobs()) == {"w-2"}
        await site.end_job("w-2")
        worker = await site.until_phase("Succeeded")
        await site.settle()
        assert (worker.status.run, set(await site.jobs())) == (2, {"w-2"})


@pytest.mark.parametrize("writes", range(7))
async def test_a_rerun_is_one_run_whenever_the_controller_is_killed(writes: int):
    async with worker_site() as site:
        async with site.controllers():
            await stopped_before_it_had_a_place(site)
        await site.change(suspend=False, run=2)
        async with site.controllers(MortalClient(site.client, writes)):
            await site.settle(5)
        async with site.controllers():
            await site.until_pod("w-2")
            await site.run_pod("w-2")
            await site.end_pod("w-2")
            worker = await site.until_phase("Succeeded")
            await site.settle(5)
            assert (worker.status.run, set(await site.pods())) == (2, {"w-2"})


async def test_a_run_that_is_wanted_no_more_says_which_one_is():
    async with worker_site() as site, site.controllers():
        await stopped_before_it_had_a_place(site, notify={"url": URL})
        await site.change(run=2)
        await site.until("the news", lambda w: w.status.notified_run == 1)
        ((_, body),) = site.inbox.taken
        news = msgspec.json.decode(body)
        assert (news["run"], news["phase"]) == (1, "Failed")
        assert news["message"] == "run 1 was ended, as run 2 is wanted instead"
        await site.until_phase("Stopped")
        await site.settle()
        assert await site.pods() == {}


async def test_a_run_that_goes_on_is_not_ended_by_the_wish_for_another():
    async with worker_site() as site, site.controllers():
        await site.submit()
        await site.until_pod("w-1")
        await site.run_pod("w-1")
        await site.change(run=2)
        await site.settle()
        assert set(await site.pods()) == {"w-1"}
        await site.end_pod("w-1")
        await site.until_pod("w-2")


async def test_a_rerun_of_stopped_items_does_each_of_them_once_more():
    async with worker_site() as site, site.controllers():
        await site.submit(mode="Queue", queue=ITEMS)
        assert await do_item(site, "w-1-0") == "a"
        await site.until_job("w-1-1")
        await site.change(suspend=True)
        await site.until_phase("Stopped")
        await site.settle(2)
        await site.change(suspend=False, run=2)
        assert [await do_item(site, f"w-2-{index}") for index in range(3)] == ["a", "b", "c"]
        worker = await site.until_phase("Succeeded")
        await site.settle()
        assert (worker.status.run, worker.status.succeeded_items) == (2, "0-2")
        assert set(await site.jobs()) == {"w-1-0", "w-2-0", "w-2-1", "w-2-2"}


@pytest.mark.parametrize("items", [["x", "a", "b", "c"], ["a"], ["c", "b", "a"]])
async def test_a_run_whose_items_change_fails_and_the_next_does_all_of_the_new_ones(items):
    async with worker_site() as site, site.controllers():
        await site.submit(mode="Queue", queue=ITEMS)
        assert await do_item(site, "w-1-0") == "a"
        await site.until_job("w-1-1")
        await site.change(queue={**ITEMS, "items": items})
        await site.settle(3)
        assert (await site.worker()).status.phase != "Failed"
        await site.end_job("w-1-1")
        worker = await site.until_phase("Failed")
        assert "spec.queue.items changed while run 1 went on, and 2 of" in worker.status.message
        assert "shoal worker rerun w" in worker.status.message
        assert worker.status.succeeded_items == "0,1"
        await site.settle()
        assert set(await site.jobs()) == {"w-1-0", "w-1-1"}
        await site.change(run=2)
        assert [await do_item(site, f"w-2-{index}") for index in range(len(items))] == items
        await site.until_phase("Succeeded")


@pytest.mark.parametrize("writes", range(5))
async def test_items_that_change_before_the_status_tells_of_the_run_are_noticed(writes: int):
    async with worker_site() as site:
        await site.submit(mode="Queue", queue=ITEMS)
        async with site.controllers(MortalClient(site.client, writes)):
            await site.settle(5)
        begun = set(await site.jobs())
        await site.change(queue={**ITEMS, "items": ["x", "a"]})
        async with site.controllers():
            assert await do_item(site, "w-1-0") == ("a" if begun else "x")
            if not begun:
                assert await do_item(site, "w-1-1") == "a"
            await site.until_phase("Failed" if begun else "Succeeded")


async def test_items_that_change_and_change_back_are_done():
    async with worker_site() as site, site.controllers():
        await site.submit(mode="Queue", queue=ITEMS)
        await site.until_job("w-1-0")
        await site.change(queue={**ITEMS, "items": ["x"]})
        await site.settle(2)
        await site.change(queue=ITEMS)
        assert [await do_item(site, f"w-1-{index}") for index in range(3)] == ["a", "b", "c"]
        await site.until_phase("Succeeded")


async def test_the_end_of_a_run_is_told_though_the_next_one_has_begun():
    async with worker_site() as site, site.controllers():
        site.inbox.refusals = 3
        await site.submit(notify={"url": URL})
        await site.until_pod("w-1")
        await site.run_pod("w-1")
        await site.end_pod("w-1", 3)
        await site.until_phase("Failed")
        await site.change(run=2)
        await site.until_pod("w-2")
        await site.run_pod("w-2")
        await site.until("all told", lambda w: not w.status.owed_runs)
        await site.end_pod("w-2")
        await site.until("all told", lambda w: w.status.notified_run == 2)
        news = [msgspec.json.decode(body) for _, body in site.inbox.taken]
        assert [(each["run"], each["phase"]) for each in news] == [(1, "Failed"), (2, "Succeeded")]
        assert news[0]["lastError"]["exitCode"] == 3


async def test_ends_that_nobody_takes_are_told_in_their_order_when_somebody_does():
    async with worker_site() as site, site.controllers():
        site.inbox.refusals = 6
        await site.submit(idempotent=True, notify={"url": URL, "on": ["Failed"]})
        for run, ending in ((1, "Failed"), (2, "Complete"), (3, "Failed")):
            await site.until_job(f"w-{run}")
            await site.end_job(f"w-{run}", ending)
            await site.until("its end", lambda w, n=run: w.status.run == n and w.status.finished_at)
            gone = DeleteOptions(propagation="Background")
            await site.client.delete(JOBS, f"w-{run}", NS, gone)
            await site.change(run=run + 1)
        await site.until("all told", lambda w: w.status.notified_run == 3)
        assert [msgspec.json.decode(body)["run"] for _, body in site.inbox.taken] == [1, 3]
