"""What goes wrong with one pod of a node agent, and what that must not cost."""

import pytest

from shoal.agent.runtime.protocol import ContainerKey
from shoal.api.pod import PODS
from shoal.base.clock import VirtualClock
from shoal.client.protocol import DeleteOptions
from shoal.testing.cluster import memory_cluster
from shoal.testing.runtime import FakeMachine, read_command
from tests.agent_site import NS, World, run


@pytest.fixture
async def world(tmp_path):
    clock = VirtualClock()
    async with memory_cluster(clock=clock) as cluster:
        yield World(cluster.client, FakeMachine(clock), clock, tmp_path / "pods")


class Failing:
    """Makes the workers of pods fail as long as it is on."""

    def __init__(self) -> None:
        self.is_on = True
        self.count = 0

    def behave(self, spec):
        if self.is_on:
            self.count += 1
            raise NotImplementedError("a bug")
        return read_command(spec.argv)


async def failed_often(world, failing):
    """The back-off is as long as it gets then."""

    async def has_failed():
        await world.clock.advance(1)
        return failing.count >= 10

    await world.until(has_failed)


async def test_a_pod_whose_worker_fails_again_and_again_is_deleted_without_waiting(world):
    failing = Failing()
    world.machine.behave = failing.behave
    async with world.agent():
        await world.create("p", run("serve"))
        await failed_often(world, failing)
        failing.is_on = False
        await world.client.delete(PODS, "p", NS)
        await world.until_gone("p")


async def test_a_worker_that_was_well_for_long_waits_as_little_as_at_first(world):
    failing = Failing()
    world.machine.behave = failing.behave
    async with world.agent():
        pod = await world.create("p", run("serve"))
        await failed_often(world, failing)
        failing.is_on = False

        async def runs():
            await world.clock.advance(0.5)
            return world.machine.running()

        await world.until(runs)
        await world.until_phase("p", "Running")
        await world.clock.advance(120)
        failing.is_on, failing.count = True, 0
        world.machine.finish(ContainerKey(pod.metadata.uid, "c", 0), 1)

        async def fails():
            await world.clock.advance(0.5)
            return failing.count

        await world.until(fails)
        failing.is_on = False
        failed_s = world.clock.monotonic()
        await world.until(runs)
        assert world.clock.monotonic() - failed_s < 10


async def test_a_pod_that_cannot_be_deleted_while_its_agent_starts_costs_no_other_pod(world):
    async with world.agent():
        stuck = await world.create("stuck", run("serve"))
        await world.until_phase("stuck", "Running")
    await world.client.delete(PODS, "stuck", NS, DeleteOptions(grace_period_s=0))
    world.machine.stuck.add(stuck.metadata.uid)
    async with world.agent():
        await world.create("other", run("serve"))
        other = await world.until_phase("other", "Running")
        await world.until(lambda: len(world.machine.running()) == 1)
    assert world.machine.running() == [ContainerKey(other.metadata.uid, "c", 0)]


async def test_a_pod_that_cannot_be_deleted_is_tried_again_and_its_worker_goes_on(world, caplog):
    async with world.agent():
        pod = await world.create("p", run("serve"))
        await world.until_phase("p", "Running")
        world.machine.stuck.add(pod.metadata.uid)
        await world.client.delete(PODS, "p", NS)
        await world.until(lambda: "default/p cannot be removed" in caplog.text)
        assert world.machine.running() == []
        world.machine.stuck.clear()

        async def is_gone():
            await world.clock.advance(1)
            return pod.metadata.uid not in world.machine.pods

        await world.until(is_gone)
        await world.until_gone("p")
    assert "the worker of pod" not in caplog.text


async def test_a_pod_that_was_bound_while_no_agent_ran_gets_no_address_of_another(world):
    volumes = [{"name": "v", "configMap": {"name": "missing"}}]
    async with world.agent():
        await world.create("waits", run("serve"), volumes=volumes)
        waiting = await world.until_pod("waits", lambda pod: pod.status.pod_ip)
    # Of the former nothing is on the machine, and the latter is listed first.
    await world.create("a", run("serve"))
    async with world.agent():
        other = await world.until_phase("a", "Running")
        assert (await world.get("waits")).status.pod_ip == waiting.status.pod_ip
    assert other.status.pod_ip != waiting.status.pod_ip
