"""What is known of Workers beside the API: never more than is needed."""

from datetime import UTC, datetime, timedelta

from shoal.api.meta import ObjectKey
from shoal.controllers.worker.worker_memory import KnownWorker, WorkerMemory, gathering_s
from shoal.testing.builders import make_pod
from shoal.work.protocol import QueueSize

AT = datetime(2026, 1, 1, tzinfo=UTC)


def test_news_of_few_pods_come_at_once_and_of_many_together():
    assert gathering_s(1) == gathering_s(99) == 0
    assert 0 < gathering_s(100) < gathering_s(1000) < gathering_s(10**4) == gathering_s(10**6) <= 2


def test_only_the_newest_pods_that_went_are_kept_and_only_for_their_own_worker():
    known = KnownWorker()
    for number in range(100):
        known.depart("before" if number < 90 else "now", make_pod(f"p-{number}").obj())
    assert [pod.metadata.name for pod in known.departed_of("now")] == [
        f"p-{n}" for n in range(90, 100)
    ]
    assert len(known.departed_of("before")) == 40


def test_a_queue_is_asked_again_after_a_while_whatever_it_answered():
    known = KnownWorker()
    assert known.is_size_due(AT)
    known.note_size(QueueSize(done=1), "", AT)
    known.note_size(None, "it is away", AT)
    assert (known.size, known.problem) == (QueueSize(done=1), "it is away")
    assert not known.is_size_due(AT + timedelta(seconds=4))
    assert known.is_size_due(AT + timedelta(seconds=5))


def test_a_refusal_is_about_one_spec():
    known = KnownWorker()
    known.refuse(2, "no such field")
    assert (known.refusal_of(2), known.refusal_of(3)) == ("no such field", "")


def test_what_was_not_made_is_tried_again_after_a_while_or_when_the_worker_is_another():
    known = KnownWorker()
    assert known.held_back_s(1, AT) == 0
    known.set_back(1, "exceeded quota", AT)
    assert known.held_back_s(1, AT + timedelta(seconds=4)) == 6
    assert known.held_back_s(2, AT) == known.held_back_s(1, AT + timedelta(seconds=11)) == 0
    assert known.setback == "exceeded quota"
    known.go_on()
    assert (known.setback, known.held_back_s(1, AT)) == ("", 0)


def test_what_is_forgotten_begins_anew():
    memory = WorkerMemory(wake=lambda key: None)
    memory.of(ObjectKey("a", "w")).problem = "away"
    memory.forget(ObjectKey("a", "w"))
    assert memory.of(ObjectKey("a", "w")).problem == ""
