"""A profile's plugins, sorted by extension point into the form in which they are run.

Built once, from an ordered list of plugins for each point, or from one that holds at all of them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from shoal.api.resource import Resource
from shoal.scheduler.framework.lifted import LiftedFilter, LiftedQueueSort, LiftedScore
from shoal.scheduler.framework.plugin import (
    MAX_NODE_SCORE,
    BindPlugin,
    EnqueueExtensions,
    FilterPlugin,
    KeyedQueueSortPlugin,
    Normalization,
    NormalizedByRule,
    NormalizeScorePlugin,
    ObjectReader,
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
    VectorFilterPlugin,
    VectorScorePlugin,
    WeightedPlugin,
    reads_cluster,
)
from shoal.scheduler.framework.points import PluginSpec, Point, PointSpec, ProfileError, plugins_at
from shoal.scheduler.framework.signing import Signer
from shoal.scheduler.framework.single_row import RowFilterPlugin, RowScorePlugin

_P = TypeVar("_P")

_JUDGING = (Point.PRE_FILTER, Point.FILTER, Point.PRE_SCORE, Point.SCORE)
_REJECTING = (Point.PRE_ENQUEUE, Point.PRE_FILTER, Point.FILTER, Point.RESERVE, Point.PERMIT)
_MAX_TOTAL_SCORE = 2**63 - 1


@dataclass(frozen=True, slots=True)
class FilterSlot:
    """A filter at its place in the order."""

    index: int
    plugin: VectorFilterPlugin
    is_per_node: bool
    """Lifted: asked only about nodes that no earlier filter rejected."""
    row_plugin: RowFilterPlugin | None = None
    """The plugin, where it can judge a single row."""

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
    is_checked: bool
    """Its scores are looked at; those of in-tree plugins are in range, as their tests prove."""
    row_plugin: RowScorePlugin | None = None
    """The plugin, where it can score a single row."""

    @property
    def reads(self) -> Reads:
        return self.plugin.score_reads

    @property
    def is_measured(self) -> bool:
        """Whether the score of a node depends on the raw scores of others."""
        return self.custom is not None or self.normalization is not Normalization.NONE


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
    signer: Signer
    """Signs for the plugins that judge nodes."""
    needs: tuple[Resource[Any], ...]
    """Collections beyond nodes and pods that plugins look up."""
    by_reading: "ByReading" = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "by_reading", _by_reading(self))


@dataclass(frozen=True, slots=True)
class ByReading:
    """The plugins that judge nodes, sorted by when their answers are out of date."""

    node_filters: tuple[FilterSlot, ...]
    """They read nodes alone."""
    pod_filters: tuple[FilterSlot, ...]
    """They read the pods of the row, too."""
    cluster_filters: tuple[FilterSlot, ...]
    """They read the whole cluster."""
    further_pre_filters: tuple[int, ...]
    """Places of those that look beyond the pod."""
    further_pre_scores: tuple[PreScorePlugin, ...]
    """Those that look beyond the pod and its nodes."""
    node_scores: tuple[ScoreSlot, ...]
    """They read nodes alone."""
    moving_scores: tuple[ScoreSlot, ...]
    """The score of a row stands for itself, and depends on the row and its pods."""
    relative_scores: tuple[ScoreSlot, ...]
    """All others."""


def _by_reading(points: ExtensionPoints) -> ByReading:
    others = [slot for slot in points.score if not slot.reads.is_of_nodes]
    return ByReading(
        node_filters=tuple(slot for slot in points.filter if slot.reads is Reads.NODE),
        pod_filters=tuple(slot for slot in points.filter if slot.reads is Reads.PODS),
        cluster_filters=tuple(slot for slot in points.filter if slot.reads is Reads.CLUSTER),
        further_pre_filters=tuple(
            place for place, plugin in enumerate(points.pre_filter) if reads_cluster(plugin)
        ),
        further_pre_scores=tuple(each for each in points.pre_score if reads_cluster(each)),
        node_scores=tuple(slot for slot in points.score if slot.reads.is_of_nodes),
        moving_scores=tuple(slot for slot in others if _is_final(slot)),
        relative_scores=tuple(slot for slot in others if not _is_final(slot)),
    )


def _is_final(slot: ScoreSlot) -> bool:
    """Whether the score of a row stands for itself: it is not measured by those of others, nor
    read from them."""
    return not slot.is_measured and slot.reads is not Reads.CLUSTER


def sort_out(scheduler_name: str, weighted: Sequence[WeightedPlugin]) -> ExtensionPoints:
    """One list that holds at every point. Raises ProfileError."""
    plugins = {each.plugin.name: each.plugin for each in weighted}
    specs = [PluginSpec(each.plugin.name, each.weight) for each in weighted]
    by_point = {point: plugins_at(point, specs, PointSpec(), plugins) for point in Point}
    return sort_out_by_point(scheduler_name, by_point)


def sort_out_by_point(
    scheduler_name: str, by_point: Mapping[Point, Sequence[WeightedPlugin]]
) -> ExtensionPoints:
    """`by_point` has a list for every point, of plugins that extend it. Raises ProfileError where
    they do not make a profile."""
    plugins = {point: [each.plugin for each in listed] for point, listed in by_point.items()}
    if not plugins[Point.BIND]:
        raise ProfileError(
            f'at least one bind plugin is needed for profile with scheduler name "{scheduler_name}"'
        )
    _check_weights(by_point[Point.SCORE])
    judges = _each_once(plugins, _JUDGING)
    everyone = _each_once(plugins, tuple(Point))
    return ExtensionPoints(
        queue_sort=_queue_sort(scheduler_name, plugins[Point.QUEUE_SORT]),
        pre_enqueue=_of(plugins[Point.PRE_ENQUEUE], PreEnqueuePlugin),
        pre_filter=_of(plugins[Point.PRE_FILTER], PreFilterPlugin),
        pre_filter_extensions=_of(plugins[Point.PRE_FILTER], PreFilterExtensions),
        filter=tuple(_filter_slot(*each) for each in enumerate(plugins[Point.FILTER])),
        post_filter=_of(plugins[Point.POST_FILTER], PostFilterPlugin),
        pre_score=_of(plugins[Point.PRE_SCORE], PreScorePlugin),
        score=tuple(_score_slot(*each) for each in enumerate(by_point[Point.SCORE])),
        reserve=_of(plugins[Point.RESERVE], ReservePlugin),
        permit=_of(plugins[Point.PERMIT], PermitPlugin),
        pre_bind=_of(plugins[Point.PRE_BIND], PreBindPlugin),
        bind=_of(plugins[Point.BIND], BindPlugin),
        post_bind=_of(plugins[Point.POST_BIND], PostBindPlugin),
        rejecting=tuple(_each_once(plugins, _REJECTING)),
        signer=Signer(judges),
        needs=tuple(dict.fromkeys(r for p in _of(everyone, ObjectReader) for r in p.needs)),
    )


def _each_once(
    plugins: Mapping[Point, Sequence[Plugin]], points: Sequence[Point]
) -> Sequence[Plugin]:
    """Those of several points; plugins need not be hashable."""
    return list({id(each): each for point in points for each in plugins[point]}.values())


def _check_weights(scores: Sequence[WeightedPlugin]) -> None:
    total = 0
    for each in scores:
        if each.weight <= 0:
            raise ProfileError(f'score plugin "{each.plugin.name}" is not configured with weight')
        total += each.weight * MAX_NODE_SCORE
    if total > _MAX_TOTAL_SCORE:
        raise ProfileError("total score of Score plugins could overflow")


def registers_events(plugin: Plugin) -> EnqueueExtensions | None:
    return plugin if isinstance(plugin, EnqueueExtensions) else None


def _of(plugins: Sequence[Plugin], form: type[_P]) -> tuple[_P, ...]:
    return tuple(plugin for plugin in plugins if isinstance(plugin, form))


def _queue_sort(scheduler_name: str, sorting: Sequence[Plugin]) -> KeyedQueueSortPlugin:
    if len(sorting) != 1:
        raise ProfileError(
            f"only one queue sort plugin required for profile with scheduler name "
            f'"{scheduler_name}", but got {len(sorting)}'
        )
    plugin = sorting[0]
    if isinstance(plugin, KeyedQueueSortPlugin):
        return plugin
    assert isinstance(plugin, QueueSortPlugin)
    return LiftedQueueSort(plugin)


def _filter_slot(index: int, plugin: Plugin) -> FilterSlot:
    if isinstance(plugin, VectorFilterPlugin):
        row_plugin = plugin if isinstance(plugin, RowFilterPlugin) else None
        return FilterSlot(index, plugin, is_per_node=False, row_plugin=row_plugin)
    assert isinstance(plugin, FilterPlugin)
    return FilterSlot(index, LiftedFilter(plugin), is_per_node=True)


def _score_slot(index: int, weighted: WeightedPlugin) -> ScoreSlot:
    plugin = weighted.plugin
    rule = plugin.normalization if isinstance(plugin, NormalizedByRule) else Normalization.NONE
    custom = plugin if isinstance(plugin, NormalizeScorePlugin) else None
    is_checked = not type(plugin).__module__.startswith("shoal.scheduler.plugins.")
    if isinstance(plugin, VectorScorePlugin):
        row_plugin = plugin if isinstance(plugin, RowScorePlugin) and not is_checked else None
        return ScoreSlot(
            index, plugin, weighted.weight, rule, custom, False, is_checked, row_plugin
        )
    assert isinstance(plugin, ScorePlugin)
    lifted = LiftedScore(plugin)
    return ScoreSlot(index, lifted, weighted.weight, rule, custom, True, is_checked)
