"""Who is promised which node, and who waits for whose going."""

from shoal.scheduler.framework.nominations import AwaitedVictims, Nominations
from shoal.scheduler.state import pod_info
from shoal.scheduler.state.pod_info import PodInfo
from shoal.testing.builders import make_pod


def pod(name: str, priority: int = 0) -> PodInfo:
    return pod_info.of(make_pod(name).priority(priority).obj())


def test_a_pod_is_nominated_to_one_node_at_a_time() -> None:
    nominations = Nominations()
    nominations.set(pod("a"), "n1")
    nominations.set(pod("a"), "n2")
    assert nominations.node_of("a") == "n2"
    assert not nominations.on("n1")
    assert len(nominations) == 1
    assert nominations.remove("a") == "n2"
    assert nominations.remove("a") == ""
    assert not nominations


def test_pods_heed_others_of_at_least_their_priority() -> None:
    nominations = Nominations()
    for each in (pod("low", 1), pod("equal", 5), pod("high", 9)):
        nominations.set(each, "n1")
    heeded = nominations.heeded_by(pod("equal", 5), "n1")
    assert [each.name for each in heeded] == ["high"]
    assert nominations.nodes_heeded_by(pod("other", 9)) == ["n1"]
    assert nominations.nodes_heeded_by(pod("other", 10)) == []


def test_a_pod_waits_until_the_last_of_its_victims_leaves() -> None:
    awaited = AwaitedVictims()
    awaited.expect("high", ["a", "b"])
    awaited.expect("other", ["b", "c"])
    assert awaited.settle("a") == []
    assert awaited.is_expecting("high")
    assert awaited.settle("b") == ["high"]
    assert not awaited.is_expecting("high")
    assert awaited.is_expecting("other")
    awaited.forget("other")
    assert awaited.settle("c") == []


def test_a_pod_without_victims_waits_for_none() -> None:
    awaited = AwaitedVictims()
    awaited.expect("high", ["a"])
    awaited.expect("high", [])
    assert not awaited.is_expecting("high")
