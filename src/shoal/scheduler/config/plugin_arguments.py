"""What may be set about the in-tree plugins: their `args`, with defaults.

A plugin gets its struct, complete with defaults, as the first argument of its constructor; where
the configuration file says nothing about it, the struct is `DEFAULT_ARGUMENTS[name]`. The rules
for the values stand in `argument_rules`.

Source of fields and defaults: Kubernetes v1.36, kube-scheduler/config/v1/types_pluginargs.go and
pkg/scheduler/apis/config/v1/defaults.go. Those of Binpack, ResourceStrategyFit and NodeGroup are
Shoal's own form of what Volcano's plugins of these names are told.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import dataclass_transform

import msgspec

from shoal.api.duration import Duration, duration
from shoal.api.pod import NodeAffinity, TopologySpreadConstraint


# Says to type checkers what msgspec does at run time, as for `ApiStruct`.
@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(msgspec.field,))
class PluginArgs(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Base of all args: camelCase in the file."""


class ResourceSpec(PluginArgs):
    """A resource that is scored."""

    name: str = ""
    weight: int = 1


CPU_AND_MEMORY = (ResourceSpec(name="cpu"), ResourceSpec(name="memory"))


class ScoringStrategyType(StrEnum):
    """What NodeResourcesFit prefers."""

    LEAST_ALLOCATED = "LeastAllocated"
    MOST_ALLOCATED = "MostAllocated"
    REQUESTED_TO_CAPACITY_RATIO = "RequestedToCapacityRatio"


class UtilizationShapePoint(PluginArgs):
    """A point of the line from utilization to score."""

    utilization: int = 0
    """Percent."""
    score: int = 0
    """0 to 10."""


class RequestedToCapacityRatioParam(PluginArgs):
    """The line, by points of rising utilization."""

    shape: tuple[UtilizationShapePoint, ...] = ()


class ScoringStrategy(PluginArgs):
    """How NodeResourcesFit scores."""

    type: ScoringStrategyType
    resources: tuple[ResourceSpec, ...] = CPU_AND_MEMORY
    requested_to_capacity_ratio: RequestedToCapacityRatioParam | None = None
    """Set with the type of this name, and only then."""


class DefaultPreemptionArgs(PluginArgs):
    min_candidate_nodes_percentage: int = 10
    min_candidate_nodes_absolute: int = 100


class InterPodAffinityArgs(PluginArgs):
    hard_pod_affinity_weight: int = 1
    """What a pod on the node counts that requires the incoming pod near it; 0 to 100."""
    ignore_preferred_terms_of_existing_pods: bool = False


class NodeAffinityArgs(PluginArgs):
    added_affinity: NodeAffinity | None = None
    """Holds for every pod of the profile, beside its own."""


class NodeResourcesFitArgs(PluginArgs):
    ignored_resources: tuple[str, ...] = ()
    """Extended resources that the filter does not look at."""
    ignored_resource_groups: tuple[str, ...] = ()
    """Likewise, by what stands before the slash."""
    scoring_strategy: ScoringStrategy = ScoringStrategy(type=ScoringStrategyType.LEAST_ALLOCATED)


class NodeResourcesBalancedAllocationArgs(PluginArgs):
    resources: tuple[ResourceSpec, ...] = CPU_AND_MEMORY


class SpreadDefaulting(StrEnum):
    """Which constraints hold for pods that have none."""

    SYSTEM = "System"
    """Three apart by host and five by zone, where that can be had."""
    LIST = "List"
    """Those of `defaultConstraints`."""


class PodTopologySpreadArgs(PluginArgs):
    default_constraints: tuple[TopologySpreadConstraint, ...] = ()
    """Without selectors: those come from the services and controllers of each pod."""
    defaulting_type: SpreadDefaulting = SpreadDefaulting.SYSTEM


class VolumeBindingArgs(PluginArgs):
    bind_timeout_seconds: int = 600
    shape: tuple[UtilizationShapePoint, ...] | None = None
    """Only with storage capacity scoring, which there is not."""


class DynamicResourcesArgs(PluginArgs):
    filter_timeout: Duration = duration("10s")
    binding_timeout: Duration = duration("600s")


class BinpackArgs(PluginArgs):
    resources: tuple[ResourceSpec, ...] = CPU_AND_MEMORY
    """Others do not count, whatever pods ask for."""


class DirectedResource(PluginArgs):
    """A resource that is scored in its own way."""

    name: str
    weight: int = 1
    type: ScoringStrategyType = ScoringStrategyType.LEAST_ALLOCATED
    """LeastAllocated or MostAllocated."""


class ResourceStrategyFitArgs(PluginArgs):
    resources: tuple[DirectedResource, ...] = (
        DirectedResource(name="cpu"),
        DirectedResource(name="memory"),
    )


class QueuesWithoutAffinity(StrEnum):
    """Where pods of queues may go that say nothing about node groups."""

    ANYWHERE = "Anywhere"
    UNLABELLED = "Unlabelled"
    """To nodes of no group."""
    NOWHERE = "Nowhere"


class NodeGroupArgs(PluginArgs):
    queues_without_affinity: QueuesWithoutAffinity = QueuesWithoutAffinity.ANYWHERE
    inherits: bool = True
    """A queue without an affinity has that of the nearest queue above that has one."""


KnownArgs = (
    BinpackArgs
    | DefaultPreemptionArgs
    | DynamicResourcesArgs
    | InterPodAffinityArgs
    | NodeAffinityArgs
    | NodeGroupArgs
    | NodeResourcesBalancedAllocationArgs
    | NodeResourcesFitArgs
    | PodTopologySpreadArgs
    | ResourceStrategyFitArgs
    | VolumeBindingArgs
)


ARGUMENT_TYPES: Mapping[str, type[KnownArgs]] = {
    "Binpack": BinpackArgs,
    "DefaultPreemption": DefaultPreemptionArgs,
    "DynamicResources": DynamicResourcesArgs,
    "InterPodAffinity": InterPodAffinityArgs,
    "NodeAffinity": NodeAffinityArgs,
    "NodeGroup": NodeGroupArgs,
    "NodeResourcesBalancedAllocation": NodeResourcesBalancedAllocationArgs,
    "NodeResourcesFit": NodeResourcesFitArgs,
    "PodTopologySpread": PodTopologySpreadArgs,
    "ResourceStrategyFit": ResourceStrategyFitArgs,
    "VolumeBinding": VolumeBindingArgs,
}
"""By plugin. Arguments of plugins that are not here are handed on as they are written."""

DEFAULT_ARGUMENTS: Mapping[str, KnownArgs] = {
    name: arguments() for name, arguments in ARGUMENT_TYPES.items()
}


def completed_arguments(written: KnownArgs) -> KnownArgs:
    """With the defaults that stand in for empty lists and weights of zero."""
    match written:
        case NodeResourcesFitArgs():
            strategy = written.scoring_strategy
            resources = _completed_resources(strategy.resources)
            strategy = msgspec.structs.replace(strategy, resources=resources)
            return msgspec.structs.replace(written, scoring_strategy=strategy)
        case NodeResourcesBalancedAllocationArgs() | BinpackArgs():
            resources = _completed_resources(written.resources)
            return msgspec.structs.replace(written, resources=resources)
        case _:
            return written


def _completed_resources(written: tuple[ResourceSpec, ...]) -> tuple[ResourceSpec, ...]:
    if not written:
        return CPU_AND_MEMORY
    return tuple(ResourceSpec(name=each.name, weight=each.weight or 1) for each in written)
