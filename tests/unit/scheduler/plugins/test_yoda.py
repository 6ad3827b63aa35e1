"""Yoda's scores, worked out by hand, and its columns."""

import msgspec
import numpy as np

from shoal.api.scv import SCVS, Scv
from shoal.scheduler.framework.cycle_state import CycleState
from shoal.scheduler.framework.registry import Handle
from shoal.scheduler.framework.waiting_pods import WaitingPods
from shoal.scheduler.plugins.yoda import Yoda
from shoal.scheduler.plugins.yoda_cards import CardDemand, CardTable
from shoal.scheduler.state import pod_info
from shoal.scheduler.state.cache import Cache
from shoal.scheduler.state.objects import Objects
from shoal.testing.builders import make_node, make_pod

TITAN = {
    "health": "Healthy",
    "power": 250,
    "totalMemory": 12194,
    "freeMemory": 12194,
    "clock": 5705,
    "core": 1911,
    "bandwidth": 15760,
}
P4 = {
    "health": "Healthy",
    "power": 75,
    "totalMemory": 7611,
    "freeMemory": 3800,
    "clock": 3003,
    "core": 1531,
    "bandwidth": 15760,
}
ANY = CardDemand(1, 0, 0)


def store(objects: Objects, node: str, *cards: dict[str, object]) -> None:
    manifest = {
        "metadata": {"name": node},
        "status": {
            "cardNumber": len(cards),
            "totalMemorySum": sum(int(str(card["totalMemory"])) for card in cards),
            "freeMemorySum": sum(int(str(card["freeMemory"])) for card in cards),
            "cardList": list(cards),
        },
    }
    scv = msgspec.convert(manifest, Scv)
    objects.set(SCVS, scv.metadata.key, scv)


def cache_with(*names: str) -> Cache:
    cache = Cache()
    for name in names:
        cache.set_node(make_node(name).obj())
    return cache


def test_scores_are_those_of_yoda_with_each_clock_measured_by_clocks() -> None:
    """titan: cards 7 * 100, free 2 * 100, unallocated 3 * 100. p4: 100 bandwidth + 52 clock + 80
    core + 30 power + 62 total + 2 * 31 free; 2 * 49 of its memory free; 3 * 86 unallocated."""
    cache, objects = cache_with("titan", "p4"), Objects()
    store(objects, "titan", TITAN)
    store(objects, "p4", P4)
    placed = make_pod("placed").labels(**{"scv/memory": "1000"}).node("p4")
    cache.add(pod_info.of(placed.obj()), "p4")
    yoda = Yoda({}, Handle(cache.snapshot, WaitingPods(), objects))
    pod = pod_info.of(make_pod("a").labels(**{"scv/number": "1"}).obj())
    raw = yoda.score_rows(CycleState(), pod, cache.snapshot.all_rows())
    assert raw.tolist() == [700 + 200 + 300, 386 + 98 + 258]
    assert yoda.normalize_scores(CycleState(), pod, raw).tolist() == [100, 0]


def test_nodes_that_are_alike_all_have_the_highest_score() -> None:
    yoda = Yoda({}, Handle(Cache().snapshot, WaitingPods()))
    pod = pod_info.of(make_pod("a").obj())
    assert yoda.normalize_scores(CycleState(), pod, np.array([7, 7])).tolist() == [100, 100]
    assert yoda.normalize_scores(CycleState(), pod, np.array([3, 5, 4])).tolist() == [0, 100, 50]


def test_every_fitting_card_of_a_node_counts_and_no_other() -> None:
    cache, objects = cache_with("two", "one"), Objects()
    store(objects, "two", TITAN, TITAN, {**TITAN, "health": "Unhealthy"}, P4)
    store(objects, "one", TITAN)
    table = CardTable(objects)
    table.follow(cache.snapshot)
    facts = table.facts(CardDemand(1, 8000, 5000))
    free_of_two = (3 * 12194 + 3800) * 100 // (3 * 12194 + 7611)
    assert facts.card_score.tolist() == [1400 + 2 * free_of_two, 700 + 200]


def test_maxima_are_those_of_cards_that_fit() -> None:
    cache, objects = cache_with("titan", "p4"), Objects()
    store(objects, "titan", {**TITAN, "freeMemory": 10})
    store(objects, "p4", P4)
    table = CardTable(objects)
    table.follow(cache.snapshot)
    assert table.facts(CardDemand(1, 1000, 0)).card_score.tolist()[1] == 700 + 98


def test_cards_without_memory_score_nothing_for_it() -> None:
    cache, objects = cache_with("blank"), Objects()
    store(objects, "blank", {"health": "Healthy", "totalMemory": 0, "freeMemory": 0})
    table = CardTable(objects)
    table.follow(cache.snapshot)
    facts = table.facts(ANY)
    assert (facts.is_met.tolist(), facts.card_score.tolist()) == ([True], [0])


def test_the_table_follows_objects_and_nodes_that_come_and_go() -> None:
    cache, objects = cache_with("n0"), Objects()
    table = CardTable(objects)

    def met() -> list[bool]:
        table.follow(cache.snapshot)
        return table.facts(ANY).is_met.tolist()

    assert met() == [False]
    store(objects, "n1", P4)
    store(objects, "n0", P4)
    assert met() == [True]
    cache.set_node(make_node("n1").obj())
    assert met() == [True, True]
    store(objects, "n0")
    assert met() == [False, True]
    objects.remove(SCVS, next(each for each in objects.list(SCVS)).metadata.key)
    assert met() == [False, False]
    store(objects, "n0", P4, P4)
    cache.remove_node("n1")
    assert met() == [True, False]
