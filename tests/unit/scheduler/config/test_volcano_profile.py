"""What the plugins of a `volcano-scheduler.conf` that judge nodes come to."""

import pytest

from shoal.scheduler.config.plugin_arguments import NodeGroupArgs, QueuesWithoutAffinity
from tests.volcano_conf import built, filters, loaded, scores


def test_predicates_switches_filters_one_by_one() -> None:
    everything = filters(loaded("predicates"))
    assert everything == [
        "NodeUnschedulable",
        "NodeName",
        "TaintToleration",
        "NodeAffinity",
        "NodePorts",
        "NodeResourcesFit",
        "VolumeRestrictions",
        "NodeVolumeLimits",
        "VolumeBinding",
        "VolumeZone",
        "PodTopologySpread",
        "InterPodAffinity",
    ]
    few = loaded(
        "{name: predicates, arguments: {predicate.PodAffinityEnable: false,"
        " predicate.NodePortsEnable: no, predicate.CacheEnable: true}}"
    )
    assert set(everything) - set(filters(few)) == {"InterPodAffinity", "NodePorts"}
    assert few.warnings == ()
    assert filters(loaded("{name: predicates, enablePredicate: false}")) == ["NodeResourcesFit"]
    assert scores(loaded("predicates")) == {}


def test_a_plugin_that_only_scores_does_not_filter() -> None:
    conf = loaded("nodeorder")
    assert filters(conf) == ["NodeResourcesFit"]
    assert [each.name for each in built(conf).pre_filter] == ["NodeResourcesFit"]
    assert "InterPodAffinity" in scores(conf)


@pytest.mark.parametrize(
    ("least", "most", "weight", "strategy"),
    [
        (1, 0, 1, "LeastAllocated"),
        (0, 5, 5, "MostAllocated"),
        (2, 5, 3, "MostAllocated"),
        (5, 2, 3, "LeastAllocated"),
    ],
)
def test_least_and_most_requested_are_two_sides_of_one_score(
    least: int, most: int, weight: int, strategy: str
) -> None:
    weights = f"leastrequested.weight: {least}, mostrequested.weight: {most}"
    conf = loaded(f"{{name: nodeorder, arguments: {{{weights}}}}}")
    assert scores(conf)["NodeResourcesFit"] == weight
    arguments = conf.profile.arguments["NodeResourcesFit"]
    assert arguments.scoring_strategy.type == strategy


def test_a_weight_of_zero_takes_a_score_out() -> None:
    conf = loaded(
        "{name: nodeorder, arguments: {leastrequested.weight: 0, imagelocality.weight: 0}}"
    )
    assert not {"NodeResourcesFit", "ImageLocality"} & set(scores(conf))
    assert scores(loaded("{name: nodeorder, enableNodeOrder: false}")) == {}


def test_binpack_weighs_resources() -> None:
    conf = loaded(
        "{name: binpack, arguments: {binpack.weight: 10, binpack.cpu: 5, binpack.memory: 0,"
        ' binpack.resources: "nvidia.com/gpu, example.com/foo",'
        " binpack.resources.nvidia.com/gpu: 7, binpack.resources.example.com/foo: -3}}"
    )
    assert scores(conf) == {"Binpack": 10}
    weights = {each.name: each.weight for each in conf.profile.arguments["Binpack"].resources}
    assert weights == {"nvidia.com/gpu": 7, "example.com/foo": 1, "cpu": 5}
    assert (
        "binpack.resources.example.com/foo of plugin binpack, -3, is negative" in conf.warnings[0]
    )
    assert scores(loaded("{name: binpack, arguments: {binpack.weight: 0}}")) == {}


def test_resource_strategies_have_a_direction_for_each_resource() -> None:
    conf = loaded(
        "{name: resource-strategy-fit, arguments: {resourceStrategyFitWeight: 3, sra: {},"
        " resources: {nvidia.com/gpu: {type: MostAllocated, weight: 2},"
        " cpu: {type: Odd, weight: -1}}}}"
    )
    assert scores(conf) == {"ResourceStrategyFit": 3}
    found = conf.profile.arguments["ResourceStrategyFit"].resources
    assert [(each.name, each.weight, each.type) for each in found] == [
        ("nvidia.com/gpu", 2, "MostAllocated"),
        ("cpu", 1, "LeastAllocated"),
    ]
    assert conf.warnings == (
        "no counterpart here, so left out: argument sra of plugin resource-strategy-fit",
    )
    plain = loaded("{name: resource-strategy-fit, arguments: {resources: 5}}")
    assert scores(plain) == {"ResourceStrategyFit": 10}
    assert "resources of plugin resource-strategy-fit, 5, is not a map" in plain.warnings[0]
    assert len(plain.profile.arguments["ResourceStrategyFit"].resources) == 2


def test_nodegroup_keeps_queues_without_affinity_out_as_it_is_told() -> None:
    conf = loaded("nodegroup")
    assert (filters(conf), scores(conf)) == (["NodeResourcesFit", "NodeGroup"], {"NodeGroup": 2})
    strict = NodeGroupArgs(queues_without_affinity=QueuesWithoutAffinity.NOWHERE, inherits=False)
    assert conf.profile.arguments["NodeGroup"] == strict
    lenient = loaded("{name: nodegroup, enableHierarchy: true, arguments: {strict: false}}")
    assert lenient.profile.arguments["NodeGroup"] == NodeGroupArgs(
        queues_without_affinity=QueuesWithoutAffinity.UNLABELLED
    )
    ranking = loaded("{name: nodegroup, enablePredicate: false}")
    assert (filters(ranking), scores(ranking)) == (["NodeResourcesFit"], {"NodeGroup": 2})
