"""Which pods stand where, and that the books of the node table agree."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shoal.base.transitions import IllegalTransition
from shoal.scheduler.state import pod_info
from shoal.scheduler.state.cache import Cache, CacheEvent, CacheState, next_state
from shoal.scheduler.state.pod_info import PodInfo
from shoal.scheduler.state.statement import Statement
from shoal.testing.builders import make_node, make_pod
from tests.transitions import transitions


def make_cache(*nodes: str) -> Cache:
    cache = Cache()
    for name in nodes:
        cache.set_node(make_node(name).capacity(cpu="8", memory="8Gi").obj())
    return cache


def info(name: str, cpu: str = "1") -> PodInfo:
    return pod_info.of(make_pod(name).req(cpu=cpu).obj())


def books(cache: Cache) -> dict[str, tuple[int, ...]]:
    """What each node is counted to hold."""
    snapshot = cache.snapshot
    return {
        node.name: (
            *snapshot.requested[:, node.row].tolist(),
            *snapshot.non_zero[:, node.row].tolist(),
            len(node.pods),
        )
        for node in snapshot.nodes()
    }


def test_every_state_answers_every_event() -> None:
    assert transitions(next_state) == {
        (CacheState.INITIAL, CacheEvent.ASSUME): CacheState.ASSUMED,
        (CacheState.INITIAL, CacheEvent.ADD): CacheState.ADDED,
        (CacheState.ASSUMED, CacheEvent.FORGET): CacheState.INITIAL,
        (CacheState.ASSUMED, CacheEvent.ADD): CacheState.ADDED,
        (CacheState.ASSUMED, CacheEvent.REMOVE): CacheState.DELETED,
        (CacheState.ADDED, CacheEvent.UPDATE): CacheState.ADDED,
        (CacheState.ADDED, CacheEvent.REMOVE): CacheState.DELETED,
    }


def test_an_assumed_pod_is_counted_and_a_forgotten_one_is_not() -> None:
    cache = make_cache("a")
    before = books(cache)
    cache.assume(info("p"), "a")
    assert cache.snapshot.node(0).requested("cpu") == 1000
    assert cache.is_assumed("p")
    cache.forget("p")
    assert books(cache) == before
    assert cache.state_of("p") is CacheState.INITIAL


def test_a_pod_cannot_be_assumed_twice() -> None:
    cache = make_cache("a")
    cache.assume(info("p"), "a")
    with pytest.raises(IllegalTransition, match="pod p is Assumed"):
        cache.assume(info("p"), "a")


def test_a_confirmed_pod_does_not_outdate_its_row() -> None:
    cache = make_cache("a")
    cache.assume(info("p"), "a")
    seen = cache.snapshot.generation
    cache.add(info("p"), "a")
    assert cache.snapshot.generation == seen
    assert cache.state_of("p") is CacheState.ADDED


def test_a_pod_that_was_bound_elsewhere_moves() -> None:
    cache = make_cache("a", "b")
    cache.assume(info("p"), "a")
    cache.add(info("p"), "b")
    assert [node.requested("cpu") for node in cache.snapshot.nodes()] == [0, 1000]


def test_a_resized_pod_is_counted_anew() -> None:
    cache = make_cache("a")
    cache.add(info("p", "1"), "a")
    cache.update(info("p", "3"), "a")
    assert cache.snapshot.node(0).requested("cpu") == 3000


def test_pods_may_come_before_their_node_and_outlive_it() -> None:
    cache = make_cache()
    cache.add(info("p"), "a")
    cache.set_node(make_node("a").capacity(cpu="8").obj())
    assert cache.snapshot.node(0).requested("cpu") == 1000
    cache.remove_node("a")
    cache.set_node(make_node("a").capacity(cpu="8").obj())
    assert cache.snapshot.node(0).requested("cpu") == 1000
    cache.remove("p")
    assert cache.snapshot.node(0).requested("cpu") == 0


def test_a_discarded_statement_restores_the_table() -> None:
    cache = make_cache("a", "b")
    cache.add(info("there"), "a")
    before = books(cache)
    statement = Statement(cache)
    for number, node in enumerate("abab"):
        statement.assume(info(f"p{number}"), node)
    assert books(cache) != before
    statement.discard()
    assert books(cache) == before


def test_a_committed_statement_keeps_its_pods() -> None:
    cache = make_cache("a")
    statement = Statement(cache)
    statement.assume(info("p"), "a")
    statement.commit()
    statement.discard()
    assert cache.is_assumed("p")


NODES = ("a", "b", "c")
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["assume", "forget", "add", "remove", "drop_node", "set_node"]),
        st.integers(0, 5),
        st.sampled_from(NODES),
        st.sampled_from(["1", "250m", "2"]),
    ),
    max_size=60,
)


@given(STEPS)
def test_the_table_equals_one_rebuilt_from_scratch(
    steps: list[tuple[str, int, str, str]],
) -> None:
    cache = make_cache("a")
    for step, number, node, cpu in steps:
        pod = info(f"p{number}", cpu)
        state = cache.state_of(pod.uid)
        match step, state:
            case "assume", CacheState.INITIAL:
                cache.assume(pod, node)
            case "forget", CacheState.ASSUMED:
                cache.forget(pod.uid)
            case "add", CacheState.INITIAL | CacheState.ASSUMED:
                cache.add(pod, node)
            case "add", CacheState.ADDED:
                cache.update(pod, node)
            case "remove", CacheState.ASSUMED | CacheState.ADDED:
                cache.remove(pod.uid)
            case "drop_node", _:
                cache.remove_node(node)
            case "set_node", _:
                cache.set_node(make_node(node).capacity(cpu=cpu).obj())
            case _:
                pass
    rebuilt = Cache()
    for node_info in cache.snapshot.nodes():
        rebuilt.set_node(node_info.node)
        for pod in node_info.pods:
            rebuilt.add(pod, node_info.name)
    assert books(cache) == books(rebuilt)
