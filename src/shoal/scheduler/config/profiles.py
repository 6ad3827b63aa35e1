"""From a checked configuration file to profiles that the framework builds.

The plugins that hold everywhere are the default ones, changed by `multiPoint`; what single points
add and disable stands beside them. Source of the merge: Kubernetes v1.36,
pkg/scheduler/apis/config/v1/default_plugins.go.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from shoal.scheduler.config.configuration import (
    ExtenderSection,
    PluginEntry,
    PluginSetSection,
    ProfileSection,
    SchedulerConfiguration,
)
from shoal.scheduler.config.plugin_arguments import NodeResourcesFitArgs
from shoal.scheduler.framework.points import EVERYTHING, PluginSpec, PointSpec
from shoal.scheduler.framework.profile import ProfileSpec

_FIT = "NodeResourcesFit"

Arguments = Mapping[str, Any]
"""By plugin."""


def profile_specs(
    file: SchedulerConfiguration,
    arguments: Sequence[Arguments],
    default_plugins: Sequence[PluginSpec],
) -> tuple[ProfileSpec, ...]:
    """`arguments` are those of each profile, read and checked."""
    ignored = ignored_resources(file.extenders)
    return tuple(
        _spec(profile, _ignoring(own, ignored), default_plugins)
        for profile, own in zip(file.profiles, arguments, strict=True)
    )


def ignored_resources(extenders: Sequence[ExtenderSection]) -> tuple[str, ...]:
    """What extenders look after so that NodeResourcesFit need not."""
    return tuple(
        resource.name
        for extender in extenders
        for resource in extender.managed_resources
        if resource.ignored_by_scheduler
    )


def _ignoring(arguments: Arguments, ignored: tuple[str, ...]) -> Arguments:
    if not ignored:
        return arguments
    fit: NodeResourcesFitArgs = arguments.get(_FIT) or NodeResourcesFitArgs()
    both = (*fit.ignored_resources, *ignored)
    return {**arguments, _FIT: msgspec.structs.replace(fit, ignored_resources=both)}


def _spec(
    profile: ProfileSection, arguments: Arguments, default_plugins: Sequence[PluginSpec]
) -> ProfileSpec:
    def plugin(entry: PluginEntry) -> PluginSpec:
        return PluginSpec(entry.name, entry.weight or 1, arguments.get(entry.name))

    defaults = [
        PluginSpec(each.name, each.weight, arguments.get(each.name, each.arguments))
        for each in default_plugins
    ]
    everywhere = profile.plugins.multi_point
    custom = [plugin(entry) for entry in everywhere.enabled]
    points = {
        point: PointSpec(tuple(plugin(entry) for entry in section.enabled), _disabled(section))
        for point, section in profile.plugins.by_point()
        if section.enabled or section.disabled
    }
    merged = merge(defaults, custom, _disabled(everywhere))
    return ProfileSpec(profile.scheduler_name or "", merged, points)


def _disabled(section: PluginSetSection) -> frozenset[str]:
    return frozenset(entry.name for entry in section.disabled)


def merge(
    defaults: Sequence[PluginSpec], custom: Sequence[PluginSpec], disabled: frozenset[str]
) -> tuple[PluginSpec, ...]:
    """Default plugins that are not disabled, each replaced in its place by a custom one of the
    same name, then the other custom ones. Of two custom ones the last replaces; the first stays,
    and is refused as registered twice."""
    if EVERYTHING in disabled:
        return tuple(custom)
    last = {spec.name: index for index, spec in enumerate(custom)}
    kept = [spec for spec in defaults if spec.name not in disabled]
    replacing = {last[spec.name] for spec in kept if spec.name in last}
    in_place = [custom[last[spec.name]] if spec.name in last else spec for spec in kept]
    return (*in_place, *(spec for i, spec in enumerate(custom) if i not in replacing))
