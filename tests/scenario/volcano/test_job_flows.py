"""JobFlows on a cluster in memory: steps in order, failures mended, controllers killed."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import pytest

from shoal.api.core import EVENTS
from shoal.api.crds import all_crds
from shoal.api.pod import PODS
from shoal.api.volcano.flow import JOB_FLOWS, JOB_TEMPLATES, JobFlow
from shoal.api.volcano.job import JOBS
from shoal.api.volcano.keys import JOB_NAME, TASK_SPEC
from shoal.api.volcano.queue import QUEUES
from shoal.api.volcano.queue import manifest as queue_manifest
from shoal.base.clock import VirtualClock
from shoal.client.events import EventRecorder
from shoal.client.informer import InformerSet
from shoal.client.protocol import Client
from shoal.controllers.runner import Controller
from shoal.controllers.volcano.flow_probes import ProbeQuestion
from shoal.controllers.volcano.job_flow import job_flow_controller
from shoal.controllers.volcano.job_template import job_template_controller
from shoal.testing.builders import make_pod
from shoal.testing.cluster import memory_cluster
from shoal.testing.volcano import JobFlowBuilder, make_flow, make_job, make_template
from tests.mortal import MortalClient, in_time, life

NS = "default"
CHAIN = make_flow("f").step("a").step("b", "a").step("c", "b")


def templates(
    client: Client, informers: InformerSet, recorder: EventRecorder, clock: VirtualClock
) -> Controller:
    return job_template_controller(client, informers, clock)


class Works:
    """A cluster with templates `a`, `b` and `c`, and pods that answer when they are told to."""

    def __init__(self, client: Client, clock: VirtualClock) -> None:
        self.client = client
        self.clock = clock
        self.answering: set[str] = set()
        self.asked: list[ProbeQuestion] = []

    async def _ask(self, question: ProbeQuestion) -> bool:
        self.asked.append(question)
        return question.host in self.answering

    def controllers(self, client: Any = None) -> Any:
        flows = partial(job_flow_controller, ask=self._ask)
        return life(client or self.client, self.clock, flows, templates)

    async def flow(self, flow: JobFlowBuilder) -> None:
        body = flow.manifest()
        del body["metadata"]["uid"]
        await self.client.create(JOB_FLOWS, body, NS)

    async def template(self, name: str, **spec: Any) -> None:
        await self.client.create(JOB_TEMPLATES, make_template(name).spec(**spec).manifest(), NS)

    async def read(self) -> JobFlow:
        return await self.client.get(JOB_FLOWS, "f", NS)

    async def jobs(self) -> dict[str, str]:
        """Uids of jobs by name."""
        jobs = (await self.client.list(JOBS, NS)).items
        return {job.metadata.name: job.metadata.uid for job in jobs}

    async def set_queue(self, state: str) -> None:
        await self.client.patch(QUEUES, "q", {"status": {"state": state}}, subresource="status")

    async def bring(self, job: str, phase: str) -> None:
        status = {"status": {"state": {"phase": phase}}}
        await self.client.patch(JOBS, job, status, NS, subresource="status")

    async def until(self, what: str, look: Callable[[], Awaitable[Any]]) -> None:
        await in_time(self.clock, look, what)

    async def until_jobs(self, *names: str) -> None:
        async def are_there() -> bool:
            return {*names} == {*await self.jobs()}

        await self.until(f"jobs {names}", are_there)

    async def until_state(self, phase: str, reason: str = "") -> None:
        async def is_so() -> bool:
            state = (await self.read()).status.state
            return (state.phase, state.reason) == (phase, reason)

        await self.until(f"{phase} {reason}", is_so)

    async def until_told(self, reason: str, message: str) -> None:
        async def is_told() -> bool:
            events = (await self.client.list(EVENTS)).items
            return any((event.reason, event.message) == (reason, message) for event in events)

        await self.until(f"{reason}: {message}", is_told)


@asynccontextmanager
async def make_works(*, has_admission: bool = True) -> AsyncGenerator[Works]:
    clock = VirtualClock()
    async with memory_cluster(clock=clock, crds=all_crds(), has_admission=has_admission) as cluster:
        works = Works(cluster.client, clock)
        for name in "abc":
            await works.template(name)
        yield works


@pytest.fixture
async def works() -> AsyncGenerator[Works]:
    async with make_works() as works:
        yield works


async def test_steps_follow_each_other_to_the_end(works: Works):
    await works.flow(CHAIN)
    async with works.controllers():
        await works.until_jobs("f-a")
        await works.until_state("Pending")
        await works.bring("f-a", "Running")
        await works.until_state("Running")
        for done, following in (("f-a", "f-b"), ("f-b", "f-c")):
            await works.bring(done, "Completed")
            await works.until_told("Created", f"create a job named {following}!")
        await works.bring("f-c", "Completed")
        await works.until_state("Succeed")
    status = (await works.read()).status
    assert status.completed_jobs == ["f-a", "f-b", "f-c"]
    assert [each.state for each in status.job_status_list[0].running_histories] == [
        "Pending",
        "Running",
        "Completed",
    ]
    assert len(await works.jobs()) == 3


async def test_a_template_says_which_jobs_were_made_from_it(works: Works):
    await works.flow(make_flow("f").step("a"))
    await works.client.create(JOBS, make_job("other").task("main").manifest(), NS)

    async def is_noted() -> bool:
        template = await works.client.get(JOB_TEMPLATES, "a", NS)
        return template.status.job_depends_on_list == ["f-a"]

    async with works.controllers():
        await works.until("the job noted", is_noted)


async def test_a_patch_changes_one_steps_job(works: Works):
    patch = {"maxRetry": 7, "tasks": [{"name": "main", "replicas": 3}]}
    await works.flow(make_flow("f").step("a", patch=patch).step("b"))
    async with works.controllers():
        await works.until_jobs("f-a", "f-b")
    changed, plain = [await works.client.get(JOBS, name, NS) for name in ("f-a", "f-b")]
    assert (changed.spec.max_retry, changed.spec.tasks[0].replicas) == (7, 3)
    assert changed.spec.tasks[0].template == plain.spec.tasks[0].template
    assert (plain.spec.max_retry, plain.spec.tasks[0].replicas) == (3, 1)


async def test_a_failed_flow_goes_on_when_its_job_is_restarted(works: Works):
    await works.flow(CHAIN)
    async with works.controllers():
        await works.until_jobs("f-a")
        await works.bring("f-a", "Failed")
        await works.until_state("Failed", "JobFailed")
        await works.bring("f-a", "Restarting")
        await works.until_state("Running")
        await works.bring("f-a", "Completed")
        await works.until_jobs("f-a", "f-b")


async def test_a_failed_job_that_is_deleted_is_made_again(works: Works):
    await works.flow(CHAIN)
    async with works.controllers():
        await works.until_jobs("f-a")
        failed = (await works.jobs())["f-a"]
        await works.bring("f-a", "Failed")
        await works.until_state("Failed", "JobFailed")
        await works.client.delete(JOBS, "f-a", NS)

        async def is_new() -> bool:
            return (await works.jobs()).get("f-a", failed) != failed

        await works.until("another job", is_new)
        await works.until_state("Running")


async def test_an_aborted_job_is_waited_for(works: Works):
    await works.flow(CHAIN)
    async with works.controllers():
        await works.until_jobs("f-a")
        await works.bring("f-a", "Running")
        await works.until_state("Running")
        await works.bring("f-a", "Aborted")

        async def is_listed() -> bool:
            return (await works.read()).status.un_know_jobs == ["f-a"]

        await works.until("an aborted job", is_listed)
        await works.until_state("Running")


async def test_a_completed_job_that_removes_itself_does_not_come_back(works: Works):
    await works.flow(CHAIN)
    async with works.controllers():
        await works.until_jobs("f-a")
        await works.bring("f-a", "Completed")
        # Before the controller has had a turn.
        await works.client.delete(JOBS, "f-a", NS)
        await works.until_jobs("f-b")
        await works.bring("f-b", "Completed")
        await works.until_jobs("f-b", "f-c")
        await works.bring("f-c", "Completed")
        await works.until_state("Succeed")


async def test_jobs_of_a_flow_that_succeeded_go_where_that_is_asked_for(works: Works):
    await works.flow(make_flow("f").step("a").step("b", "a").spec(jobRetainPolicy="delete"))
    async with works.controllers():
        await works.until_jobs("f-a")
        await works.bring("f-a", "Completed")
        await works.until_jobs("f-a", "f-b")
        await works.bring("f-b", "Completed")
        await works.until_jobs()
        await works.clock.advance(60)
    assert await works.jobs() == {}
    status = (await works.read()).status
    assert (status.state.phase, status.completed_jobs) == ("Succeed", ["f-a", "f-b"])


async def test_a_flow_waits_for_a_template_and_goes_on_when_it_comes(works: Works):
    await works.flow(make_flow("f").step("late"))
    async with works.controllers():
        await works.until_state("Pending", "TemplateMissing")
        await works.until_told(
            "TemplateMissing", "step late needs JobTemplate late, which does not exist"
        )
        await works.template("late")
        await works.until_jobs("f-late")
        await works.until_state("Pending")


async def test_a_circle_that_came_in_without_admission_is_reported():
    async with make_works(has_admission=False) as works:
        await works.flow(make_flow("f").step("a", "b").step("b", "a"))
        async with works.controllers():
            await works.until_state("Pending", "InvalidFlow")
        assert await works.jobs() == {}


async def test_a_flow_whose_job_name_is_taken_waits_until_it_is_free(works: Works):
    await works.client.create(JOBS, make_job("f-a").task("main").manifest(), NS)
    await works.flow(make_flow("f").step("a"))
    async with works.controllers():
        await works.until_state("Pending", "ForeignJob")
        await works.client.delete(JOBS, "f-a", NS)
        await works.until_state("Pending")
        await works.until_jobs("f-a")


async def test_a_step_starts_when_all_pods_of_a_task_answer(works: Works):
    probe = {"httpGetList": [{"taskName": "main", "path": "/ready", "port": 8080}]}
    two = {"tasks": [{"name": "main", "replicas": 2}]}
    await works.flow(make_flow("f").step("a", patch=two).step("b", "a", probe=probe))
    async with works.controllers():
        await works.until_jobs("f-a")
        await works.bring("f-a", "Running")
        await works.until_state("Running", "ProbeFailing")
        for i in (0, 1):
            pod = make_pod(f"f-a-main-{i}").label(JOB_NAME, "f-a").label(TASK_SPEC, "main").req()
            await works.client.create(PODS, pod.manifest(), NS)
            status = {"status": {"phase": "Running", "podIP": f"10.0.0.{i}"}}
            await works.client.patch(PODS, f"f-a-main-{i}", status, NS, subresource="status")
        works.answering.add("10.0.0.0")

        async def is_said() -> bool:
            message = (await works.read()).status.state.message
            return message == "step b waits for 10.0.0.1:8080/ready to answer well"

        await works.until("the silent pod named", is_said)
        works.answering.add("10.0.0.1")
        await works.until_jobs("f-a", "f-b")
        await works.until_state("Running")


async def test_a_job_that_is_refused_is_said_and_tried_again(works: Works):
    await works.template("empty", tasks=[])
    await works.flow(make_flow("f").step("empty"))
    async with works.controllers():

        async def is_said() -> bool:
            events = (await works.client.list(EVENTS)).items
            return any(event.reason == "FailedCreate" for event in events)

        await works.until("a refusal", is_said)
        whole = {"spec": make_template("a").manifest()["spec"]}
        await works.client.patch(JOB_TEMPLATES, "empty", whole, NS)
        await works.until_jobs("f-empty")


async def test_a_job_that_a_closed_queue_refused_is_made_as_soon_as_it_opens(works: Works):
    await works.client.create(QUEUES, queue_manifest("q"))
    await works.set_queue("Closed")
    await works.template("queued", **make_job("x").queue("q").task("main").manifest()["spec"])
    await works.flow(make_flow("f").step("queued"))
    async with works.controllers():
        for _ in range(600):
            await works.clock.advance(0.5)
        assert await works.jobs() == {}
        opened_at = works.clock.now()
        await works.set_queue("Open")
        await works.until_jobs("f-queued")
        assert (works.clock.now() - opened_at).total_seconds() < 5


@pytest.mark.parametrize("writes", range(12))
async def test_a_flow_survives_its_controller_being_killed_between_any_two_writes(writes: int):
    async with make_works() as works:
        await works.flow(CHAIN.spec(jobRetainPolicy="delete"))
        mortal = MortalClient(works.client, writes)
        done: list[str] = []
        async with works.controllers(mortal):
            await works.until("death, or the end", partial(work_on, works, done, mortal))
        async with works.controllers():
            await works.until("the end", partial(work_on, works, done, None))
            await works.until_jobs()
        assert done == ["f-a", "f-b", "f-c"]


async def work_on(works: Works, done: list[str], mortal: MortalClient | None) -> bool:
    """Complete each job as it comes; each of them once."""
    for name in await works.jobs():
        job = await works.client.get(JOBS, name, NS)
        if job.status.state.phase != "Completed":
            done.append(name)
            await works.bring(name, "Completed")
    has_died = mortal is not None and mortal.has_died
    return has_died or (await works.read()).status.state.phase == "Succeed"


async def test_flows_that_share_templates_do_not_see_each_others_jobs(works: Works):
    await works.flow(make_flow("f").step("a").step("b", "a"))
    await works.flow(make_flow("g").step("a"))
    async with works.controllers():
        await works.until_jobs("f-a", "g-a")
        await works.bring("g-a", "Failed")
        await works.bring("f-a", "Completed")
        await works.until_jobs("f-a", "f-b", "g-a")
    assert (await works.read()).status.failed_jobs == []
