"""CronJobs of batch/v1 on a cluster in memory: each field as it is documented, and kills.

What is due when is `controllers.schedule`'s, tested there; here the fields arrive at it.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import pytest

from shoal.api.batch import CRON_JOBS, JOBS, CronJob, Job
from shoal.api.core import EVENTS
from shoal.api.meta import timestamp
from shoal.api.resource import JsonObject
from shoal.base.clock import VirtualClock
from shoal.client.protocol import Client
from shoal.controllers.kube.cron_job import SCHEDULED_TIMESTAMP, cron_job_controller
from shoal.testing.cluster import memory_cluster
from tests.mortal import MortalClient, in_time, life

NS = "default"
FIRST_MINUTE = 29453760
"""Of the virtual clock's first day, in minutes since 1970."""


def cron_job_body(schedule: str = "*/10 * * * *", **spec: Any) -> JsonObject:
    containers = [{"name": "c", "image": "report"}]
    template = {"spec": {"containers": containers, "restartPolicy": "Never"}}
    return {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": {"name": "report"},
        "spec": {
            "schedule": schedule,
            "jobTemplate": {
                "metadata": {"labels": {"app": "report"}, "annotations": {"team": "data"}},
                "spec": {"template": template, "backoffLimit": 2},
            },
            **spec,
        },
    }


class Shift:
    """A cluster with one cron job, from midnight on."""

    def __init__(self, client: Client, clock: VirtualClock) -> None:
        self.client = client
        self.clock = clock

    def controllers(self, client: Any = None) -> Any:
        return life(client or self.client, self.clock, cron_job_controller)

    async def cron_job(self, schedule: str = "*/10 * * * *", **spec: Any) -> None:
        await self.client.create(CRON_JOBS, cron_job_body(schedule, **spec), NS)

    async def read(self) -> CronJob:
        return await self.client.get(CRON_JOBS, "report", NS)

    async def jobs(self) -> dict[int, Job]:
        """By the minutes since midnight of their starts."""
        jobs = (await self.client.list(JOBS, NS)).items
        starts = [j for j in jobs if j.metadata.name.startswith("report-")]
        return {int(j.metadata.name.removeprefix("report-")) - FIRST_MINUTE: j for j in starts}

    async def active(self) -> set[int]:
        names = [reference.name for reference in (await self.read()).status.active]
        return {int(name.removeprefix("report-")) - FIRST_MINUTE for name in names}

    async def end(self, minute: int, type: str = "Complete") -> None:
        now = timestamp(self.clock.now())
        before = "SuccessCriteriaMet" if type == "Complete" else "FailureTarget"
        conditions = [{"type": each, "status": "True", "lastTransitionTime": now}
                      for each in (before, type)]  # fmt: skip
        status: JsonObject = {"startTime": now, "conditions": conditions}
        if type == "Complete":
            status["completionTime"] = now
        name = f"report-{FIRST_MINUTE + minute}"
        await self.client.patch(JOBS, name, {"status": status}, NS, subresource="status")

    async def until_jobs(self, *minutes: int, active: set[int]) -> None:
        async def are_there() -> bool:
            return {*minutes} == {*await self.jobs()} and await self.active() == active

        await self.until(f"jobs of minutes {minutes}, {active} active", are_there)

    async def until(self, what: str, look: Callable[[], Awaitable[Any]]) -> None:
        await in_time(self.clock, look, what, step_s=15)

    async def until_told(self, reason: str, message: str) -> None:
        async def is_told() -> bool:
            events = (await self.client.list(EVENTS)).items
            return (reason, message) in [(event.reason, event.message) for event in events]

        await self.until(f"{reason}: {message}", is_told)


@asynccontextmanager
async def make_shift() -> AsyncGenerator[Shift]:
    clock = VirtualClock()
    async with memory_cluster(clock=clock) as cluster:
        yield Shift(cluster.client, clock)


@pytest.fixture
async def shift() -> AsyncGenerator[Shift]:
    async with make_shift() as shift:
        yield shift


async def test_jobs_start_at_their_times_by_the_clocks_of_the_zone(shift: Shift):
    await shift.cron_job("30 1 * * *", timeZone="Europe/Berlin")
    async with shift.controllers():
        await shift.until_jobs(30, active={30})
    made = (await shift.jobs())[30]
    assert made.metadata.labels["app"] == "report"
    assert made.metadata.annotations == {
        "team": "data",
        SCHEDULED_TIMESTAMP: "2026-01-01T01:30:00+01:00",
    }
    assert made.spec.backoff_limit == 2
    owner = made.metadata.controller
    assert owner and (owner.kind, owner.name, owner.block_owner_deletion) == (
        "CronJob",
        "report",
        True,
    )
    status = (await shift.read()).status
    assert status.last_schedule_time == datetime(2026, 1, 1, 0, 30, tzinfo=UTC)
    [active] = status.active
    assert (active.kind, active.api_version, active.uid) == ("Job", "batch/v1", made.metadata.uid)
    await shift.until_told("SuccessfulCreate", f"Created job {made.metadata.name}")


async def test_allow_lets_jobs_run_beside_each_other(shift: Shift):
    await shift.cron_job()
    async with shift.controllers():
        await shift.until_jobs(10, 20, active={10, 20})


async def test_forbid_skips_a_start_while_the_job_before_runs(shift: Shift):
    await shift.cron_job(concurrencyPolicy="Forbid")
    async with shift.controllers():
        await shift.until_jobs(10, active={10})
        await shift.until_told(
            "JobAlreadyActive",
            "Not starting job because prior execution is running and concurrency policy is Forbid",
        )
        assert {*await shift.jobs()} == {10}
        await shift.end(10)
        await shift.until_jobs(10, 20, active={20})


async def test_replace_ends_the_job_before_and_leaves_alone_what_people_made(shift: Shift):
    await shift.cron_job(concurrencyPolicy="Replace")
    cron_job = await shift.read()
    # As `kubectl create job --from=cronjob/report` makes it.
    by_hand: JsonObject = {
        "metadata": {
            "name": "by-hand",
            "annotations": {"cronjob.kubernetes.io/instantiate": "manual"},
            "ownerReferences": [
                {
                    "apiVersion": "batch/v1",
                    "kind": "CronJob",
                    "name": "report",
                    "uid": cron_job.metadata.uid,
                    "controller": True,
                }
            ],
        },
        "spec": cron_job.spec.job_template["spec"],
    }
    await shift.client.create(JOBS, by_hand, NS)
    async with shift.controllers():
        await shift.until_jobs(10, active={10})
        await shift.until_jobs(20, active={20})
        await shift.until_told(
            "UnexpectedJob", "Saw a job that the controller did not create or forgot: by-hand"
        )
    assert (await shift.client.get(JOBS, "by-hand", NS)).metadata.deletion_timestamp is None


async def test_ended_jobs_beyond_the_history_go_and_the_last_success_is_noted(shift: Shift):
    await shift.cron_job(successfulJobsHistoryLimit=1, failedJobsHistoryLimit=0)
    async with shift.controllers():
        await shift.until_jobs(10, active={10})
        await shift.end(10)
        done = f"report-{FIRST_MINUTE + 10}"
        await shift.until_told("SawCompletedJob", f"Saw completed job: {done}, condition: Complete")
        assert (await shift.read()).status.last_successful_time is not None
        await shift.until_jobs(10, 20, active={20})
        await shift.end(20, "Failed")
        failed = f"report-{FIRST_MINUTE + 20}"
        await shift.until_told("SawCompletedJob", f"Saw completed job: {failed}, condition: Failed")
        await shift.until_told("SuccessfulDelete", f"Deleted job {failed}")
        await shift.until_jobs(10, 30, active={30})
        await shift.end(30)
        await shift.until_jobs(30, active=set())


async def test_no_job_starts_while_suspended_and_missed_ones_are_made_up_for_once(shift: Shift):
    await shift.cron_job(suspend=True)
    async with shift.controllers():
        await shift.clock.advance(1500)
        assert await shift.jobs() == {}
        await shift.client.patch(CRON_JOBS, "report", {"spec": {"suspend": False}}, NS)
        await shift.until_jobs(20, active={20})


async def test_a_start_later_than_the_deadline_is_missed(shift: Shift):
    await shift.cron_job("10 0 * * *", startingDeadlineSeconds=60)
    await shift.clock.advance(3600)
    async with shift.controllers():
        await shift.until_told(
            "MissSchedule",
            "Missed scheduled time to start a job: Thu, 01 Jan 2026 00:10:00 +0000",
        )
    assert await shift.jobs() == {}


@pytest.mark.parametrize("writes", range(4))
async def test_each_start_is_made_once_however_often_the_controller_is_killed(writes: int):
    async with make_shift() as shift:
        await shift.cron_job(concurrencyPolicy="Replace")
        mortal = MortalClient(shift.client, writes)
        async with shift.controllers(mortal):
            await shift.until("death, or the first job", lambda: first_or_death(shift, mortal))
        async with shift.controllers():
            await shift.until_jobs(10, active={10})
            first = (await shift.jobs())[10].metadata.uid
            await shift.end(10)
            await shift.until_jobs(10, 20, active={20})
        assert (await shift.jobs())[10].metadata.uid == first


async def first_or_death(shift: Shift, mortal: MortalClient) -> bool:
    return mortal.has_died or bool((await shift.read()).status.active)
