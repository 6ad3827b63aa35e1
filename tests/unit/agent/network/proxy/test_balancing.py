"""Which target a client gets."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from shoal.agent.network.proxy.balancing import Balancer
from shoal.agent.network.proxy.wire import Forward

TARGETS = tuple((f"10.200.0.{i}", 80) for i in range(2, 6))


def forward(*numbers: int, affinity_s: int = 0) -> Forward:
    return Forward("10.200.128.1", 80, "TCP", tuple(TARGETS[i] for i in numbers), affinity_s)


@given(st.integers(1, 4), st.integers(1, 20))
def test_targets_get_their_turns_alike(targets: int, rounds: int):
    balancer = Balancer(forward(*range(targets)))
    first = Counter(balancer.targets("c", 0.0)[0] for _ in range(targets * rounds))
    assert set(first.values()) == {rounds} and len(first) == targets


@given(st.integers(1, 4), st.integers(0, 10), st.booleans())
def test_every_target_is_tried_once_before_a_client_is_refused(
    targets: int, before: int, has_affinity: bool
):
    balancer = Balancer(forward(*range(targets), affinity_s=60 if has_affinity else 0))
    for _ in range(before):
        balancer.chosen("c", balancer.targets("c", 0.0)[0], 0.0)
    assert sorted(balancer.targets("c", 1.0)) == list(TARGETS[:targets])


def test_without_targets_there_is_nothing_to_try():
    assert Balancer(forward()).targets("c", 0.0) == []


def test_a_client_comes_back_to_the_target_it_had_until_it_stays_away_too_long():
    balancer = Balancer(forward(0, 1, 2, affinity_s=60))
    had = balancer.targets("c", 0.0)[0]
    balancer.chosen("c", had, 0.0)
    balancer.targets("other", 1.0)
    assert balancer.targets("c", 60.0)[0] == had
    assert balancer.targets("c", 60.1)[0] != had


def test_a_target_that_is_gone_is_remembered_by_nobody():
    balancer = Balancer(forward(0, 1, affinity_s=60))
    balancer.chosen("c", TARGETS[0], 0.0)
    balancer.update(forward(1, 2, affinity_s=60))
    assert TARGETS[0] not in balancer.targets("c", 1.0)
