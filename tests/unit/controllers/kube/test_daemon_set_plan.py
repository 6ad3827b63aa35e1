"""A DaemonSet's decisions, whatever its nodes and pods are at."""

from collections import Counter
from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shoal.api.apps import DaemonSet
from shoal.controllers.kube.daemon_set_plan import bounds, daemons, next_step, status
from shoal.controllers.kube.revisions import POD_HASH
from shoal.testing.builders import make_node, make_pod

NOW = datetime(2026, 1, 1, tzinfo=UTC)
NODES = [make_node(name).obj() for name in ("n0", "n1", "n2", "n3")]
STATES = ("pending", "ready", "failed", "leaving")


def make_set(**rolling):
    return msgspec.convert(
        {
            "metadata": {"name": "web", "uid": "u"},
            "spec": {
                "template": {"spec": {"containers": []}},
                "updateStrategy": {"rollingUpdate": rolling},
            },
        },
        DaemonSet,
    )


def make_daemon(number, node, state, revision):
    pod = make_pod(f"web-{number}").labels(**{POD_HASH: revision}).node(node)
    match state:
        case "pending":
            return pod.phase("Pending").obj()
        case "failed":
            return pod.phase("Failed").obj()
        case "leaving":
            return pod.phase("Running").condition("Ready", "True").terminating().obj()
        case _:
            return pod.phase("Running").condition("Ready", "True").obj()


def make_view(daemon_set, members):
    pods = [make_daemon(number, *member) for number, member in enumerate(members)]
    return daemons(daemon_set, "new", NODES, pods, NOW)


MEMBERS = st.lists(
    st.tuples(
        st.sampled_from(["n0", "n1", "n2", "n3"]),
        st.sampled_from(STATES),
        st.sampled_from(["old", "new"]),
    ),
    max_size=8,
)
ONE_ON_EACH = st.lists(
    st.tuples(
        st.sampled_from(["n0", "n1", "n2", "n3"]),
        st.sampled_from(STATES),
        st.sampled_from(["old", "new"]),
    ),
    unique_by=lambda member: member[0],
)


def is_new(pod):
    return pod.metadata.labels[POD_HASH] == "new"


@given(MEMBERS, st.integers(1, 4))
def test_without_surge_no_node_gets_a_second_pod(members, most):
    step = next_step(make_view(make_set(maxUnavailable=most), members))
    taken = {node for node, _, _ in members}
    assert not taken & set(step.create)
    assert len(set(step.create)) == len(step.create)


@given(ONE_ON_EACH, st.integers(1, 4))
def test_an_update_leaves_as_many_nodes_available_as_it_must(members, most):
    view = make_view(make_set(maxUnavailable=most), members)
    removed = next_step(view).remove
    lost = [pod for pod in removed if view.is_available(pod)]
    unavailable = [
        pods for pods in view.pods.values() if pods[0].is_deleting or not pods[0].is_ready
    ]
    unavailable_new = [pods for pods in unavailable if pods[0].is_deleting or is_new(pods[0])]
    assert not lost or len(lost) + len(unavailable_new) <= most
    assert not any(is_new(pod) for pod in removed)


@given(MEMBERS, st.integers(1, 4))
def test_with_surge_a_node_has_two_pods_at_most(members, most):
    view = make_view(make_set(maxSurge=most, maxUnavailable=0), members)
    step = next_step(view)
    gone = {pod.metadata.name for pod in step.remove}
    after = Counter(
        name
        for name, pods in view.pods.items()
        for pod in pods
        if not pod.is_deleting and not pod.is_finished and pod.metadata.name not in gone
    )
    after.update(step.create)
    assert all(count <= 2 for count in after.values())


@given(MEMBERS)
def test_the_numbers_of_the_status_agree_with_each_other(members):
    numbers = status(make_view(make_set(), members))
    assert numbers["desiredNumberScheduled"] == len(NODES)
    assert numbers["currentNumberScheduled"] == len({node for node, _, _ in members})
    assert numbers["numberAvailable"] + numbers["numberUnavailable"] == len(NODES)
    assert numbers["numberAvailable"] <= numbers["numberReady"] <= len(NODES)


@pytest.mark.parametrize(
    ("rolling", "expected"),
    [
        ({}, (0, 1)),
        ({"maxUnavailable": "10%"}, (0, 1)),
        ({"maxUnavailable": "30%"}, (0, 2)),
        ({"maxSurge": "100%", "maxUnavailable": 0}, (4, 0)),
        ({"maxUnavailable": 0}, (0, 1)),
    ],
)
def test_percentages_are_of_the_nodes_that_want_a_pod_and_round_up(rolling, expected):
    assert bounds(make_set(**rolling), 4) == expected
