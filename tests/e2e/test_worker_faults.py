"""Workers on `shoal up`, over everything that can be killed: every item of a queue is acknowledged
once, a batch that must not be repeated is not, and a stream always comes back."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import nullcontext
from dataclasses import dataclass

import pytest

from shoal.api.pod import PODS
from shoal.api.worker import Worker
from shoal.cli.explain import explain
from shoal.client.protocol import DeleteOptions
from tests.fault_site import NAMESPACE, FaultSite, fault_site
from tests.kubectl import OF_THE_WHEEL, Kubectl
from tests.waiting import SLOW_PAUSE_S, eventually

pytestmark = pytest.mark.slow

SOURCES = ("sqlite", "postgresql", "redis")
LIMIT_S = 300


def seeds(*quick: int) -> pytest.MarkDecorator:
    """These in every run of the tests, and twenty more in long runs."""
    more = [pytest.param(seed, marks=pytest.mark.soak) for seed in range(100, 120)]
    return pytest.mark.parametrize("seed", [*quick, *more])


@dataclass(frozen=True, slots=True)
class Trial:
    """A queue of moderate size; where pods drain it, it gets more items until all faults are over.
    A Job makes its next pods the later the more have failed without one that succeeded between, so
    pods that drain a queue are deleted less often, and are more."""

    pattern: str
    good: int
    poison: int
    pause_s: float
    parallelism: int
    deletions: int
    least: int
    """Items done between two faults."""


DRAIN = Trial("Drain", 100, 1, 0.2, 5, 2, 10)
ITEM_PER_POD = Trial("ItemPerPod", 64, 0, 0.5, 3, 3, 3)
RETRIES = 2
"""As often as a program is killed; fewer than pods are deleted."""


def faults(site: FaultSite, trial: Trial) -> list[Callable[[], Awaitable[object]]]:
    return [
        site.kill_program,
        site.kill_plane,
        site.delete_pod_politely,
        *[site.delete_pod_at_once] * trial.deletions,
        site.hold_up,
        *[site.restart_database] * (2 if site.server is not None else 0),
    ]


@seeds(2, 3)
async def test_every_item_is_acknowledged_once_whatever_dies(seed: int) -> None:
    trial = (DRAIN, ITEM_PER_POD)[seed % 2]
    async with (
        asyncio.timeout(LIMIT_S),
        fault_site(SOURCES[seed % len(SOURCES)], seed) as site,
    ):
        site.put(trial.good, trial.poison)
        budget = {"parallelism": trial.parallelism, "retries": RETRIES}
        await site.make_queue(trial.pattern, trial.pause_s, **budget)
        async with site.supplied() if trial is DRAIN else nullcontext():
            await site.befall(trial.least, faults(site, trial))
        status = (await site.ended()).status
        assert status.phase == "Succeeded", f"{status.message}: {status.attempts}"
        assert status.progress is not None
        total = site.good + site.poison
        assert (status.progress.done, status.progress.total) == (site.good, total)
        assert status.progress.failed == site.poison
        assert "Complete" in await site.job_conditions()
        counted = site.check_items()
        assert counted.cut_off <= len(site.kills) + len(site.deletions) + site.late_deletions
        assert status.application_failures == len(site.kills) == RETRIES
        most = len(site.deletions) + site.late_deletions
        assert len(site.deletions) <= status.infrastructure_failures <= most
        assert status.infrastructure_failures > RETRIES


async def explained(site: FaultSite, name: str, capsys: pytest.CaptureFixture[str]) -> str:
    capsys.readouterr()
    await explain(site.client, ["worker", name], NAMESPACE)
    return capsys.readouterr().out


FAILED_ONCE = {
    "killed": ("Application", "Error"),
    "unseen": ("Application", "Error"),
    "deleted": ("Infrastructure", "PodDeleted"),
}


async def fail_each(site: FaultSite) -> dict[str, Worker]:
    """Batches that fail in three ways: what became of them."""
    for name in FAILED_ONCE:
        await site.make_worker(name, "forever", mode="Batch", retries=5)
    for name in FAILED_ONCE:
        await site.at_work(name)
    await site.kill_program("killed")
    await site.delete_pod_at_once("deleted")
    await site.kill_plane("unseen")
    return {name: await site.ended(name) for name in FAILED_ONCE}


async def tempt(site: FaultSite) -> None:
    """Everything that could make a controller start a failed batch again."""
    for name in FAILED_ONCE:
        await site.touch(name)
    async with site.without_plane():
        pass
    options = DeleteOptions(grace_period_s=0)
    await site.client.delete(PODS, "killed-1", NAMESPACE, options)
    for name in FAILED_ONCE:
        await site.touch(name)
    async with site.without_plane():
        pass
    for name in FAILED_ONCE:
        await site.touch(name)
    # One that comes after shows that controllers have looked at all of them.
    await site.make_worker("witness", "forever", mode="Batch")
    await site.kill_program("witness")
    await site.ended("witness")


async def test_a_batch_that_must_not_be_repeated_never_is(
    capsys: pytest.CaptureFixture[str],
) -> None:
    async with asyncio.timeout(LIMIT_S), fault_site("sqlite", 1) as site:
        born: set[tuple[str, str]] = set()
        noting = asyncio.create_task(site.note_pods(born))
        before = await fail_each(site)
        await tempt(site)
        noting.cancel()
        await asyncio.wait([noting])
        born |= await site.pods_of_events()
        names = [f"{name}-1" for name in (*FAILED_ONCE, "witness")]
        assert sorted(name for name, _ in born) == sorted(names)
        assert sorted(each.pod for each in site.deliveries.starts()) == sorted(names)
        for name, (category, reason) in FAILED_ONCE.items():
            worker = await site.worker(name)
            status = worker.status
            assert (status.phase, status.run) == ("Failed", 1)
            assert status.message == before[name].status.message
            assert status.last_error is not None and status.strategy is not None
            assert (status.last_error.category, status.last_error.reason) == (category, reason)
            assert status.last_error.exit_code == (137 if reason == "Error" else None)
            story = await explained(site, name, capsys)
            assert "Failed" in story.splitlines()[0] and status.message in story
            assert f"It is Pod {name}-1 with restartPolicy Never" in story
            assert status.strategy.reason.rstrip(".") in story


async def test_a_stream_always_comes_back(
    capsys: pytest.CaptureFixture[str],
) -> None:
    async with (
        asyncio.timeout(LIMIT_S),
        fault_site("sqlite", 1, "--nodes", "2") as site,
    ):
        await site.make_worker("stream", "forever", mode="Stream", retries=0)
        await site.kill_program()
        await site.kill_plane()
        await site.delete_pod_at_once()
        for _ in range(2):
            await site.kill_program()
        victim = await site.at_work()
        node = (await site.client.get(PODS, victim.pod, NAMESPACE)).spec.node_name
        kubectl = Kubectl(OF_THE_WHEEL, site.up.kubeconfig, site.up.folder)
        await kubectl("drain", node, "--timeout=60s")
        await site.kill_program()
        last = await site.at_work()
        assert last.pod != victim.pod
        assert (await site.client.get(PODS, last.pod, NAMESPACE)).spec.node_name != node

        assert len(site.kills) == 5

        async def is_told() -> bool:
            status = (await site.worker("stream")).status
            # One may have been seen by nobody: its pod was deleted next.
            is_counted = 4 <= status.application_failures <= 5
            return status.phase == "Running" and status.active == 1 and is_counted

        await eventually(is_told, "the stream runs", pause_s=SLOW_PAUSE_S)
        story = await explained(site, "stream", capsys)
        assert "It is Deployment stream with restartPolicy Always" in story
