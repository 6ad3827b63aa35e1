"""HyperNodes: Volcano's verdicts, in Volcano's words."""

import msgspec
import pytest

from shoal.admission.hyper_nodes import refuse_hyper_node
from shoal.api.resource import JsonObject
from shoal.api.volcano.hyper_node import HyperNode

SELECTOR = ".spec.members.selector"
NAME = f"{SELECTOR}.exactMatch.name"
PATTERN = f"{SELECTOR}.regexMatch.pattern"


def member(type: str = "Node", **selector: JsonObject) -> JsonObject:
    return {"type": type, "selector": selector}


def exact(name: str) -> JsonObject:
    return {"exactMatch": {"name": name}}


def regex(pattern: str) -> JsonObject:
    return {"regexMatch": {"pattern": pattern}}


CASES: dict[str, tuple[list[JsonObject], str]] = {
    "no members": ([], ""),
    "nodes by name, pattern and label": (
        [
            member(**exact("node-1")),
            member(**regex("^node-[0-9]+$")),
            member(labelMatch={"matchLabels": {"rack": "1"}}),
        ],
        "",
    ),
    "HyperNodes by name": ([member("HyperNode", **exact("leaf-1"))], ""),
    "members of a third sort": (
        [member("Rack", **exact("a"))],
        '.spec.members.type: Invalid value: "Rack": unknown member type Rack',
    ),
    "a nameless member": (
        [member(**exact(""))],
        f'{NAME}: Invalid value: "": member exactMatch name is required',
    ),
    "a member without a pattern": (
        [member(**regex(""))],
        f'{PATTERN}: Invalid value: "": member regexMatch pattern is required',
    ),
    "a pattern that is none": (
        [member(**regex("node-("))],
        f'{PATTERN}: Invalid value: "node-(": member regexMatch pattern is invalid: error parsing'
        " regexp: missing ), unterminated subpattern at position 5",
    ),
}


@pytest.mark.parametrize(("members", "message"), CASES.values(), ids=CASES)
def test_a_hyper_node_with(members: list[JsonObject], message: str) -> None:
    assert refused(members) == message


def refused(members: list[JsonObject]) -> str:
    made = {"metadata": {"name": "h"}, "spec": {"tier": 1, "members": members}}
    return refuse_hyper_node(msgspec.convert(made, HyperNode))


def test_a_member_is_selected_in_one_way() -> None:
    assert "must have one of exactMatch, regexMatch or labelMatch" in refused([member()])
    both = member(**exact("a"), **regex("a"))
    assert "cannot have more than one of exactMatch, regexMatch and labelMatch" in refused([both])


def test_a_name_that_no_node_can_have_is_refused() -> None:
    assert refused([member(**exact("a b"))]).startswith(
        f'{NAME}: Invalid value: "a b": member exactMatch validate failed [name part must consist'
    )


def test_all_faults_are_told() -> None:
    told = refused([member("Rack", **exact("")), member(**regex(""))])
    assert told.startswith("[") and told.endswith("]") and told.count("Invalid value") == 3


def test_a_hyper_node_is_not_its_own_member() -> None:
    told = f'{NAME}: Invalid value: "h": a HyperNode cannot be its own member'
    assert refused([member("HyperNode", **exact("h"))]) == told
    assert refused([member("Node", **exact("h"))]) == ""
