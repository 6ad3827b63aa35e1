"""Asking all nodes in one go gives what asking each of them gives."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from shoal.api.node_affinity import preferred_by, required_by
from shoal.api.pod import NodeAffinity
from shoal.scheduler.plugins.node_matching import matching, weights
from shoal.scheduler.state.cache import Cache
from shoal.testing.builders import make_node

KEYS = st.sampled_from(["x", "y"])
VALUES = st.sampled_from(["a", "b", "1", "2", "30"])
OPERATORS = st.sampled_from(["In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt"])
EXPRESSIONS = st.fixed_dictionaries(
    {
        "key": KEYS,
        "operator": OPERATORS,
        "values": st.lists(VALUES, max_size=2, unique=True),
    }
)
FIELDS = st.fixed_dictionaries(
    {
        "key": st.sampled_from(["metadata.name", "metadata.other"]),
        "operator": st.sampled_from(["In", "NotIn"]),
        "values": st.lists(st.sampled_from(["n0", "n1", "gone"]), max_size=2, unique=True),
    }
)
TERMS = st.fixed_dictionaries(
    {
        "matchExpressions": st.lists(EXPRESSIONS, max_size=2),
        "matchFields": st.lists(FIELDS, max_size=1),
    }
)
NODES = st.lists(
    st.tuples(st.integers(0, 4), st.none() | st.dictionaries(KEYS, VALUES)), max_size=12
)


@given(NODES, NODES, st.none() | st.lists(TERMS, max_size=2), st.dictionaries(KEYS, VALUES))
def test_selectors_and_terms_match_the_same_nodes(
    first: list[tuple[int, dict[str, str] | None]],
    later: list[tuple[int, dict[str, str] | None]],
    terms: list[dict[str, object]] | None,
    node_selector: dict[str, str],
) -> None:
    preferences = [{"weight": 3 + i, "preference": term} for i, term in enumerate(terms or [])]
    affinity = {"preferredDuringSchedulingIgnoredDuringExecution": preferences}
    if terms is not None:
        required = {"nodeSelectorTerms": terms}
        affinity |= {"requiredDuringSchedulingIgnoredDuringExecution": required}
    read = msgspec.convert(affinity, NodeAffinity)
    wanted, preferred = required_by(read, node_selector), preferred_by(read)
    cache = Cache()
    for changes in (first, later):
        for number, labels in changes:
            if labels is None:
                cache.remove_node(f"n{number}")
            else:
                cache.set_node(make_node(f"n{number}").labels(**labels).obj())
        nodes = cache.snapshot.all_rows()
        infos = list(cache.snapshot.nodes())
        if wanted is not None:
            found = matching(wanted, nodes).nonzero()[0].tolist()
            assert found == [info.row for info in infos if wanted.matches(info.node)]
        if preferred is not None:
            scores = weights(preferred, nodes)
            for info in infos:
                assert scores[info.row] == preferred.weight_of(info.node)
