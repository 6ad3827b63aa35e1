"""Looking nodes up by label finds the nodes that asking each of them finds."""

from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from shoal.api.node_affinity import selector_terms
from shoal.api.storage import PersistentVolume
from shoal.scheduler.plugins.volume_reach import VolumeReach
from shoal.scheduler.state.cache import Cache
from shoal.testing.builders import make_node
from tests.volumes import volume

KEYS, VALUES = st.sampled_from("xy"), st.sampled_from("abc")
EXPRESSIONS = st.one_of(
    st.fixed_dictionaries(
        {
            "key": KEYS,
            "operator": st.sampled_from(["In", "NotIn"]),
            "values": st.lists(VALUES, min_size=1, max_size=2, unique=True),
        }
    ),
    st.fixed_dictionaries(
        {"key": KEYS, "operator": st.sampled_from(["Exists", "DoesNotExist"])},
    ),
)
TERMS = st.lists(st.lists(EXPRESSIONS, max_size=2), max_size=2)
LABELS = st.lists(st.dictionaries(KEYS, VALUES), max_size=5)


@given(LABELS, LABELS, TERMS)
def test_rows_are_those_whose_nodes_match(
    before: list[dict[str, str]], after: list[dict[str, str]], terms: list[Any]
) -> None:
    cache = Cache()
    reach = VolumeReach(cache.snapshot)
    made = volume("v")
    alternatives = [{"matchExpressions": expressions} for expressions in terms]
    made["spec"]["nodeAffinity"] = {"required": {"nodeSelectorTerms": alternatives}}
    asked = msgspec.convert(made, PersistentVolume)
    assert asked.spec.node_affinity is not None
    assert asked.spec.node_affinity.required is not None
    compiled = selector_terms(asked.spec.node_affinity.required)
    for labels_of_nodes in (before, after):
        for number, labels in enumerate(labels_of_nodes):
            cache.set_node(make_node(f"n{number}").labels(**labels).obj())
        expected = {
            info.row
            for info in cache.snapshot.nodes()
            if any(term.matches(info.node) for term in compiled)
        }
        assert reach.rows(asked) == expected


def test_a_volume_without_affinity_is_everywhere() -> None:
    cache = Cache()
    assert VolumeReach(cache.snapshot).rows(msgspec.convert(volume("v"), PersistentVolume)) is None
