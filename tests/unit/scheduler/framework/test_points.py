"""Which plugins of a profile run at a point: one list for all, and what single points change."""

from typing import Any

import pytest

from shoal.scheduler.framework.points import Point, PointSpec
from shoal.scheduler.framework.profile import (
    PluginSpec,
    ProfileError,
    ProfileSpec,
    build_profiles,
)
from shoal.scheduler.framework.registry import Handle, PluginRegistry
from shoal.scheduler.framework.status import SUCCESS
from shoal.scheduler.framework.waiting_pods import WaitingPods
from shoal.scheduler.state.cache import Cache

HANDLE = Handle(Cache().snapshot, WaitingPods())


class Order:
    def __init__(self, name: str, arguments: Any) -> None:
        self.name = name
        self.arguments = arguments

    def sort_key(self, queued: Any) -> Any:
        return queued.pod.name


class Binder(Order):
    sort_key = None  # type: ignore[assignment]

    def bind(self, *_: object) -> Any:
        return None, SUCCESS


class Judge:
    """Filters and scores."""

    def __init__(self, name: str, arguments: Any) -> None:
        self.name = name
        self.arguments = arguments

    def filter(self, *_: object) -> Any:
        return SUCCESS

    def score(self, *_: object) -> Any:
        return 1, SUCCESS


class Scorer:
    def __init__(self, name: str, arguments: Any) -> None:
        self.name = name

    def score(self, *_: object) -> Any:
        return 1, SUCCESS


def refuse(name: str, arguments: Any) -> Any:
    raise ValueError("no such shape")


KINDS = {"Sort": Order, "Other": Order, "Bind": Binder, "Broken": refuse, "S": Scorer}


def registry() -> PluginRegistry:
    def factory(name: str) -> Any:
        def make(arguments: Any, handle: Handle) -> Any:
            return KINDS.get(name, Judge)(name, arguments)

        return make

    return PluginRegistry({name: factory(name) for name in (*KINDS, "A", "B", "C", "D")})


def spec(
    *everywhere: str | PluginSpec, scheduler: str = "mine", **points: PointSpec
) -> ProfileSpec:
    named = [PluginSpec(each) if isinstance(each, str) else each for each in everywhere]
    always = (PluginSpec("Sort"), PluginSpec("Bind"))
    return ProfileSpec(scheduler, (*always, *named), {Point(k): v for k, v in points.items()})


def build(*specs: ProfileSpec) -> Any:
    return build_profiles(specs, registry(), HANDLE)


def filters(made: ProfileSpec) -> list[str]:
    return [slot.plugin.name for slot in build(made)["mine"].points.filter]


def scores(made: ProfileSpec) -> list[tuple[str, int]]:
    return [(slot.plugin.name, slot.weight) for slot in build(made)["mine"].points.score]


def enabled(*names: str | PluginSpec, disabled: str = "") -> PointSpec:
    named = [PluginSpec(each) if isinstance(each, str) else each for each in names]
    return PointSpec(tuple(named), frozenset(disabled.split()))


def test_a_plugin_of_the_list_for_all_runs_at_every_point_it_extends() -> None:
    made = spec("A", "S", PluginSpec("B", weight=7))
    assert filters(made) == ["A", "B"]
    assert scores(made) == [("A", 1), ("S", 1), ("B", 7)]


def test_a_point_leaves_out_what_it_disables() -> None:
    made = spec("A", "B", filter=enabled(disabled="A"))
    assert filters(made) == ["B"]
    assert scores(made) == [("A", 1), ("B", 1)]


def test_a_star_leaves_only_what_the_point_enables() -> None:
    made = spec("A", "B", filter=enabled("C", "B", disabled="*"))
    assert filters(made) == ["C", "B"]


def test_overriding_plugins_run_first_then_those_of_all_points_then_the_others() -> None:
    made = spec("A", "B", "C", score=enabled("D", PluginSpec("C", weight=5), "B"))
    assert scores(made) == [("C", 5), ("B", 1), ("A", 1), ("D", 1)]
    assert filters(made) == ["A", "B", "C"]


def test_a_plugin_of_one_point_runs_at_no_other() -> None:
    made = spec("A", score=enabled("B"))
    assert filters(made) == ["A"]
    assert scores(made) == [("A", 1), ("B", 1)]


def test_a_plugin_is_made_once_however_many_points_name_it() -> None:
    made = spec(filter=enabled("A"), score=enabled(PluginSpec("A", arguments={"x": 1})))
    points = build(made)["mine"].points
    assert [each.name for each in points.rejecting] == ["A"]


@pytest.mark.parametrize(
    ("made", "text"),
    [
        (spec(filter=enabled("Nobody")), 'FilterPlugin "Nobody" does not exist'),
        (spec("Nobody"), 'PreFilterPlugin "Nobody" does not exist'),
        (spec(filter=enabled("S")), 'plugin "S" does not extend FilterPlugin plugin'),
        (spec(score=enabled("A", "A")), 'plugin "A" already registered as "ScorePlugin"'),
        (spec("A", "A"), 'plugin "A" already registered as "FilterPlugin"'),
        (spec("Broken"), 'initializing plugin "Broken": no such shape'),
        (spec(bind=enabled(disabled="*")), "at least one bind plugin is needed for profile with"),
        (spec(queueSort=enabled(disabled="Sort")), "only one queue sort plugin required for"),
        (spec("Other"), 'profile with scheduler name "mine", but got 2'),
        (spec(score=enabled(PluginSpec("A", -1))), 'score plugin "A" is not configured with'),
        (
            spec(PluginSpec("A", 2**62), PluginSpec("B", 2**62)),
            "total score of Score plugins could overflow",
        ),
    ],
)
def test_a_profile_that_cannot_be_run_is_refused(made: ProfileSpec, text: str) -> None:
    with pytest.raises(ProfileError, match=text) as refusal:
        build(made)
    assert str(refusal.value).startswith("creating profile for scheduler name mine: ")


def test_profiles_must_agree_on_the_arguments_of_the_queues_order() -> None:
    sort = PluginSpec("Sort", arguments={"by": "age"})
    other = spec(scheduler="other", queueSort=enabled(sort))
    with pytest.raises(ProfileError, match='different queue sort plugin args for profile "other"'):
        build(spec(), other)
