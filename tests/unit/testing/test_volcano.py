"""The builders of Volcano's kinds: values that are read as what they say."""

from datetime import UTC, datetime

from shoal.api.volcano.job import JobPhase
from shoal.api.volcano.pod_group import PodGroupPhase
from shoal.testing.volcano import make_job, make_pod_group, make_queue

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def test_a_queue_is_read_as_it_was_built():
    built = make_queue("q").weight(3).parent("p").priority(2).capability(cpu="2")
    queue = built.guarantee(cpu="1").deserves(cpu="1").state("Closed").obj()
    assert (queue.metadata.name, queue.spec.weight, queue.spec.parent) == ("q", 3, "p")
    assert (queue.spec.priority, queue.spec.capability) == (2, {"cpu": "2"})
    assert queue.spec.guarantee.resource == queue.spec.deserved == {"cpu": "1"}
    assert not queue.is_open
    assert built.holds(cpu="4").entitled(cpu="3").obj().status.deserved == {"cpu": "3"}


def test_a_pod_group_keeps_one_condition_of_a_type():
    built = make_pod_group("g").queue("q").needs(2, cpu="2").phase("Inqueue").created(NOW)
    group = built.condition("Unschedulable", "A", "a").condition("Unschedulable", "B", "b").obj()
    assert (group.spec.queue, group.spec.min_member) == ("q", 2)
    assert (group.phase, group.metadata.creation_timestamp) == (PodGroupPhase.INQUEUE, NOW)
    assert [each.reason for each in group.status.conditions] == ["B"]
    assert make_pod_group("g").needs(1).obj().spec.min_resources is None


def test_a_job_gets_one_task_after_another():
    job = make_job("j").queue("q").task("a").task("b", 2, minAvailable=1).phase("Running").obj()
    assert [(task.name, task.replicas, task.min_available) for task in job.spec.tasks] == [
        ("a", 1, None),
        ("b", 2, 1),
    ]
    assert job.phase is JobPhase.RUNNING
