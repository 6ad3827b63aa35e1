"""What is written about a change is only what has changed."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from shoal.api.merge_patch import merge_patch
from shoal.apiserver.patch.merge import apply_merge_patch

NAMES = st.sampled_from("abc")
VALUES = st.one_of(st.booleans(), st.integers(0, 2), st.lists(st.integers(0, 1), max_size=2))
OBJECTS: st.SearchStrategy[dict[str, Any]] = st.recursive(
    st.dictionaries(NAMES, VALUES, max_size=3),
    lambda inner: st.dictionaries(NAMES, st.one_of(VALUES, inner), max_size=3),
    max_leaves=8,
)


@given(OBJECTS, OBJECTS)
def test_a_server_that_applies_the_patch_has_what_was_meant(
    before: dict[str, Any], after: dict[str, Any]
):
    assert apply_merge_patch(before, merge_patch(before, after)) == after


@given(OBJECTS)
def test_nothing_is_written_where_nothing_has_changed(same: dict[str, Any]):
    assert merge_patch(same, same) == {}


def test_only_what_differs_is_named():
    before = {"a": {"x": 1, "y": 2}, "b": 1, "c": 3}
    after = {"a": {"x": 1, "y": 3}, "b": 1}
    assert merge_patch(before, after) == {"a": {"y": 3}, "c": None}
