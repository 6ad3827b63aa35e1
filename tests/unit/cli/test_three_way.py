"""The patch that apply sends."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shoal.cli import three_way

LEAVES = st.one_of(st.integers(), st.text(max_size=3), st.lists(st.integers(), max_size=2))
OBJECTS = st.recursive(
    st.dictionaries(st.sampled_from("abc"), LEAVES, max_size=3),
    lambda inner: st.dictionaries(st.sampled_from("abc"), inner | LEAVES, max_size=3),
    max_leaves=8,
)


def merged(target, patch):
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merged(result.get(key), value)
    return result


def holds(live, wanted):
    if isinstance(wanted, dict):
        return isinstance(live, dict) and all(holds(live.get(k), v) for k, v in wanted.items())
    return live == wanted


def test_what_the_manifest_dropped_is_removed_and_what_others_set_stays():
    original = {"spec": {"a": 1, "b": 2}}
    modified = {"spec": {"a": 5}}
    live = {"spec": {"a": 1, "b": 2, "by-a-controller": 3}}
    assert three_way.patch(original, modified, live) == {"spec": {"a": 5, "b": None}}


@given(OBJECTS, OBJECTS, OBJECTS)
def test_after_the_patch_the_live_object_holds_the_manifest(original, modified, live):
    result = merged(live, three_way.patch(original, modified, live))
    assert holds(result, modified)
    assert three_way.patch(modified, modified, result) == {}


def test_what_a_patch_touches_leaves_out_what_others_write():
    patch = {"spec": {"a": [1], "b": None}, "labels": {"x": "y"}}
    before = {"spec": {"a": [1, 2], "other": 1}, "status": {"phase": "Pending"}}
    after = {"spec": {"a": [1, 2], "other": 2}, "status": {"phase": "Running"}}
    assert three_way.touched(before, patch) == {"spec": {"a": [1, 2]}}
    assert three_way.touched(after, patch) == three_way.touched(before, patch)
    changed = {**after, "labels": {"x": "y", "z": "0"}}
    assert three_way.touched(changed, patch) == {"spec": {"a": [1, 2]}, "labels": {"x": "y"}}


def test_the_annotation_holds_the_manifest_without_itself():
    manifest = {"kind": "A", "metadata": {"name": "x"}}
    annotated = three_way.with_last_applied(manifest)
    again = three_way.with_last_applied(annotated)
    assert again == annotated
    assert three_way.last_applied(annotated) == {
        "kind": "A",
        "metadata": {"name": "x", "annotations": {}},
    }


@pytest.mark.parametrize("text", ["{", "[]", '"text"', ""])
def test_a_broken_annotation_counts_as_none(text):
    live = {"metadata": {"annotations": {three_way.LAST_APPLIED: text}}}
    assert three_way.last_applied(live) == {}
