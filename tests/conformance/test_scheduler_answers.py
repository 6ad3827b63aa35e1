"""The in-tree plugins answer what kube-scheduler v1.36.2 answers (see data/scheduler/README.md)."""

import gzip
import json
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from shoal.api.node import Node
from shoal.api.pod import Pod
from shoal.scheduler.cycle.evaluation import Evaluation
from shoal.scheduler.framework import filtering, scoring
from shoal.scheduler.framework.cycle_state import CycleState
from shoal.scheduler.framework.extension_points import ExtensionPoints
from shoal.scheduler.framework.filtering import PASSED
from shoal.scheduler.framework.profile import build_profiles
from shoal.scheduler.framework.registry import Handle
from shoal.scheduler.framework.waiting_pods import WaitingPods
from shoal.scheduler.plugins.in_tree import DEFAULT_PROFILES, in_tree_registry
from shoal.scheduler.state import pod_info
from shoal.scheduler.state.cache import Cache
from shoal.scheduler.state.pod_info import PodInfo
from shoal.scheduler.state.snapshot import Snapshot

DATA = Path(__file__).parent / "data" / "scheduler"


def read_lines(name: str) -> list[dict[str, Any]]:
    with gzip.open(DATA / name) as lines:
        return [json.loads(line) for line in lines]


@lru_cache
def cases() -> dict[str, tuple[dict[str, Any], dict[str, Any]]]:
    pairs = zip(read_lines("cases.jsonl.gz"), read_lines("expected.jsonl.gz"), strict=True)
    return {case["name"]: (case, answer) for case, answer in pairs}


def load(case: dict[str, Any]) -> tuple[Snapshot, ExtensionPoints, PodInfo]:
    cache = Cache()
    for node in case["nodes"]:
        cache.set_node(msgspec.convert(node, Node))
    for each in case["pods"]:
        pod = pod_info.of(msgspec.convert(each, Pod))
        cache.add(pod, pod.spec.node_name)
    handle = Handle(cache.snapshot, WaitingPods())
    profiles = build_profiles(DEFAULT_PROFILES, in_tree_registry(), handle)
    pod = pod_info.of(msgspec.convert(case["pod"], Pod))
    return cache.snapshot, profiles["default-scheduler"].points, pod


def rejections_of_each_filter(
    snapshot: Snapshot, points: ExtensionPoints, pod: PodInfo
) -> dict[str, Any]:
    found: dict[str, Any] = {}
    nodes = snapshot.all_rows()
    for slot in points.filter:
        name = slot.plugin.name
        own = tuple(each for each in points.pre_filter if each.name == name)
        state = CycleState()
        outcome = filtering.run_pre_filters(replace(points, pre_filter=own), state, pod, snapshot)
        rejecting = np.full(snapshot.row_count, PASSED, np.int16)
        codes = np.zeros(snapshot.row_count, np.int64)
        filtering.run_filters([slot], state, pod, nodes, rejecting, codes)
        for node in snapshot.nodes():
            if outcome.node_names is not None and node.name not in outcome.node_names:
                found.setdefault(name, {})[node.name] = ("PreFilterResult", [])
            elif rejecting[node.row] != PASSED:
                status = slot.plugin.filter_status(state, pod, int(codes[node.row]))
                answer = (status.code.label, sorted(status.reasons))
                found.setdefault(name, {})[node.name] = answer
    return found


@pytest.mark.parametrize("name", cases())
def test_each_filter_rejects_the_same_nodes_for_the_same_reasons(name: str) -> None:
    case, answer = cases()[name]
    expected = {
        plugin: {node: (v["code"], sorted(v.get("reasons", ()))) for node, v in by_node.items()}
        for plugin, by_node in answer["filter"].items()
    }
    assert rejections_of_each_filter(*load(case)) == expected


@pytest.mark.parametrize("name", [n for n, (_, answer) in cases().items() if answer["feasible"]])
def test_each_score_plugin_gives_the_same_scores(name: str) -> None:
    case, answer = cases()[name]
    snapshot, points, pod = load(case)
    names = answer["feasible"]
    rows = np.array(sorted(snapshot.row(node) for node in names), np.intp)
    state = CycleState()
    nodes = snapshot.select(rows)
    assert scoring.run_pre_scores(points, state, pod, nodes).is_success
    for slot in points.score:
        if slot.plugin.name in state.skip_score:
            assert not any(answer["scores"].get(slot.plugin.name, {}).values())
            continue
        raw = slot.plugin.score_rows(state, pod, nodes)
        scores = scoring.normalized_by_rule(slot.normalization, raw, int(raw.max()))
        by_node = {
            snapshot.node(row).name: int(score) * slot.weight
            for row, score in zip(rows.tolist(), scores, strict=True)
        }
        assert by_node == answer["scores"][slot.plugin.name]


@pytest.mark.parametrize("name", [n for n, (_, answer) in cases().items() if answer["alone"]])
def test_the_profile_leaves_the_same_nodes_or_says_the_same(name: str) -> None:
    case, answer = cases()[name]
    snapshot, points, pod = load(case)
    evaluation = Evaluation(points, pod, snapshot)
    choice = evaluation.choose()
    feasible = [snapshot.node(row).name for row in evaluation.feasible_rows()]
    assert sorted(feasible) == answer["feasible"]
    if "message" in answer:
        assert not isinstance(choice, int)
        assert evaluation.diagnose().message == answer["message"]
