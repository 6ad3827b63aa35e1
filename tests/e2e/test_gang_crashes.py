"""kill -9 of the control plane while gangs start, give way, start anew and are told what to do.

What is there afterwards must be what could be there had nobody been killed. The seeds choose the
moments; they stand in the names of the tests.
"""

import asyncio
from pathlib import Path

import pytest

from shoal.api.pod import Pod
from shoal.api.volcano.command import COMMANDS
from shoal.api.volcano.job import JOBS, Job
from shoal.api.volcano.keys import JOB_NAME
from shoal.api.volcano.queue import QUEUES
from shoal.cli.volcano.asking import command
from tests.crash_site import (
    CPUS,
    NAMESPACE,
    TAKES_ITS_TIME,
    CrashSite,
    crash_site,
    running,
    uids,
)
from tests.waiting import SLOW_PAUSE_S, eventually

LIMIT_S = 240


def seeds(*quick: int) -> pytest.MarkDecorator:
    """These in every run of the tests, and ten more in long runs."""
    more = [pytest.param(seed, marks=pytest.mark.soak) for seed in range(100, 110)]
    return pytest.mark.parametrize("seed", [*quick, *more])


pytestmark = pytest.mark.slow


@seeds(1)
async def test_of_gangs_that_were_starting_as_many_run_as_fit_and_all_of_each(
    seed: int, tmp_path: Path
) -> None:
    async with asyncio.timeout(LIMIT_S), crash_site(tmp_path, seed) as site:
        for name in ("a", "b", "c", "d"):
            await site.create(name)
        await site.crash(within_s=0.6)
        await site.until_phases("Running", "Running", "Pending", "Pending")
        await site.check()
        first = [name for name, phase in (await site.phases()).items() if phase == "Running"]
        assert {uid for runs in site.runs().values() for uid, _ in runs} == uids(
            running(await site.pods())
        )
        for name in first:
            await site.client.delete(JOBS, name, NAMESPACE)
        await site.crash(within_s=0.4)
        await site.until_phases("Running", "Running")
        await site.check()
        assert [len(runs) for runs in site.runs().values()] == [1] * 12


@seeds(1, 2)
async def test_a_reclaim_goes_on_and_takes_nothing_else(seed: int, tmp_path: Path) -> None:
    async with asyncio.timeout(LIMIT_S), crash_site(tmp_path, seed) as site:
        await site.create_queue("lender")
        await site.create_queue("owner")
        for name in ("one", "two"):
            await site.create(name, queue="lender", script=TAKES_ITS_TIME)
        await site.until(lambda pods: len(running(pods)) == CPUS, "the cluster is full")
        await eventually(lambda: len(site.runs()) == CPUS, "all have begun")
        before = uids(await site.pods())
        await site.create("claim", queue="owner")
        await site.until(lambda pods: any(pod.is_deleting for pod in pods), "somebody has to go")
        await site.crash(within_s=0.3)
        await site.until(lambda pods: len(running_of("claim", pods)) == 3, "the claim is met")
        await site.until_phases("Running", "Running", "Pending")
        await site.check()
        phases = await site.phases()
        (stayed,) = [name for name in ("one", "two") if phases[name] == "Running"]
        assert uids(await site.pods(stayed)) <= before, "it was not touched"
        assert sum(map(len, site.runs().values())) == CPUS + 3


@seeds(1)
async def test_a_job_that_was_being_restarted_is_restarted_once(seed: int, tmp_path: Path) -> None:
    async with asyncio.timeout(LIMIT_S), crash_site(tmp_path, seed) as site:
        fails_once = '[ "$POD_NAME$JOB_VERSION" != train-work-00 ] || { sleep 0.6; exit 1; }'
        policies = [{"event": "PodFailed", "action": "RestartJob"}]
        script = f"{fails_once}; {TAKES_ITS_TIME}"
        await site.create("train", pods=4, script=script, policies=policies)
        await eventually(lambda: "train-work-0" in site.runs(), "the first pod has begun")
        await asyncio.sleep(0.4)
        await site.crash(within_s=0.6)
        await eventually(lambda: is_at(site, "train", version=1), "the job runs again")
        await site.check()
        job = await site.job("train")
        assert (job.phase, job.status.retry_count) == ("Running", 1)
        for runs in site.runs().values():
            assert sorted(version for _, version in runs) == ["0", "1"]


@seeds(1)
async def test_commands_are_carried_out_once(seed: int, tmp_path: Path) -> None:
    async with asyncio.timeout(LIMIT_S), crash_site(tmp_path, seed) as site:
        await site.create_queue("lab")
        await site.create("work")
        await site.until(lambda pods: len(running(pods)) == 3, "the job runs")
        await site.ask("work", "AbortJob")
        lab = await site.client.get(QUEUES, "lab")
        await site.client.create(COMMANDS, command(QUEUES, lab, "CloseQueue"), NAMESPACE)
        await site.crash(within_s=0.1)
        await site.until_phases("Aborted")
        await site.check()
        assert (await site.client.get(QUEUES, "lab")).status.state == "Closed"
        job = await site.job("work")
        assert (job.status.version, job.status.retry_count, await site.pods()) == (1, 0, [])
        await site.ask("work", "ResumeJob")
        await site.crash(within_s=0.2)
        await eventually(lambda: is_at(site, "work", version=2), "the job runs again")
        await site.check()
        assert (await site.job("work")).status.retry_count == 1


@seeds(1)
async def test_whatever_is_going_on_may_be_interrupted(seed: int, tmp_path: Path) -> None:
    async with asyncio.timeout(LIMIT_S), crash_site(tmp_path, seed) as site:
        for name in ("left", "right"):
            await site.create_queue(name)
        aborted: set[str] = set()
        for number in range(12):
            await one_step(site, f"job-{number}", aborted)
            if number % 4 == 3:
                await site.crash(within_s=1.0)
        await eventually(lambda: is_settled(site, aborted), "all is quiet", pause_s=SLOW_PAUSE_S)
        await site.check()
        for job in (await site.client.list(JOBS, NAMESPACE)).items:
            assert job.status.retry_count == 0
            assert job.status.version == (job.metadata.name in aborted)


async def one_step(site: CrashSite, name: str, aborted: set[str]) -> None:
    """Something that users do."""
    jobs = sorted(set(await site.phases()) - aborted)
    choice = site.rng.random()
    if choice < 0.15 and jobs:
        await site.client.delete(JOBS, site.rng.choice(jobs), NAMESPACE)
    elif choice < 0.3 and jobs:
        stopped = site.rng.choice(jobs)
        aborted.add(stopped)
        await site.ask(stopped, "AbortJob")
    else:
        size = site.rng.randint(1, 4)
        queue = site.rng.choice(["left", "right"])
        await site.create(name, queue=queue, pods=size)
    await asyncio.sleep(site.rng.uniform(0.0, 0.3))


async def is_settled(site: CrashSite, aborted: set[str]) -> bool:
    """Whether those that were stopped are, and of the others as many run as can: one that waits
    and does not fit keeps its places, so that smaller ones may have to wait, too."""
    pods = await site.pods()
    jobs = (await site.client.list(JOBS, NAMESPACE)).items
    free = CPUS - sum(bool(pod.spec.node_name) for pod in pods)
    waiting = [job.spec.tasks[0].replicas for job in jobs if job.phase == "Pending"]
    return (
        not any(pod.is_deleting for pod in pods)
        and {job.metadata.name for job in jobs if job.phase == "Aborted"} == aborted
        and (not waiting or max(waiting) > free)
    )


async def is_at(site: CrashSite, name: str, version: int) -> bool:
    """Whether the job runs in its version, with all pods, which have left their lines."""
    job, pods = await site.job(name), await site.pods(name)
    ran = {uid for runs in site.runs().values() for uid, _ in runs}
    return (
        is_version(job, version)
        and job.phase == "Running"
        and len(running(pods)) == len(pods) == job.spec.tasks[0].replicas
        and uids(pods) <= ran
    )


def is_version(job: Job, version: int) -> bool:
    return job.status.version == version


def running_of(job: str, pods: list[Pod]) -> list[Pod]:
    return [pod for pod in running(pods) if pod.metadata.labels[JOB_NAME] == job]
