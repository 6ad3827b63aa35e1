"""The history of a template."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shoal.api.apps import ControllerRevision
from shoal.api.meta import ObjectMeta
from shoal.controllers.kube.revisions import (
    expired,
    find_equal,
    naming,
    next_number,
    template_of,
    template_patch,
)


def make_revision(number, image="a", name=""):
    body = {
        "metadata": {"name": name or f"web-{number}"},
        "data": template_patch({"image": image}),
        "revision": number,
    }
    return msgspec.convert(body, ControllerRevision)


def test_a_revision_replaces_the_template_as_kubectl_sends_it():
    template = {"spec": {"b": 1, "a": 2}, "metadata": {"labels": {"x": "y"}}}
    patch = template_patch(template)
    assert msgspec.json.encode(patch) == (
        b'{"spec":{"template":{"$patch":"replace",'
        b'"metadata":{"labels":{"x":"y"}},"spec":{"a":2,"b":1}}}}'
    )
    kept = msgspec.convert({"data": patch}, ControllerRevision)
    assert template_of(kept) == template


def test_the_newest_of_equal_revisions_counts():
    found = find_equal(
        [make_revision(3, "b"), make_revision(1), make_revision(2)], template_patch({"image": "a"})
    )
    assert found is not None and found.revision == 2


def test_a_collision_gives_another_name_of_the_same_form():
    owner, data = ObjectMeta(name="w" * 250), template_patch({})
    names = {naming(owner, data, collisions).name for collisions in range(3)}
    assert len(names) == 3
    assert {len(name) for name in names} == {234}


@pytest.mark.parametrize(("numbers", "expected"), [([], 1), ([1, 2], 3), ([5], 6)])
def test_the_next_number_is_above_all(numbers, expected):
    assert next_number([make_revision(n) for n in numbers]) == expected


@given(st.sets(st.integers(1, 30)), st.sets(st.integers(1, 30)), st.integers(-1, 10))
def test_what_is_in_use_stays_and_the_newest_of_the_rest(numbers, used, limit):
    live = {f"web-{n}" for n in used}
    gone = [r.revision for r in expired([make_revision(n) for n in numbers], live, limit)]
    past = sorted(numbers - used)
    assert gone == ([] if limit < 0 else past[: max(0, len(past) - limit)])
