"""Profiles: which plugins, in which order and with which weight, serve a `schedulerName`."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from shoal.scheduler.framework.extension_points import ExtensionPoints, ProfileError, sort_out
from shoal.scheduler.framework.plugin import WeightedPlugin
from shoal.scheduler.framework.registry import Handle, PluginRegistry


@dataclass(frozen=True, slots=True)
class PluginSpec:
    """A plugin of a profile, as configured."""

    name: str
    weight: int = 1
    arguments: Any = None
    """None: what the registry has as its defaults."""


@dataclass(frozen=True, slots=True)
class ProfileSpec:
    """A profile as configured: the plugins hold at every extension point they implement."""

    scheduler_name: str
    plugins: tuple[PluginSpec, ...]


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
    for spec in specs:
        if not spec.scheduler_name:
            raise ProfileError("scheduler name is needed")
        if spec.scheduler_name in profiles:
            raise ProfileError(f'duplicate profile with scheduler name "{spec.scheduler_name}"')
        profiles[spec.scheduler_name] = _build(spec, registry, handle)
    if not profiles:
        raise ProfileError("at least one profile is required")
    _check_queue_sort(list(profiles.values()))
    return profiles


def _build(spec: ProfileSpec, registry: PluginRegistry, handle: Handle) -> Profile:
    try:
        plugins = [
            WeightedPlugin(registry.build(each.name, each.arguments, handle), each.weight)
            for each in spec.plugins
        ]
        return Profile(spec.scheduler_name, sort_out(spec.scheduler_name, plugins))
    except ProfileError as error:
        raise ProfileError(
            f"creating profile for scheduler name {spec.scheduler_name}: {error}"
        ) from error


def _check_queue_sort(profiles: list[Profile]) -> None:
    """All profiles share one queue, so they must agree on its order."""
    first = profiles[0].points.queue_sort.name
    for profile in profiles[1:]:
        own = profile.points.queue_sort.name
        if own != first:
            raise ProfileError(
                f'different queue sort plugins for profile "{profile.scheduler_name}": '
                f'"{own}", first: "{first}"'
            )
