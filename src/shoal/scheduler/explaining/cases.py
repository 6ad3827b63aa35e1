"""Recorded cases: a cluster and a pod in, all that the scheduler says about them out.

A case is a JSON object with `nodes`, `pods` (those on nodes), `pod` (the one to place), and other
collections by their plural, such as `namespaces`; `pdbs` is short for `poddisruptionbudgets`. With
`fitArgs` NodeResourcesFit gets these arguments. Answers have the form of the answers that
kube-scheduler v1.36 gave to the cases of tests/conformance/data/scheduler/README.md, so that one
can be held against the other.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, TypeVar

import msgspec

from shoal.api.node import Node
from shoal.api.pod import Pod
from shoal.api.quantity import QuantityError
from shoal.api.resource import JsonObject, Resource
from shoal.api.status import Cause
from shoal.scheduler.config import decoding
from shoal.scheduler.config.plugin_arguments import (
    DefaultPreemptionArgs,
    NodeResourcesFitArgs,
    PluginArgs,
)
from shoal.scheduler.core import Scheduler, build_scheduler
from shoal.scheduler.explaining.explanation import Explanation, WayOut
from shoal.scheduler.explaining.lone_verdicts import LEFT_OUT, Refusal
from shoal.scheduler.explaining.onlooker import ClusterView, Onlooker
from shoal.scheduler.framework.points import ProfileError
from shoal.scheduler.framework.profile import ProfileSpec
from shoal.scheduler.framework.registry import PluginRegistry
from shoal.scheduler.plugins.in_tree import DEFAULT_PROFILES

_T = TypeVar("_T")

# The recorded answers come from a profile without what looks at volumes and devices.
_NO_VOLUMES_OR_DEVICES = frozenset(
    (
        "VolumeRestrictions",
        "NodeVolumeLimits",
        "VolumeBinding",
        "VolumeZone",
        "DynamicResources",
        "NodeDeclaredFeatures",
    )
)
_NOT_ASKED = _NO_VOLUMES_OR_DEVICES | {"DefaultPreemption"}
_EVERY_NODE_A_CANDIDATE = DefaultPreemptionArgs(min_candidate_nodes_percentage=100)
_SHORT_NAMES = {"poddisruptionbudgets": "pdbs"}
_WHENEVER = datetime(2026, 1, 1, tzinfo=UTC)
"""Nothing that is asked of a case depends on the time."""
_BASE = DEFAULT_PROFILES[0]


class CaseError(ValueError):
    """A case that cannot be answered; the text says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Case:
    """A cluster, a pod, and the profile that is asked about them."""

    raw: JsonObject
    pod: Pod
    profile: ProfileSpec


def case_of(line: bytes | str, *, with_preemption: bool = False) -> Case:
    """Read one line. Raises CaseError."""
    try:
        raw = _without_nulls(msgspec.json.decode(line))
    except msgspec.DecodeError as error:
        raise CaseError(f"it is no JSON: {error}") from error
    if not isinstance(raw, dict) or "pod" not in raw:
        raise CaseError("it is no JSON object with a `pod`")
    fields: JsonObject = raw
    pod = _named(_converted(fields, "pod", Pod))
    return Case(fields, pod, _profile(fields, with_preemption))


def explain_case(case: Case, registry: PluginRegistry) -> Explanation:
    """Raises CaseError."""
    try:
        scheduler = build_scheduler([case.profile], registry)
        onlooker = Onlooker(scheduler, _view(case.raw, scheduler), _WHENEVER)
        profile = onlooker.profile(case.profile.scheduler_name)
        assert profile is not None
        return onlooker.explain(case.pod, profile)
    except QuantityError as error:
        raise CaseError(f"an amount in it is none: {error}") from error
    except ProfileError as error:
        raise CaseError(str(error)) from error


def answer_of(explanation: Explanation) -> JsonObject:
    """`filter`, `feasible`, and `message` or `scores`, `total` and `best`."""
    answer: JsonObject = {
        "filter": {
            plugin: {name: _written(each) for name, each in sorted(by_node.items())}
            for plugin, by_node in sorted(explanation.refusals.items())
        }
    }
    if explanation.pre_filter is not None:
        answer["preFilter"] = _written(explanation.pre_filter)
    answer["feasible"] = list(explanation.feasible)
    scores = explanation.scores
    if explanation.message or scores.error:
        return {**answer, "message": explanation.message or scores.error}
    by_plugin = {name: dict(sorted(of.items())) for name, of in sorted(scores.by_plugin.items())}
    total = dict(sorted(scores.totals.items()))
    return {**answer, "scores": by_plugin, "total": total, "best": list(scores.best)}


def preemption_answer_of(explanation: Explanation) -> JsonObject:
    """`node` and `victims`, empty where preemption does not help; then `message` says why."""
    found = explanation.way_out or WayOut(message=explanation.message)
    message = "" if found.node_name else found.message
    return {"node": found.node_name, "victims": list(found.victims), "message": message}


def _written(refused: Refusal) -> JsonObject:
    if refused.code == LEFT_OUT:
        return {"code": refused.code}
    return {"code": refused.code, "plugin": refused.plugin, "reasons": list(refused.reasons)}


def _profile(raw: JsonObject, with_preemption: bool) -> ProfileSpec:
    left_out = _NO_VOLUMES_OR_DEVICES if with_preemption else _NOT_ASKED
    arguments: dict[str, PluginArgs] = {"DefaultPreemption": _EVERY_NODE_A_CANDIDATE}
    if "fitArgs" in raw:
        arguments["NodeResourcesFit"] = _fit_arguments(raw["fitArgs"])
    plugins = (
        replace(each, arguments=arguments.get(each.name, each.arguments))
        for each in _BASE.plugins
        if each.name not in left_out
    )
    return replace(_BASE, plugins=tuple(plugins))


def _fit_arguments(raw: Any) -> NodeResourcesFitArgs:
    """Fields may be called as in Go."""
    faults: list[Cause] = []
    arguments = decoding.read(NodeResourcesFitArgs, _in_camel_case(raw), "fitArgs", faults)
    if faults:
        raise CaseError(f"{faults[0].field}: {faults[0].message}".removeprefix(": "))
    return arguments


def _in_camel_case(value: Any) -> Any:
    match value:
        case dict():
            fields: JsonObject = value
            return {name[:1].lower() + name[1:]: _in_camel_case(v) for name, v in fields.items()}
        case list():
            items: list[Any] = value
            return [_in_camel_case(each) for each in items]
        case _:
            return value


def _view(raw: JsonObject, scheduler: Scheduler) -> ClusterView:
    nodes = _converted(raw, "nodes", list[Node])
    pods = [_named(pod) for pod in _converted(raw, "pods", list[Pod])]
    return ClusterView(nodes, pods, {r: _objects(raw, r) for r in scheduler.needs})


def _objects(raw: JsonObject, resource: Resource[Any]) -> Sequence[Any]:
    names = (resource.plural, _SHORT_NAMES.get(resource.plural, resource.plural))
    by_lower_name: Mapping[str, str] = {name.lower(): name for name in raw}
    found = next((by_lower_name[name] for name in names if name in by_lower_name), None)
    return [] if found is None else _converted(raw, found, list[resource.type])


def _converted(raw: JsonObject, name: str, kind: type[_T]) -> _T:
    try:
        return msgspec.convert(raw.get(name, []), kind)
    except msgspec.ValidationError as error:
        raise CaseError(f"its {name}: {error}") from error


def _named(pod: Pod) -> Pod:
    """Pods of cases written by hand have no uid."""
    meta = pod.metadata
    if meta.uid:
        return pod
    named = msgspec.structs.replace(meta, uid=str(meta.key))
    return msgspec.structs.replace(pod, metadata=named)


def _without_nulls(value: Any) -> Any:
    """Go writes what is empty as null."""
    match value:
        case dict():
            fields: JsonObject = value
            return {name: _without_nulls(v) for name, v in fields.items() if v is not None}
        case list():
            items: list[Any] = value
            return [_without_nulls(each) for each in items]
        case _:
            return value
