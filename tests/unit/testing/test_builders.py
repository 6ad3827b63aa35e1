"""Builders say in a word what a manifest says in ten lines, and say it as Kubernetes reads it."""

import pytest

from shoal.apiserver.schema.builtin import builtin_schema
from shoal.testing import PodBuilder, make_node, make_pod

REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
PREFERRED = "preferredDuringSchedulingIgnoredDuringExecution"
EVERYTHING = (
    make_pod("a")
    .req(cpu="1")
    .host_port(80)
    .image("app:1")
    .claim("data")
    .node_selector(disk="ssd")
    .node_affinity("zone", "a", "b")
    .node_affinity("gpu", operator="Exists")
    .preferred_node_affinity(5, "zone", "a")
    .pod_affinity("zone", {"app": "db"})
    .pod_anti_affinity("host", {"app": "web"}, weight=9)
    .spread("zone", {"app": "web"}, max_skew=2)
    .owner("ReplicaSet", "web")
    .toleration("spot")
    .gate("later")
)


def test_what_builders_say_is_known_to_the_api_server_and_valid() -> None:
    schema = builtin_schema("", "v1", "Pod")
    manifest = EVERYTHING.manifest()
    assert schema.prune(manifest) == []
    schema.default(manifest)
    assert schema.validate(manifest, None) == []


def test_requirements_on_nodes_add_up_in_one_term() -> None:
    affinity = EVERYTHING.manifest()["spec"]["affinity"]["nodeAffinity"]
    assert affinity[REQUIRED]["nodeSelectorTerms"] == [
        {
            "matchExpressions": [
                {"key": "zone", "operator": "In", "values": ["a", "b"]},
                {"key": "gpu", "operator": "Exists"},
            ]
        }
    ]
    assert affinity[PREFERRED] == [
        {
            "weight": 5,
            "preference": {
                "matchExpressions": [{"key": "zone", "operator": "In", "values": ["a"]}]
            },
        }
    ]


def test_a_weight_makes_affinity_to_pods_a_preference() -> None:
    affinity = EVERYTHING.manifest()["spec"]["affinity"]
    near = {"topologyKey": "zone", "labelSelector": {"matchLabels": {"app": "db"}}}
    apart = {"topologyKey": "host", "labelSelector": {"matchLabels": {"app": "web"}}}
    assert affinity["podAffinity"] == {REQUIRED: [near]}
    assert affinity["podAntiAffinity"] == {PREFERRED: [{"weight": 9, "podAffinityTerm": apart}]}


def test_ports_and_images_are_of_the_latest_container() -> None:
    containers = make_pod().req(cpu="1").req(cpu="2").image("b").host_port(1).host_port(2)
    first, second = containers.manifest()["spec"]["containers"]
    assert (first["image"], second["image"]) == ("app", "b")
    assert [port["hostPort"] for port in second["ports"]] == [1, 2]
    assert make_pod().host_port(1).manifest()["spec"]["containers"][0]["name"] == "c0"


@pytest.mark.parametrize("make", [make_pod, make_node])
def test_nobody_else_has_the_name_of_what_was_not_named(make) -> None:
    assert make().name != make().name


def test_a_half_built_pod_can_be_shared() -> None:
    base = make_pod("a").node_affinity("zone", "a")
    with_more: PodBuilder = base.node_affinity("disk", "ssd")
    assert base.manifest() != with_more.manifest()
    assert base.manifest() == make_pod("a").node_affinity("zone", "a").manifest()
