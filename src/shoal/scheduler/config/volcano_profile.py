"""What Volcano's plugins say about nodes, as a profile of the framework's plugins.

`predicates` is a set of filters, `nodeorder` a set of weights, `binpack` and `nodegroup` are
plugins of their own. Whatever the file says, resources are looked at, gated pods wait, and pods
are bound.

Source of defaults: Volcano v1.15, pkg/scheduler/plugins/{predicates,nodeorder,binpack,
resource-strategy-fit,nodegroup}.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from shoal.scheduler.config.plugin_arguments import (
    BinpackArgs,
    DirectedResource,
    InterPodAffinityArgs,
    NodeGroupArgs,
    NodeResourcesBalancedAllocationArgs,
    NodeResourcesFitArgs,
    QueuesWithoutAffinity,
    ResourceSpec,
    ResourceStrategyFitArgs,
    ScoringStrategy,
    ScoringStrategyType,
)
from shoal.scheduler.config.volcano_file import Arguments, VolcanoFile
from shoal.scheduler.framework.points import PluginSpec, Point, PointSpec
from shoal.scheduler.framework.profile import ProfileSpec

_FIT = "NodeResourcesFit"
_NODE_GROUP, _NODE_GROUP_OPTION = "NodeGroup", "nodegroup"
_NODE_GROUP_WEIGHT = 2
_STRATEGY, _STRATEGY_OPTION = "ResourceStrategyFit", "resource-strategy-fit"
_STRATEGY_WEIGHT = 10

_FIRST, _LAST = ("SchedulingGates", "PrioritySort"), ("DefaultBinder",)
_FILTERS: Mapping[str, str] = {
    "NodeUnschedulable": "",
    "NodeName": "",
    "TaintToleration": "predicate.TaintTolerationEnable",
    "NodeAffinity": "predicate.NodeAffinityEnable",
    "NodePorts": "predicate.NodePortsEnable",
    _FIT: "",
    "VolumeRestrictions": "",
    "NodeVolumeLimits": "predicate.NodeVolumeLimitsEnable",
    "VolumeBinding": "predicate.VolumeBindingEnable",
    "VolumeZone": "predicate.VolumeZoneEnable",
    "PodTopologySpread": "predicate.PodTopologySpreadEnable",
    "InterPodAffinity": "predicate.PodAffinityEnable",
}
"""Those of `predicates`, in the order in which they are asked, each with the argument that switches
it; those without one hold as long as `predicates` does, and that of resources always."""
_PROPORTIONAL = "predicate.ProportionalEnable"
_ABSENT_FILTERS = (
    _PROPORTIONAL,
    "predicate.DynamicResourceAllocationEnable",
    "predicate.GPUSharingEnable",
    "predicate.GPUNumberEnable",
)
"""Off unless they are asked for, and not to be had here."""

_LEAST, _MOST = "leastrequested.weight", "mostrequested.weight"
_WEIGHTS: Mapping[str, tuple[str, int]] = {
    "nodeaffinity.weight": ("NodeAffinity", 2),
    "podaffinity.weight": ("InterPodAffinity", 2),
    "balancedresource.weight": ("NodeResourcesBalancedAllocation", 1),
    "tainttoleration.weight": ("TaintToleration", 3),
    "imagelocality.weight": ("ImageLocality", 1),
    "podtopologyspread.weight": ("PodTopologySpread", 2),
}
"""Arguments of `nodeorder`: the plugin that scores, and its weight where none is given."""

_ARGUMENTS = {
    "InterPodAffinity": InterPodAffinityArgs(hard_pod_affinity_weight=0),
    "NodeResourcesBalancedAllocation": NodeResourcesBalancedAllocationArgs(
        resources=tuple(ResourceSpec(name=each) for each in ("cpu", "memory", "nvidia.com/gpu"))
    ),
}
"""Where Volcano's are not Kubernetes' defaults."""

_FILTERING = (Point.PRE_FILTER, Point.FILTER)
_SCORING = (Point.PRE_SCORE, Point.SCORE)


def profile_of(file: VolcanoFile, scheduler_name: str) -> ProfileSpec:
    """Every plugin stands once in the list that holds everywhere; those that only score are left
    out of the filters, and the other way round."""
    filters = list(_filters(file))
    packing, weights = _node_order(file)
    binpack_weight, binpack = _binpack(file)
    strategy_weight, strategy = _resource_strategy(file)
    scores = {_FIT: abs(packing), **weights, "Binpack": binpack_weight, _STRATEGY: strategy_weight}
    if file.is_on(_NODE_GROUP_OPTION, "enableNodeOrder"):
        scores[_NODE_GROUP] = _NODE_GROUP_WEIGHT
    scores = {name: weight for name, weight in scores.items() if weight}
    arguments = {
        **_ARGUMENTS,
        _FIT: _fit_arguments(is_packing=packing > 0),
        "Binpack": binpack,
        _STRATEGY: strategy,
        _NODE_GROUP: _node_group_arguments(file),
    }
    names = dict.fromkeys((*_FIRST, *filters, *scores, *_LAST))
    plugins = tuple(PluginSpec(each, scores.get(each, 1), arguments.get(each)) for each in names)
    only_scoring = frozenset(scores) - frozenset(filters)
    only_filtering = frozenset(filters) - frozenset(scores)
    points = {point: PointSpec(disabled=only_scoring) for point in _FILTERING if only_scoring}
    points |= {point: PointSpec(disabled=only_filtering) for point in _SCORING if only_filtering}
    return ProfileSpec(scheduler_name, plugins, points)


def _filters(file: VolcanoFile) -> Iterator[str]:
    arguments = file.arguments_of("predicates")
    switches = {name: not key or arguments.get(key, default=True) for name, key in _FILTERS.items()}
    arguments.asked.add("predicate.CacheEnable")
    _note_absent(arguments)
    is_on = file.is_on("predicates", "enablePredicate")
    yield from (name for name, on in switches.items() if name == _FIT or (is_on and on))
    if file.is_on(_NODE_GROUP_OPTION, "enablePredicate"):
        yield _NODE_GROUP


def _note_absent(arguments: Arguments) -> None:
    """Where one of those filters is off, and what belongs to it idle, nothing is amiss."""
    wanted = [key for key in _ABSENT_FILTERS if arguments.get(key, default=False)]
    if _PROPORTIONAL not in wanted:
        arguments.asked.update(k for k in arguments.written if k.startswith("predicate.resources"))
    arguments.asked.difference_update(wanted)
    arguments.note_rest()


def _node_order(file: VolcanoFile) -> tuple[int, Mapping[str, int]]:
    """How much fuller nodes are preferred to emptier ones, and the weights of other plugins."""
    arguments = file.arguments_of("nodeorder")
    weights = {name: arguments.weight(key, own) for key, (name, own) in _WEIGHTS.items()}
    packing = arguments.weight(_MOST, 0) - arguments.weight(_LEAST, 1)
    arguments.note_rest()
    return (packing, weights) if file.is_on("nodeorder", "enableNodeOrder") else (0, {})


def _fit_arguments(*, is_packing: bool) -> NodeResourcesFitArgs:
    """Least and most requested add up to a constant, so what is left of the one that weighs more
    orders nodes as both do."""
    most, least = ScoringStrategyType.MOST_ALLOCATED, ScoringStrategyType.LEAST_ALLOCATED
    strategy = ScoringStrategy(type=most if is_packing else least)
    return NodeResourcesFitArgs(scoring_strategy=strategy)


def _binpack(file: VolcanoFile) -> tuple[int, BinpackArgs]:
    """Its weight among the plugins, 0 where it is off, and those of resources."""
    arguments = file.arguments_of("binpack")
    weight = arguments.weight("binpack.weight", 1)
    names = [each.strip() for each in arguments.get("binpack.resources", "").split(",")]
    own = {name: arguments.weight(f"binpack.resources.{name}", 1) for name in names if name}
    own["cpu"] = arguments.weight("binpack.cpu", 1)
    own["memory"] = arguments.weight("binpack.memory", 1)
    arguments.note_rest()
    is_on = file.is_on("binpack", "enableNodeOrder") and any(own.values())
    resources = tuple(ResourceSpec(name=name, weight=each) for name, each in own.items() if each)
    return weight if is_on else 0, BinpackArgs(resources=resources)


def _resource_strategy(file: VolcanoFile) -> tuple[int, ResourceStrategyFitArgs]:
    """As for binpack; a resource that says nothing of use is spread, with a weight of 1."""
    arguments = file.arguments_of(_STRATEGY_OPTION)
    weight = arguments.weight("resourceStrategyFitWeight", _STRATEGY_WEIGHT) or _STRATEGY_WEIGHT
    written = arguments.mapping("resources")
    arguments.note_rest()
    resources = tuple(_directed(name, each) for name, each in written.items())
    own = ResourceStrategyFitArgs(resources=resources) if resources else ResourceStrategyFitArgs()
    return weight if file.is_on(_STRATEGY_OPTION, "enableNodeOrder") else 0, own


def _directed(name: str, written: Any) -> DirectedResource:
    most, least = ScoringStrategyType.MOST_ALLOCATED, ScoringStrategyType.LEAST_ALLOCATED
    fields: dict[str, Any] = written if isinstance(written, dict) else {}
    weight = fields.get("weight")
    own_weight = weight if isinstance(weight, int) and weight > 0 else 1
    type_ = most if fields.get("type") == most else least
    return DirectedResource(name=name, weight=own_weight, type=type_)


def _node_group_arguments(file: VolcanoFile) -> NodeGroupArgs:
    arguments = file.arguments_of(_NODE_GROUP_OPTION)
    is_strict = arguments.get("strict", default=True)
    arguments.note_rest()
    return NodeGroupArgs(
        queues_without_affinity=(
            QueuesWithoutAffinity.NOWHERE if is_strict else QueuesWithoutAffinity.UNLABELLED
        ),
        inherits=file.is_on(_NODE_GROUP_OPTION, "enableHierarchy"),
    )
