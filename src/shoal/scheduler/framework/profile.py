"""Profiles: which plugins, in which order and with which weight, serve a `schedulerName`.

Source of the texts: Kubernetes v1.36, pkg/scheduler/profile/profile.go and
framework/runtime/framework.go.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from shoal.base.guard import Failed, attempt
from shoal.scheduler.framework.dry_run import DryRuns
from shoal.scheduler.framework.extension_points import ExtensionPoints, sort_out_by_point
from shoal.scheduler.framework.plugin import Plugin
from shoal.scheduler.framework.points import (
    EVERYTHING,
    PluginSpec,
    Point,
    PointSpec,
    ProfileError,
    plugins_at,
)
from shoal.scheduler.framework.registry import Handle, PluginRegistry


@dataclass(frozen=True, slots=True)
class ProfileSpec:
    """A profile as configured."""

    scheduler_name: str
    plugins: tuple[PluginSpec, ...]
    """These hold at every extension point that they implement."""
    points: Mapping[Point, PointSpec] = field(default_factory=dict[Point, PointSpec])
    """What is different at single points."""
    follows_order: bool = False
    """Whether it takes over the QueueSort of the first profile."""

    def specs(self) -> Iterator[tuple[Point, PluginSpec]]:
        """All plugins that are named, with the point of which a message about one of them speaks:
        those of single points first, as the framework looks at them."""
        for point in Point:
            for spec in self.points.get(point, PointSpec()).enabled:
                yield point, spec
        for spec in self.plugins:
            yield Point.PRE_FILTER, spec

    @property
    def arguments(self) -> Mapping[str, Any]:
        """By plugin; only what is configured."""
        return {s.name: s.arguments for _, s in self.specs() if s.arguments is not None}


@dataclass(frozen=True, slots=True)
class Profile:
    """A profile ready to run."""

    scheduler_name: str
    points: ExtensionPoints


def build_profiles(
    specs: Iterable[ProfileSpec], registry: PluginRegistry, handle: Handle
) -> Mapping[str, Profile]:
    """By scheduler name. Raises ProfileError where the specs do not fit together."""
    profiles: dict[str, Profile] = {}
    first: tuple[str, Any] | None = None
    for spec in specs:
        if not spec.scheduler_name:
            raise ProfileError("scheduler name is needed")
        if spec.scheduler_name in profiles:
            raise ProfileError(f'duplicate profile with scheduler name "{spec.scheduler_name}"')
        if spec.follows_order and first is not None:
            spec = _ordered(spec, *first)
        profile = profiles[spec.scheduler_name] = _build(spec, registry, handle)
        order = profile.points.queue_sort.name
        first = first or (order, spec.arguments.get(order))
        _check_order(spec, order, *first)
    if not profiles:
        raise ProfileError("at least one profile is required")
    return profiles


def _ordered(spec: ProfileSpec, name: str, arguments: Any) -> ProfileSpec:
    """With this QueueSort and no other."""
    order = PointSpec((PluginSpec(name, arguments=arguments),), frozenset((EVERYTHING,)))
    return replace(spec, points={**spec.points, Point.QUEUE_SORT: order})


def _build(spec: ProfileSpec, registry: PluginRegistry, handle: Handle) -> Profile:
    dry_runs = DryRuns(handle.snapshot, handle.nominations)
    try:
        plugins = _build_plugins(spec, registry, replace(handle, dry_runs=dry_runs))
        by_point = {
            point: plugins_at(point, spec.plugins, spec.points.get(point, PointSpec()), plugins)
            for point in Point
        }
        dry_runs.points = sort_out_by_point(spec.scheduler_name, by_point)
        return Profile(spec.scheduler_name, dry_runs.points)
    except ProfileError as error:
        raise ProfileError(
            f"creating profile for scheduler name {spec.scheduler_name}: {error}"
        ) from error


def _build_plugins(
    spec: ProfileSpec, registry: PluginRegistry, handle: Handle
) -> Mapping[str, Plugin]:
    """Each plugin once, however many points name it."""
    arguments = spec.arguments
    plugins: dict[str, Plugin] = {}
    for point, each in spec.specs():
        if each.name in plugins:
            continue
        factory = registry.find(each.name)
        if factory is None:
            raise ProfileError(f'{point.interface} "{each.name}" does not exist')
        plugin = attempt(factory, arguments.get(each.name), handle)
        if isinstance(plugin, Failed):
            raise ProfileError(
                f'initializing plugin "{each.name}": {plugin.text}'
            ) from plugin.error
        plugins[each.name] = plugin
    return plugins


def _check_order(spec: ProfileSpec, own: str, first: str, first_arguments: Any) -> None:
    """All profiles share one queue, so they must agree on its order."""
    if own != first:
        raise ProfileError(
            f'different queue sort plugins for profile "{spec.scheduler_name}": '
            f'"{own}", first: "{first}"'
        )
    if spec.arguments.get(own) != first_arguments:
        raise ProfileError(f'different queue sort plugin args for profile "{spec.scheduler_name}"')
