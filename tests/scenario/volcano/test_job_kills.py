"""A Job controller that is killed between any two writes: the next one ends in the same state."""

from collections.abc import Awaitable, Callable

import pytest

from shoal.api.core import CONFIG_MAPS, SECRETS, SERVICES
from shoal.api.storage import CLAIMS
from shoal.api.volcano.job import JOBS, Job
from shoal.testing.volcano import JobBuilder, make_job
from tests.job_site import NS, JobSite, job_site
from tests.mortal import MortalClient

Scene = Callable[[JobSite], Awaitable[None]]


async def killed_after(
    writes: int, built: JobBuilder, happens: Scene, is_over: Callable[[Job], bool]
) -> tuple[Job, dict[str, str]]:
    """The job and the attempts of its pods, when something has happened to a running job and the
    controller that answers it was killed after so many writes."""
    async with job_site() as site:
        site.is_lively = True
        await site.submit(built)

        async def over() -> Job | None:
            job = await site.job()
            return job if is_over(job) else None

        async with site.controller():
            await site.until_phase("Running")
            await site.settle()
        await happens(site)
        mortal = MortalClient(site.client, writes)

        async def has_died_or_is_over() -> bool:
            return mortal.has_died or await over() is not None

        async with site.controller(mortal):
            await site.until("a death", has_died_or_is_over)
        async with site.controller():
            await site.until("the end", over)
            await site.settle(3)
            job = await site.job()
            made = {name: _attempt(pod) for name, pod in (await site.pods()).items()}
        return job, made


def _attempt(pod) -> str:
    annotations = pod.metadata.annotations
    return f"{annotations['volcano.sh/job-version']}/{annotations['volcano.sh/job-retry-count']}"


def gang(*policies: dict[str, object], **spec: object) -> JobBuilder:
    built = make_job("j").task("a", 2, policies=list(policies)).task("b", 1)
    return built.spec(minAvailable=3, **spec)


def runs_again(job: Job) -> bool:
    return (job.status.state.phase, job.status.retry_count) == ("Running", 1)


async def fail(site: JobSite) -> None:
    await site.end("j-a-1", 1)


async def evict(site: JobSite) -> None:
    await site.delete("j-a-1", at_once=True)


@pytest.mark.parametrize("writes", range(14))
@pytest.mark.parametrize("happens", [fail, evict])
async def test_a_job_is_restarted_once(writes: int, happens: Scene):
    policy = {"events": ["PodFailed", "PodEvicted"], "action": "RestartJob"}
    job, made = await killed_after(writes, gang(policy), happens, runs_again)
    assert job.status.version == 1
    assert made == {"j-a-0": "1/1", "j-a-1": "1/1", "j-b-0": "1/1"}


@pytest.mark.parametrize("writes", range(12))
@pytest.mark.parametrize("happens", [fail, evict])
async def test_a_task_is_restarted_once_and_as_a_whole(writes: int, happens: Scene):
    policy = {"events": ["PodFailed", "PodEvicted"], "action": "RestartTask"}
    job, made = await killed_after(writes, gang(policy), happens, runs_again)
    assert job.status.version == 0
    assert made == {"j-a-0": "0/1", "j-a-1": "0/1", "j-b-0": "0/0"}


@pytest.mark.parametrize("writes", range(10))
async def test_a_pod_is_restarted_once(writes: int):
    policy = {"event": "PodFailed", "action": "RestartPod"}
    job, made = await killed_after(writes, gang(policy), fail, runs_again)
    assert job.status.version == 0
    assert made == {"j-a-0": "0/0", "j-a-1": "0/1", "j-b-0": "0/0"}


@pytest.mark.parametrize("writes", range(8))
async def test_a_job_is_completed_once(writes: int):
    async def finish(site: JobSite) -> None:
        await site.end("j-b-0")

    built = gang(policies=[{"event": "TaskCompleted", "action": "CompleteJob"}])
    job, made = await killed_after(
        writes, built, finish, lambda job: job.status.state.phase == "Completed"
    )
    assert (job.status.version, job.status.retry_count) == (1, 0)
    assert made == {"j-b-0": "0/0"}


@pytest.mark.parametrize("writes", range(10))
async def test_a_smaller_job_loses_the_last_pods_and_evicts_nobody(writes: int):
    async def shrink(site: JobSite) -> None:
        tasks = (await site.client.get(JOBS.untyped(), "j", NS))["spec"]["tasks"]
        tasks[0] |= {"replicas": 1, "minAvailable": 1}
        await site.client.patch(JOBS, "j", {"spec": {"tasks": tasks, "minAvailable": 2}}, NS)

    built = gang(policies=[{"event": "PodEvicted", "action": "RestartJob"}])
    job, made = await killed_after(
        writes, built, shrink, lambda job: job.status.running == 2 and not job.status.terminating
    )
    assert (job.status.state.phase, job.status.version) == ("Running", 0)
    assert made == {"j-a-0": "0/0", "j-b-0": "0/0"}


@pytest.mark.parametrize("writes", range(22))
async def test_a_job_starts_with_all_that_it_asks_for(writes: int):
    claim = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    built = gang(
        volumes=[{"mountPath": "/data", "volumeClaim": claim}],
        plugins={"svc": [], "ssh": [], "env": []},
    )
    async with job_site() as site:
        site.is_lively = True
        await site.submit(built)
        mortal = MortalClient(site.client, writes)

        async def has_died_or_runs() -> bool:
            return mortal.has_died or (await site.job()).status.state.phase == "Running"

        async with site.controller(mortal):
            await site.until("a death", has_died_or_runs)
        keys = await site.exists(SECRETS, "j-ssh")
        async with site.controller():
            running = await site.until_phase("Running")
        assert (running.status.version, running.status.retry_count) == (0, 0)
        claims = [each.metadata.name for each in (await site.client.list(CLAIMS, NS)).items]
        assert claims == [running.spec.volumes[0].volume_claim_name]
        assert set(running.status.controlled_resources) == {
            "plugin-env",
            "plugin-ssh",
            "plugin-svc",
            f"volume-pvc-{claims[0]}",
        }
        assert await site.exists(CONFIG_MAPS, "j-svc") and await site.exists(SERVICES, "j")
        kept = await site.client.get(SECRETS, "j-ssh", NS)
        assert keys is None or kept.data["id_rsa"] == keys.data["id_rsa"]
        assert set(await site.pods()) == {"j-a-0", "j-a-1", "j-b-0"}
