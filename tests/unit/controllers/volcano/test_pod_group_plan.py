"""PodGroups of plain pods: which pods, which group, and what it says."""

from typing import Any

import msgspec
import pytest

from shoal.api.volcano import keys
from shoal.api.volcano.pod_group import PodGroup
from shoal.controllers.volcano.pod_group_plan import (
    ServedNames,
    changes,
    group_key,
    is_live,
    is_member,
    manifest,
    template_of,
)
from shoal.testing.builders import PodBuilder, make_pod

SERVED = ServedNames()
MIN_MEMBER, MIN_RESOURCES = keys.GROUP_MIN_MEMBER, keys.GROUP_MIN_RESOURCES


def owned(name: str = "web-1", **annotations: str) -> PodBuilder:
    pod = make_pod(name).scheduler("volcano").req(cpu="500m", memory="1Gi")
    return pod.owner("ReplicaSet", "web", "rs-uid").annotations(**annotations)


def group_of(pod: PodBuilder, **workload: str) -> dict[str, Any]:
    return manifest(pod.obj(), workload)


def stored(pod: PodBuilder, **workload: str) -> PodGroup:
    return msgspec.convert(group_of(pod, **workload), PodGroup)


def test_pods_of_one_controller_share_a_group_and_others_have_their_own():
    assert group_key(owned("a").obj()) == group_key(owned("b").obj())
    assert group_key(owned().obj()).name == "podgroup-rs-uid"
    assert group_key(make_pod("lone").uid("u1").obj()).name == "podgroup-u1"


@pytest.mark.parametrize(
    ("scheduler", "annotations", "is_served"),
    [
        ("volcano", {}, True),
        ("shoal", {}, False),
        ("shoal", {keys.QUEUE_NAME: "research"}, True),
        ("shoal", {MIN_MEMBER: "2"}, True),
        ("default-scheduler", {keys.QUEUE_NAME: "research"}, False),
        ("volcano", {keys.GROUP_NAME: "by-hand"}, False),
        ("volcano", {keys.GROUP_NAME: "podgroup-rs-uid"}, True),
    ],
)
def test_which_pods_are_members_of_groups_that_are_made_for_them(
    scheduler: str, annotations: dict[str, str], is_served: bool
):
    pod = owned(**annotations).scheduler(scheduler).obj()
    assert is_member(pod, SERVED) == is_served


def test_scheduler_names_can_be_chosen():
    mine = ServedNames(always=frozenset({"mine"}), on_request=frozenset())
    assert mine.has(owned().scheduler("mine").obj())
    assert not mine.has(owned().obj())


def test_a_group_is_owned_by_the_pods_controller_or_else_by_the_pod():
    (owner,) = group_of(owned())["metadata"]["ownerReferences"]
    assert (owner["kind"], owner["name"], owner["uid"]) == ("ReplicaSet", "web", "rs-uid")
    lone = make_pod("lone").uid("u1").scheduler("volcano")
    (owner,) = group_of(lone)["metadata"]["ownerReferences"]
    assert (owner["apiVersion"], owner["kind"], owner["name"]) == ("v1", "Pod", "lone")
    assert (owner["uid"], owner["controller"]) == ("u1", True)


def test_a_group_of_pods_that_say_nothing_needs_one_of_them():
    body = group_of(owned())
    assert body["status"] == {"phase": "Pending"}
    assert body["spec"]["minMember"] == 1
    assert body["spec"]["queue"] == "default"
    assert "priorityClassName" not in body["spec"]
    assert "networkTopology" not in body["spec"]
    resources = body["spec"]["minResources"]
    assert (resources["cpu"], resources["memory"], resources["pods"]) == ("500m", "1Gi", "1")


@pytest.mark.parametrize(
    ("workload", "own", "min_member"),
    [
        ({MIN_MEMBER: "3"}, {}, 3),
        ({MIN_MEMBER: "0"}, {}, 0),
        ({MIN_MEMBER: "-1"}, {}, 1),
        ({MIN_MEMBER: "many"}, {}, 1),
        ({}, {MIN_MEMBER: "4"}, 4),
        ({MIN_MEMBER: "3"}, {MIN_MEMBER: "4"}, 3),
    ],
)
def test_the_minimum_is_the_workloads_or_else_its_pods(
    workload: dict[str, str], own: dict[str, str], min_member: int
):
    assert group_of(owned(**own), **workload)["spec"]["minMember"] == min_member


def test_a_pod_without_a_controller_is_a_group_of_one_whatever_it_says():
    lone = make_pod("lone").scheduler("volcano").annotations(**{MIN_MEMBER: "3"})
    assert group_of(lone)["spec"]["minMember"] == 1


def test_resources_are_those_of_the_minimum_of_pods():
    resources = group_of(owned(), **{MIN_MEMBER: "3"})["spec"]["minResources"]
    assert (resources["cpu"], resources["memory"], resources["pods"]) == ("1500m", "3Gi", "3")
    assert group_of(owned(), **{MIN_MEMBER: "0"})["spec"]["minResources"] == {}


def test_resources_that_are_stated_count():
    workload = {MIN_MEMBER: "3", MIN_RESOURCES: '{"cpu": 2, "memory": "4Gi"}'}
    assert group_of(owned(), **workload)["spec"]["minResources"] == {"cpu": "2", "memory": "4Gi"}


@pytest.mark.parametrize("text", ["{", "[]", '{"cpu": {}}'])
def test_resources_that_cannot_be_read_do_not_count(text: str):
    resources = group_of(owned(), **{MIN_RESOURCES: text})["spec"]["minResources"]
    assert resources["cpu"] == "500m"


def test_queue_and_priority_are_the_pods():
    pod = owned(**{keys.QUEUE_NAME: "research"}).spec(priorityClassName="urgent")
    spec = group_of(pod)["spec"]
    assert (spec["queue"], spec["priorityClassName"]) == ("research", "urgent")


def test_annotations_come_from_the_workload_and_those_of_the_pod_go_before():
    pod = owned(
        **{
            keys.PREEMPTABLE: "false",
            keys.JDB_MIN_AVAILABLE: "2",
            keys.JDB_MAX_UNAVAILABLE: "50%",
            keys.TASK_PRIORITY: "5",
            "example.com/mine": "x",
        }
    )
    workload = {
        keys.PREEMPTABLE: "true",
        "volcano.sh/sla-waiting-time": "1h",
        "volcano.sh/other": "y",
        "example.com/theirs": "z",
        MIN_MEMBER: "2",
    }
    assert group_of(pod, **workload)["metadata"]["annotations"] == {
        keys.PREEMPTABLE: "false",
        keys.JDB_MIN_AVAILABLE: "2",
        "volcano.sh/sla-waiting-time": "1h",
        "volcano.sh/other": "y",
    }


def test_the_second_kind_of_budget_counts_where_the_first_is_absent():
    pod = owned(**{keys.JDB_MAX_UNAVAILABLE: "50%"})
    assert group_of(pod)["metadata"]["annotations"] == {keys.JDB_MAX_UNAVAILABLE: "50%"}


def test_two_labels_are_copied():
    pod = owned().label(keys.PREEMPTABLE, "true").label(keys.COOLDOWN_TIME, "1m").label("app", "w")
    labels = group_of(pod)["metadata"]["labels"]
    assert labels == {keys.PREEMPTABLE: "true", keys.COOLDOWN_TIME: "1m"}


@pytest.mark.parametrize(
    ("mode", "tier", "topology"),
    [
        (None, "2", {"mode": "hard", "highestTierAllowed": 2}),
        ("soft", None, {"mode": "soft"}),
        ("Soft", "1", {"mode": "soft", "highestTierAllowed": 1}),
        ("near", "far", {"mode": "hard"}),
        ("hard", "-1", {"mode": "hard"}),
    ],
)
def test_a_network_topology_is_read_from_the_pod(
    mode: str | None, tier: str | None, topology: dict[str, Any]
):
    said = {keys.NETWORK_TOPOLOGY_MODE: mode, keys.NETWORK_TOPOLOGY_HIGHEST_TIER: tier}
    pod = owned(**{key: text for key, text in said.items() if text is not None})
    assert group_of(pod)["spec"]["networkTopology"] == topology


def test_a_group_that_says_what_it_should_is_left_alone():
    workload = {MIN_MEMBER: "3", keys.PREEMPTABLE: "false"}
    topology = {keys.NETWORK_TOPOLOGY_HIGHEST_TIER: "2"}
    pod = owned(**topology)
    read = msgspec.json.decode(msgspec.json.encode(group_of(pod, **workload)), type=PodGroup)
    assert changes(read, group_of(pod, **workload)) == {}


def test_a_group_follows_what_it_was_made_from():
    before = stored(
        owned(**{keys.NETWORK_TOPOLOGY_HIGHEST_TIER: "2", keys.QUEUE_NAME: "a"}),
        **{MIN_MEMBER: "3", keys.PREEMPTABLE: "false", "volcano.sh/other": "y"},
    )
    after = group_of(owned(), **{MIN_RESOURCES: '{"cpu": "2"}', keys.COOLDOWN_TIME: "1m"})
    patch = changes(before, after)
    assert patch["metadata"] == {"annotations": {keys.PREEMPTABLE: None, keys.COOLDOWN_TIME: "1m"}}
    assert patch["spec"]["minMember"] == 1
    assert patch["spec"]["queue"] == "default"
    assert patch["spec"]["networkTopology"] is None
    assert patch["spec"]["minResources"]["cpu"] == "2"
    assert patch["spec"]["minResources"]["memory"] is None


def test_the_newest_pod_speaks_for_its_group():
    old = owned("a").meta(creationTimestamp="2026-01-01T00:00:00Z").obj()
    new = owned("b").meta(creationTimestamp="2026-01-01T00:00:01Z").obj()
    assert template_of([new, old]) is new


def test_pods_that_end_or_are_done_do_not_matter_to_their_group():
    assert is_live(owned().obj())
    assert not is_live(owned().phase("Succeeded").obj())
    assert not is_live(owned().terminating().obj())
