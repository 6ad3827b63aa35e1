"""Preemption chooses as kube-scheduler v1.36.2 does (see data/preemption/README.md)."""

import gzip
from dataclasses import replace
from functools import cache
from pathlib import Path

import msgspec
import pytest

from shoal.api.resource import JsonObject
from shoal.scheduler.explaining.cases import Case, case_of, explain_case, preemption_answer_of
from shoal.scheduler.framework.cycle_state import CycleState
from shoal.scheduler.framework.points import PluginSpec
from shoal.scheduler.framework.registry import Handle, PluginRegistry
from shoal.scheduler.framework.status import SUCCESS, Status
from shoal.scheduler.plugins.in_tree import in_tree_registry
from shoal.scheduler.state.pod_info import PodInfo
from shoal.scheduler.state.snapshot import NodeInfo

DATA = Path(__file__).parent / "data" / "preemption"


def read_lines(name: str) -> list[bytes]:
    with gzip.open(DATA / name) as lines:
        return [line.rstrip() for line in lines]


@cache
def cases() -> dict[str, tuple[bytes, JsonObject]]:
    pairs = zip(read_lines("cases.jsonl.gz"), read_lines("expected.jsonl.gz"), strict=True)
    return {str(case_of(case).raw["name"]): (case, msgspec.json.decode(e)) for case, e in pairs}


class Easygoing:
    """Refuses no node; who it looks at one by one cannot be judged by columns."""

    name = "Easygoing"

    def __init__(self, arguments: object, handle: Handle) -> None:
        pass

    def filter(self, state: CycleState, pod: PodInfo, node: NodeInfo) -> Status:
        return SUCCESS


def answered(case: Case, registry: PluginRegistry) -> JsonObject:
    return preemption_answer_of(explain_case(case, registry))


def is_an_option(answer: JsonObject, expected: JsonObject) -> bool:
    if not expected["options"]:
        return answer == {"node": "", "victims": [], "message": expected["message"]}
    return {"node": answer["node"], "victims": answer["victims"]} in expected["options"]


@pytest.mark.parametrize("name", cases())
def test_the_node_and_the_victims_are_among_those_of_kube_scheduler(name: str) -> None:
    line, expected = cases()[name]
    case = case_of(line, with_preemption=True)
    assert is_an_option(answered(case, in_tree_registry()), expected)


@pytest.mark.parametrize("name", cases())
def test_dry_runs_node_by_node_come_to_the_same(name: str) -> None:
    line, expected = cases()[name]
    case = case_of(line, with_preemption=True)
    plugins = (*case.profile.plugins, PluginSpec("Easygoing"))
    case = replace(case, profile=replace(case.profile, plugins=plugins))
    registry = in_tree_registry()
    registry.register("Easygoing", Easygoing)
    assert is_an_option(answered(case, registry), expected)
