"""What is written to PodGroups and queues: only what is news, and whole."""

from shoal.api.volcano.pod_group import PodGroupPhase
from shoal.scheduler.fairness.divisions import policy_of
from shoal.scheduler.fairness.rules import Rules
from shoal.scheduler.gangs.group import GroupVerdict, Reason
from shoal.scheduler.gangs.statuses import READY_TEXT, group_patch, phase_of, queue_patches
from shoal.testing.volcano import QueueBuilder, make_queue
from tests.unit.scheduler.gangs.books import NOW, Book, after, group, member

VERDICT = GroupVerdict(Reason.NOT_ENOUGH_RESOURCES, "too little")


def patches(book: Book, *queues: QueueBuilder) -> dict[str, dict[str, object]]:
    known = {each.name: each.obj() for each in queues}
    usage = book.book.usage()
    policy = policy_of(Rules())(known, usage, {"cpu": 4000})
    found = queue_patches(known, book.book, usage, policy)
    return {name: patch["status"] for name, patch in found.items()}


def test_a_group_that_is_as_the_api_server_has_it_is_not_written() -> None:
    book = Book()
    book.tell(group("g"))
    assert group_patch(book["g"], 1, NOW) is None


def test_a_group_says_its_phase_and_counts_and_why_it_waits() -> None:
    book = Book()
    book.tell(group("g"), member("g"), member("g", 1).node("n1").phase("Failed"))
    book["g"].verdict = VERDICT
    patch = group_patch(book["g"], 7, NOW)
    assert patch is not None
    status = patch["status"]
    assert (status["phase"], status["running"], status["failed"]) == ("Inqueue", 0, 1)
    (condition,) = status["conditions"]
    assert (condition["type"], condition["status"], condition["reason"]) == (
        "Unschedulable",
        "True",
        "NotEnoughResources",
    )
    assert (condition["message"], condition["transitionID"]) == ("too little", "7")


def test_a_reason_that_stands_there_already_is_not_written_again() -> None:
    book = Book()
    told = group("g").condition("Unschedulable", "NotEnoughResources", "too little")
    book.tell(told.status(running=0, succeeded=0, failed=0))
    book["g"].verdict = VERDICT
    assert group_patch(book["g"], 1, NOW) is None
    book["g"].verdict = GroupVerdict(Reason.NOT_ENOUGH_RESOURCES, "even less")
    assert group_patch(book["g"], 2, NOW) is not None


def test_a_group_that_runs_takes_back_why_it_waited_and_keeps_since_when() -> None:
    book = Book()
    told = group("g").phase("Running").status(running=1)
    told = told.condition("Scheduled", READY_TEXT, READY_TEXT, since=after(5))
    told = told.condition("Unschedulable", "NotEnoughResources", "too little")
    book.tell(told, member("g").node("n1").phase("Running"))
    patch = group_patch(book["g"], 2, after(60))
    assert patch is not None
    (condition,) = patch["status"]["conditions"]
    assert condition["type"] == "Scheduled"
    assert condition["lastTransitionTime"] == "2026-01-01T00:00:05Z"


def test_nothing_is_said_of_members_that_are_being_bound() -> None:
    book = Book()
    book.tell(group("g"), member("g"))
    book.book.place("g-0", "n1")
    assert group_patch(book["g"], 1, NOW) is None


def test_a_group_that_is_gone_is_not_written() -> None:
    book = Book()
    book.tell(group("g"), member("g"))
    book.remove("g")
    assert group_patch(book["g"], 1, NOW) is None


def test_a_group_is_unknown_only_where_somebody_found_that_it_has_to_wait() -> None:
    book = Book()
    book.tell(group("g", 2).phase("Running"), member("g").node("n1").phase("Running"))
    book.tell(member("g", 1))
    assert phase_of(book["g"]) == PodGroupPhase.INQUEUE
    book["g"].verdict = VERDICT
    assert phase_of(book["g"]) == PodGroupPhase.UNKNOWN


def test_a_queue_holds_what_the_queues_below_it_hold() -> None:
    book = Book()
    book.tell(group("g", queue="child"), member("g").node("n1"))
    queues = (make_queue("root"), make_queue("parent"), make_queue("child").parent("parent"))
    found = patches(book, *queues)
    assert [found[each]["allocated"] for each in ("root", "parent", "child")] == [
        {"cpu": "1", "pods": "1"}
    ] * 3
    assert (found["child"]["inqueue"], found["parent"]["inqueue"]) == (1, 0)


def test_what_a_queue_holds_no_more_is_taken_out() -> None:
    queue = make_queue("q").holds(cpu="1", **{"nvidia.com/gpu": "2"})
    assert patches(Book(), queue)["q"]["allocated"] == {"cpu": None, "nvidia.com/gpu": None}


def test_a_queue_that_is_as_the_api_server_has_it_is_not_written() -> None:
    book = Book()
    (status,) = patches(book, make_queue("root")).values()
    assert patches(book, make_queue("root").status(**status)) == {}


def test_queues_that_stand_above_each_other_do_not_count_for_ever() -> None:
    book = Book()
    book.tell(group("g", queue="a"), member("g").node("n1"))
    found = patches(book, make_queue("a").parent("b"), make_queue("b").parent("a"))
    assert found["a"]["allocated"] == found["b"]["allocated"] == {"cpu": "1", "pods": "1"}
