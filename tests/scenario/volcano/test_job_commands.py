"""Commands to jobs: suspended, resumed, restarted and ended, each exactly once."""

from collections.abc import AsyncGenerator

import pytest

from shoal.api.volcano.command import COMMANDS
from shoal.api.volcano.job import JOBS
from shoal.testing.volcano import JobBuilder, make_job
from tests.job_site import NS, JobSite, job_site
from tests.mortal import MortalClient


@pytest.fixture
async def site() -> AsyncGenerator[JobSite]:
    async with job_site() as site:
        site.is_lively = True
        yield site


def job(replicas: int = 2, **spec: object) -> JobBuilder:
    return make_job("j").task("w", replicas).spec(minAvailable=replicas, **spec)


async def test_a_suspended_job_gives_up_its_pods_and_its_group(site: JobSite):
    await site.submit(job())
    async with site.controller():
        await site.until_phase("Running")
        await site.command("AbortJob")
        aborted = await site.until_phase("Aborted")
        assert aborted.status.version == 1
        assert (await site.pods(), await site.group()) == ({}, None)
        await site.until_obeyed()
        assert (
            "Normal CommandIssued j: Start to execute command AbortJob, and clean it up to make"
            " sure executed not more than once."
        ) in await site.messages()
        await site.settle(10)
        assert (await site.job()).status.state.phase == "Aborted"


async def test_a_resumed_job_goes_on_with_what_it_had_finished(site: JobSite):
    await site.submit(job())
    async with site.controller():
        await site.until_phase("Running")
        await site.end("j-w-0")
        await site.command("AbortJob")
        await site.until_phase("Aborted")
        assert set(await site.pods()) == {"j-w-0"}
        await site.command("ResumeJob")
        running = await site.until_phase("Running")
        assert (running.status.succeeded, running.status.retry_count) == (1, 1)
        await site.until_pods("j-w-0", "j-w-1")
        await site.end("j-w-1")
        await site.until_phase("Completed")


async def test_a_job_that_waits_for_its_queue_can_be_suspended(site: JobSite):
    site.is_lively = False
    await site.submit(job())
    async with site.controller():
        await site.until("a PodGroup", site.group)
        await site.command("AbortJob")
        await site.until_phase("Aborted")
        assert await site.group() is None


@pytest.mark.parametrize(
    ("action", "end"), [("TerminateJob", "Terminated"), ("CompleteJob", "Completed")]
)
async def test_a_job_is_ended_by_command(site: JobSite, action: str, end: str):
    await site.submit(job())
    async with site.controller():
        await site.until_phase("Running")
        await site.command(action)
        await site.until_phase(end)
        assert await site.pods() == {}


async def test_commands_that_come_together_are_carried_out_in_order(site: JobSite):
    await site.submit(job())
    async with site.controller():
        await site.until_phase("Running")
    for action in ("AbortJob", "ResumeJob", "RestartJob", "AbortJob"):
        await site.command(action)
    async with site.controller():
        aborted = await site.until_phase("Aborted")
        await site.until_obeyed()
        assert aborted.status.retry_count == 1
        # Each of them is a version of its own.
        assert aborted.status.version == 4


async def test_a_command_to_a_restarting_job_waits_and_is_not_lost(site: JobSite):
    await site.submit(job(policies=[{"event": "PodFailed", "action": "RestartJob"}]))
    async with site.controller():
        await site.until_phase("Running")
        site.is_lively = False
        await site.end("j-w-0", 1)
        await site.until_phase("Restarting")
        await site.command("AbortJob")
        await site.settle()
        assert (await site.job()).status.state.phase == "Restarting"
        site.is_lively = True
        await site.until_phase("Aborted")


@pytest.mark.parametrize("action", ["ResumeJob", "RestartPod", "Nonsense", "OpenQueue"])
async def test_a_command_that_means_nothing_to_the_job_is_dropped(site: JobSite, action: str):
    await site.submit(job())
    async with site.controller():
        running = await site.until_phase("Running")
        await site.command(action)
        await site.until_obeyed()
        await site.settle()
        assert (await site.job()).status == running.status or action == "ResumeJob"
        assert (await site.job()).status.version == 0


async def test_a_command_to_a_job_of_the_same_name_before_is_dropped(site: JobSite):
    await site.submit(job())
    async with site.controller():
        await site.until_phase("Running")
        body = {
            "apiVersion": COMMANDS.api_version,
            "kind": "Command",
            "metadata": {"name": "late"},
            "action": "AbortJob",
            "target": {
                "apiVersion": JOBS.api_version,
                "kind": "Job",
                "name": "j",
                "uid": "of-the-former",
            },
        }
        await site.client.create(COMMANDS, body, NS)
        await site.until_obeyed()
        await site.settle()
        assert (await site.job()).status.state.phase == "Running"


async def test_a_command_to_a_job_that_is_gone_is_dropped(site: JobSite):
    await site.submit(job())
    await site.command("AbortJob")
    await site.client.delete(JOBS, "j", NS)
    async with site.controller():
        await site.until_obeyed()


@pytest.mark.parametrize("writes", range(12))
async def test_wherever_the_controller_is_killed_a_command_is_carried_out_once(writes: int):
    async with job_site() as site:
        site.is_lively = True
        await site.submit(job())
        async with site.controller():
            await site.until_phase("Running")
            await site.settle()
        await site.command("RestartJob")
        mortal = MortalClient(site.client, writes)

        async def has_died_or_run() -> bool:
            status = (await site.job()).status
            is_over = (status.state.phase, status.retry_count) == ("Running", 1)
            return mortal.has_died or is_over

        async with site.controller(mortal):
            await site.until("a death", has_died_or_run)
        async with site.controller():
            await site.until_obeyed()
            running = await site.until_phase("Running")
        assert (running.status.version, running.status.retry_count) == (1, 1)
