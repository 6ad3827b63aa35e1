"""Which groups are equal, so that one of them is tried for all."""

import pytest

from shoal.api.volcano import keys
from shoal.scheduler.gangs.likeness import likeness_of
from shoal.testing.builders import PodBuilder
from shoal.testing.volcano import PodGroupBuilder
from tests.unit.scheduler.gangs.books import Book, group, member


def are_alike(one: PodGroupBuilder, pod: PodBuilder) -> bool:
    """Whether the group `b` and its pod are equal to a plain group of one pod, called `a`."""
    book = Book()
    book.tell(group("a"), member("a"), one, pod)
    likeness = likeness_of(book["b"])
    return likeness is not None and likeness == likeness_of(book["a"])


def test_groups_that_want_the_same_are_alike() -> None:
    assert are_alike(group("b"), member("b"))


@pytest.mark.parametrize(
    "other",
    [
        group("b", 2),
        group("b", queue="other"),
        group("b").annotations(**{keys.RUNNING_ESTIMATE: "1h"}),
        group("b").spec(networkTopology={"mode": "hard", "highestTierAllowed": 1}),
        group("b").spec(minTaskMember={"worker": 1}),
    ],
)
def test_groups_that_ask_otherwise_are_not(other: PodGroupBuilder) -> None:
    assert not are_alike(other, member("b"))


@pytest.mark.parametrize(
    "pod",
    [
        member("b", cpu="2"),
        member("b").priority(5),
        member("b").spec(preemptionPolicy="Never"),
        member("b").node_selector(zone="a"),
        member("b").toleration("spot"),
        member("b").pod_affinity("zone", {"app": "db"}),
        member("b").spread("zone", {"app": "db"}),
    ],
)
def test_groups_of_other_pods_are_not(pod: PodBuilder) -> None:
    assert not are_alike(group("b"), pod)


def test_a_group_that_waits_for_its_victims_is_like_no_other() -> None:
    book = Book()
    book.tell(group("a"), member("a"))
    assert likeness_of(book["a"]) is not None
    book.book.waking.await_victims(book["a"], ["v"])
    assert likeness_of(book["a"]) is None


def test_a_group_that_has_its_minimum_is_like_no_other() -> None:
    book = Book()
    book.tell(group("a"), member("a").node("n1"), member("a", 1))
    assert likeness_of(book["a"]) is None
