"""Cases beyond the recorded ones: what their writers leave out, and what makes no sense."""

import json
from typing import Any

import pytest

from shoal.scheduler.config.plugin_arguments import NodeResourcesFitArgs, ScoringStrategyType
from shoal.scheduler.explaining.cases import (
    CaseError,
    answer_of,
    case_of,
    explain_case,
    preemption_answer_of,
)
from shoal.scheduler.plugins.in_tree import in_tree_registry
from shoal.testing.builders import make_node, make_pod

NODE = make_node("n").capacity(cpu="1", memory="1Gi")


def line(**fields: Any) -> str:
    pod = make_pod("new").req(cpu="1").manifest()
    return json.dumps({"nodes": [NODE.manifest()], "pods": [], "pod": pod, **fields})


def answered(text: str) -> Any:
    return answer_of(explain_case(case_of(text), in_tree_registry()))


def test_a_pod_that_fits_is_answered_with_scores() -> None:
    answer = answered(line())
    assert list(answer) == ["filter", "feasible", "scores", "total", "best"]
    assert (answer["filter"], answer["feasible"], answer["best"]) == ({}, ["n"], ["n"])
    assert answer["total"]["n"] == sum(of["n"] for of in answer["scores"].values())


def test_a_pod_that_does_not_is_answered_with_a_message() -> None:
    standing = make_pod("there").req(cpu="1").node("n").manifest()
    assert answered(line(pods=[standing])) == {
        "filter": {
            "NodeResourcesFit": {
                "n": {
                    "code": "Unschedulable",
                    "plugin": "NodeResourcesFit",
                    "reasons": ["Insufficient cpu"],
                }
            }
        },
        "feasible": [],
        "message": "0/1 nodes are available: 1 Insufficient cpu.",
    }


def test_pods_without_uids_are_told_apart() -> None:
    half = make_pod("x").req(cpu="500m").node("n").manifest()
    del half["metadata"]["uid"]
    other = {**half, "metadata": {"name": "y", "namespace": "default"}}
    assert answered(line(pods=[half, other]))["feasible"] == []


def test_what_go_writes_as_null_is_absent() -> None:
    node = NODE.manifest()
    node["spec"] = {"taints": None}
    node["metadata"]["creationTimestamp"] = None
    assert answered(line(nodes=[node], pods=None, namespaces=None))["feasible"] == ["n"]


def test_arguments_of_the_fit_are_written_as_go_or_as_files_write_them() -> None:
    shape = [{"Utilization": 0, "Score": 10}, {"utilization": 100, "score": 0}]
    strategy = {
        "Type": "RequestedToCapacityRatio",
        "Resources": [{"Name": "cpu", "weight": 3}],
        "RequestedToCapacityRatio": {"Shape": shape},
    }
    profile = case_of(line(fitArgs={"ScoringStrategy": strategy})).profile
    arguments = profile.arguments["NodeResourcesFit"]
    assert isinstance(arguments, NodeResourcesFitArgs)
    read = arguments.scoring_strategy
    assert read.type is ScoringStrategyType.REQUESTED_TO_CAPACITY_RATIO
    assert [(each.name, each.weight) for each in read.resources] == [("cpu", 3)]
    assert read.requested_to_capacity_ratio is not None
    points = read.requested_to_capacity_ratio.shape
    assert [(each.utilization, each.score) for each in points] == [(0, 10), (100, 0)]


def test_a_case_that_preemption_does_not_help_has_no_victims() -> None:
    answer = preemption_answer_of(explain_case(case_of(line()), in_tree_registry()))
    assert (answer["node"], answer["victims"]) == ("", [])


def test_without_nodes_nobody_is_asked_who_could_go() -> None:
    case = case_of(line(nodes=[]), with_preemption=True)
    answer = preemption_answer_of(explain_case(case, in_tree_registry()))
    assert answer["message"] == "no nodes available to schedule pods"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{", "it is no JSON"),
        ("[]", "it is no JSON object with a `pod`"),
        ("{}", "it is no JSON object with a `pod`"),
        ('{"pod": 1}', "its pod: Expected `object`, got `int`"),
        (line(nodes={}), "its nodes: Expected `array`, got `object`"),
        (line(fitArgs={"ScoringStrategy": {"Typ": "x"}}), "fitArgs.scoringStrategy.typ"),
        (
            line(nodes=[make_node("n").capacity(cpu="much").manifest()]),
            "an amount in it is none: quantities must match",
        ),
    ],
)
def test_a_line_that_is_no_case_says_why(text: str, reason: str) -> None:
    with pytest.raises(CaseError) as raised:
        answered(text)
    assert reason in str(raised.value)
