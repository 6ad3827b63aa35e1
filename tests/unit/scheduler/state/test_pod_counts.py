"""Counts that are kept as pods come and go equal those of counting anew."""

import zlib

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from shoal.api.selectors import parse_labels
from shoal.scheduler.state import pod_info
from shoal.scheduler.state.cache import Cache
from shoal.scheduler.state.namespaces import Namespaces
from shoal.scheduler.state.objects import Objects
from shoal.scheduler.state.pod_counts import PodCounts
from shoal.scheduler.state.pod_info import PodInfo
from shoal.scheduler.state.pod_matcher import PodMatcher, all_of
from shoal.scheduler.state.snapshot import Snapshot
from shoal.testing.builders import make_node, make_pod

NODES = tuple(f"n{i}" for i in range(5))
ZONES = ("a", "b", "c", "")
LABELS = st.sampled_from(({}, {"app": "web"}, {"app": "db"}, {"app": "web", "tier": "x"}))
NAMESPACES = ("one", "two")
MATCHERS = tuple(
    PodMatcher(parse_labels(selector), namespaces and frozenset(namespaces), counts_terminating)
    for selector in ("app=web", "app in (web,db)", "app!=web", "tier", "", "app=web,tier=x")
    for namespaces in (None, ("one",))
    for counts_terminating in (True, False)
)


def counted(snapshot: Snapshot, matcher: PodMatcher) -> dict[str, int]:
    """From scratch."""
    found = {
        node.name: sum(matcher.matches(pod.label_class) for pod in node.pods)
        for node in snapshot.nodes()
    }
    return {name: count for name, count in found.items() if count}


def kept(snapshot: Snapshot, matcher: PodMatcher) -> dict[str, int]:
    by_row = snapshot.pod_counts.by_row(matcher)
    return {snapshot.node(row).name: int(by_row[row]) for row in by_row.nonzero()[0].tolist()}


class Counting(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.cache = Cache()
        self.snapshot = self.cache.snapshot
        # Fewer than there are matchers, so that some are dropped and counted anew.
        self.snapshot.pod_counts.limit_bytes = 0
        self.assumed: list[PodInfo] = []
        self.added: dict[str, str] = {}
        self.number = 0
        self.namespaces = Namespaces(Objects())
        self.keys = ("zone", "kubernetes.io/hostname")

    def pod(self, data: st.DataObject, name: str) -> PodInfo:
        """Namespace and terms never change, so they go by the name."""
        kind = zlib.crc32(name.encode())
        made = make_pod(name).namespace(NAMESPACES[kind % 2]).labels(**data.draw(LABELS))
        if kind & 2:
            made = made.pod_anti_affinity("zone", {"app": "web"})
        if data.draw(st.booleans()):
            made = made.terminating()
        return pod_info.of(made.obj())

    @rule(name=st.sampled_from(NODES), zone=st.sampled_from(ZONES))
    def set_node(self, name: str, zone: str) -> None:
        node = make_node(name)
        self.cache.set_node((node.labels(zone=zone) if zone else node).obj())

    @rule(name=st.sampled_from(NODES))
    def remove_node(self, name: str) -> None:
        self.cache.remove_node(name)

    @rule(data=st.data(), name=st.sampled_from(NODES), is_assumed=st.booleans())
    def place(self, data: st.DataObject, name: str, is_assumed: bool) -> None:
        self.number += 1
        pod = self.pod(data, f"p{self.number}")
        if is_assumed:
            self.cache.assume(pod, name)
            self.assumed.append(pod)
        else:
            self.cache.add(pod, name)
            self.added[pod.uid] = name

    @precondition(lambda self: self.assumed)
    @rule(data=st.data(), name=st.sampled_from(NODES))
    def settle(self, data: st.DataObject, name: str) -> None:
        pod = self.assumed.pop(data.draw(st.integers(0, len(self.assumed) - 1)))
        if data.draw(st.booleans()):
            self.cache.forget(pod.uid)
        else:
            self.cache.add(pod, name)
            self.added[pod.uid] = name

    @precondition(lambda self: self.added)
    @rule(data=st.data())
    def change(self, data: st.DataObject) -> None:
        uid = data.draw(st.sampled_from(sorted(self.added)))
        if data.draw(st.booleans()):
            self.cache.remove(uid)
            del self.added[uid]
        else:
            self.cache.update(self.pod(data, uid), self.added[uid])

    @rule(matcher=st.sampled_from(MATCHERS))
    def look(self, matcher: PodMatcher) -> None:
        assert kept(self.snapshot, matcher) == counted(self.snapshot, matcher)

    @rule(data=st.data(), matcher=st.sampled_from(MATCHERS))
    def suppose(self, data: st.DataObject, matcher: PodMatcher) -> None:
        placed = {pod.uid: pod for node in self.snapshot.nodes() for pod in node.pods}
        without = [pod for uid, pod in placed.items() if data.draw(st.booleans(), uid)]
        plus = [(self.pod(data, "more"), node.name) for node in self.snapshot.nodes()]
        before = kept(self.snapshot, matcher)
        with self.cache.supposing(without, plus):
            assert kept(self.snapshot, matcher) == counted(self.snapshot, matcher)
        assert kept(self.snapshot, matcher) == before

    @invariant()
    def rows_of_one_value_are_one_domain(self) -> None:
        for key in self.keys:
            of_row = self.snapshot.topologies.get(key).of_row
            values: dict[int, str] = {}
            for node in self.snapshot.nodes():
                domain = int(of_row[node.row])
                assert (domain == 0) == (key not in node.labels)
                if domain:
                    assert values.setdefault(domain, node.labels[key]) == node.labels[key]
            assert len(set(values.values())) == len(values)

    @invariant()
    def terms_are_where_their_carriers_are(self) -> None:
        book = self.snapshot.carried_terms.required_anti
        for namespace in NAMESPACES:
            web = pod_info.of(make_pod().namespace(namespace).labels(app="web").obj())
            found = {
                self.snapshot.node(row).name: count
                for carried in book.about(web, self.namespaces)
                for row, count in enumerate(carried.rows.by_row(self.snapshot.row_count).tolist())
                if count
            }
            carriers = {
                node.name: sum(
                    pod.namespace == namespace and bool(pod.affinity_terms.required_anti)
                    for pod in node.pods
                )
                for node in self.snapshot.nodes()
            }
            assert found == {name: count for name, count in carriers.items() if count}


Counting.TestCase.settings = settings(max_examples=60, stateful_step_count=30)
TestCounting = Counting.TestCase


def test_matchers_that_nobody_asks_for_make_room() -> None:
    counts = PodCounts(limit_bytes=0)
    for number in range(100):
        counts.by_row(PodMatcher(parse_labels(f"app=a{number}"), None))
    assert counts.kept_count == 16


@pytest.mark.parametrize("count", [1, 200])
def test_counts_grow_with_the_table(count: int) -> None:
    cache = Cache()
    matcher = PodMatcher(parse_labels("app=web"), None)
    cache.snapshot.pod_counts.by_row(matcher)
    topology = cache.snapshot.topologies.get("kubernetes.io/hostname")
    for number in range(count):
        cache.set_node(make_node(f"n{number}").obj())
        pod = make_pod(f"p{number}").labels(app="web")
        cache.add(pod_info.of(pod.obj()), f"n{number}")
    assert cache.snapshot.pod_counts.by_row(matcher)[:count].tolist() == [1] * count
    assert topology.of_row[:count].tolist() == list(range(1, count + 1))


def test_all_of_several_matchers_match_what_each_of_them_matches() -> None:
    one = PodMatcher(parse_labels("app=web"), frozenset({"a", "b"}))
    two = PodMatcher(parse_labels("tier"), frozenset({"b", "c"}))
    both = all_of([one, two, PodMatcher(parse_labels("app=web"), None)])
    assert both == PodMatcher(parse_labels("app=web,tier"), frozenset({"b"}))


def test_a_domain_that_lost_its_nodes_gives_its_number_away() -> None:
    cache = Cache()
    topology = cache.snapshot.topologies.get("kubernetes.io/hostname")
    for number in range(50):
        cache.set_node(make_node(f"n{number}").obj())
        cache.remove_node(f"n{number}")
    assert topology.size <= 3


def test_keys_that_nobody_asks_for_make_room_and_come_back() -> None:
    cache = Cache()
    cache.set_node(make_node("n").labels(zone="a").obj())
    topologies = cache.snapshot.topologies
    topologies.get("zone")
    for number in range(300):
        topologies.get(f"key{number}")
    cache.set_node(make_node("n").obj())
    assert topologies.get("zone").of_row[0] == 0
