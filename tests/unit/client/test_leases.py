"""Leader election: the decision alone, and electors against each other in memory."""

import asyncio
import random

import pytest

from shoal.api.core import LEASES, Lease, LeaseSpec
from shoal.api.meta import ObjectKey
from shoal.base.clock import VirtualClock
from shoal.client.leases import LeaderElector, LeaseMove, decide
from shoal.client.protocol import Client
from shoal.testing.cluster import memory_cluster

KEY = ObjectKey("kube-system", "shoal-test")


def lease(holder: str) -> Lease:
    return Lease(spec=LeaseSpec(holder_identity=holder, lease_duration_seconds=15))


@pytest.mark.parametrize(
    ("seen", "unchanged_s", "move"),
    [
        (None, 0.0, LeaseMove.CREATE),
        (lease("me"), 0.0, LeaseMove.RENEW),
        (lease("me"), 60.0, LeaseMove.RENEW),
        (lease("other"), 14.9, LeaseMove.WAIT),
        (lease("other"), 15.0, LeaseMove.TAKE),
        (lease(""), 0.0, LeaseMove.TAKE),
    ],
)
def test_the_move_follows_from_the_lease_and_how_long_it_has_not_changed(
    seen: Lease | None, unchanged_s: float, move: LeaseMove
) -> None:
    assert decide(seen, "me", unchanged_s) is move


class Candidate:
    """A process that wants to lead; notes when it does."""

    def __init__(self, name: str, client: Client, clock: VirtualClock) -> None:
        self.name = name
        self.leads = False
        self.elector = LeaderElector(client, KEY, name, clock, random.Random(name))
        self.running = asyncio.create_task(self.elector.run(self.lead))

    async def lead(self) -> None:
        self.leads = True
        try:
            await asyncio.Event().wait()
        finally:
            self.leads = False

    async def stop(self) -> None:
        self.running.cancel()
        await asyncio.gather(self.running, return_exceptions=True)


async def test_one_leads_and_hands_over_when_it_stops() -> None:
    clock = VirtualClock()
    async with memory_cluster(clock=clock) as cluster:
        first = Candidate("first", cluster.client, clock)
        await clock.advance(1)
        second = Candidate("second", cluster.client, clock)
        await clock.advance(60)
        assert (first.leads, second.leads) == (True, False)
        assert first.elector.is_leader
        held = await cluster.client.get(LEASES, KEY.name, KEY.namespace)
        assert (held.spec.holder_identity, held.spec.lease_transitions) == ("first", 0)

        await first.stop()
        assert not first.leads
        await clock.advance(3)
        assert second.leads
        held = await cluster.client.get(LEASES, KEY.name, KEY.namespace)
        assert (held.spec.holder_identity, held.spec.lease_transitions) == ("second", 1)
        await second.stop()


async def test_a_leader_that_vanished_is_replaced_after_the_lease_has_run_out() -> None:
    clock = VirtualClock()
    async with memory_cluster(clock=clock) as cluster:
        dead = Candidate("dead", cluster.client, clock)
        await clock.advance(1)
        held = await cluster.client.get(LEASES, KEY.name, KEY.namespace)
        await dead.stop()
        # As if it had been killed: the lease stands as it was.
        spec = {"holderIdentity": held.spec.holder_identity, "leaseDurationSeconds": 15}
        await cluster.client.patch(LEASES, KEY.name, {"spec": spec}, KEY.namespace)
        next_one = Candidate("next", cluster.client, clock)
        await clock.advance(14)
        assert not next_one.leads
        await clock.advance(5)
        assert next_one.leads
        await next_one.stop()


async def test_a_leader_whose_lease_was_taken_stops_leading_as_soon_as_it_sees_that() -> None:
    clock = VirtualClock()
    async with memory_cluster(clock=clock) as cluster:
        leader = Candidate("leader", cluster.client, clock)
        await clock.advance(1)
        assert leader.leads
        usurped = {"spec": {"holderIdentity": "usurper", "leaseDurationSeconds": 3600}}
        await cluster.client.patch(LEASES, KEY.name, usurped, KEY.namespace)
        await clock.advance(3)
        assert not leader.leads
        held = await cluster.client.get(LEASES, KEY.name, KEY.namespace)
        assert held.spec.holder_identity == "usurper"
        await leader.stop()


async def test_of_two_that_start_together_only_one_leads() -> None:
    clock = VirtualClock()
    async with memory_cluster(clock=clock) as cluster:
        candidates = [Candidate(name, cluster.client, clock) for name in ("a", "b", "c")]
        for _ in range(20):
            await clock.advance(2)
            assert sum(candidate.leads for candidate in candidates) == 1
        for candidate in candidates:
            await candidate.stop()


async def test_work_that_fails_ends_the_election_with_its_error() -> None:
    clock = VirtualClock()
    async with memory_cluster(clock=clock) as cluster:
        elector = LeaderElector(cluster.client, KEY, "me", clock, random.Random(1))

        async def fail() -> None:
            raise RuntimeError("broken")

        with pytest.raises(RuntimeError, match="broken"):
            await elector.run(fail)
        assert not elector.is_leader
        held = await cluster.client.get(LEASES, KEY.name, KEY.namespace)
        assert held.spec.holder_identity == ""
