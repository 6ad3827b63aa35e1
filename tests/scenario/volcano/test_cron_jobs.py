"""CronJobs on a cluster in memory: starts at their times, and controllers that are killed."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import pytest

from shoal.api.core import EVENTS
from shoal.api.crds import all_crds
from shoal.api.meta import timestamp
from shoal.api.resource import JsonObject
from shoal.api.volcano.cron_job import CRON_JOBS, CronJob
from shoal.api.volcano.job import JOBS, Job
from shoal.api.volcano.keys import CRON_JOB_SCHEDULED_TIMESTAMP
from shoal.base.clock import VirtualClock
from shoal.client.protocol import Client
from shoal.controllers.volcano.cron_job import cron_job_controller
from shoal.testing.cluster import memory_cluster
from shoal.testing.volcano import make_job
from tests.mortal import MortalClient, in_time, life

NS = "default"
FIRST_MINUTE = 29453760
"""Of the virtual clock's first day, in minutes since 1970."""


class Night:
    """A cluster with one cron job, from midnight on."""

    def __init__(self, client: Client, clock: VirtualClock) -> None:
        self.client = client
        self.clock = clock

    def controllers(self, client: Any = None) -> Any:
        return life(client or self.client, self.clock, cron_job_controller)

    async def cron_job(self, schedule: str = "*/10 * * * *", **spec: Any) -> None:
        job = make_job("unused").task("main").manifest()["spec"]
        template = {"metadata": {"labels": {"app": "report"}}, "spec": job}
        body: JsonObject = {
            "apiVersion": CRON_JOBS.api_version,
            "kind": "CronJob",
            "metadata": {"name": "report"},
            "spec": {"schedule": schedule, "jobTemplate": template, **spec},
        }
        await self.client.create(CRON_JOBS, body, NS)

    async def read(self) -> CronJob:
        return await self.client.get(CRON_JOBS, "report", NS)

    async def jobs(self) -> dict[int, Job]:
        """By the minutes since midnight of their starts."""
        jobs = (await self.client.list(JOBS, NS)).items
        return {int(j.metadata.name.removeprefix("report-")) - FIRST_MINUTE: j for j in jobs}

    async def active(self) -> set[int]:
        names = [reference.name for reference in (await self.read()).status.active]
        return {int(name.removeprefix("report-")) - FIRST_MINUTE for name in names}

    async def end(self, minute: int, phase: str = "Completed") -> None:
        ended = timestamp(self.clock.now())
        status = {"state": {"phase": phase, "lastTransitionTime": ended}}
        name = f"report-{FIRST_MINUTE + minute}"
        await self.client.patch(JOBS, name, {"status": status}, NS, subresource="status")

    async def until(self, what: str, look: Callable[[], Awaitable[Any]]) -> None:
        await in_time(self.clock, look, what, step_s=15)

    async def until_jobs(self, *minutes: int, active: set[int]) -> None:
        async def are_there() -> bool:
            return {*minutes} == {*await self.jobs()} and await self.active() == active

        await self.until(f"jobs of minutes {minutes}, {active} active", are_there)

    async def told(self) -> list[tuple[str, str]]:
        events = (await self.client.list(EVENTS)).items
        return [(event.reason, event.message) for event in events]

    async def until_told(self, reason: str, message: str) -> None:
        async def is_told() -> bool:
            return (reason, message) in await self.told()

        await self.until(f"{reason}: {message}", is_told)


@asynccontextmanager
async def make_night(*, has_admission: bool = True) -> AsyncGenerator[Night]:
    clock = VirtualClock()
    async with memory_cluster(clock=clock, crds=all_crds(), has_admission=has_admission) as cluster:
        yield Night(cluster.client, clock)


@pytest.fixture
async def night() -> AsyncGenerator[Night]:
    async with make_night() as night:
        yield night


async def test_jobs_start_at_their_times_as_the_template_says(night: Night):
    await night.cron_job(timeZone="Europe/Berlin")
    async with night.controllers():
        await night.until_jobs(10, 20, active={10, 20})
    made = (await night.jobs())[10].metadata
    assert made.labels == {"app": "report"}
    assert made.annotations == {CRON_JOB_SCHEDULED_TIMESTAMP: "2026-01-01T01:10:00+01:00"}
    owner = made.controller
    assert owner and (owner.kind, owner.name) == ("CronJob", "report")
    status = (await night.read()).status
    assert status.last_schedule_time == datetime(2026, 1, 1, 0, 20, tzinfo=UTC)
    assert ("SuccessfulCreate", f"Created job {made.name}") in await night.told()


async def test_ends_are_noted_and_old_jobs_go(night: Night):
    await night.cron_job(successfulJobsHistoryLimit=1, failedJobsHistoryLimit=1)
    async with night.controllers():
        await night.until_jobs(10, active={10})
        await night.end(10)
        name = f"report-{FIRST_MINUTE + 10}"
        await night.until_told("SawCompletedJob", f"Saw completed job: {name}, condition: Complete")
        assert (await night.read()).status.last_successful_time is not None
        await night.until_jobs(10, 20, active={20})
        await night.end(20, "Failed")
        await night.until_jobs(10, 20, 30, active={30})
        await night.end(30)
        await night.until_jobs(20, 30, active=set())
        await night.until_told("SuccessfulDelete", f"Deleted job {name}")


async def test_forbid_waits_for_the_job_before_and_makes_up_for_it(night: Night):
    await night.cron_job(concurrencyPolicy="Forbid")
    async with night.controllers():
        await night.until_jobs(10, active={10})
        await night.until_told(
            "JobAlreadyActive",
            "Not starting job because prior execution is running and concurrency policy is Forbid",
        )
        assert set(await night.jobs()) == {10}
        await night.end(10)
        await night.until_jobs(10, 20, active={20})


async def test_replace_ends_the_job_before(night: Night):
    await night.cron_job(concurrencyPolicy="Replace")
    async with night.controllers():
        await night.until_jobs(10, active={10})
        await night.until_jobs(20, active={20})


async def test_a_suspended_cron_job_waits_until_it_is_resumed(night: Night):
    await night.cron_job(suspend=True)
    async with night.controllers():
        await night.clock.advance(1500)
        assert await night.jobs() == {}
        await night.client.patch(CRON_JOBS, "report", {"spec": {"suspend": False}}, NS)
        await night.until_jobs(20, active={20})


async def test_a_schedule_that_is_mended_is_followed_at_once():
    async with make_night(has_admission=False) as night:
        await night.cron_job("at night")
        async with night.controllers():
            await night.until_told(
                "UnparseableSchedule",
                'unparseable schedule: "at night" : expected exactly 5 fields, found 2: [at night]',
            )
            await night.client.patch(CRON_JOBS, "report", {"spec": {"schedule": "30 * * * *"}}, NS)
            await night.until_jobs(30, active={30})


async def test_an_active_job_that_somebody_deleted_is_missed(night: Night):
    await night.cron_job("10 0 * * *", concurrencyPolicy="Forbid")
    async with night.controllers():
        await night.until_jobs(10, active={10})
        name = f"report-{FIRST_MINUTE + 10}"
        await night.client.delete(JOBS, name, NS)
        await night.until_told("MissingJob", f"Active job went missing: {name}")
        await night.until_jobs(active=set())


async def test_somebody_elses_job_of_that_name_is_left_alone(night: Night):
    await night.cron_job("10 0 * * *")
    name = f"report-{FIRST_MINUTE + 10}"
    await night.client.create(JOBS, make_job(name).task("main").manifest(), NS)
    async with night.controllers():
        await night.until_told("ForeignJob", f"Job {name} exists, and this CronJob does not own it")
    assert await night.active() == set()


async def test_starts_that_were_missed_while_nobody_looked_are_one_start(night: Night):
    await night.cron_job()
    await night.clock.advance(24 * 3600)
    async with night.controllers():
        await night.until_jobs(24 * 60, active={24 * 60})
        reasons = {reason for reason, _ in await night.told()}
        assert "TooManyMissedTimes" in reasons


async def test_starts_beyond_the_deadline_are_said_to_be_missed(night: Night):
    await night.cron_job("10 0 * * *", startingDeadlineSeconds=60)
    await night.clock.advance(3600)
    async with night.controllers():
        await night.until_told(
            "MissSchedule",
            "Missed scheduled time to start a job: Thu, 01 Jan 2026 00:10:00 +0000",
        )
    assert await night.jobs() == {}


@pytest.mark.parametrize("policy", ["Forbid", "Replace"])
@pytest.mark.parametrize("writes", range(6))
async def test_a_controller_that_is_killed_between_two_writes_starts_each_job_once(
    writes: int, policy: str
):
    async with make_night() as night:
        await night.cron_job(concurrencyPolicy=policy)
        mortal = MortalClient(night.client, writes)
        async with night.controllers(mortal):
            await night.until("death, or the first job", lambda: first_or_death(night, mortal))
        async with night.controllers():
            await night.until_jobs(10, active={10})
            first = (await night.jobs())[10].metadata.uid
            await night.end(10)
            await night.until_jobs(10, 20, active={20})
        assert (await night.jobs())[10].metadata.uid == first
        assert (await night.read()).status.last_schedule_time == datetime(
            2026, 1, 1, 0, 20, tzinfo=UTC
        )


async def first_or_death(night: Night, mortal: MortalClient) -> bool:
    return mortal.has_died or bool((await night.read()).status.active)
