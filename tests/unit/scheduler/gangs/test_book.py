"""What the book of gangs knows after each event, in whichever order they come."""

from shoal.api.volcano import keys
from shoal.api.volcano.pod_group import PodGroupPhase
from shoal.scheduler.fairness.queue_policy import QueueUsage
from shoal.scheduler.gangs.member import MemberState
from shoal.scheduler.state import pod_info
from tests.unit.scheduler.gangs.books import Book, after, group, member


def usage(book: Book, queue: str = "q") -> QueueUsage:
    return book.book.usage().get(queue, QueueUsage())


def test_a_member_goes_from_waiting_to_running() -> None:
    book = Book()
    book.tell(group("g"), member("g"))
    assert book.state("g-0") is MemberState.WAITING
    book.book.place("g-0", "n1")
    assert book.state("g-0") is MemberState.PLACED
    book.tell(member("g").node("n1"))
    assert book.state("g-0") is MemberState.BOUND
    book.tell(member("g").node("n1").phase("Running"))
    assert book.state("g-0") is MemberState.RUNNING
    assert book.book.held == {"cpu": 1000, "pods": 1}


def test_a_placement_of_which_the_api_server_does_not_know_yet_stands() -> None:
    book = Book()
    book.tell(group("g"), member("g"))
    book.book.place("g-0", "n1")
    book.tell(member("g").label("new", "label"))
    assert book.state("g-0") is MemberState.PLACED


def test_a_pod_that_was_bound_elsewhere_is_counted_once() -> None:
    book = Book()
    book.tell(group("g"), member("g"))
    book.book.place("g-0", "n1")
    book.tell(member("g").node("n2"))
    found = book.book.member("g-0")
    assert found is not None and found.node_name == "n2"
    assert usage(book).allocated == {"cpu": 1000, "pods": 1}


def test_a_placement_that_is_taken_back_holds_nothing() -> None:
    book = Book()
    book.tell(group("g"), member("g"))
    book.book.place("g-0", "n1")
    book.book.displace("g-0")
    assert book.state("g-0") is MemberState.WAITING
    assert (book["g"].holding, book["g"].wanting) == ({}, {"cpu": 1000, "pods": 1})


def test_a_gated_pod_does_not_count_until_its_gate_is_lifted() -> None:
    book = Book()
    book.tell(group("g"), member("g").gate("x"))
    assert (book.state("g-0"), book["g"].waiting_count) == (MemberState.GATED, 0)
    book.tell(member("g"))
    assert (book.state("g-0"), book["g"].waiting_count) == (MemberState.WAITING, 1)


def test_a_waiting_pod_that_is_deleted_is_no_member_any_more() -> None:
    book = Book()
    book.tell(group("g"), member("g"))
    book.tell(member("g").terminating())
    assert book.state("g-0") is None
    book.book.remove_pod("g-0")
    assert not book["g"].members


def test_an_evicted_member_stays_one_until_it_is_gone() -> None:
    book = Book()
    book.tell(group("g"), member("g").node("n1").phase("Running"))
    book.evict("g-0")
    told = member("g").node("n1").phase("Running")
    book.tell(told.condition("DisruptionTarget", "True"))
    assert book.state("g-0") is MemberState.LEAVING
    book.tell(told.terminating())
    assert book.state("g-0") is MemberState.LEAVING
    book.book.remove_pod("g-0")
    assert book.book.leaving == {}


def test_a_member_whose_eviction_failed_stays() -> None:
    book = Book()
    book.tell(group("v"), member("v").node("n1").phase("Running"))
    book.evict("v-0")
    book.book.eviction_failed("v-0", after(1))
    assert (book.state("v-0"), book.book.leaving) == (MemberState.RUNNING, {})
    book.tell(member("v").node("n1").phase("Running").label("new", "label"))
    assert book.state("v-0") is MemberState.RUNNING


def test_a_group_whose_victim_stays_tries_again_later() -> None:
    book = Book()
    book.tell(group("v"), member("v").node("n1"), group("g"), member("g"))
    book.evict("v-0")
    book.book.waking.await_victims(book["g"], ["v-0"])
    book.round_ends()
    book.book.eviction_failed("v-0", after(1))
    assert (book.round_ends(), book.book.waking.next_retry()) == ([], after(1))
    book.book.waking.wake_due(after(1))
    assert book.round_ends() == ["g"]


def test_a_group_whose_victims_are_gone_is_woken() -> None:
    book = Book()
    book.tell(group("v"), member("v").node("n1"), group("g"), member("g"))
    book.evict("v-0")
    book.book.waking.await_victims(book["g"], ["v-0"])
    book.round_ends()
    book.tell(member("v").node("n1").phase("Failed"))
    assert (book.round_ends(), book["g"].awaited) == (["g"], set())


def test_pods_may_come_before_their_group() -> None:
    book = Book()
    book.tell(member("g"))
    assert (book.round_ends(), usage(book).request) == ([], {})
    book.tell(group("g"))
    assert (book.round_ends(), usage(book).request) == (["g"], {"cpu": 1000, "pods": 1})


def test_a_group_that_is_gone_and_comes_back_has_its_pods() -> None:
    book = Book()
    book.tell(group("g"), member("g").node("n1"))
    book.remove("g")
    assert usage(book) == QueueUsage()
    book.tell(group("g"))
    assert usage(book).allocated == {"cpu": 1000, "pods": 1}


def test_a_new_group_of_the_same_name_is_judged_anew() -> None:
    book = Book()
    book.tell(group("g").phase("Running"), member("g"))
    book.round_ends()
    book.tell(group("g").meta(uid="other").phase("Pending"))
    assert (book["g"].phase, book.round_ends()) == (PodGroupPhase.PENDING, ["g"])


def test_what_a_group_held_is_forgotten_even_if_another_takes_its_name_at_once() -> None:
    book = Book()
    book.tell(group("g"), member("g").node("n1"))
    assert usage(book).allocated == {"cpu": 1000, "pods": 1}
    book.book.remove_pod("g-0")
    book.remove("g")
    book.tell(group("g").meta(uid="other"), member("g").uid("other").node("n1"))
    assert usage(book).allocated == {"cpu": 1000, "pods": 1}


def test_a_pod_that_is_recreated_is_another_member() -> None:
    book = Book()
    book.tell(group("g"), member("g").node("n1").phase("Succeeded"))
    book.book.remove_pod("g-0")
    book.tell(member("g").uid("second"))
    assert list(book["g"].members) == ["second"]
    assert book["g"].ready_count == 0


def test_a_group_that_moves_to_another_queue_takes_its_usage_with_it() -> None:
    book = Book()
    book.tell(group("g"), member("g").node("n1"))
    assert usage(book, "q").has_groups
    book.tell(group("g", queue="other"))
    assert not usage(book, "q").has_groups
    assert usage(book, "other").allocated == {"cpu": 1000, "pods": 1}


def test_a_queue_whose_last_group_is_gone_has_none() -> None:
    book = Book()
    book.tell(group("g"), group("h"))
    book.remove("g")
    assert usage(book).has_groups
    book.remove("h")
    assert not usage(book).has_groups


def test_a_group_without_a_queue_is_in_the_default_one() -> None:
    book = Book()
    book.tell(group("g", queue=""), member("g").node("n1"))
    assert usage(book, "default").allocated == {"cpu": 1000, "pods": 1}


def test_a_pod_that_changes_its_group_leaves_the_former() -> None:
    book = Book()
    book.tell(group("g"), group("h"), member("g"))
    book.tell(member("g").annotations(**{keys.GROUP_NAME: "h"}))
    assert (list(book["g"].members), list(book["h"].members)) == ([], ["g-0"])


def test_a_pod_that_changed_while_it_was_placed_waits_as_it_is_now() -> None:
    book = Book()
    book.tell(group("g"), member("g"))
    book.book.place("g-0", "n1")
    found = book.book.member("g-0")
    assert found is not None and found.queued is not None
    found.queued.renew(pod_info.of(member("g").label("new", "label").obj()))
    book.book.displace("g-0")
    assert found.pod.labels == {"new": "label"}


def test_a_pod_that_was_deleted_while_it_was_placed_does_not_wait_again() -> None:
    book = Book()
    book.tell(group("g"), member("g"))
    book.book.place("g-0", "n1")
    found = book.book.member("g-0")
    assert found is not None and found.queued is not None
    found.queued.renew(pod_info.of(member("g").terminating().obj()))
    book.book.displace("g-0")
    assert book.state("g-0") is None
