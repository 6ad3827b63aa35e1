"""Which pods a ReplicaSet claims, makes and removes."""

from datetime import UTC, datetime, timedelta

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from shoal.api.apps import ReplicaSet
from shoal.api.pod import Pod
from shoal.controllers.kube import replica_count

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)


def replica_set(replicas=3, min_ready=0):
    return msgspec.convert(
        {
            "metadata": {"name": "web", "uid": "rs", "generation": 4},
            "spec": {
                "replicas": replicas,
                "minReadySeconds": min_ready,
                "selector": {"matchLabels": {"app": "web"}},
                "template": {"metadata": {"labels": {"app": "web"}}},
            },
        },
        ReplicaSet,
    )


def pod(name, *, owner="rs", labels=None, node="n", phase="Running", ready=True, **more):
    owners = [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web", "uid": owner,
               "controller": True}] if owner else []  # fmt: skip
    since = NOW - timedelta(seconds=more.get("ready_for_s", 100))
    conditions = [
        {"type": "Ready", "status": "True" if ready else "False", "lastTransitionTime": since}
    ]
    return msgspec.convert(
        {
            "metadata": {
                "name": name,
                "uid": name,
                "labels": {"app": "web"} if labels is None else labels,
                "annotations": more.get("annotations", {}),
                "ownerReferences": owners,
                "creationTimestamp": NOW - timedelta(seconds=more.get("age_s", 500)),
                "deletionTimestamp": NOW if more.get("deleting") else None,
            },
            "spec": {"nodeName": node},
            "status": {"phase": phase, "conditions": conditions},
        },
        Pod,
    )


def names(pods):
    return [each.metadata.name for each in pods]


def test_orphans_that_match_are_adopted_and_owned_pods_that_do_not_are_released():
    pods = [
        pod("mine"),
        pod("orphan", owner=""),
        pod("strayed", labels={"app": "other"}),
        pod("foreign", owner="another"),
        pod("finished-orphan", owner="", phase="Succeeded"),
    ]
    claim = replica_count.claim(replica_set(), pods)
    assert names(claim.owned) == ["mine"]
    assert names(claim.adopt) == ["orphan"]
    assert names(claim.release) == ["strayed"]


def test_finished_and_deleting_pods_are_replaced():
    owned = [pod("a"), pod("b", phase="Failed"), pod("c", deleting=True)]
    assert replica_count.plan(replica_set(3), owned).create == 2


def test_the_pods_missed_least_are_removed_first():
    owned = [
        pod("old-ready", ready_for_s=1000),
        pod("new-ready", ready_for_s=10),
        pod("not-ready", ready=False),
        pod("pending", phase="Pending", ready=False),
        pod("unplaced", node="", phase="Pending", ready=False),
        pod("cheap", annotations={replica_count.DELETION_COST: "-5"}),
    ]
    order = names(replica_count.removal_order(owned))
    assert order == ["unplaced", "pending", "not-ready", "cheap", "new-ready", "old-ready"]


def test_a_pod_is_available_only_after_min_ready_seconds():
    owned = [pod("a", ready_for_s=5), pod("b", ready_for_s=50)]
    each = replica_set(2, min_ready=10)
    status = replica_count.status(each, owned, NOW)
    assert (status["readyReplicas"], status["availableReplicas"]) == (2, 1)
    assert replica_count.next_available_in_s(each, owned, NOW) == 5.0


@given(replicas=st.integers(0, 20), existing=st.integers(0, 20))
def test_a_plan_always_reaches_the_wanted_count(replicas, existing):
    owned = [pod(f"p{i}") for i in range(existing)]
    plan = replica_count.plan(replica_set(replicas), owned)
    assert existing + plan.create - len(plan.remove) == replicas
    assert not (plan.create and plan.remove)
