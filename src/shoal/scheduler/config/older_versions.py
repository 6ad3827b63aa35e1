"""Configuration files of the versions before v1, rewritten as v1 says the same.

v1beta3 has the same fields, and a plugin that is gone. v1beta2 and v1beta1 know no `multiPoint`,
tell addresses that are flags now, and elect leaders by other objects than leases. v1beta1 has score
plugins that became strategies of NodeResourcesFit; its files are often written with the single
profile of still older versions on top, and that is read, too. What has no counterpart is said: as
a note where nothing is lost, as a cause where it is.

Source of the older fields and plugins: Kubernetes v1.22, kube-scheduler/config/v1beta1 and
v1beta2.
"""

from collections.abc import Callable
from typing import Any

from shoal.api import causes
from shoal.api.resource import JsonObject
from shoal.api.status import Cause
from shoal.scheduler.config.decoding import unknown_field

NEWEST = "v1"
VERSIONS = (NEWEST, "v1beta3", "v1beta2", "v1beta1")

_STRATEGIES = {
    "NodeResourcesLeastAllocated": "LeastAllocated",
    "NodeResourcesMostAllocated": "MostAllocated",
    "RequestedToCapacityRatio": "RequestedToCapacityRatio",
}
_FIT = "NodeResourcesFit"
_WITHOUT_COUNTERPART = {
    "DefaultPodTopologySpread": "PodTopologySpread spreads by its system defaults",
    "NodeLabel": "give nodeAffinity to the pods, or addedAffinity to NodeAffinity",
    "NodePreferAvoidPods": "taint the nodes with PreferNoSchedule",
    "SelectorSpread": "PodTopologySpread spreads by its system defaults",
    "ServiceAffinity": "give podAffinity to the pods",
}
_FLAGS = ("healthzBindAddress", "metricsBindAddress", "featureGates")
_OF_THE_PROFILE = ("schedulerName", "plugins", "pluginConfig")
_LOCKS = ("endpoints", "configmaps", "endpointsleases", "configmapsleases")


def as_v1(raw: JsonObject, version: str, wrong: list[Cause], notes: list[str]) -> JsonObject:
    """The file as v1 would have it; one that is not well formed is left to the reader."""
    if version == "v1beta3":
        _refuse_removed(raw, wrong)
    if version in ("v1", "v1beta3"):
        return raw
    file = dict(raw)
    for name in _FLAGS:
        if file.pop(name, None) is not None:
            notes.append(f"{name} is not used")
    _rename_lock(file, notes)
    if version == "v1beta1":
        _move_profile(file)
        _keep_from_preempting(file)
    profiles = file.get("profiles")
    if isinstance(profiles, list):
        profiles = [_profile(each, f"profiles[{i}]", wrong) for i, each in enumerate(profiles)]
        file["profiles"] = profiles
    return file


def _refuse_removed(raw: JsonObject, wrong: list[Cause]) -> None:
    for i, profile in enumerate(_listed(raw.get("profiles"))):
        plugins = _object(_object(profile).get("plugins"))
        for point, section in plugins.items():
            for j, plugin in enumerate(_listed(_object(section).get("enabled"))):
                place = f"profiles[{i}].plugins.{point}.enabled[{j}].name"
                wrong += _without_counterpart(place, _name(plugin))


def _without_counterpart(path: str, name: str) -> list[Cause]:
    if name not in _WITHOUT_COUNTERPART:
        return []
    text = f"has no counterpart in kube-scheduler today: {_WITHOUT_COUNTERPART[name]}"
    return [causes.invalid(path, name, text)]


def _rename_lock(file: JsonObject, notes: list[str]) -> None:
    election = file.get("leaderElection")
    if not isinstance(election, dict):
        return
    renamed: JsonObject = dict(election)
    for old, new in (
        ("lockObjectName", "resourceName"),
        ("lockObjectNamespace", "resourceNamespace"),
    ):
        if old in renamed:
            renamed.setdefault(new, renamed[old])
            del renamed[old]
    if renamed.get("resourceLock") in _LOCKS:
        notes.append(f"leaderElection.resourceLock {renamed['resourceLock']}: leases are used")
        renamed["resourceLock"] = "leases"
    file["leaderElection"] = renamed


def _move_profile(file: JsonObject) -> None:
    """A single profile on top, as v1alpha1 has it, into the list of profiles."""
    written = {name: file.pop(name) for name in _OF_THE_PROFILE if name in file}
    if written and not file.get("profiles"):
        file["profiles"] = [written]
    elif written:
        file.update(written)  # Both: the reader refuses what is on top.


def _keep_from_preempting(file: JsonObject) -> None:
    if not isinstance(file.get("disablePreemption"), bool):
        return
    profiles = file.get("profiles") or [{}]
    if file.pop("disablePreemption") and isinstance(profiles, list):
        file["profiles"] = [_without_preemption(each) for each in profiles]


def _without_preemption(profile: Any) -> Any:
    plugins = _object(profile).get("plugins") or {}
    post_filter = _object(plugins).get("postFilter") or {}
    if not all(isinstance(each, dict) for each in (profile, plugins, post_filter)):
        return profile
    disabled = [*_listed(post_filter.get("disabled")), {"name": "DefaultPreemption"}]
    changed = {**plugins, "postFilter": {**post_filter, "disabled": disabled}}
    return {**profile, "plugins": changed}


def _profile(profile: Any, path: str, wrong: list[Cause]) -> Any:
    plugins = profile.get("plugins") if isinstance(profile, dict) else None
    if not isinstance(plugins, dict):
        return profile
    renamed: JsonObject = dict(profile)
    points: JsonObject = dict(plugins)
    points.pop("unreserve", None)  # Reserve plugins unreserve, too.
    if "multiPoint" in points:
        wrong.append(unknown_field(f"{path}.plugins.multiPoint"))
    strategies: list[str] = []
    for point, section in points.items():
        if isinstance(section, dict):
            place = f"{path}.plugins.{point}"
            points[point] = _plugin_set(section, place, strategies, wrong)
    renamed["plugins"] = points
    if strategies:
        renamed["pluginConfig"] = _with_strategy(renamed.get("pluginConfig"), strategies[-1])
    return renamed


def _plugin_set(
    section: JsonObject, path: str, strategies: list[str], wrong: list[Cause]
) -> JsonObject:
    enabled: list[Any] = []
    for index, plugin in enumerate(_listed(section.get("enabled"))):
        name = _name(plugin)
        if refused := _without_counterpart(f"{path}.enabled[{index}].name", name):
            wrong += refused
        elif name in _STRATEGIES:
            strategies.append(name)
            if _FIT not in map(_name, enabled):
                enabled.append({**plugin, "name": _FIT})
        else:
            enabled.append(plugin)
    disabled = [
        {"name": _FIT} if _name(plugin) in _STRATEGIES else plugin
        for plugin in _listed(section.get("disabled"))
    ]
    # Empty lists say the same as none; lists that are no lists are left to the reader.
    rewritten = {"enabled": enabled, "disabled": disabled}
    return section | {name: items for name, items in rewritten.items() if items}


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _name(plugin: Any) -> str:
    return str(plugin.get("name")) if isinstance(plugin, dict) else ""


def _with_strategy(plugin_config: Any, plugin: str) -> list[Any]:
    """The args of the old plugin, as the strategy of NodeResourcesFit."""
    entries = _listed(plugin_config)
    of_plugin = _arguments(entries, lambda name: name == plugin)
    strategy: JsonObject = {"type": _STRATEGIES[plugin]}
    if resources := of_plugin.get("resources"):
        strategy["resources"] = resources
    if shape := of_plugin.get("shape"):
        strategy["requestedToCapacityRatio"] = {"shape": shape}
    fit = _arguments(entries, lambda name: name == _FIT)
    others = [each for each in entries if _name(each) not in (*_STRATEGIES, _FIT)]
    return [*others, {"name": _FIT, "args": {**fit, "scoringStrategy": strategy}}]


def _arguments(entries: list[Any], is_meant: Callable[[str], bool]) -> JsonObject:
    return next((_object(each.get("args")) for each in entries if is_meant(_name(each))), {})


def _object(value: Any) -> JsonObject:
    return value if isinstance(value, dict) else {}
