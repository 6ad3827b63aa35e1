"""Deployment arithmetic, checked against what kube-controller-manager does."""

from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shoal.api.apps import Deployment, ReplicaSet
from shoal.controllers.kube import rollout

TEMPLATE = {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "c"}]}}


def deployment(replicas=10, surge="25%", unavailable="25%", strategy="RollingUpdate", status=None):
    spec = {
        "replicas": replicas,
        "template": TEMPLATE,
        "strategy": {"type": strategy},
    }
    if strategy == "RollingUpdate":
        spec["strategy"]["rollingUpdate"] = {"maxSurge": surge, "maxUnavailable": unavailable}
    return msgspec.convert({"spec": spec, "status": status or {}}, Deployment)


def replica_set(
    name, replicas, available=None, *, age=0, desired=None, max_replicas=None, image="a"
):
    annotations = {}
    if desired is not None:
        annotations[rollout.DESIRED_REPLICAS] = str(desired)
    if max_replicas is not None:
        annotations[rollout.MAX_REPLICAS] = str(max_replicas)
    available = replicas if available is None else available
    return msgspec.convert(
        {
            "metadata": {
                "name": name,
                "annotations": annotations,
                "creationTimestamp": datetime(2026, 1, 1, 0, age, tzinfo=UTC),
            },
            "spec": {"replicas": replicas, "template": {**TEMPLATE, "image": image}},
            "status": {"replicas": replicas, "availableReplicas": available},
        },
        ReplicaSet,
    )


@pytest.mark.parametrize(
    ("replicas", "surge", "unavailable", "expected"),
    [
        (10, "25%", "25%", (3, 2)),
        (10, 0, "25%", (0, 2)),
        (10, 0, 0, (0, 1)),
        (1, "25%", "25%", (1, 0)),
        (10, 0, "1%", (0, 1)),
        (3, 5, 7, (5, 3)),
    ],
)
def test_surge_rounds_up_unavailable_rounds_down_and_one_of_them_is_positive(
    replicas, surge, unavailable, expected
):
    bounds = rollout.bounds(deployment(replicas, surge, unavailable))
    assert (bounds.max_surge, bounds.max_unavailable) == expected


def test_the_new_replica_set_grows_only_as_far_as_surge_allows():
    new, old = replica_set("new", 0), replica_set("old", 10)
    assert rollout.new_size(deployment(10, 2, 0), 0, [new, old]) == 2


def test_a_recreated_deployment_gets_all_replicas_at_once():
    assert rollout.new_size(deployment(10, strategy="Recreate"), 0, []) == 10


def test_a_replica_set_that_is_made_starts_with_what_surge_allows():
    assert rollout.new_size(deployment(10, 2, 0), 0, []) == 10
    assert rollout.new_size(deployment(10, 2, 0), 0, [replica_set("old", 10)]) == 2


def test_old_replicas_that_are_unhealthy_go_first():
    old = [replica_set("broken", 4, 0, age=1), replica_set("fine", 8, 8, age=0)]
    sizes = rollout.old_sizes(deployment(10, 2, 2), replica_set("new", 0), old)
    assert sizes == {"broken": 0, "fine": 8}


def test_old_replicas_are_kept_while_new_ones_are_not_available():
    sizes = rollout.old_sizes(
        deployment(10, 2, 2), replica_set("new", 4, 0), [replica_set("old", 8)]
    )
    assert sizes == {"old": 8}


@given(
    replicas=st.integers(1, 30),
    surge=st.integers(0, 5),
    unavailable=st.integers(0, 5),
)
def test_a_rollout_ends_with_all_new_and_never_leaves_its_bounds(replicas, surge, unavailable):
    each = deployment(replicas, surge, unavailable)
    limits = rollout.bounds(each)
    new, old = replica_set("new", 0), replica_set("old", replicas)
    for _ in range(200):
        size = rollout.new_size(each, new.spec.replicas, [new, old])
        new = replica_set("new", size, min(new.spec.replicas, size))
        old = replica_set("old", rollout.old_sizes(each, new, [old])["old"])
        total = new.spec.replicas + old.spec.replicas
        available = new.status.available_replicas + old.status.available_replicas
        assert total <= replicas + limits.max_surge
        assert available >= replicas - limits.max_unavailable
        new = replica_set("new", size)
        if size == replicas and old.spec.replicas == 0:
            return
    raise AssertionError("the rollout never ended")


def test_scaling_in_the_middle_of_a_rollout_keeps_proportions():
    each = deployment(20, "20%", 0, status={"replicas": 12})
    new = replica_set("new", 4, desired=10, max_replicas=12, age=1)
    old = replica_set("old", 8, desired=10, max_replicas=12)
    assert rollout.is_scaling(each, [new, old])
    sizes = rollout.proportional_sizes(each, new, [new, old])
    assert sum(sizes.values()) == 24
    assert sizes == {"old": 16, "new": 8}


def test_a_single_active_replica_set_takes_the_new_size():
    only = replica_set("only", 3, desired=3)
    assert rollout.proportional_sizes(deployment(7), only, [only]) == {"only": 7}


def test_the_hash_depends_on_the_template_and_on_collisions():
    assert rollout.template_hash(TEMPLATE) == rollout.template_hash(dict(TEMPLATE))
    assert rollout.template_hash(TEMPLATE) != rollout.template_hash(TEMPLATE, 1)
    assert rollout.template_hash(TEMPLATE) != rollout.template_hash({**TEMPLATE, "x": 1})


def test_history_beyond_the_limit_is_removed_oldest_revision_first():
    each = msgspec.structs.replace(
        deployment(3),
        spec=msgspec.structs.replace(deployment(3).spec, revision_history_limit=1),
    )
    old = []
    for revision in (3, 1, 2):
        raw = msgspec.to_builtins(replica_set(f"r{revision}", 0))
        raw["metadata"]["annotations"] = {rollout.REVISION: str(revision)}
        old.append(msgspec.convert(raw, ReplicaSet))
    assert [e.metadata.name for e in rollout.expired_history(each, old)] == ["r1", "r2"]
