"""The jobs of a flow: names, marks, and patches of templates."""

import pytest

from shoal.controllers.volcano.flow_jobs import flow_job_body, merge
from shoal.testing.volcano import make_flow, make_template

OWNER = {"kind": "JobFlow", "name": "f", "uid": "f", "controller": True}


@pytest.mark.parametrize(
    ("base", "patch", "merged"),
    [
        ({"a": 1, "b": 2}, {"b": 3}, {"a": 1, "b": 3}),
        ({"a": 1, "b": 2}, {"b": None}, {"a": 1}),
        ({"a": {"x": 1, "y": 2}}, {"a": {"y": 3}}, {"a": {"x": 1, "y": 3}}),
        ({}, {"a": {"x": None, "y": 1}}, {"a": {"y": 1}}),
        ({"a": [1, 2]}, {"a": [3]}, {"a": [3]}),
        (
            {"tasks": [{"name": "m", "replicas": 1}, {"name": "w", "replicas": 2}]},
            {"tasks": [{"name": "w", "replicas": 5}, {"name": "x"}]},
            {"tasks": [{"name": "m", "replicas": 1}, {"name": "w", "replicas": 5}, {"name": "x"}]},
        ),
        ({"tasks": [{"name": "m"}]}, {"tasks": []}, {"tasks": []}),
        ({"events": [{"on": "*"}]}, {"events": [{"on": "x"}]}, {"events": [{"on": "x"}]}),
    ],
)  # fmt: skip
def test_a_patch_is_merged_and_things_with_names_are_merged_by_name(base, patch, merged):
    before = repr(base)
    assert merge(base, patch) == merged
    assert repr(base) == before


def test_a_patch_reaches_into_the_containers_of_a_task():
    container = {"name": "main", "image": "other"}
    patch = {"tasks": [{"name": "main", "template": {"spec": {"containers": [container]}}}]}
    flow = make_flow("f").step("a", patch=patch).obj()
    body = flow_job_body(flow, flow.spec.flows[0], make_template("a").obj(), OWNER)
    (task,) = body["spec"]["tasks"]
    (changed,) = task["template"]["spec"]["containers"]
    assert (changed["image"], changed["resources"]) == ("other", {"requests": {"cpu": "1"}})
    assert task["replicas"] == 1


def test_a_job_says_what_it_was_made_from():
    flow = make_flow("f").step("a").obj()
    meta = flow_job_body(flow, flow.spec.flows[0], make_template("a").obj(), OWNER)["metadata"]
    marks = {
        "volcano.sh/createdByJobTemplate": "default.a",
        "volcano.sh/createdByJobFlow": "default.f",
    }
    assert (meta["name"], meta["labels"], meta["annotations"]) == ("f-a", marks, marks)
    assert meta["ownerReferences"] == [OWNER]


def test_a_name_that_is_too_long_for_a_label_stands_in_the_annotation_only():
    flow = make_flow("f").step("a" * 60).obj()
    meta = flow_job_body(flow, flow.spec.flows[0], make_template("a" * 60).obj(), OWNER)["metadata"]
    assert list(meta["labels"]) == ["volcano.sh/createdByJobFlow"]
    assert len(meta["annotations"]) == 2
