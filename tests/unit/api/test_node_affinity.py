"""Node selectors and node affinity: which nodes match, and which are preferred."""

from typing import Any

import msgspec
import pytest

from shoal.api.node_affinity import preferred_nodes, required_nodes
from shoal.api.pod import PodSpec
from shoal.testing.builders import make_node

NODE = make_node("n1").labels(zone="a", gpus="4").obj()


def spec_of(*terms: dict[str, Any], selector: dict[str, str] | None = None) -> PodSpec:
    required = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}
    manifest: dict[str, Any] = {"affinity": {"nodeAffinity": required}}
    return msgspec.convert({**manifest, "nodeSelector": selector or {}}, PodSpec)


def label(key: str, operator: str, *values: str) -> dict[str, Any]:
    return {"matchExpressions": [{"key": key, "operator": operator, "values": values}]}


def named(operator: str, *names: str) -> dict[str, Any]:
    return {"matchFields": [{"key": "metadata.name", "operator": operator, "values": names}]}


@pytest.mark.parametrize(
    ("term", "expected"),
    [
        (label("zone", "In", "a", "b"), True),
        (label("zone", "NotIn", "a"), False),
        (label("rack", "NotIn", "a"), True),
        (label("zone", "Exists"), True),
        (label("zone", "DoesNotExist"), False),
        (label("gpus", "Gt", "3"), True),
        (label("gpus", "Lt", "4"), False),
        (label("zone", "Gt", "3"), False),
        (named("In", "n1"), True),
        (named("NotIn", "n1"), False),
        (label("zone", "In", "a") | named("In", "n2"), False),
        ({}, False),
    ],
)
def test_a_term_matches_when_all_its_requirements_do(term: dict[str, Any], expected: bool) -> None:
    required = required_nodes(spec_of(term))
    assert required is not None
    assert required.matches(NODE) is expected


def test_one_matching_term_is_enough_but_the_selector_must_match_too() -> None:
    terms = (label("zone", "In", "b"), label("zone", "In", "a"))
    fitting = required_nodes(spec_of(*terms, selector={"gpus": "4"}))
    contradicting = required_nodes(spec_of(*terms, selector={"gpus": "5"}))
    assert fitting is not None
    assert contradicting is not None
    assert fitting.matches(NODE)
    assert not contradicting.matches(NODE)


def test_any_node_will_do_for_a_pod_that_asks_for_none() -> None:
    assert required_nodes(PodSpec()) is None
    assert preferred_nodes(PodSpec()) is None


@pytest.mark.parametrize(
    ("terms", "expected"),
    [
        ([named("In", "n1"), named("In", "n2")], {"n1", "n2"}),
        ([named("In", "n1"), label("zone", "Exists")], None),
        ([named("NotIn", "n1")], None),
    ],
)
def test_nodes_are_named_only_where_every_term_names_some(
    terms: list[dict[str, Any]], expected: set[str] | None
) -> None:
    required = required_nodes(spec_of(*terms))
    assert required is not None
    assert required.named_nodes() == expected


def test_names_that_contradict_each_other_leave_none() -> None:
    both = [*named("In", "n1")["matchFields"], *named("In", "n2")["matchFields"]]
    required = required_nodes(spec_of({"matchFields": both}))
    assert required is not None
    assert required.named_nodes() == set()


def test_preferences_add_the_weights_of_the_terms_that_match() -> None:
    preferred = [
        {"weight": 5, "preference": label("zone", "In", "a")},
        {"weight": 2, "preference": label("zone", "In", "b")},
        {"weight": 1, "preference": label("gpus", "Exists")},
    ]
    affinity = {"preferredDuringSchedulingIgnoredDuringExecution": preferred}
    wanted = preferred_nodes(msgspec.convert({"affinity": {"nodeAffinity": affinity}}, PodSpec))
    assert wanted is not None
    assert wanted.weight_of(NODE) == 6
