"""The order of a StatefulSet, whatever its pods are at."""

from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shoal.api.apps import StatefulSet
from shoal.controllers.kube.revisions import POD_HASH
from shoal.controllers.kube.stateful_set_plan import (
    View,
    max_unavailable,
    next_step,
    starts_at_update,
)
from shoal.controllers.kube.stateful_set_pods import ordinal_of, ordinals
from shoal.testing.builders import make_pod

NOW = datetime(2026, 1, 1, tzinfo=UTC)
STATES = ("missing", "pending", "running", "ready", "failed", "leaving")


def make_set(replicas=3, **spec):
    body = {"metadata": {"name": "web", "uid": "u"}, "spec": {"replicas": replicas, **spec}}
    return msgspec.convert(body, StatefulSet)


def make_member(ordinal, state, revision="new"):
    pod = make_pod(f"web-{ordinal}").labels(**{POD_HASH: revision})
    match state:
        case "pending":
            return pod.phase("Pending").obj()
        case "running":
            return pod.phase("Running").condition("Ready", "False").obj()
        case "failed":
            return pod.phase("Failed").obj()
        case "leaving":
            return pod.phase("Running").condition("Ready", "True").terminating().obj()
        case _:
            return pod.phase("Running").condition("Ready", "True").obj()


def make_view(stateful_set, states):
    """`states` by ordinal: a state, or a state and a revision."""
    pods = [
        make_member(ordinal, *((state,) if isinstance(state, str) else state))
        for ordinal, state in states.items()
        if state != "missing" and state[0] != "missing"
    ]
    return View(stateful_set, pods, "new", NOW)


def names(pods):
    return [pod.metadata.name for pod in pods]


MEMBERS = st.dictionaries(
    st.integers(0, 7), st.tuples(st.sampled_from(STATES), st.sampled_from(["old", "new"]))
)


@given(MEMBERS, st.integers(0, 6), st.integers(0, 2))
def test_in_order_a_pod_is_made_only_when_all_below_it_are_available(members, replicas, start):
    stateful_set = make_set(replicas, ordinals={"start": start})
    step = next_step(make_view(stateful_set, members))
    assert len(step.create) + len(step.remove) <= 1
    for ordinal in step.create:
        assert members.get(ordinal, ("missing",))[0] == "missing"
        assert all(members[n][0] == "ready" for n in range(start, ordinal))


@given(MEMBERS, st.integers(0, 6))
def test_in_order_the_highest_goes_only_when_all_that_stay_are_available(members, replicas):
    stateful_set = make_set(replicas)
    step = next_step(make_view(stateful_set, members))
    for pod in step.remove:
        ordinal = ordinal_of(stateful_set, pod.metadata.name)
        if ordinal not in ordinals(stateful_set):
            present = [n for n, (state, _) in members.items() if state != "missing"]
            assert ordinal == max(present)
            assert all(members[n][0] == "ready" for n in range(replicas))


@given(MEMBERS, st.integers(0, 6), st.integers(1, 4), st.integers(0, 3))
def test_an_update_takes_no_more_pods_away_than_may_be_unavailable(
    members, replicas, most, partition
):
    rolling = {"partition": partition, "maxUnavailable": most}
    stateful_set = make_set(
        replicas, podManagementPolicy="Parallel", updateStrategy={"rollingUpdate": rolling}
    )
    view = make_view(stateful_set, members)
    step = next_step(view)
    lost = [pod for pod in step.remove if view.is_available(pod)]
    staying = [pod for pod in lost if ordinal_of(stateful_set, pod.metadata.name) < replicas]
    missing = sum(not view.is_available(pod) for _, pod in view.replicas)
    assert not staying or len(staying) + missing <= most
    assert all(ordinal_of(stateful_set, p.metadata.name) >= partition for p in staying)
    assert all(not view.is_current(pod) for pod in staying)


@given(MEMBERS, st.integers(0, 6), st.booleans())
def test_no_ordinal_has_two_pods_and_nothing_is_made_outside_the_range(
    members, replicas, is_parallel
):
    policy = "Parallel" if is_parallel else "OrderedReady"
    stateful_set = make_set(replicas, podManagementPolicy=policy)
    step = next_step(make_view(stateful_set, members))
    assert len(set(step.create)) == len(step.create)
    for ordinal in step.create:
        assert members.get(ordinal, ("missing",))[0] == "missing"
        assert ordinal in ordinals(stateful_set)


def test_a_broken_pod_that_is_one_too_many_does_not_keep_the_set_from_shrinking():
    view = make_view(make_set(1), {0: "ready", 1: "ready", 2: "running"})
    assert names(next_step(view).remove) == ["web-2"]


def test_of_two_broken_pods_that_are_too_many_the_lower_has_to_be_mended_first():
    view = make_view(make_set(1), {0: "ready", 1: "running", 2: "running"})
    assert next_step(view).remove == []


def test_an_outdated_pod_that_is_broken_gives_way_to_a_template_that_mends_it():
    stateful_set = make_set(3, podManagementPolicy="Parallel")
    states = {0: ("running", "old"), 1: ("ready", "old"), 2: ("ready", "old")}
    assert names(next_step(make_view(stateful_set, states)).remove) == ["web-0"]


@pytest.mark.parametrize(
    ("value", "expected"), [(2, 2), ("50%", 2), ("39%", 1), ("1%", 1), ("100%", 5)]
)
def test_a_percentage_of_unavailable_pods_rounds_down_but_not_to_nothing(value, expected):
    strategy = {"rollingUpdate": {"maxUnavailable": value}}
    assert max_unavailable(make_set(5, updateStrategy=strategy)) == expected


def test_a_partition_counts_from_the_first_ordinal():
    strategy = {"rollingUpdate": {"partition": 1}}
    stateful_set = make_set(3, ordinals={"start": 4}, updateStrategy=strategy)
    assert [n for n in ordinals(stateful_set) if starts_at_update(stateful_set, n)] == [5, 6]
    states = dict.fromkeys((4, 5, 6), ("ready", "old"))
    assert names(next_step(make_view(stateful_set, states)).remove) == ["web-6"]


@pytest.mark.parametrize("name", ["web", "web-", "web-01", "web-a", "other-1", "web-1-2", "1"])
def test_other_names_belong_to_no_ordinal(name):
    assert ordinal_of(make_set(), name) is None
