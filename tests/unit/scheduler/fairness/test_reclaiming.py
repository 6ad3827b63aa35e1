"""Reclaiming comes to an end: nobody can take back what was taken from it.

Small clusters are walked through completely. A state is the set of pods that are placed; from each
one, any pod that fits may be placed, and any that does not may evict what its queue is entitled to,
in any order. Evicted pods come back and wait. There must be no way from a state through an eviction
back to that state, whichever pod the scheduler would take next.
"""

from collections.abc import Iterator, Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shoal.api.volcano.queue import Queue
from shoal.scheduler.fairness import amounts
from shoal.scheduler.fairness.divisions import policy_of
from shoal.scheduler.fairness.queue_policy import QueueClaim, QueuePolicy, QueueUsage
from shoal.scheduler.fairness.rules import Division, Rules
from shoal.scheduler.state.request import Amounts
from tests.unit.scheduler.fairness.shared_clusters import queue, usage

LEAVES = ("a", "b", "c")
PARENTS = {"p": ("", "q"), "q": ("",)}
State = frozenset[int]


def sizes(least: int = 0):
    resources = st.dictionaries(st.sampled_from(["cpu", "memory"]), st.integers(1, 4))
    return resources.filter(lambda each: len(each) >= least)


def shares():
    """What a manifest has, mostly nothing."""
    return st.one_of(st.just({}), sizes()).map(as_listed)


def as_listed(of: Mapping[str, int]) -> dict[str, str]:
    return {name: f"{n}m" if name == "cpu" else str(n) for name, n in of.items()}


@st.composite
def queues(draw: st.DrawFn) -> dict[str, Queue]:
    def one(name: str, parent: str) -> Queue:
        return queue(
            name,
            parent=parent,
            weight=draw(st.integers(1, 3)),
            deserved=draw(st.one_of(shares(), sizes().map(as_listed))),
            capability=draw(st.one_of(st.just({}), st.just({}), shares())),
            guarantee={"resource": draw(st.one_of(st.just({}), st.just({}), shares()))},
        )

    found = {name: one(name, draw(st.sampled_from(above))) for name, above in PARENTS.items()}
    return found | {name: one(name, draw(st.sampled_from(["", "p", "q"]))) for name in LEAVES}


class Cluster:
    def __init__(
        self,
        rules: Rules,
        queues: Mapping[str, Queue],
        pods: list[tuple[str, Amounts]],
        total: Amounts,
    ) -> None:
        self.make = policy_of(rules)
        self.queues, self.pods, self.total = queues, pods, total

    def __repr__(self) -> str:
        specs = {name: each.spec for name, each in self.queues.items()}
        return f"Cluster(pods={self.pods}, total={self.total}, specs={specs})"

    def policy(self, state: State) -> QueuePolicy:
        used: dict[str, QueueUsage] = {}
        for name in self.queues:
            mine = [i for i, (queue, _) in enumerate(self.pods) if queue == name]
            used[name] = usage(
                [self.pods[i][1] for i in mine if i in state],
                [self.pods[i][1] for i in mine if i not in state],
            )
        return self.make(self.queues, used, dict(self.total))

    def has_room(self, state: State, request: Amounts) -> bool:
        held = amounts.total_of(self.pods[i][1] for i in state)
        return amounts.fits(held, request, self.total)

    def start(self) -> State:
        """As many pods as fit, whatever they are entitled to: shares may have changed since."""
        state: State = frozenset()
        for i, (_, request) in enumerate(self.pods):
            if self.has_room(state, request):
                state |= {i}
        return state

    def placements(self, state: State) -> Iterator[State]:
        policy = self.policy(state)
        for i, (name, request) in enumerate(self.pods):
            if i in state or not self.has_room(state, request):
                continue
            if policy.shortage(name, request) is None:
                yield state | {i}

    def evictions(self, state: State) -> Iterator[tuple[int, State]]:
        """Who reclaims, and who is left then; victims are not fewer than needed."""
        policy = self.policy(state)
        for i, (name, request) in enumerate(self.pods):
            if i in state or self.has_room(state, request):
                continue
            if policy.may_reclaim(name, request):
                for left in self._left(policy, state, QueueClaim(name, request)):
                    yield i, left

    def _left(self, policy: QueuePolicy, state: State, reclaimer: QueueClaim) -> Iterator[State]:
        for victim in state:
            name, request = self.pods[victim]
            if not policy.gives(QueueClaim(name, request), reclaimer):
                continue
            left = state - {victim}
            if self.has_room(left, dict(reclaimer.request)):
                yield left
                continue
            policy.release(name, request)
            yield from self._left(policy, left, reclaimer)
            policy.allocate(name, request)


def reclaim_cycle(cluster: Cluster) -> tuple[State, State] | None:
    """A state and one reached by an eviction from which there is a way back."""
    steps: dict[State, set[State]] = {}
    evictions: list[tuple[State, State]] = []
    todo: list[State] = [frozenset(), cluster.start()]
    while todo:
        state = todo.pop()
        if state in steps:
            continue
        after = [left | {i} for i, left in cluster.evictions(state)]
        evictions += ((state, each) for each in after)
        steps[state] = {*after, *cluster.placements(state)}
        todo += steps[state]
    return next((each for each in evictions if is_reachable(steps, each[1], each[0])), None)


def is_reachable(steps: Mapping[State, set[State]], start: State, end: State) -> bool:
    seen, todo = {start}, [start]
    while todo:
        for each in steps[todo.pop()] - seen:
            seen.add(each)
            todo.append(each)
    return end in seen


@st.composite
def clusters(draw: st.DrawFn, division: Division) -> Cluster:
    rules = Rules(
        division=division,
        hierarchy=draw(st.booleans()),
        ancestor_reclaim_level=draw(st.integers(0, 2)),
    )
    pods = st.lists(st.tuples(st.sampled_from(LEAVES), sizes(1)), min_size=3, max_size=6)
    total = {"cpu": draw(st.integers(3, 8)), "memory": draw(st.integers(3, 8))}
    return Cluster(rules, draw(queues()), draw(pods), total)


@pytest.mark.parametrize("division", [Division.FAIR, Division.PROPORTION, Division.CAPACITY])
@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_no_eviction_is_ever_undone(division: Division, data: st.DataObject):
    assert reclaim_cycle(data.draw(clusters(division))) is None


def beyond_deserved(policy: QueuePolicy, cluster: Cluster, state: State) -> int:
    """What queues hold beyond what they deserve, all together."""
    held = {name: amounts.total_of(()) for name in cluster.queues}
    for i in state:
        amounts.add(held[cluster.pods[i][0]], cluster.pods[i][1])
    return sum(
        max(0, amount - policy.deserved(name).get(resource, 0))
        for name in LEAVES
        for resource, amount in held[name].items()
    )


@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_each_eviction_of_the_fair_division_brings_queues_closer_to_what_they_deserve(
    data: st.DataObject,
):
    cluster = data.draw(clusters(Division.FAIR))
    state = cluster.start()
    while found := sorted(cluster.evictions(state), key=lambda each: (each[0], sorted(each[1]))):
        i, left = data.draw(st.sampled_from(found))
        policy = cluster.policy(state)
        after = left | {i}
        assert beyond_deserved(policy, cluster, after) < beyond_deserved(policy, cluster, state)
        state = after


@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_shares_stay_within_the_cluster_the_capabilities_and_the_guarantees(data: st.DataObject):
    division = data.draw(st.sampled_from([Division.FAIR, Division.PROPORTION]))
    cluster = data.draw(clusters(division))
    policy = cluster.policy(cluster.start())
    deserved = {name: policy.deserved(name) for name in cluster.queues}
    guarantees = {
        name: amounts.of_resource_list(each.spec.guarantee.resource)
        for name, each in cluster.queues.items()
    }
    for resource, amount in cluster.total.items():
        # Inner queues of the fair division deserve what those below them do.
        names = LEAVES if division is Division.FAIR else tuple(cluster.queues)
        assert sum(deserved[name].get(resource, 0) for name in names) <= amount
        is_enough = sum(each.get(resource, 0) for each in guarantees.values()) <= amount
        for name in names:
            kept = guarantees[name].get(resource, 0)
            capability = amounts.limits_of(cluster.queues[name].spec.capability)
            part = deserved[name].get(resource, 0)
            assert part <= max(capability.get(resource, amount), kept)
            assert not is_enough or part >= kept


@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_whatever_is_placed_capabilities_hold_and_guarantees_can_be_met(data: st.DataObject):
    cluster = data.draw(clusters(Division.FAIR))
    guarantees = {
        name: amounts.of_resource_list(cluster.queues[name].spec.guarantee.resource)
        for name in LEAVES
    }
    state: State = frozenset()
    while found := sorted(cluster.placements(state), key=sorted):
        state = data.draw(st.sampled_from(found))
        held = {name: amounts.total_of(()) for name in LEAVES}
        for i in state:
            amounts.add(held[cluster.pods[i][0]], cluster.pods[i][1])
        for resource, amount in cluster.total.items():
            for name in LEAVES:
                limits = amounts.limits_of(cluster.queues[name].spec.capability)
                assert held[name].get(resource, 0) <= limits.get(resource, amount)
            taken = sum(
                max(held[name].get(resource, 0), guarantees[name].get(resource, 0))
                for name in LEAVES
            )
            guaranteed = sum(each.get(resource, 0) for each in guarantees.values())
            assert taken <= max(amount, guaranteed)
