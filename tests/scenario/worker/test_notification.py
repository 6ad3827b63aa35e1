"""News of runs that ended: told at least once, to nobody who did not ask, and tried until taken."""

import msgspec
import pytest

from shoal.api.batch import JOBS
from shoal.api.core import EVENTS, SECRETS
from shoal.api.worker import WORKERS, Worker
from shoal.client.protocol import DeleteOptions
from tests.mortal import MortalClient
from tests.scenario.worker.test_schedules import CRON, cron_job, start
from tests.worker_site import NS, WorkerSite, worker_site

URL = "http://hook.example/path"


async def run_to_end(site: WorkerSite, exit_code: int = 0) -> None:
    await site.until_pod("w-1")
    await site.run_pod("w-1")
    await site.end_pod("w-1", exit_code)


async def test_the_end_of_a_run_is_posted_once():
    async with worker_site() as site, site.controllers():
        await site.submit(notify={"url": URL})
        await run_to_end(site, 3)
        await site.until("the news", lambda w: w.status.notified_run == 1)
        await site.settle(60)
        ((url, body),) = site.inbox.taken
        news = msgspec.json.decode(body)
        assert url == URL
        assert (news["worker"], news["run"], news["phase"]) == ("w", 1, "Failed")
        assert news["lastError"]["exitCode"] == 3


async def test_only_the_ends_that_were_asked_for_are_told():
    async with worker_site() as site, site.controllers():
        await site.submit(notify={"url": URL, "on": ["Failed"]})
        await run_to_end(site)
        await site.until_phase("Succeeded")
        await site.settle(60)
        assert site.inbox.taken == []


async def test_who_does_not_listen_is_told_again_later():
    async with worker_site() as site, site.controllers():
        site.inbox.refusals = 3
        await site.submit(notify={"url": URL})
        await run_to_end(site)
        worker = await site.until(
            "a failure", lambda w: any(c.type == "Notified" for c in w.status.conditions) and w
        )
        conditions = {each.type: each for each in worker.status.conditions}
        assert "status 500" in conditions["Notified"].message
        worker = await site.until("the news", lambda w: w.status.notified_run == 1 and w)
        conditions = {each.type: each for each in worker.status.conditions}
        assert conditions["Notified"].status == "True"
        assert len(site.inbox.taken) == 1


async def test_pauses_between_tries_grow_whatever_else_happens_to_the_worker():
    async with worker_site() as site, site.controllers():
        site.inbox.refusals = 1000
        await site.submit(notify={"url": URL})
        await run_to_end(site)
        await site.until_phase("Succeeded")
        await site.settle(1)
        for index in range(40):
            label = {"metadata": {"labels": {"seen": str(index)}}}
            await site.client.patch(WORKERS, "w", label, NS)
            await site.settle(1)
        # After 0, 2, 6, 14 and 30 seconds.
        assert site.inbox.asked <= 5
        site.inbox.refusals = 0
        await site.change(notify={"url": "http://other.example"})
        await site.until("the news", lambda w: w.status.notified_run == 1)


async def test_a_url_from_a_secret_is_used_and_never_told():
    async with worker_site() as site, site.controllers():
        reference = {"secretKeyRef": {"name": "hook", "key": "url"}}
        await site.submit(notify={"urlFrom": reference})
        await run_to_end(site)
        await site.until(
            "a failure", lambda w: any(c.type == "Notified" for c in w.status.conditions)
        )
        body = {"metadata": {"name": "hook"}, "stringData": {"url": "http://h/token-hush"}}
        await site.client.create(SECRETS, body, NS)
        await site.until("the news", lambda w: w.status.notified_run == 1)
        ((url, _),) = site.inbox.taken
        assert url == "http://h/token-hush"
        events = (await site.client.list(EVENTS, NS)).items
        assert not any("hush" in event.message for event in events)


@pytest.mark.parametrize("writes", range(8))
async def test_the_news_are_told_whenever_the_controller_is_killed(writes: int):
    async with worker_site() as site:
        await site.submit(notify={"url": URL})
        async with site.controllers():
            await site.until_pod("w-1")
            await site.run_pod("w-1")
            await site.settle(2)
        await site.end_pod("w-1")
        async with site.controllers(MortalClient(site.client, writes)):
            await site.settle(5)
        async with site.controllers():
            await site.until("the news", lambda w: w.status.notified_run == 1)
            assert 1 <= len(site.inbox.taken) <= 2


async def test_each_start_of_a_schedule_that_ends_is_told_once():
    async with worker_site() as site, site.controllers():
        await site.submit(schedule=CRON, idempotent=True, notify={"url": URL})
        await cron_job(site)
        for name, ending in (("w-100", "Complete"), ("w-101", "Failed")):
            await start(site, name)
            await site.end_job(name, ending, "Because")
        await site.until("all told", lambda w: told_starts(w) == {"w-100", "w-101"})
        await site.settle(60)
        news = [msgspec.json.decode(body) for _, body in site.inbox.taken]
        assert sorted((each["job"], each["phase"]) for each in news) == [
            ("w-100", "Succeeded"),
            ("w-101", "Failed"),
        ]
        assert all("run" not in each and each["worker"] == "w" for each in news)


async def test_starts_are_told_of_when_their_jobs_are_gone_and_somebody_listens():
    async with worker_site() as site, site.controllers():
        site.inbox.refusals = 4
        await site.submit(schedule=CRON, idempotent=True, notify={"url": URL, "on": ["Failed"]})
        await cron_job(site)
        for name, ending in (("w-100", "Failed"), ("w-101", "Complete"), ("w-102", "Failed")):
            await start(site, name)
            await site.end_job(name, ending)
        await site.until("three", lambda w: len(w.status.starts) == 3)
        for name in await site.jobs():
            gone = DeleteOptions(propagation="Background")
            await site.client.delete(JOBS, name, NS, gone)
        await site.until("none", lambda w: not w.status.starts)
        news = [msgspec.json.decode(body)["job"] for _, body in site.inbox.taken]
        assert sorted(news) == ["w-100", "w-102"]


async def test_who_asks_later_is_not_told_of_starts_before():
    async with worker_site() as site, site.controllers():
        await site.submit(schedule=CRON, idempotent=True)
        await cron_job(site)
        await start(site, "w-100")
        await site.end_job("w-100")
        await site.until("an end", lambda w: w.status.starts)
        await site.change(notify={"url": URL})
        await site.settle(30)
        assert site.inbox.taken == []


@pytest.mark.parametrize("writes", range(8))
async def test_starts_are_told_whenever_the_controller_is_killed(writes: int):
    async with worker_site() as site:
        await site.submit(schedule=CRON, idempotent=True, notify={"url": URL})
        async with site.controllers():
            await cron_job(site)
        for name in ("w-100", "w-101"):
            await start(site, name)
            await site.end_job(name)
        async with site.controllers(MortalClient(site.client, writes)):
            await site.settle(5)
        async with site.controllers():
            await site.until("all told", lambda w: told_starts(w) == {"w-100", "w-101"})
            await site.settle(5)
        news = [msgspec.json.decode(body)["job"] for _, body in site.inbox.taken]
        assert set(news) == {"w-100", "w-101"}
        assert len(news) <= 3


def told_starts(worker: Worker) -> set[str]:
    return {each.job for each in worker.status.starts if not each.is_owed}
