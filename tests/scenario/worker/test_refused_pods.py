"""Workers whose objects the API server does not make: they say so, with its reason, until it does.

Quotas, and the controllers that make pods of Jobs and Deployments, are the real ones.
"""

import pytest

from shoal.api.core import EVENTS, RESOURCE_QUOTAS
from shoal.api.meta import timestamp
from shoal.api.pod import PODS
from tests.scenario.worker.test_schedules import cron_job
from tests.worker_site import NS, WorkerSite, worker_site

REASON = "exceeded quota: few"


async def allow(site: WorkerSite, what: str, number: int) -> None:
    """The quota of the namespace from now on."""
    hard = {"spec": {"hard": {what: str(number)}}}
    names = [each.metadata.name for each in (await site.client.list(RESOURCE_QUOTAS, NS)).items]
    if names:
        await site.client.patch(RESOURCE_QUOTAS, "few", hard, NS)
    else:
        await site.client.create(RESOURCE_QUOTAS, {"metadata": {"name": "few"}, **hard}, NS)
    for _ in range(100):
        await site.settle(1)
        quota = await site.client.get(RESOURCE_QUOTAS, "few", NS)
        if quota.status.hard == {what: str(number)}:
            return
    raise AssertionError("the quota is not in force")


SPECS = [
    {},
    {"idempotent": True},
    {"mode": "Queue", "queue": {"items": ["a"]}},
    {"mode": "Queue", "queue": {"items": ["a"], "pattern": "JobPerItem"}},
    {"mode": "Stream"},
]


@pytest.mark.parametrize("spec", SPECS)
async def test_what_refuses_the_pods_is_told_until_they_are_there(spec: dict[str, object]):
    async with worker_site() as site, site.controllers(), site.workloads():
        await allow(site, "pods", 0)
        await site.submit(**spec)
        worker = await site.until("the reason", lambda w: REASON in w.status.message and w)
        assert worker.status.phase == "Pending"
        assert "limited: pods=0" in worker.status.message
        await allow(site, "pods", 5)
        await site.until("another message", lambda w: REASON not in w.status.message)
        (pod,) = await site.pods()
        await site.until_pod(pod)


async def test_some_pods_run_and_what_refuses_the_others_is_told():
    async with worker_site() as site, site.controllers(), site.workloads():
        await allow(site, "pods", 2)
        await site.submit(idempotent=True, parallelism=3)
        await site.until("the reason", lambda w: REASON in w.status.message)
        for name in await site.pods():
            await site.run_pod(name)
        await site.until(
            "both",
            lambda w: (
                "2 pods run; Job w-1 cannot make pods" in w.status.message
                and REASON in w.status.message
            ),
        )
        await allow(site, "pods", 3)
        await site.until("all", lambda w: w.status.message == "run 1: 2 pods run")


@pytest.mark.parametrize(
    ("kind", "spec"),
    [
        ("jobs.batch", {"idempotent": True}),
        ("deployments.apps", {"mode": "Stream"}),
        ("cronjobs.batch", {"schedule": {"cron": "@daily"}}),
    ],
)
async def test_an_object_of_its_own_that_is_refused_is_tried_again_now_and_then(
    kind: str, spec: dict[str, object]
):
    async with worker_site() as site, site.controllers(), site.workloads():
        await allow(site, f"count/{kind}", 0)
        await site.submit(**spec)
        worker = await site.until("the reason", lambda w: REASON in w.status.message and w)
        assert worker.status.phase == "Pending"
        rested = (await site.worker()).metadata.resource_version
        await site.settle(40)
        assert (await site.worker()).metadata.resource_version == rested
        events = (await site.client.list(EVENTS, NS)).items
        (refused,) = [each for each in events if each.reason == "FailedCreate"]
        assert 2 <= refused.count <= 8
        await allow(site, f"count/{kind}", 1)
        worker = await site.until("a message", lambda w: REASON not in w.status.message and w)
        assert worker.status.phase in ("Pending", "Scheduled")


async def test_a_mended_worker_does_not_wait_for_the_next_try():
    async with worker_site() as site, site.controllers(), site.workloads():
        await allow(site, "requests.cpu", 1)
        await site.submit(resources={"requests": {"cpu": "2"}})
        await site.until("the reason", lambda w: REASON in w.status.message)
        await site.change(resources={"requests": {"cpu": "1"}})
        await site.settle(3)
        assert set(await site.pods()) == {"w-1"}


async def test_a_schedule_tells_that_its_job_is_refused():
    async with worker_site() as site, site.controllers(), site.workloads():
        await allow(site, "count/jobs.batch", 0)
        await site.submit(schedule={"cron": "* * * * *"}, idempotent=True)
        await cron_job(site)
        await site.until(
            "the reason",
            lambda w: (
                "CronJob w cannot make its Job" in w.status.message and REASON in w.status.message
            ),
        )
        await allow(site, "count/jobs.batch", 10)
        await site.until("a job", lambda w: "goes on" in w.status.message)
        assert REASON not in (await site.worker()).status.message


async def test_what_was_said_of_a_job_before_its_pods_came_is_not_told():
    async with worker_site() as site, site.controllers():
        await site.submit(idempotent=True)
        job = await site.until_job("w-1")
        about = {"kind": "Job", "name": "w-1", "namespace": NS, "uid": job.metadata.uid}
        body = {
            "metadata": {"name": "e"},
            "involvedObject": about,
            "reason": "FailedCreate",
            "message": "Error creating: no room",
            "lastTimestamp": timestamp(site.clock.now()),
        }
        await site.client.create(EVENTS, body, NS)
        await site.until("the reason", lambda w: "cannot make pods: no room" in w.status.message)
        await site.settle(3)
        await site.job_pod("w-1", "w-1-a")
        await site.until("none", lambda w: "no room" not in w.status.message)


async def test_a_name_that_is_taken_is_told_until_it_is_free():
    async with worker_site() as site, site.controllers():
        stranger = {
            "metadata": {"name": "w-1"},
            "spec": {"containers": [{"name": "c", "image": "any"}]},
        }
        await site.client.create(PODS, stranger, NS)
        await site.submit()
        worker = await site.until("why", lambda w: "does not own it" in w.status.message and w)
        assert worker.status.message.startswith("Pod w-1 exists")
        await site.delete_pod("w-1")
        pod = await site.until_pod("w-1")
        assert pod.metadata.controller is not None
