"""A Job controller that is killed between any two writes, while pods meet any fate.

Whatever happens, no more pods are active than asked for, each pod that ends is counted once, and a
job that has finished never changes.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shoal.api.batch import COMPLETION_INDEX, Job
from shoal.api.pod import PODS, Pod
from shoal.testing.builders import BatchJobBuilder, make_batch_job
from tests.batch_site import NS, BatchSite, batch_site
from tests.mortal import MortalClient

PARALLELISM = 3
COMPLETIONS = 5

Step = tuple[str, int]


class Attentive:
    """Looks after every create at how many pods are active."""

    def __init__(self, site: BatchSite) -> None:
        self._site = site
        self.most_active = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._site.client, name)

    async def create(self, *args: Any, **kwargs: Any) -> Any:
        made = await self._site.client.create(*args, **kwargs)
        if args[0] is PODS:
            self.most_active = max(self.most_active, len(await self._site.active()))
        return made


class Fates:
    """Lets pods end and go, and knows which did."""

    def __init__(self, site: BatchSite) -> None:
        self.site = site
        self.succeeded: dict[str, Pod] = {}
        self.failed: dict[str, Pod] = {}

    async def meet(self, what: str, number: int) -> None:
        pods = await self.site.active()
        if what == "pass":
            await self.site.clock.advance(number)
        elif what == "suspend":
            await self.site.change({"suspend": bool(number % 2)})
        elif pods:
            pod = pods[number % len(pods)]
            await self._meet(what, pod)

    async def _meet(self, what: str, pod: Pod) -> None:
        uid = pod.metadata.uid
        if what == "succeed":
            self.succeeded[uid] = pod
            await self.site.end(pod)
        elif what == "fail":
            self.failed[uid] = pod
            await self.site.end(pod, 1)
        elif what == "delete":
            self.failed[uid] = pod
            await self.site.delete(pod)

    async def finish(self) -> Job:
        """All pods succeed from now on."""

        async def over() -> Job | None:
            await self.site.let_go()
            for pod in await self.site.active():
                await self._meet("succeed", pod)
            await self.site.clock.advance(20)
            job = await self.site.job()
            return job if job.is_finished else None

        return await _repeated(over)


async def _repeated(look: Callable[[], Awaitable[Job | None]]) -> Job:
    for _ in range(200):
        found = await look()
        if found is not None:
            return found
    raise AssertionError("the job does not end")


def lives(*whats: str) -> st.SearchStrategy[list[tuple[int, list[Step]]]]:
    """Lives of the controller: after how many writes it is killed, and what happens meanwhile."""
    step = st.tuples(
        st.sampled_from(["pass", "succeed", "fail", "delete", *whats]), st.integers(0, 25)
    )
    return st.lists(st.tuples(st.integers(0, 9), st.lists(step, max_size=5)), max_size=5)


async def live_through(
    built: BatchJobBuilder, all_lives: list[tuple[int, list[Step]]]
) -> tuple[Job, Fates, int]:
    async with batch_site() as site:
        await site.submit(built)
        fates, seen = Fates(site), Attentive(site)
        for writes, steps in all_lives:
            async with site.controllers(MortalClient(seen, writes)):
                await site.clock.advance(0.1)
                for what, number in steps:
                    if not (await site.job()).is_finished:
                        await fates.meet(what, number)
                    await site.clock.advance(0.1)
        if not (await site.job()).is_finished:
            await site.change({"suspend": False})
        async with site.controllers(seen):
            job = await fates.finish()
        async with site.controllers(seen):
            await site.settle(30)
            assert (await site.job()).status == job.status
            assert not any(pod.metadata.finalizers for pod in await site.pods())
        return job, fates, seen.most_active


many = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))


@many
@given(lives())
def test_each_pod_that_ends_is_counted_once(drawn):
    job = make_batch_job().spec(parallelism=PARALLELISM, completions=COMPLETIONS, backoffLimit=100)
    ended, fates, most_active = asyncio.run(live_through(job, drawn))
    assert most_active <= PARALLELISM
    assert ended.status.succeeded == len(fates.succeeded) == COMPLETIONS
    assert ended.status.failed == len(fates.failed)


@many
@given(lives())
def test_each_index_is_counted_once(drawn):
    job = make_batch_job().indexed(COMPLETIONS, parallelism=PARALLELISM, backoffLimit=100)
    ended, fates, most_active = asyncio.run(live_through(job, drawn))
    assert most_active <= PARALLELISM
    assert ended.status.completed_indexes == "0-4"
    done = [pod.metadata.annotations[COMPLETION_INDEX] for pod in fates.succeeded.values()]
    assert sorted(done) == ["0", "1", "2", "3", "4"]
    assert ended.status.failed == len(fates.failed)


@many
@given(lives())
def test_each_index_has_as_many_tries_as_it_may(drawn):
    built = make_batch_job().indexed(COMPLETIONS, parallelism=PARALLELISM, backoffLimitPerIndex=2)
    ended, fates, most_active = asyncio.run(live_through(built, drawn))
    assert most_active <= PARALLELISM
    assert ended.status.failed == len(fates.failed)
    for index in range(COMPLETIONS):
        failures = [
            pod
            for pod in fates.failed.values()
            if pod.metadata.annotations[COMPLETION_INDEX] == str(index)
        ]
        assert len(failures) <= 3
    failed_indexes = {i for i in (ended.status.failed_indexes or "").split(",") if i}
    assert bool(failed_indexes) != (ended.status.completed_indexes == "0-4")


@many
@given(lives("suspend"))
def test_no_pod_is_counted_twice_where_a_job_is_suspended_and_resumed(drawn):
    job = make_batch_job().spec(parallelism=PARALLELISM, completions=COMPLETIONS, backoffLimit=100)
    ended, fates, most_active = asyncio.run(live_through(job, drawn))
    assert most_active <= PARALLELISM
    assert COMPLETIONS == ended.status.succeeded <= len(fates.succeeded)
    assert ended.status.failed <= len(fates.failed)


@pytest.mark.parametrize("writes", range(12))
async def test_a_failing_job_fails_once_wherever_it_is_cut_off(writes: int):
    async with batch_site() as site:
        await site.submit(make_batch_job().spec(parallelism=2, completions=2, backoffLimit=0))
        async with site.controllers():
            first, second = await site.until_pods(2)
            await site.run(second)
        await site.end(first, 1)
        async with site.controllers(MortalClient(site.client, writes)):
            await site.settle(2)
        async with site.controllers():
            await site.settle(2)
            await site.let_go()
            job = await site.until_condition("Failed")
        assert (job.status.failed, job.status.succeeded, job.status.active) == (2, 0, 0)
        left = (await site.client.list(PODS, NS)).items
        assert [pod.metadata.name for pod in left] == [first.metadata.name]
