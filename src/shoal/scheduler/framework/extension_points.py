"""A profile's plugins, sorted by extension point into the form in which they are run.

Built once from an ordered list of plugins; the order is that of the profile and holds at every
point.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from shoal.scheduler.framework.lifted import LiftedFilter, LiftedQueueSort, LiftedScore
from shoal.scheduler.framework.plugin import (
    BindPlugin,
    EnqueueExtensions,
    FilterPlugin,
    KeyedQueueSortPlugin,
    Normalization,
    NormalizedByRule,
    NormalizeScorePlugin,
    PermitPlugin,
    Plugin,
    PostBindPlugin,
    PostFilterPlugin,
    PreBindPlugin,
    PreEnqueuePlugin,
    PreFilterExtensions,
    PreFilterPlugin,
    PreScorePlugin,
    QueueSortPlugin,
    Reads,
    ReservePlugin,
    ScorePlugin,
    SignPlugin,
    VectorFilterPlugin,
    VectorScorePlugin,
    WeightedPlugin,
)
from shoal.scheduler.state.pod_info import PodInfo

_P = TypeVar("_P")


class ProfileError(ValueError):
    """A profile that cannot be run; the text is the framework's."""


@dataclass(frozen=True, slots=True)
class FilterSlot:
    """A filter at its place in the order."""

    index: int
    plugin: VectorFilterPlugin
    is_per_node: bool
    """Lifted: asked only about nodes that no earlier filter rejected."""

    @property
    def reads(self) -> Reads:
        return self.plugin.filter_reads


@dataclass(frozen=True, slots=True)
class ScoreSlot:
    """A score plugin at its place in the order."""

    index: int
    plugin: VectorScorePlugin
    weight: int
    normalization: Normalization
    custom: NormalizeScorePlugin | None
    """The plugin, where it normalises by itself."""
    is_per_node: bool
    """Lifted: asked only about feasible nodes."""

    @property
    def reads(self) -> Reads:
        return self.plugin.score_reads


@dataclass(frozen=True, slots=True)
class ExtensionPoints:
    """One profile's plugins, by the point at which they are run."""

    queue_sort: KeyedQueueSortPlugin
    pre_enqueue: tuple[PreEnqueuePlugin, ...]
    pre_filter: tuple[PreFilterPlugin, ...]
    pre_filter_extensions: tuple[PreFilterExtensions, ...]
    filter: tuple[FilterSlot, ...]
    post_filter: tuple[PostFilterPlugin, ...]
    pre_score: tuple[PreScorePlugin, ...]
    score: tuple[ScoreSlot, ...]
    reserve: tuple[ReservePlugin, ...]
    permit: tuple[PermitPlugin, ...]
    pre_bind: tuple[PreBindPlugin, ...]
    bind: tuple[BindPlugin, ...]
    post_bind: tuple[PostBindPlugin, ...]
    rejecting: tuple[Plugin, ...]
    """Plugins that can reject a pod, whose registered events wake it."""
    signing: tuple[SignPlugin, ...] | None
    """The plugins that judge nodes; None where one of them cannot sign."""

    def sign(self, pod: PodInfo) -> Hashable | None:
        """Equal for pods that every plugin judges alike; None for a pod judged by itself."""
        if self.signing is None:
            return None
        fragments: list[Hashable] = []
        for plugin in self.signing:
            fragment = plugin.sign(pod)
            if fragment is None:
                return None
            fragments.append(fragment)
        return tuple(fragments)


def sort_out(scheduler_name: str, weighted: Sequence[WeightedPlugin]) -> ExtensionPoints:
    """Raises ProfileError where the plugins do not make a profile."""
    plugins = [each.plugin for each in weighted]
    names = [plugin.name for plugin in plugins]
    if len(set(names)) < len(names):
        repeated = next(name for name in names if names.count(name) > 1)
        raise ProfileError(f'plugin "{repeated}" already registered as "{repeated}"')
    bind = _of(plugins, BindPlugin)
    if not bind:
        raise ProfileError(
            f'at least one bind plugin is needed for profile with scheduler name "{scheduler_name}"'
        )
    filters = [p for p in plugins if isinstance(p, (VectorFilterPlugin, FilterPlugin))]
    scores = [
        each for each in weighted if isinstance(each.plugin, (VectorScorePlugin, ScorePlugin))
    ]
    judging = (PreFilterPlugin, PreScorePlugin)
    judges = [p for p in plugins if p in filters or isinstance(p, judging)]
    judges += [each.plugin for each in scores if each.plugin not in judges]
    signing = _of(judges, SignPlugin)
    rejecting = (PreEnqueuePlugin, PreFilterPlugin, ReservePlugin, PermitPlugin)
    return ExtensionPoints(
        queue_sort=_queue_sort(scheduler_name, plugins),
        pre_enqueue=_of(plugins, PreEnqueuePlugin),
        pre_filter=_of(plugins, PreFilterPlugin),
        pre_filter_extensions=_of(plugins, PreFilterExtensions),
        filter=tuple(_filter_slot(index, plugin) for index, plugin in enumerate(filters)),
        post_filter=_of(plugins, PostFilterPlugin),
        pre_score=_of(plugins, PreScorePlugin),
        score=tuple(_score_slot(index, each) for index, each in enumerate(scores)),
        reserve=_of(plugins, ReservePlugin),
        permit=_of(plugins, PermitPlugin),
        pre_bind=_of(plugins, PreBindPlugin),
        bind=bind,
        post_bind=_of(plugins, PostBindPlugin),
        rejecting=tuple(p for p in plugins if p in filters or isinstance(p, rejecting)),
        signing=signing if len(signing) == len(judges) else None,
    )


def registers_events(plugin: Plugin) -> EnqueueExtensions | None:
    return plugin if isinstance(plugin, EnqueueExtensions) else None


def _of(plugins: Sequence[Plugin], point: type[_P]) -> tuple[_P, ...]:
    return tuple(plugin for plugin in plugins if isinstance(plugin, point))


def _queue_sort(scheduler_name: str, plugins: Sequence[Plugin]) -> KeyedQueueSortPlugin:
    sorting = [p for p in plugins if isinstance(p, (KeyedQueueSortPlugin, QueueSortPlugin))]
    if len(sorting) != 1:
        raise ProfileError(
            f"only one queue sort plugin required for profile with scheduler name "
            f'"{scheduler_name}", but got {len(sorting)}'
        )
    plugin = sorting[0]
    return plugin if isinstance(plugin, KeyedQueueSortPlugin) else LiftedQueueSort(plugin)


def _filter_slot(index: int, plugin: VectorFilterPlugin | FilterPlugin) -> FilterSlot:
    if isinstance(plugin, VectorFilterPlugin):
        return FilterSlot(index, plugin, is_per_node=False)
    return FilterSlot(index, LiftedFilter(plugin), is_per_node=True)


def _score_slot(index: int, weighted: WeightedPlugin) -> ScoreSlot:
    plugin = weighted.plugin
    if weighted.weight <= 0:
        raise ProfileError(f'score plugin "{plugin.name}" is not configured with weight')
    rule = plugin.normalization if isinstance(plugin, NormalizedByRule) else Normalization.NONE
    custom = plugin if isinstance(plugin, NormalizeScorePlugin) else None
    if isinstance(plugin, VectorScorePlugin):
        return ScoreSlot(index, plugin, weighted.weight, rule, custom, is_per_node=False)
    if isinstance(plugin, ScorePlugin):
        lifted = LiftedScore(plugin)
        return ScoreSlot(index, lifted, weighted.weight, rule, custom, is_per_node=True)
    raise ProfileError(f'plugin "{plugin.name}" does not extend score plugin')
