"""Plugins by name: in-tree ones, and those that packages bring."""

from importlib.metadata import EntryPoint
from typing import Any

import pytest

from shoal.scheduler.framework.extension_points import ProfileError
from shoal.scheduler.framework.plugin import QueuedPodInfo
from shoal.scheduler.framework.profile import PluginSpec, ProfileSpec, build_profiles
from shoal.scheduler.framework.registry import ENTRY_POINT_GROUP, Handle, PluginRegistry
from shoal.scheduler.framework.waiting_pods import WaitingPods
from shoal.scheduler.plugins.in_tree import DEFAULT_PROFILES, in_tree_registry
from shoal.scheduler.plugins.node_name import NodeName
from shoal.scheduler.state.cache import Cache

HANDLE = Handle(Cache().snapshot, WaitingPods())


class ByName:
    """A QueueSort in the simple form."""

    name = "ByName"

    def __init__(self, arguments: Any, handle: Handle) -> None:
        pass

    def less(self, left: QueuedPodInfo, right: QueuedPodInfo) -> bool:
        return left.pod.name < right.pod.name


def build(*specs: ProfileSpec, registry: PluginRegistry | None = None) -> Any:
    return build_profiles(specs, registry or in_tree_registry(), HANDLE)


def test_the_default_profiles_can_be_built() -> None:
    assert list(build(*DEFAULT_PROFILES)) == ["default-scheduler", "shoal", "volcano"]


def entry_point(name: str, target: str) -> EntryPoint:
    return EntryPoint(name, f"shoal.scheduler.plugins.{target}", ENTRY_POINT_GROUP)


def test_a_package_brings_plugins_by_entry_point() -> None:
    registry = in_tree_registry()
    registry.register_entry_points(lambda: [entry_point("Theirs", "node_name:NodeName")])
    assert registry.build("Theirs", {}, HANDLE).name == "NodeName"
    with pytest.raises(ProfileError, match='plugin "Nobody" does not exist'):
        registry.build("Nobody", {}, HANDLE)


def test_packages_are_looked_through_only_for_names_nobody_else_registered() -> None:
    def find() -> list[EntryPoint]:
        raise AssertionError("looked through all packages")

    registry = in_tree_registry()
    registry.register_entry_points(find)
    assert isinstance(registry.build("NodeName", {}, HANDLE), NodeName)


def test_two_packages_cannot_bring_the_same_plugin() -> None:
    registry = in_tree_registry()
    theirs = [entry_point("Mine", "node_name:NodeName"), entry_point("Mine", "other:Other")]
    registry.register_entry_points(lambda: theirs)
    with pytest.raises(ProfileError, match='several packages bring a plugin named "Mine"'):
        registry.build("Mine", {}, HANDLE)


def test_a_name_is_registered_once() -> None:
    with pytest.raises(ProfileError, match="a plugin named NodeName already exists"):
        in_tree_registry().register("NodeName", NodeName)


def test_an_unknown_plugin_is_refused() -> None:
    with pytest.raises(
        ProfileError,
        match='creating profile for scheduler name mine: PreFilterPlugin "Nobody" does not exist',
    ):
        build(ProfileSpec("mine", (PluginSpec("Nobody"),)))


def test_a_profile_stands_once() -> None:
    with pytest.raises(ProfileError, match='duplicate profile with scheduler name "shoal"'):
        build(DEFAULT_PROFILES[1], DEFAULT_PROFILES[1])


def test_profiles_must_agree_on_the_order_of_the_queue() -> None:
    registry = in_tree_registry()
    registry.register("ByName", ByName)
    other = ProfileSpec("other", (PluginSpec("ByName"), PluginSpec("DefaultBinder")))
    with pytest.raises(ProfileError, match='different queue sort plugins for profile "other"'):
        build(DEFAULT_PROFILES[0], other, registry=registry)


def test_a_queue_sort_by_comparison_sorts() -> None:
    registry = in_tree_registry()
    registry.register("ByName", ByName)
    spec = ProfileSpec("mine", (PluginSpec("ByName"), PluginSpec("DefaultBinder")))
    key = build(spec, registry=registry)["mine"].points.queue_sort.sort_key

    class Named:
        def __init__(self, name: str) -> None:
            self.pod = self
            self.name = name

    names = sorted((Named(name) for name in "cab"), key=key)
    assert [each.name for each in names] == ["a", "b", "c"]
