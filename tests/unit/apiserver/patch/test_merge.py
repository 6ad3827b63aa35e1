"""JSON merge patches, by the RFC's examples and by properties."""

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shoal.api.status import ApiError
from shoal.apiserver.patch.merge import apply_merge_patch

_JSON = st.recursive(
    st.booleans() | st.integers(0, 3) | st.sampled_from(["x", "y"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner),
    max_leaves=12,
)
_OBJECT = st.dictionaries(st.sampled_from("abcd"), _JSON)


def difference(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """The merge patch that turns `old` into `new`."""
    patch: dict[str, Any] = {key: None for key in old if key not in new}
    for key, value in new.items():
        if isinstance(value, dict) and isinstance(old.get(key), dict):
            patch[key] = difference(old[key], value)
        elif key not in old or repr(old[key]) != repr(value):
            patch[key] = value
    return patch


# The examples of RFC 7396, appendix A, whose result is an object.
@pytest.mark.parametrize(
    ("doc", "patch", "expected"),
    [
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ],
)
def test_the_examples_of_the_rfc(
    doc: dict[str, Any], patch: dict[str, Any], expected: dict[str, Any]
) -> None:
    assert apply_merge_patch(doc, patch) == expected


@given(old=_OBJECT, new=_OBJECT)
def test_the_patch_of_a_difference_gives_the_new_object(
    old: dict[str, Any], new: dict[str, Any]
) -> None:
    before = copy.deepcopy(old)
    assert apply_merge_patch(old, difference(old, new)) == new
    assert old == before


@given(doc=_OBJECT, patch=_OBJECT)
def test_applying_a_patch_twice_is_applying_it_once(
    doc: dict[str, Any], patch: dict[str, Any]
) -> None:
    once = apply_merge_patch(doc, patch)
    assert apply_merge_patch(once, patch) == once


def test_untouched_subtrees_are_shared() -> None:
    doc = {"spec": {"a": 1}, "status": {"b": 2}}
    assert apply_merge_patch(doc, {"spec": {"a": 2}})["status"] is doc["status"]


def test_a_patch_that_is_no_object_is_refused() -> None:
    with pytest.raises(ApiError) as caught:
        apply_merge_patch({}, [1])
    assert caught.value.code == 400
    assert "cannot unmarshal array into Go value" in caught.value.message
