"""Which pods are typical, configured and learned."""

from collections import Counter

from shoal.scheduler.plugins.gpu.typical_pods import PodShape, TypicalPods, most_frequent, shape_of
from shoal.scheduler.state import pod_info
from shoal.scheduler.state.cache import Cache
from shoal.testing.builders import make_node, make_pod

A, B, C, D = (PodShape(1000 * number, 500, 1) for number in range(1, 5))


def test_they_are_the_most_frequent_ones_that_make_up_95_percent() -> None:
    found = most_frequent(Counter({A: 60, D: 4, B: 30, C: 6}))
    assert [shape for shape, _ in found] == [A, B, C]
    assert [round(frequency, 9) for _, frequency in found] == [0.625, 0.3125, 0.0625]


def test_of_equally_frequent_ones_the_larger_comes_first() -> None:
    assert [shape for shape, _ in most_frequent(Counter({A: 1, C: 1, B: 1}))] == [C, B, A]


def test_no_pods_have_no_typical_ones() -> None:
    assert most_frequent(Counter()) == []


def test_a_pod_is_known_by_what_it_asks_for() -> None:
    asked = {"alibabacloud.com/gpu-milli": "300", "alibabacloud.com/gpu-card-model": "T4"}
    pod = make_pod("a").req(cpu="1500m").annotations(**asked)
    assert shape_of(pod_info.of(pod.obj())) == PodShape(1500, 300, 1, frozenset({"T4"}))
    assert shape_of(pod_info.of(make_pod("b").req(cpu="1").obj())) == PodShape(1000)


def test_they_are_learned_again_when_twice_as_many_pods_stand_there() -> None:
    cache = Cache()
    cache.set_node(make_node("n").obj())
    typical = TypicalPods(None, cache.snapshot)
    versions: list[int] = []
    for number in range(64):
        pod = make_pod(f"p{number}").req(cpu=str(1 + number // 32)).node("n")
        cache.add(pod_info.of(pod.obj()), "n")
        typical.refresh()
        versions.append(typical.version)
    assert [versions.index(version) + 1 for version in range(1, 5)] == [1, 16, 32, 64]
    assert typical.refresh().shapes == (PodShape(2000), PodShape(1000))
