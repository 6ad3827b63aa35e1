"""Args of in-tree plugins: the rules for their values, with Kubernetes' texts."""

from typing import Any

import pytest

from shoal.api.status import Cause
from shoal.scheduler.config.argument_rules import validate_arguments
from shoal.scheduler.config.decoding import read
from shoal.scheduler.config.plugin_arguments import (
    ARGUMENT_TYPES,
    CPU_AND_MEMORY,
    DEFAULT_ARGUMENTS,
    NodeResourcesBalancedAllocationArgs,
    NodeResourcesFitArgs,
    ScoringStrategy,
    ScoringStrategyType,
    completed_arguments,
)
from shoal.scheduler.framework.registry import Handle, PluginRegistry
from shoal.scheduler.framework.waiting_pods import WaitingPods
from shoal.scheduler.state.cache import Cache


def refused(plugin: str, args: dict[str, Any]) -> list[str]:
    wrong: list[Cause] = []
    made = read(ARGUMENT_TYPES[plugin], args, "args", wrong)
    return [str(each) for each in wrong or validate_arguments(completed_arguments(made), "args")]


def ratio(*points: tuple[int, int]) -> dict[str, Any]:
    shape = [{"utilization": u, "score": s} for u, s in points]
    strategy = {"type": "RequestedToCapacityRatio", "requestedToCapacityRatio": {"shape": shape}}
    return {"scoringStrategy": strategy}


def added(**requirement: Any) -> dict[str, Any]:
    term = {"matchExpressions": [{"key": "a", **requirement}]}
    required = {"nodeSelectorTerms": [term]}
    return {"addedAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": required}}


def spread(*constraints: dict[str, Any], type: str = "List") -> dict[str, Any]:
    default = {"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "ScheduleAnyway"}
    return {"defaultingType": type, "defaultConstraints": [default | each for each in constraints]}


TERM = (
    "args.addedAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0]."
    "matchExpressions[0]"
)


@pytest.mark.parametrize("plugin", ARGUMENT_TYPES)
def test_defaults_are_allowed(plugin: str) -> None:
    assert list(validate_arguments(DEFAULT_ARGUMENTS[plugin], "args")) == []
    assert completed_arguments(DEFAULT_ARGUMENTS[plugin]) == DEFAULT_ARGUMENTS[plugin]
    assert refused(plugin, {}) == []


@pytest.mark.parametrize(
    ("plugin", "args"),
    [
        ("NodeResourcesFit", ratio((0, 0), (100, 10))),
        ("NodeResourcesFit", {"ignoredResources": ["a.b/c"], "ignoredResourceGroups": ["a.b"]}),
        ("NodeAffinity", added(operator="In", values=["b"])),
        ("NodeAffinity", added(operator="Gt", values=["5"])),
        ("PodTopologySpread", spread({}, {"topologyKey": "host"})),
        ("DynamicResources", {"filterTimeout": "0s"}),
    ],
)
def test_values_in_range_are_allowed(plugin: str, args: dict[str, Any]) -> None:
    assert refused(plugin, args) == []


@pytest.mark.parametrize(
    ("plugin", "args", "expected"),
    [
        (
            "Binpack",
            {"resources": [{"name": "cpu", "weight": 101}]},
            [
                "args.resources[0].weight: Invalid value: 101: "
                "resource weight of cpu not in valid range (0, 100]"
            ],
        ),
        (
            "ResourceStrategyFit",
            {"resources": [{"name": "cpu", "type": "RequestedToCapacityRatio"}]},
            [
                'args.resources[0].type: Unsupported value: "RequestedToCapacityRatio": '
                'supported values: "LeastAllocated", "MostAllocated"'
            ],
        ),
        (
            "NodeGroup",
            {"queuesWithoutAffinity": "Somewhere"},
            [
                'args.queuesWithoutAffinity: Unsupported value: "Somewhere": '
                'supported values: "Anywhere", "Unlabelled", "Nowhere"'
            ],
        ),
        (
            "DefaultPreemption",
            {"minCandidateNodesPercentage": 101, "minCandidateNodesAbsolute": -1},
            [
                "args.minCandidateNodesPercentage: Invalid value: 101: not in valid range [0, 100]",
                "args.minCandidateNodesAbsolute: Invalid value: -1: not in valid range [0, inf)",
            ],
        ),
        (
            "DefaultPreemption",
            {"minCandidateNodesPercentage": 0, "minCandidateNodesAbsolute": 0},
            [
                "args.minCandidateNodesPercentage: Invalid value: 0: cannot be zero at the same "
                "time as minCandidateNodesAbsolute",
                "args.minCandidateNodesAbsolute: Invalid value: 0: cannot be zero at the same "
                "time as minCandidateNodesPercentage",
            ],
        ),
        (
            "InterPodAffinity",
            {"hardPodAffinityWeight": 101},
            ["args.hardPodAffinityWeight: Invalid value: 101: not in valid range [0, 100]"],
        ),
        (
            "NodeAffinity",
            added(operator="In"),
            [
                f"{TERM}.values: Invalid value: []: for 'in', 'notin' operators, values set "
                "can't be empty"
            ],
        ),
        (
            "NodeAffinity",
            added(operator="Lt", values=["x"]),
            [
                f"{TERM}.values: Invalid value: [\"x\"]: for 'Gt', 'Lt' operators, the value "
                "must be an integer"
            ],
        ),
        (
            "NodeAffinity",
            added(operator="Like"),
            [
                f'{TERM}.operator: Unsupported value: "Like": supported values: "In", "NotIn", '
                '"Exists", "DoesNotExist", "Gt", "Lt"'
            ],
        ),
        (
            "NodeResourcesFit",
            {"ignoredResourceGroups": ["a/b"]},
            [
                'args.ignoredResourceGroups[0]: Invalid value: "a/b": resource group name can\'t '
                "contain '/'"
            ],
        ),
        (
            "NodeResourcesFit",
            {"scoringStrategy": {"type": "Best"}},
            [
                'args.scoringStrategy.type: Unsupported value: "Best": supported values: '
                '"LeastAllocated", "MostAllocated", "RequestedToCapacityRatio"'
            ],
        ),
        (
            "NodeResourcesFit",
            {"scoringStrategy": {"resources": []}},
            [
                'args.scoringStrategy.type: Unsupported value: "": supported values: '
                '"LeastAllocated", "MostAllocated", "RequestedToCapacityRatio"'
            ],
        ),
        (
            "NodeResourcesFit",
            {
                "scoringStrategy": {
                    "type": "MostAllocated",
                    "resources": [{"name": "cpu", "weight": 101}],
                    "requestedToCapacityRatio": {},
                }
            },
            [
                "args.scoringStrategy.resources[0].weight: Invalid value: 101: resource weight of "
                "cpu not in valid range (0, 100]",
                "args.scoringStrategy.requestedToCapacityRatio: Forbidden: must be nil when type "
                "is not RequestedToCapacityRatio",
            ],
        ),
        (
            "NodeResourcesFit",
            {"scoringStrategy": {"type": "RequestedToCapacityRatio"}},
            [
                "args.scoringStrategy.requestedToCapacityRatio: Required value: must be specified "
                "when type is RequestedToCapacityRatio"
            ],
        ),
        (
            "NodeResourcesFit",
            ratio((50, 0), (50, 11)),
            [
                "args.scoringStrategy.requestedToCapacityRatio.shape[1].utilization: Invalid "
                "value: 50: values must be sorted in increasing order",
                "args.scoringStrategy.requestedToCapacityRatio.shape[1].score: Invalid value: 11: "
                "not in valid range [0, 10]",
            ],
        ),
        (
            "NodeResourcesFit",
            ratio(),
            [
                "args.scoringStrategy.requestedToCapacityRatio.shape: Required value: at least "
                "one point must be specified"
            ],
        ),
        (
            "NodeResourcesBalancedAllocation",
            {"resources": [{"name": "cpu"}, {"name": "cpu", "weight": 2}]},
            [
                'args.resources[1].name: Duplicate value: "cpu"',
                "args.resources[1].weight: Invalid value: 2: must be 1",
            ],
        ),
        (
            "PodTopologySpread",
            spread({}, type="System"),
            [
                'args.defaultingType: Invalid value: "System": when .defaultConstraints are not '
                "empty"
            ],
        ),
        (
            "PodTopologySpread",
            spread({}, {"maxSkew": None, "labelSelector": {}}),
            [
                "args.defaultConstraints[1].maxSkew: Invalid value: 0: not in valid range (0, inf)",
                "args.defaultConstraints[1].labelSelector: Forbidden: constraint must not define "
                "a selector, as they deduced for each pod",
                'args.defaultConstraints[1]: Duplicate value: "{zone, ScheduleAnyway}"',
            ],
        ),
        (
            "PodTopologySpread",
            spread({"topologyKey": None, "whenUnsatisfiable": "Wait"}),
            [
                "args.defaultConstraints[0].topologyKey: Required value: can not be empty",
                'args.defaultConstraints[0].whenUnsatisfiable: Unsupported value: "Wait": '
                'supported values: "DoNotSchedule", "ScheduleAnyway"',
            ],
        ),
        (
            "VolumeBinding",
            {"bindTimeoutSeconds": -1, "shape": []},
            [
                "args.bindTimeoutSeconds: Invalid value: -1: invalid BindTimeoutSeconds, should "
                "not be a negative value",
                "args.shape: Invalid value: []: unexpected field `shape`, remove it or turn on "
                "the feature gate StorageCapacityScoring",
            ],
        ),
        (
            "DynamicResources",
            {"filterTimeout": "-1s", "bindingTimeout": "100ms"},
            [
                'args.filterTimeout: Invalid value: "-1s": must be zero or positive',
                'args.bindingTimeout: Invalid value: "100ms": must be at least 1 second',
            ],
        ),
    ],
)
def test_other_values_are_refused(plugin: str, args: dict[str, Any], expected: list[str]) -> None:
    assert refused(plugin, args) == expected


def test_what_is_left_empty_gets_its_default() -> None:
    strategy = ScoringStrategy(type=ScoringStrategyType.MOST_ALLOCATED, resources=())
    fit = completed_arguments(NodeResourcesFitArgs(scoring_strategy=strategy))
    assert isinstance(fit, NodeResourcesFitArgs)
    assert fit.scoring_strategy.resources == CPU_AND_MEMORY
    balanced = completed_arguments(NodeResourcesBalancedAllocationArgs(resources=()))
    assert balanced == NodeResourcesBalancedAllocationArgs()


def test_a_plugin_about_which_nothing_is_said_gets_its_defaults() -> None:
    given: list[Any] = []

    def factory(arguments: Any, handle: Handle) -> Any:
        given.append(arguments)

    registry = PluginRegistry({"NodeResourcesFit": factory, "NodeName": factory}, DEFAULT_ARGUMENTS)
    handle = Handle(Cache().snapshot, WaitingPods())
    for name in ("NodeResourcesFit", "NodeName"):
        registry.build(name, None, handle)
    assert given == [NodeResourcesFitArgs(), {}]
