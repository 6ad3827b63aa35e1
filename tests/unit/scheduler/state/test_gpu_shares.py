"""The books of devices: what is given, taken back, and known again."""

import pytest

from shoal.scheduler.state import pod_info
from shoal.scheduler.state.cache import Cache
from shoal.testing.builders import NodeBuilder, PodBuilder, make_node, make_pod


def gpu_node(name: str, count: int) -> NodeBuilder:
    return make_node(name).capacity({"alibabacloud.com/gpu-count": str(count)})


def gpu_pod(name: str, milli: int, index: str = "") -> PodBuilder:
    pod = {"alibabacloud.com/gpu-milli": str(milli)}
    return make_pod(name).annotations(
        **pod, **({"alibabacloud.com/gpu-index": index} if index else {})
    )


@pytest.fixture
def cache() -> Cache:
    cache = Cache()
    cache.set_node(gpu_node("n", 2).obj())
    return cache


def left(cache: Cache, row: int = 0) -> list[int]:
    return cache.snapshot.gpu_shares.left[:, row].tolist()[:3]


def test_a_pod_holds_its_devices_from_reserve_until_it_leaves(cache: Cache) -> None:
    shares = cache.snapshot.gpu_shares
    cache.assume(pod_info.of(gpu_pod("a", 300).obj()), "n")
    assert left(cache) == [1000, 1000, 0]
    shares.give(0, "a", (1,))
    assert (left(cache), shares.held(0, "a")) == ([1000, 700, 0], (1,))
    cache.forget("a")
    assert left(cache) == [1000, 1000, 0]


def test_taking_back_twice_gives_no_more_than_was_taken(cache: Cache) -> None:
    shares = cache.snapshot.gpu_shares
    cache.assume(pod_info.of(gpu_pod("a", 300).obj()), "n")
    shares.give(0, "a", (0,))
    shares.take_back(0, "a")
    shares.take_back(0, "a")
    shares.take_back(0, "never came")
    assert left(cache) == [1000, 1000, 0]


def test_a_confirmed_binding_changes_nothing(cache: Cache) -> None:
    cache.assume(pod_info.of(gpu_pod("a", 300).obj()), "n")
    cache.snapshot.gpu_shares.give(0, "a", (1,))
    cache.add(pod_info.of(gpu_pod("a", 300, "1").node("n").obj()), "n")
    assert left(cache) == [1000, 700, 0]
    cache.remove("a")
    assert left(cache) == [1000, 1000, 0]


def test_a_pod_that_is_taken_off_for_a_look_gets_its_devices_back(cache: Cache) -> None:
    pod = pod_info.of(gpu_pod("a", 300).obj())
    cache.assume(pod, "n")
    cache.snapshot.gpu_shares.give(0, "a", (1,))
    with cache.supposing(without=[pod]):
        assert left(cache) == [1000, 1000, 0]
    assert left(cache) == [1000, 700, 0]


def test_devices_of_another_node_are_not_kept(cache: Cache) -> None:
    cache.set_node(gpu_node("m", 2).obj())
    cache.assume(pod_info.of(gpu_pod("a", 300).obj()), "n")
    cache.snapshot.gpu_shares.give(0, "a", (1,))
    cache.add(pod_info.of(gpu_pod("a", 300, "0").node("m").obj()), "m")
    assert (left(cache, 0), left(cache, 1)) == ([1000, 1000, 0], [700, 1000, 0])


def test_pods_may_be_told_of_before_their_node(cache: Cache) -> None:
    cache.add(pod_info.of(gpu_pod("a", 300, "0").node("late").obj()), "late")
    cache.set_node(gpu_node("late", 1).obj())
    assert left(cache, 1) == [700, 0, 0]


def test_a_node_may_lose_and_win_devices(cache: Cache) -> None:
    cache.add(pod_info.of(gpu_pod("a", 300, "1").node("n").obj()), "n")
    cache.set_node(gpu_node("n", 1).obj())
    assert left(cache) == [1000, 0, 0]
    cache.set_node(gpu_node("n", 3).obj())
    assert left(cache) == [1000, 700, 1000]
    cache.set_node(gpu_node("n", 12).obj())
    assert cache.snapshot.gpu_shares.left[:, 0].sum() == 11_700
    cache.remove("a")
    assert cache.snapshot.gpu_shares.left[:, 0].sum() == 12_000


def test_a_row_whose_node_went_starts_anew(cache: Cache) -> None:
    cache.add(pod_info.of(gpu_pod("a", 300, "1").node("n").obj()), "n")
    cache.remove_node("n")
    cache.set_node(gpu_node("m", 1).obj())
    assert (left(cache), cache.snapshot.gpu_shares.kinds[0]) == ([1000, 0, 0], 0)


def test_kinds_are_known_as_long_as_a_pod_of_the_kind_stands_there(cache: Cache) -> None:
    shares = cache.snapshot.gpu_shares
    for name, milli in (("a", 300), ("b", 300), ("c", 1000)):
        cache.add(pod_info.of(gpu_pod(name, milli, "0").node("n").obj()), "n")
    seen = [int(shares.kinds[0])]
    for name in ("a", "b", "c"):
        cache.remove(name)
        seen.append(int(shares.kinds[0]))
    assert seen == [0b11, 0b11, 0b10, 0]
