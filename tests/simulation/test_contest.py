"""Queues come to what they deserve, soon, and stay there."""

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.simulation.contest import MOST_TURNS, drawn_contest, hold, ideal_shares


@settings(max_examples=4)
@given(st.randoms(use_true_random=False))
def test_queues_of_small_jobs_lack_less_than_one_job_of_their_max_min_share(
    chance: random.Random,
) -> None:
    outcome = hold(drawn_contest(chance, cpu=1, members=1))
    for held, ideal in zip(outcome.held, outcome.ideal, strict=True):
        assert held > ideal - 1 - 1e-6, outcome
    assert outcome.turns <= 3


@settings(max_examples=3)
@given(st.randoms(use_true_random=False), st.integers(1, 3), st.integers(1, 4))
def test_queues_of_gangs_come_to_rest_in_a_few_turns(
    chance: random.Random, cpu: int, members: int
) -> None:
    outcome = hold(drawn_contest(chance, cpu, members))
    assert outcome.turns < MOST_TURNS
    assert sum(outcome.held) <= outcome.total


def test_ideal_shares_leave_to_others_what_one_does_not_wish() -> None:
    assert ideal_shares(12, (1, 1, 2), (1, 20, 20)) == [1, 11 / 3, 22 / 3]
