"""Phases of PodGroups, as they follow from their members."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shoal.api.volcano.pod_group import PodGroupPhase
from shoal.scheduler.gangs.member import MemberState
from shoal.scheduler.gangs.phase import next_phase

PENDING, INQUEUE, RUNNING = PodGroupPhase.PENDING, PodGroupPhase.INQUEUE, PodGroupPhase.RUNNING
UNKNOWN, COMPLETED = PodGroupPhase.UNKNOWN, PodGroupPhase.COMPLETED


def after(
    before: PodGroupPhase, least: int = 2, *, is_rejected: bool = False, **counts: int
) -> str:
    states = Counter({MemberState(name.capitalize()): count for name, count in counts.items()})
    return next_phase(before, states, least, is_rejected=is_rejected)


@pytest.mark.parametrize("before", list(PodGroupPhase))
def test_a_group_whose_minimum_has_nodes_runs(before: PodGroupPhase) -> None:
    assert after(before, running=2) == RUNNING
    assert after(before, bound=1, running=1) == RUNNING
    assert after(before, succeeded=1, running=1) == RUNNING


@pytest.mark.parametrize("before", list(PodGroupPhase))
def test_a_group_whose_members_are_all_done_is_completed(before: PodGroupPhase) -> None:
    assert after(before, succeeded=1, failed=1) == COMPLETED


def test_a_group_that_loses_members_while_others_run_is_unknown() -> None:
    assert after(RUNNING, running=1, waiting=1, is_rejected=True) == UNKNOWN


def test_a_placement_that_nobody_knows_of_makes_no_group_run() -> None:
    assert after(INQUEUE, placed=2) == INQUEUE


def test_a_group_that_lost_all_its_nodes_is_not_admitted_again() -> None:
    assert after(RUNNING, waiting=2) == INQUEUE
    assert after(UNKNOWN, waiting=2) == INQUEUE


def test_a_group_that_waits_for_admission_goes_on_waiting() -> None:
    assert after(PENDING, waiting=2) == PENDING
    assert after(PENDING) == PENDING


def test_a_completed_group_stays_so_when_its_pods_are_removed_and_not_when_new_ones_come() -> None:
    assert after(COMPLETED) == COMPLETED
    assert after(COMPLETED, waiting=2) == INQUEUE


def test_a_group_without_pods_is_never_completed() -> None:
    assert after(INQUEUE, least=0) == INQUEUE


@given(
    st.sampled_from(PodGroupPhase),
    st.dictionaries(st.sampled_from(MemberState), st.integers(0, 3)),
    st.integers(0, 4),
    st.booleans(),
)
def test_every_group_has_a_phase_that_stays_while_nothing_changes(
    before: PodGroupPhase, counts: dict[MemberState, int], least: int, is_rejected: bool
) -> None:
    first = next_phase(before, counts, least, is_rejected=is_rejected)
    assert next_phase(first, counts, least, is_rejected=is_rejected) == first
