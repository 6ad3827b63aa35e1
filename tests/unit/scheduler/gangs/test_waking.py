"""Which groups a change wakes: all that it may help, and none for nothing."""

from typing import Any

import pytest

from shoal.api.volcano import keys
from shoal.api.volcano.pod_group import PodGroupPhase
from shoal.scheduler.gangs.likeness import likeness_of
from tests.unit.scheduler.gangs.books import Book, after, group, member


def parked(*names: str) -> Book:
    """Groups of one pod that were tried in vain, each older than the next."""
    book = Book()
    for index, name in enumerate(names):
        book.tell(group(name).created(after(index)), member(name))
    book.round_ends()
    assert not book.book.waking.has_work()
    return book


def test_of_equal_groups_only_the_oldest_is_woken() -> None:
    book = parked("b", "a", "c")
    book.book.waking.wake_all()
    assert book.round_ends() == ["b"]


def test_equal_groups_have_their_turn_one_after_the_other_and_none_is_forgotten() -> None:
    book = parked("a", "b", "c")
    book.book.waking.wake_all()
    tried: list[str] = []
    while (found := book.book.active()) and len(tried) < 4:
        tried += [each.key.name for each in found]
        likeness = likeness_of(found[0])
        assert likeness is not None
        book.book.place(f"{found[0].key.name}-0", "n1")
        book.book.waking.wake_next(likeness)
    assert tried == ["a", "b", "c"]


def test_a_group_that_left_its_line_and_came_back_stands_in_it_once() -> None:
    book = parked("a", "b")
    for _ in range(50):
        book.book.waking.wake_all()
        assert book.round_ends() == ["a"]
    book.book.remove_pod("a-0")
    assert book.round_ends() == ["b"]


def test_a_group_that_is_gone_does_not_stand_before_those_that_are_left() -> None:
    book = parked("a", "b")
    book.book.remove_pod("a-0")
    book.remove("a")
    assert book.round_ends() == ["b"]


def test_a_group_of_the_same_name_does_not_take_the_place_of_one_that_is_gone() -> None:
    book = parked("a", "b")
    book.book.remove_pod("a-0")
    book.remove("a")
    book.tell(group("a").meta(uid="second").created(after(9)), member("a"))
    book.round_ends()
    book.book.waking.wake_all()
    assert book.round_ends() == ["b"]


def test_groups_of_another_priority_class_are_all_looked_at_when_it_changes() -> None:
    book = Book()
    book.put_class("high", 10)
    for name in ("a", "b"):
        book.tell(group(name).spec(priorityClassName="high"), member(name))
    book.round_ends()
    book.put_class("high", 20)
    assert sorted(book.round_ends()) == ["a", "b"]
    assert book["b"].priority == 20


@pytest.mark.parametrize(
    "fields", [{"minMember": 2}, {"queue": "other"}, {"minResources": {"cpu": "1"}}]
)
def test_a_change_of_its_spec_wakes_a_group_and_others(fields: dict[str, Any]) -> None:
    book = parked("a", "other")
    book.tell(group("other").created(after(1)).spec(**fields))
    assert sorted(book.round_ends()) == ["a", "other"]


@pytest.mark.parametrize("key", [keys.SLA_WAITING_TIME, keys.RUNNING_ESTIMATE, keys.PREEMPTABLE])
def test_a_change_of_its_annotations_wakes_a_group_and_others(key: str) -> None:
    book = parked("a", "other")
    book.tell(group("other").created(after(1)).annotations(**{key: "1s"}))
    assert sorted(book.round_ends()) == ["a", "other"]


def test_a_status_that_was_written_wakes_nobody() -> None:
    book = parked("a")
    book.tell(group("a").status(phase="Inqueue", running=3))
    assert not book.book.waking.has_work()


def test_a_pod_that_waits_no_longer_leaves_its_share_to_others() -> None:
    book = parked("a")
    book.tell(group("b", queue="other"), member("b"))
    book.round_ends()
    book.book.remove_pod("b-0")
    assert book.round_ends() == ["a"]


def test_a_group_that_completes_leaves_what_it_was_admitted_with() -> None:
    book = parked("a")
    book.tell(group("b"), member("b").node("n1").phase("Succeeded"))
    book.round_ends()
    book.book.take_phase(book["b"], PodGroupPhase.COMPLETED)
    assert book.round_ends() == ["a"]


def test_a_group_that_is_deleted_leaves_what_it_was_admitted_with() -> None:
    book = parked("a")
    book.tell(group("b"))
    book.round_ends()
    book.remove("b")
    assert book.round_ends() == ["a"]


def test_a_binding_that_succeeds_wakes_only_those_who_wait_for_one() -> None:
    book = parked("a")
    book.tell(group("b"), member("b"), member("b", 1))
    for index in range(2):
        book.book.place(f"b-{index}", "n1")
    book.round_ends()
    book.tell(member("b").node("n1"))
    assert not book.book.waking.has_work()
    book.book.waking.wake_when_bound()
    book.tell(member("b", 1).node("n1"))
    assert book.round_ends() == ["a"]


def test_a_pod_that_stands_wakes_only_those_who_want_to_be_near_it() -> None:
    book = parked("a")
    book.book.waking.wake_related()
    assert not book.book.waking.has_work()
    book.tell(group("near"), member("near").pod_affinity("zone", {"app": "db"}))
    book.round_ends()
    book.book.waking.wake_related()
    assert book.round_ends() == ["near"]


def test_a_group_that_backs_off_is_not_woken_by_others() -> None:
    book = Book()
    book.tell(group("a"), member("a"))
    book.book.waking.back_off(book["a"], after(1))
    book.book.waking.wake_all()
    assert book.round_ends() == []
    book.book.waking.wake_due(after(0.5))
    assert book.round_ends() == []
    book.book.waking.wake_due(after(1))
    assert book.round_ends() == ["a"]


def test_time_itself_wakes_all_at_the_earliest_moment_that_was_asked_for() -> None:
    book = parked("a")
    book.book.waking.look_again(after(60))
    book.book.waking.look_again(after(30))
    book.book.waking.look_again(after(90))
    assert book.book.waking.next_retry() == after(30)
    book.book.waking.wake_due(after(29))
    assert not book.book.waking.has_work()
    book.book.waking.wake_due(after(30))
    assert book.round_ends() == ["a"]
    assert book.book.waking.next_retry() is None
