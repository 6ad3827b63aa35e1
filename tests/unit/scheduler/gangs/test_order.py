"""Who is next in line, among groups and among the members of one."""

from datetime import timedelta

import pytest

from shoal.api.volcano import keys
from shoal.scheduler.fairness.rules import Rules
from shoal.scheduler.gangs.order import dominant_share, group_order, members_in_order, sla_deadline
from tests.unit.scheduler.gangs.books import NOW, Book, after, group, member

TOTAL = {"cpu": 10_000, "pods": 10}


def order(book: Book, *names: str, rules: Rules = Rules()) -> list[str]:
    return sorted(names, key=lambda each: group_order(book[each], rules, TOTAL))


def test_higher_priority_goes_first() -> None:
    book = Book()
    book.put_class("high", 10)
    book.tell(group("a"), group("b").spec(priorityClassName="high"))
    assert order(book, "a", "b") == ["b", "a"]
    assert order(book, "a", "b", rules=Rules(priority_job_order=False)) == ["a", "b"]


def test_a_group_below_its_minimum_goes_before_one_that_has_it() -> None:
    book = Book()
    book.tell(group("a"), member("a").node("n1"), group("b"))
    assert order(book, "a", "b") == ["b", "a"]
    off = Rules(gang_job_order=False, drf_job_order=False)
    assert order(book, "a", "b", rules=off) == ["a", "b"]


def test_the_earliest_deadline_goes_first_and_none_last() -> None:
    book = Book()
    book.tell(group("a"))
    for name, wait in (("b", "2h"), ("c", "1h")):
        book.tell(group(name).annotations(**{keys.SLA_WAITING_TIME: wait}))
    assert order(book, "a", "b", "c") == ["c", "b", "a"]


def test_the_group_with_the_smaller_share_goes_first() -> None:
    book = Book()
    book.tell(group("a", 3), member("a", cpu="2").node("n1"))
    book.tell(group("b", 3), member("b", cpu="1").node("n1"))
    assert order(book, "a", "b") == ["b", "a"]


def test_the_oldest_goes_first_where_all_else_is_equal() -> None:
    book = Book()
    book.tell(group("a").created(after(1)), group("b"), group("c"))
    assert order(book, "c", "a", "b") == ["b", "c", "a"]


def test_a_share_is_the_largest_part_of_any_resource_and_pods_are_none() -> None:
    assert dominant_share({"cpu": 2_000, "pods": 9}, TOTAL) == 0.2
    assert dominant_share({"gpu": 1}, TOTAL) == 1.0
    assert dominant_share({}, TOTAL) == 0.0


def test_a_deadline_is_counted_from_the_groups_creation() -> None:
    book = Book()
    book.tell(group("a").annotations(**{keys.SLA_WAITING_TIME: "1h"}), group("b"))
    assert sla_deadline(book["a"], Rules()) == NOW + timedelta(hours=1)
    assert sla_deadline(book["b"], Rules()) is None
    assert sla_deadline(book["b"], Rules(sla_waiting_time_s=60)) == after(60)


@pytest.mark.parametrize("text", ["soon", "-", "99999999999h"])
def test_a_waiting_time_that_cannot_be_read_counts_as_none(text: str) -> None:
    book = Book()
    book.tell(group("a").annotations(**{keys.SLA_WAITING_TIME: text}))
    assert sla_deadline(book["a"], Rules()) is None


def test_members_go_by_priority_then_number_then_age() -> None:
    book = Book()
    book.tell(group("a"))
    urgent = {keys.GROUP_NAME: "a", keys.TASK_PRIORITY: "5"}
    book.tell(member("a", 10), member("a", 9), member("a", 11).annotations(**urgent))
    names = [each.pod.name for each in members_in_order(book["a"], Rules())]
    assert names == ["a-11", "a-9", "a-10"]
    off = members_in_order(book["a"], Rules(priority_task_order=False))
    assert [each.pod.name for each in off] == ["a-9", "a-10", "a-11"]
