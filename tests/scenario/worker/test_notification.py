"""News of runs that ended: told at least once, to nobody who did not ask, and tried until taken."""

import msgspec
import pytest

from shoal.api.core import EVENTS, SECRETS
from shoal.api.worker import WORKERS
from tests.mortal import MortalClient
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
