"""What policies do to jobs on a cluster in memory: restarts, time-outs, and controllers that are
gone when something happens."""

from collections.abc import AsyncGenerator

import pytest

from shoal.api.volcano.job import JOBS
from shoal.api.volcano.queue import QUEUES
from shoal.testing.volcano import JobBuilder, make_job
from tests.job_site import NS, JobSite, job_site


@pytest.fixture
async def site() -> AsyncGenerator[JobSite]:
    async with job_site() as site:
        yield site


def on(event: str, action: str, **more: object) -> dict[str, object]:
    return {"event": event, "action": action, **more}


def job(*policies: dict[str, object], replicas: int = 2, **spec: object) -> JobBuilder:
    built = make_job("j").task("w", replicas)
    return built.spec(minAvailable=replicas, policies=list(policies), **spec)


def attempts(pods) -> dict[str, str]:
    """Pod -> `version/retry count` that it was made with."""
    return {
        name: "/".join(
            pod.metadata.annotations[f"volcano.sh/{key}"]
            for key in ("job-version", "job-retry-count")
        )
        for name, pod in pods.items()
    }


async def start(site: JobSite) -> None:
    """Admit the job, and let its pods run."""
    site.is_lively = True
    await site.until_phase("Running")
    site.is_lively = False


async def scale(site: JobSite, replicas: int) -> None:
    """The whole gang."""
    tasks = (await site.client.get(JOBS.untyped(), "j", NS))["spec"]["tasks"]
    tasks[0] |= {"replicas": replicas, "minAvailable": replicas}
    await site.client.patch(JOBS, "j", {"spec": {"tasks": tasks, "minAvailable": replicas}}, NS)


async def set_queue(site: JobSite, state: str) -> None:
    patch = {"status": {"state": state}}
    await site.client.patch(QUEUES, "default", patch, subresource="status")


async def until_restarted(site: JobSite) -> None:
    async def is_counted() -> bool:
        return (await site.job()).status.retry_count == 1

    await site.until("a restart", is_counted)


async def test_a_failed_pod_restarts_the_job_with_a_new_group(site: JobSite):
    await site.submit(job(on("PodFailed", "RestartJob")))
    async with site.controller():
        await start(site)
        before = await site.group()
        await site.end("j-w-0", 1)
        restarting = await site.until_phase("Restarting")
        assert (restarting.status.version, restarting.status.retry_count) == (1, 1)
        assert restarting.status.state.reason == "RestartJob"
        assert restarting.status.state.message == "PodFailed of pod j-w-0 with exit code 1"
        await site.settle()
        assert (await site.job()).status.state.phase == "Restarting"
        await site.let_go()
        await site.until_phase("Pending")
        after = await site.until("a new PodGroup", site.group)
        assert before is not None and after.metadata.uid != before.metadata.uid
        await site.settle()
        assert await site.pods() == {}
        await start(site)
        assert attempts(await site.pods()) == {"j-w-0": "1/1", "j-w-1": "1/1"}
        assert "Normal ExecuteAction j: Start to execute action RestartJob " in (
            await site.messages()
        )


async def test_a_restart_waits_for_a_queue_that_was_closed_and_says_so(site: JobSite):
    await site.submit(job(on("PodFailed", "RestartJob")))
    async with site.controller():
        await start(site)
        await set_queue(site, "Closing")
        await site.end("j-w-1", 1)
        site.is_lively = True
        text = "can only submit PodGroup to queue with state `Open`, queue `default` status is"

        async def says_so() -> bool:
            state = (await site.job()).status.state
            return state.phase == "Pending" and text in state.message

        await site.until("the reason", says_so)
        await site.settle(90)
        told = [each for each in await site.messages() if "PodGroupError" in each]
        assert len(told) == 1 and told[0].startswith("Warning PodGroupError j: ")
        await set_queue(site, "Open")
        running = await site.until_phase("Running")
        assert running.status.state.message == ""


async def test_only_the_failed_pod_is_made_again_by_restart_pod(site: JobSite):
    await site.submit(job(on("PodFailed", "RestartPod")))
    async with site.controller():
        await start(site)
        group, before = await site.group(), await site.pods()
        await site.end("j-w-1", 7)
        await until_restarted(site)
        assert not (await site.pods())["j-w-0"].is_deleting
        site.is_lively = True
        again = await site.until_phase("Running")
        after = await site.pods()
        assert attempts(after) == {"j-w-0": "0/0", "j-w-1": "0/1"}
        assert after["j-w-0"].metadata.uid == before["j-w-0"].metadata.uid
        assert (again.status.version, again.status.retry_count) == (0, 1)
        assert (await site.group()).metadata.uid == group.metadata.uid


async def test_restart_task_ends_the_pods_of_that_task_only(site: JobSite):
    policies = [on("PodFailed", "RestartTask")]
    built = make_job("j").task("a", 2, policies=policies).task("b").spec(minAvailable=3)
    await site.submit(built)
    async with site.controller():
        await start(site)
        await site.end("j-a-1", 1)
        await site.until_phase("Restarting")
        site.is_lively = True
        await site.until_phase("Running")
        assert attempts(await site.pods()) == {"j-a-0": "0/1", "j-a-1": "0/1", "j-b-0": "0/0"}


async def test_restart_partition_ends_the_pods_of_that_part_only(site: JobSite):
    parts = {"totalPartitions": 2, "partitionSize": 2, "minPartitions": 2}
    task = {"partitionPolicy": parts, "policies": [on("PodFailed", "RestartPartition")]}
    await site.submit(make_job("j").task("a", 4, minAvailable=4, **task).spec(minAvailable=4))
    async with site.controller():
        await start(site)
        await site.end("j-a-3", 1)
        await site.until_phase("Restarting")
        site.is_lively = True
        await site.until_phase("Running")
        made = attempts(await site.pods())
        assert made == {"j-a-0": "0/0", "j-a-1": "0/0", "j-a-2": "0/1", "j-a-3": "0/1"}


@pytest.mark.parametrize("at_once", [False, True])
async def test_an_evicted_pod_restarts_the_job(site: JobSite, at_once: bool):
    await site.submit(job(on("PodEvicted", "RestartJob")))
    async with site.controller():
        await start(site)
        await site.delete("j-w-0", at_once=at_once)
        await site.until_phase("Restarting")
        site.is_lively = True
        again = await site.until_phase("Running")
        assert (again.status.version, again.status.retry_count) == (1, 1)


@pytest.mark.parametrize("at_once", [False, True])
async def test_an_eviction_while_no_controller_runs_is_answered_later(site: JobSite, at_once: bool):
    await site.submit(job(on("PodEvicted", "RestartJob")))
    async with site.controller():
        await start(site)
        await site.settle()
    await site.delete("j-w-0", at_once=at_once)
    site.is_lively = True
    async with site.controller():

        async def is_again_running() -> bool:
            status = (await site.job()).status
            return (status.retry_count, status.state.phase) == (1, "Running")

        await site.until("one restart", is_again_running)


async def test_what_the_controller_ends_itself_is_no_eviction(site: JobSite):
    await site.submit(job(on("PodEvicted", "AbortJob"), on("PodFailed", "RestartPod")))
    async with site.controller():
        await start(site)
        await site.end("j-w-0", 1)
        await until_restarted(site)
        await site.settle()
        site.is_lively = True
        await site.until_phase("Running")
        tasks = (await site.client.get(JOBS.untyped(), "j", NS))["spec"]["tasks"]
        tasks[0] |= {"replicas": 1, "minAvailable": 1}
        await site.client.patch(JOBS, "j", {"spec": {"tasks": tasks, "minAvailable": 1}}, NS)
        await site.until_pods("j-w-0")
        await site.settle()
        assert (await site.job()).status.state.phase == "Running"


async def test_a_completed_task_completes_the_job_and_ends_the_others(site: JobSite):
    policies = [on("TaskCompleted", "CompleteJob")]
    built = make_job("j").task("m", 1, policies=policies).task("w", 2).spec(minAvailable=3)
    await site.submit(built)
    async with site.controller():
        await start(site)
        await site.end("j-m-0")
        completing = await site.until_phase("Completing")
        assert completing.status.state.message == "TaskCompleted of pod j-m-0"
        await site.let_go()
        completed = await site.until_phase("Completed")
        assert set(await site.pods()) == {"j-m-0"}
        assert completed.status.running_duration is not None


async def test_containers_that_are_restarted_too_often_fail_their_task(site: JobSite):
    policies = [on("TaskFailed", "TerminateJob")]
    await site.submit(
        make_job("j").task("w", 2, policies=policies, maxRetry=3).spec(minAvailable=2)
    )
    async with site.controller():
        await start(site)
        await site.say("j-w-0", "Running", restartCount=1)
        await site.say("j-w-1", "Running", restartCount=1)
        await site.settle()
        assert (await site.job()).status.state.phase == "Running"
        await site.say("j-w-1", "Running", restartCount=2)
        await site.until_phase("Terminating")
        await site.let_go()
        await site.until_phase("Terminated")


async def test_an_exit_code_chooses_the_action(site: JobSite):
    codes = [{"exitCode": 3, "action": "TerminateJob"}, {"exitCode": 137, "action": "RestartJob"}]
    await site.submit(job(*codes))
    async with site.controller():
        await start(site)
        await site.end("j-w-0", 3)
        await site.until_phase("Terminating")


async def test_a_job_whose_retries_are_spent_fails_and_keeps_its_finished_pods(site: JobSite):
    await site.submit(job(on("PodFailed", "RestartJob"), maxRetry=2))
    async with site.controller():
        await start(site)
        await site.end("j-w-0", 1)
        await site.until_phase("Restarting")
        await start(site)
        await site.end("j-w-0", 1)
        failed = await site.until_phase("Failed")
        assert (failed.status.retry_count, failed.status.state.reason) == (2, "RetriesExhausted")
        await site.settle()
        await site.let_go()
        assert set(await site.pods()) == {"j-w-0"}
        await site.settle()
        assert (await site.job()).status.state.phase == "Failed"


async def test_a_restart_is_not_missed_because_all_pods_have_finished_by_then(site: JobSite):
    await site.submit(job(on("PodFailed", "RestartJob")))
    async with site.controller():
        await start(site)
    for name in ("j-w-0", "j-w-1"):
        await site.end(name, 1)
    async with site.controller():
        await until_restarted(site)


async def test_a_job_is_not_failed_while_a_restart_is_due_later(site: JobSite):
    await site.submit(job(on("PodFailed", "RestartJob", timeout="1m")))
    async with site.controller():
        await start(site)
        for name in ("j-w-0", "j-w-1"):
            await site.end(name, 1)
        await site.settle(30)
        assert (await site.job()).status.state.phase == "Running"
        await until_restarted(site)


@pytest.mark.parametrize("action", ["RestartJob", "RestartTask", "RestartPod"])
async def test_a_pod_that_stays_pending_is_answered_when_its_time_is_up(site: JobSite, action: str):
    await site.submit(job(on("PodPending", action, timeout="60s"), replicas=1))
    async with site.controller():
        await site.admit()
        await site.until_pods("j-w-0")
        await site.settle(40)
    async with site.controller():
        await site.settle(10)
        assert (await site.job()).status.retry_count == 0

        async def is_restarted() -> bool:
            return (await site.job()).status.retry_count == 1

        await site.until("the restart", is_restarted)
        assert (site.clock.now() - (await site.job()).metadata.creation_timestamp).seconds < 65


async def test_a_pod_that_runs_in_time_stops_the_clock(site: JobSite):
    await site.submit(job(on("PodPending", "AbortJob", timeout="60s")))
    async with site.controller():
        await start(site)
        await site.settle(90)
        assert (await site.job()).status.state.phase == "Running"


async def test_a_delayed_eviction_is_forgotten_when_the_pod_runs_again(site: JobSite):
    await site.submit(job(on("PodEvicted", "RestartJob", timeout="60s")))
    async with site.controller():
        await start(site)
        await site.delete("j-w-0", at_once=True)
        await site.settle(2)
        assert "shoal.io/unanswered" in (await site.job()).metadata.annotations
        await start(site)
        await site.settle(2)
        assert "shoal.io/unanswered" not in (await site.job()).metadata.annotations
        await site.settle(90)
        assert (await site.job()).status.retry_count == 0


async def test_a_delayed_eviction_outlives_the_controller(site: JobSite):
    await site.submit(job(on("PodEvicted", "RestartJob", timeout="60s")))
    async with site.controller():
        await start(site)
        await site.delete("j-w-0", at_once=True)
        await site.settle(30)
    async with site.controller():
        await site.settle(20)
        assert (await site.job()).status.retry_count == 0
        await site.until_phase("Restarting")


async def test_a_gang_that_became_too_small_is_answered_as_unknown(site: JobSite):
    await site.submit(job(on("Unknown", "RestartJob")))
    async with site.controller():
        await start(site)
        await site.set_group("Unknown")
        await site.until_phase("Restarting")
        await start(site)
        assert (await site.job()).status.retry_count == 1


async def test_a_change_of_the_job_is_answered_where_a_policy_names_it(site: JobSite):
    await site.submit(job(on("JobUpdated", "RestartJob")))
    async with site.controller():
        await start(site)
        await scale(site, 3)
        await site.until_phase("Restarting")
        await start(site)
        assert attempts(await site.pods()) == {f"j-w-{index}": "1/1" for index in range(3)}


async def test_a_delayed_answer_to_a_change_outlives_the_controller(site: JobSite):
    await site.submit(job(on("JobUpdated", "RestartJob", timeout="60s")))
    async with site.controller():
        await start(site)
        await scale(site, 3)
        await site.settle(30)
        group = await site.group()
        assert group is not None and group.spec.min_member == 3
    async with site.controller():
        await site.settle(20)
        assert (await site.job()).status.retry_count == 0
        await site.until_phase("Restarting")
        await start(site)
        await site.settle(90)
        assert (await site.job()).status.retry_count == 1


async def test_the_older_of_two_incidents_is_answered_first_and_none_is_lost(site: JobSite):
    built = (
        make_job("j")
        .task("a", 1, policies=[on("PodFailed", "RestartTask")])
        .task("b", 1, policies=[on("PodFailed", "AbortJob")])
        .task("c", 1)
        .spec(minAvailable=3)
    )
    await site.submit(built)
    async with site.controller():
        await start(site)
    await site.end("j-a-0", 1)
    await site.clock.advance(5)
    await site.end("j-b-0", 1)
    site.is_lively = True
    async with site.controller():
        aborted = await site.until_phase("Aborted")
        assert (aborted.status.retry_count, aborted.status.version) == (1, 1)
