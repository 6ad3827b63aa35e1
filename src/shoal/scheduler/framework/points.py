"""The extension points by name, and which plugins of a profile are run at each.

A profile has one list that holds at every point a plugin implements, `multiPoint`, and may add,
order, weigh and disable plugins at single points.

Source of the rules and texts: Kubernetes v1.36, pkg/scheduler/framework/runtime/framework.go.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from shoal.scheduler.framework.plugin import (
    BindPlugin,
    FilterPlugin,
    KeyedQueueSortPlugin,
    PermitPlugin,
    Plugin,
    PostBindPlugin,
    PostFilterPlugin,
    PreBindPlugin,
    PreEnqueuePlugin,
    PreFilterPlugin,
    PreScorePlugin,
    QueueSortPlugin,
    ReservePlugin,
    ScorePlugin,
    VectorFilterPlugin,
    VectorScorePlugin,
    WeightedPlugin,
)

EVERYTHING = "*"
"""Disables all plugins that a point has not enabled itself."""
EXTENDER = "Extender"
"""What a rejection by an extender is booked under, as if it were a plugin."""


class ProfileError(ValueError):
    """A profile that cannot be run; the text is the framework's."""


class Point(StrEnum):
    """An extension point, as configuration files call it, in the order in which Kubernetes sets
    them up: the first one with a fault is the one that is told."""

    PRE_FILTER = "preFilter"
    FILTER = "filter"
    POST_FILTER = "postFilter"
    RESERVE = "reserve"
    PRE_SCORE = "preScore"
    SCORE = "score"
    PRE_BIND = "preBind"
    BIND = "bind"
    POST_BIND = "postBind"
    PERMIT = "permit"
    PRE_ENQUEUE = "preEnqueue"
    QUEUE_SORT = "queueSort"

    @property
    def interface(self) -> str:
        """What messages call it: `PreFilterPlugin`."""
        return f"{self.value[0].upper()}{self.value[1:]}Plugin"


# A point with a form for speed has two protocols.
_FORMS: Mapping[Point, tuple[type[Any], ...]] = {
    Point.PRE_FILTER: (PreFilterPlugin,),
    Point.FILTER: (VectorFilterPlugin, FilterPlugin),
    Point.POST_FILTER: (PostFilterPlugin,),
    Point.RESERVE: (ReservePlugin,),
    Point.PRE_SCORE: (PreScorePlugin,),
    Point.SCORE: (VectorScorePlugin, ScorePlugin),
    Point.PRE_BIND: (PreBindPlugin,),
    Point.BIND: (BindPlugin,),
    Point.POST_BIND: (PostBindPlugin,),
    Point.PERMIT: (PermitPlugin,),
    Point.PRE_ENQUEUE: (PreEnqueuePlugin,),
    Point.QUEUE_SORT: (KeyedQueueSortPlugin, QueueSortPlugin),
}


def extends(plugin: Plugin, point: Point) -> bool:
    """Whether the plugin can be run at the point."""
    return isinstance(plugin, _FORMS[point])


@dataclass(frozen=True, slots=True)
class PluginSpec:
    """A plugin of a profile, as configured."""

    name: str
    weight: int = 1
    arguments: Any = None
    """None: what the registry has as its defaults."""


@dataclass(frozen=True, slots=True)
class PointSpec:
    """What is different at one extension point."""

    enabled: tuple[PluginSpec, ...] = ()
    disabled: frozenset[str] = frozenset()
    """Of the plugins that hold everywhere; `EVERYTHING` stands for all of them."""


def plugins_at(
    point: Point,
    everywhere: Sequence[PluginSpec],
    here: PointSpec,
    plugins: Mapping[str, Plugin],
) -> tuple[WeightedPlugin, ...]:
    """In the order in which they run: plugins of both lists as `here` orders them, then those that
    hold everywhere, then the others. `plugins` has those of both lists, by name. Raises
    ProfileError."""
    named = {spec.name: spec for spec in here.enabled}
    _check_enabled(point, here.enabled, plugins)
    overriding: set[str] = set()
    inherited: dict[str, PluginSpec] = {}
    for spec in everywhere:
        if _is_left_out(spec.name, point, here, plugins):
            continue
        if spec.name in named:
            overriding.add(spec.name)
        elif spec.name in inherited:
            raise _registered_twice(spec.name, point)
        else:
            inherited[spec.name] = spec
    first = [spec for spec in here.enabled if spec.name in overriding]
    last = [spec for spec in here.enabled if spec.name not in overriding]
    ordered = (*first, *inherited.values(), *last)
    return tuple(WeightedPlugin(plugins[spec.name], spec.weight) for spec in ordered)


def _is_left_out(name: str, point: Point, here: PointSpec, plugins: Mapping[str, Plugin]) -> bool:
    is_disabled = EVERYTHING in here.disabled or name in here.disabled
    return is_disabled or not extends(plugins[name], point)


def _check_enabled(
    point: Point, enabled: Sequence[PluginSpec], plugins: Mapping[str, Plugin]
) -> None:
    seen: set[str] = set()
    for spec in enabled:
        if not extends(plugins[spec.name], point):
            raise ProfileError(f'plugin "{spec.name}" does not extend {point.interface} plugin')
        if spec.name in seen:
            raise _registered_twice(spec.name, point)
        seen.add(spec.name)


def _registered_twice(name: str, point: Point) -> ProfileError:
    return ProfileError(f'plugin "{name}" already registered as "{point.interface}"')
