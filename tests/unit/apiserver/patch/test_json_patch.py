"""JSON patches, and the server's texts for those it refuses."""

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shoal.api.status import ApiError
from shoal.apiserver.patch.json_patch import MAX_OPERATIONS, apply_json_patch

DOC = {"metadata": {"labels": {"a/b": "1"}}, "spec": {"items": [1, 2]}}


def refused(ops: Any, doc: dict[str, Any] = DOC) -> ApiError:
    with pytest.raises(ApiError) as caught:
        apply_json_patch(doc, ops)
    return caught.value


def test_operations_apply_in_order() -> None:
    ops = [
        {"op": "test", "path": "/spec/items/0", "value": 1},
        {"op": "add", "path": "/spec/items/-", "value": 3},
        {"op": "replace", "path": "/metadata/labels/a~1b", "value": "2"},
        {"op": "copy", "from": "/spec/items", "path": "/spec/again"},
        {"op": "move", "from": "/spec/items/2", "path": "/spec/items/0"},
        {"op": "remove", "path": "/spec/again/0"},
    ]
    assert apply_json_patch(DOC, ops) == {
        "metadata": {"labels": {"a/b": "2"}},
        "spec": {"items": [3, 1, 2], "again": [2, 3]},
    }


def test_inputs_are_never_edited() -> None:
    ops = [
        {"op": "add", "path": "/spec/new", "value": {"a": 1}},
        {"op": "add", "path": "/spec/new/b", "value": 2},
    ]
    before = copy.deepcopy((DOC, ops))
    apply_json_patch(DOC, ops)
    assert (DOC, ops) == before


def test_a_failed_test_is_refused_with_the_servers_text() -> None:
    error = refused([{"op": "test", "path": "/spec/items/0", "value": 9}])
    assert (error.code, error.reason) == (422, "Invalid")
    assert error.message == ("the server rejected our request due to an error in our request")


def test_a_test_for_null_passes_where_nothing_is() -> None:
    assert apply_json_patch(DOC, [{"op": "test", "path": "/spec/no", "value": None}]) == DOC


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "remove", "path": "/spec/nothing"},
        {"op": "replace", "path": "/spec/nothing", "value": 1},
        {"op": "add", "path": "/no/parent", "value": 1},
        {"op": "add", "path": "/spec/items/9", "value": 1},
        {"op": "add", "path": "/spec/items/x", "value": 1},
        {"op": "add", "path": "no-slash", "value": 1},
        {"op": "explode", "path": "/spec"},
        {"op": "add", "path": "/spec/x"},
        {"op": "add", "value": 1},
        {"op": "copy", "path": "/spec/x"},
        {"op": "copy", "path": "/spec/x", "from": "/spec/nothing"},
        {"op": "replace", "path": "", "value": []},
        {"op": "add", "path": 3, "value": 1},
        {"op": "add", "path": "/metadata/labels/a~1b/deeper", "value": 1},
    ],
    ids=str,
)
def test_operations_that_do_not_apply_are_refused(operation: dict[str, Any]) -> None:
    assert refused([operation]).code == 422


@pytest.mark.parametrize("ops", [{"op": "add"}, "x", None, [1], [[]]], ids=str)
def test_a_body_that_is_no_list_of_operations_is_a_bad_request(ops: Any) -> None:
    assert refused(ops).code == 400


def test_too_many_operations_are_refused() -> None:
    ops = [{"op": "test", "path": "/spec/items/0", "value": 1}] * (MAX_OPERATIONS + 1)
    assert refused(ops).code == 413


def test_copies_cannot_double_an_object_for_ever() -> None:
    ops = [{"op": "copy", "from": "/a", "path": f"/a/{n}"} for n in range(40)]
    assert refused(ops, {"a": {"x": "y" * 1000}}).code == 422


def test_copies_cannot_nest_an_object_for_ever() -> None:
    deep: dict[str, Any] = {}
    for _ in range(90):
        deep = {"a": deep}
    path = "/a" * 90
    ops = [
        {"op": "copy", "from": "", "path": f"{path}/b"},
        {"op": "copy", "from": "", "path": f"{path}/b{path}/c"},
    ]
    assert apply_json_patch(deep, ops[:1])
    assert refused(ops, deep).code == 422


_OPERATION = st.fixed_dictionaries(
    {},
    optional={
        "op": st.sampled_from(["add", "remove", "replace", "move", "copy", "test", "no"]),
        "path": st.sampled_from(["", "/", "/a", "/a/0", "/a/-", "/b/c", "x", "/b/~", 1, None]),
        "from": st.sampled_from(["", "/a", "/b", "/a/0", "x", 1, None]),
        "value": st.sampled_from([None, 1, "s", [], {}]),
    },
)


@given(st.lists(_OPERATION, max_size=5))
def test_any_operations_give_an_object_or_a_refusal(ops: list[dict[str, Any]]) -> None:
    try:
        assert isinstance(apply_json_patch({"a": [1], "b": {"c": {}}}, ops), dict)
    except ApiError as error:
        assert error.code in (400, 422)
