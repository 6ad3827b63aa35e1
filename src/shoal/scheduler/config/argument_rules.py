"""Which values the args of in-tree plugins may have.

Source of the rules and texts: Kubernetes v1.36, pkg/scheduler/apis/config/validation/
validation_pluginargs.go, and apimachinery/pkg/labels for requirements.
"""

from collections.abc import Iterator, Sequence
from typing import assert_never

from shoal.api import causes
from shoal.api.names import label_value, qualified_name
from shoal.api.pod import NodeAffinity, NodeSelectorRequirement, NodeSelectorTerm
from shoal.api.pod import TopologySpreadConstraint as Constraint
from shoal.api.status import Cause
from shoal.scheduler.config.plugin_arguments import (
    BinpackArgs,
    DefaultPreemptionArgs,
    DirectedResource,
    DynamicResourcesArgs,
    InterPodAffinityArgs,
    KnownArgs,
    NodeAffinityArgs,
    NodeGroupArgs,
    NodeResourcesBalancedAllocationArgs,
    NodeResourcesFitArgs,
    PodTopologySpreadArgs,
    ResourceSpec,
    ResourceStrategyFitArgs,
    ScoringStrategy,
    ScoringStrategyType,
    SpreadDefaulting,
    UtilizationShapePoint,
    VolumeBindingArgs,
)

_ACTIONS = ("DoNotSchedule", "ScheduleAnyway")
_LABEL_OPERATORS = ("In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt")
_FIELD_OPERATORS = ("In", "NotIn")


def validate_arguments(known: KnownArgs, path: str) -> Iterator[Cause]:
    """What is wrong with a plugin's args, which stand at `path`."""
    match known:
        case ResourceStrategyFitArgs(resources=resources):
            yield from _weights(resources, f"{path}.resources")
            yield from _directions(resources, f"{path}.resources")
        case BinpackArgs(resources=resources):
            yield from _weights(resources, f"{path}.resources")
        case NodeGroupArgs():
            pass
        case DefaultPreemptionArgs():
            yield from _default_preemption(known, path)
        case InterPodAffinityArgs(hard_pod_affinity_weight=weight):
            yield from _in_range(f"{path}.hardPodAffinityWeight", weight, 0, 100)
        case NodeAffinityArgs(added_affinity=affinity):
            if affinity is not None:
                yield from _node_affinity(affinity, f"{path}.addedAffinity")
        case NodeResourcesFitArgs():
            yield from _node_resources_fit(known, path)
        case NodeResourcesBalancedAllocationArgs():
            yield from _balanced_allocation(known, f"{path}.resources")
        case PodTopologySpreadArgs():
            yield from _pod_topology_spread(known, path)
        case VolumeBindingArgs():
            yield from _volume_binding(known, path)
        case DynamicResourcesArgs():
            yield from _dynamic_resources(known, path)
        case _:
            assert_never(known)


def _in_range(path: str, value: int, low: int, high: int) -> Iterator[Cause]:
    if not low <= value <= high:
        yield causes.invalid(path, value, f"not in valid range [{low}, {high}]")


def _default_preemption(args: DefaultPreemptionArgs, path: str) -> Iterator[Cause]:
    percentage, absolute = args.min_candidate_nodes_percentage, args.min_candidate_nodes_absolute
    yield from _in_range(f"{path}.minCandidateNodesPercentage", percentage, 0, 100)
    if absolute < 0:
        text = "not in valid range [0, inf)"
        yield causes.invalid(f"{path}.minCandidateNodesAbsolute", absolute, text)
    if percentage == absolute == 0:
        names = ("minCandidateNodesPercentage", "minCandidateNodesAbsolute")
        for name, other in (names, reversed(names)):
            yield causes.invalid(f"{path}.{name}", 0, f"cannot be zero at the same time as {other}")


def _node_affinity(affinity: NodeAffinity, path: str) -> Iterator[Cause]:
    required = affinity.required_during_scheduling_ignored_during_execution
    if required is not None:
        place = f"{path}.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms"
        for index, term in enumerate(required.node_selector_terms):
            yield from _term(term, f"{place}[{index}]")
    place = f"{path}.preferredDuringSchedulingIgnoredDuringExecution"
    for index, preferred in enumerate(
        affinity.preferred_during_scheduling_ignored_during_execution
    ):
        yield from _term(preferred.preference, f"{place}[{index}]")


def _term(term: NodeSelectorTerm, path: str) -> Iterator[Cause]:
    for index, requirement in enumerate(term.match_expressions):
        yield from _label_requirement(requirement, f"{path}.matchExpressions[{index}]")
    for index, requirement in enumerate(term.match_fields):
        place = f"{path}.matchFields[{index}]"
        if requirement.operator not in _FIELD_OPERATORS:
            operator = requirement.operator
            yield causes.unsupported(f"{place}.operator", operator, _FIELD_OPERATORS)
        elif len(requirement.values) != 1:
            yield causes.invalid(f"{place}.values", requirement.values, "must have one element")


def _label_requirement(requirement: NodeSelectorRequirement, path: str) -> Iterator[Cause]:
    yield from causes.of_form(f"{path}.key", requirement.key, qualified_name)
    values = requirement.values
    text = ""
    match requirement.operator:
        case "In" | "NotIn" if not values:
            text = "for 'in', 'notin' operators, values set can't be empty"
        case "Exists" | "DoesNotExist" if values:
            text = "values set must be empty for exists and does not exist"
        case "Gt" | "Lt" if len(values) != 1:
            text = "for 'Gt', 'Lt' operators, exactly one value is required"
        case "Gt" | "Lt" if not values[0].isdecimal():
            text = "for 'Gt', 'Lt' operators, the value must be an integer"
        case operator:
            if operator not in _LABEL_OPERATORS:
                yield causes.unsupported(f"{path}.operator", operator, _LABEL_OPERATORS)
    if text:
        yield causes.invalid(f"{path}.values", values, text)
    for index, value in enumerate(values):
        yield from causes.of_form(f"{path}.values[{index}]", value, label_value)


def _node_resources_fit(args: NodeResourcesFitArgs, path: str) -> Iterator[Cause]:
    for index, name in enumerate(args.ignored_resources):
        yield from causes.of_form(f"{path}.ignoredResources[{index}]", name, qualified_name)
    for index, group in enumerate(args.ignored_resource_groups):
        place = f"{path}.ignoredResourceGroups[{index}]"
        if "/" in group:
            yield causes.invalid(place, group, "resource group name can't contain '/'")
        yield from causes.of_form(place, group, qualified_name)
    yield from _scoring_strategy(args.scoring_strategy, f"{path}.scoringStrategy")


def _scoring_strategy(strategy: ScoringStrategy, path: str) -> Iterator[Cause]:
    yield from _weights(strategy.resources, f"{path}.resources")
    is_by_ratio = strategy.type is ScoringStrategyType.REQUESTED_TO_CAPACITY_RATIO
    ratio, place = strategy.requested_to_capacity_ratio, f"{path}.requestedToCapacityRatio"
    if is_by_ratio and ratio is None:
        text = "must be specified when type is RequestedToCapacityRatio"
        yield causes.required(place, text)
    elif ratio is not None and not is_by_ratio:
        yield causes.forbidden(place, "must be nil when type is not RequestedToCapacityRatio")
    elif ratio is not None:
        yield from _shape(ratio.shape, f"{place}.shape")


def _directions(resources: Sequence[DirectedResource], path: str) -> Iterator[Cause]:
    directions = (ScoringStrategyType.LEAST_ALLOCATED, ScoringStrategyType.MOST_ALLOCATED)
    for index, resource in enumerate(resources):
        if resource.type not in directions:
            yield causes.unsupported(f"{path}[{index}].type", resource.type, directions)


def _weights(resources: Sequence[ResourceSpec | DirectedResource], path: str) -> Iterator[Cause]:
    for index, resource in enumerate(resources):
        if not 0 < resource.weight <= 100:
            text = f"resource weight of {resource.name} not in valid range (0, 100]"
            yield causes.invalid(f"{path}[{index}].weight", resource.weight, text)


def _shape(shape: Sequence[UtilizationShapePoint], path: str) -> Iterator[Cause]:
    if not shape:
        yield causes.required(path, "at least one point must be specified")
    for index in range(1, len(shape)):
        utilization = shape[index].utilization
        if shape[index - 1].utilization >= utilization:
            text = "values must be sorted in increasing order"
            yield causes.invalid(f"{path}[{index}].utilization", utilization, text)
            break
    for index, point in enumerate(shape):
        yield from _in_range(f"{path}[{index}].utilization", point.utilization, 0, 100)
        yield from _in_range(f"{path}[{index}].score", point.score, 0, 10)


def _balanced_allocation(args: NodeResourcesBalancedAllocationArgs, path: str) -> Iterator[Cause]:
    names = [resource.name for resource in args.resources]
    for index, resource in enumerate(args.resources):
        if resource.name in names[:index]:
            yield causes.duplicate(f"{path}[{index}].name", resource.name)
        if resource.weight != 1:
            yield causes.invalid(f"{path}[{index}].weight", resource.weight, "must be 1")


def _pod_topology_spread(args: PodTopologySpreadArgs, path: str) -> Iterator[Cause]:
    if args.defaulting_type is SpreadDefaulting.SYSTEM and args.default_constraints:
        text = "when .defaultConstraints are not empty"
        yield causes.invalid(f"{path}.defaultingType", args.defaulting_type, text)
    seen: set[tuple[str, str]] = set()
    for index, constraint in enumerate(args.default_constraints):
        place = f"{path}.defaultConstraints[{index}]"
        yield from _constraint(constraint, place)
        key = (constraint.topology_key, constraint.when_unsatisfiable)
        if key in seen:
            yield causes.duplicate(place, f"{{{', '.join(key)}}}")
        seen.add(key)


def _constraint(constraint: Constraint, path: str) -> Iterator[Cause]:
    if constraint.max_skew <= 0:
        text = "not in valid range (0, inf)"
        yield causes.invalid(f"{path}.maxSkew", constraint.max_skew, text)
    key = constraint.topology_key
    empty = "can not be empty"
    yield from causes.required_of_form(f"{path}.topologyKey", key, qualified_name, empty)
    action = constraint.when_unsatisfiable
    if not action:
        yield causes.required(f"{path}.whenUnsatisfiable", empty)
    elif action not in _ACTIONS:
        yield causes.unsupported(f"{path}.whenUnsatisfiable", action, _ACTIONS)
    if constraint.label_selector is not None:
        text = "constraint must not define a selector, as they deduced for each pod"
        yield causes.forbidden(f"{path}.labelSelector", text)


def _volume_binding(args: VolumeBindingArgs, path: str) -> Iterator[Cause]:
    if args.bind_timeout_seconds < 0:
        text = "invalid BindTimeoutSeconds, should not be a negative value"
        yield causes.invalid(f"{path}.bindTimeoutSeconds", args.bind_timeout_seconds, text)
    if args.shape is not None:
        text = (
            "unexpected field `shape`, remove it or turn on the feature gate StorageCapacityScoring"
        )
        points = [[point.utilization, point.score] for point in args.shape]
        yield causes.invalid(f"{path}.shape", points, text)


def _dynamic_resources(args: DynamicResourcesArgs, path: str) -> Iterator[Cause]:
    if args.filter_timeout.seconds < 0:
        text = "must be zero or positive"
        yield causes.invalid(f"{path}.filterTimeout", args.filter_timeout.text, text)
    if args.binding_timeout.seconds < 1:
        text = "must be at least 1 second"
        yield causes.invalid(f"{path}.bindingTimeout", args.binding_timeout.text, text)
