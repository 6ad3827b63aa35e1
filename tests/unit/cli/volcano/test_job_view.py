"""`shoal job view`: what stands on its one screen."""

from datetime import UTC, datetime, timedelta

from msgspec.structs import replace

from shoal.api.core import Event
from shoal.api.meta import ObjectReference
from shoal.cli.volcano.job_view import event_lines, group_lines, group_of, head_lines, task_rows
from shoal.testing.volcano import make_job, make_pod_group

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
JOB = make_job("train").queue("science").task("chief").task("worker", 3, minAvailable=2)


def owned(name: str, uid: str):
    reference = {"apiVersion": "v1", "kind": "Job", "name": "train", "uid": uid, "controller": True}
    return make_pod_group(name).meta(ownerReferences=[reference]).obj()


def test_the_head_says_where_the_job_stands_and_leaves_out_what_is_not():
    job = JOB.phase("Restarting", "PodFailed", "chief-0 failed").spec(minAvailable=3).obj()
    assert head_lines(job, NOW) == [
        "Name:       train",
        "Namespace:  default",
        "Queue:      science",
        "Phase:      Restarting (PodFailed: chief-0 failed)",
        "Pods:       3 of 4 are placed together",
        "Restarts:   0 of 3",
    ]


def test_each_task_shows_its_pods_by_phase_and_what_comes_first():
    after = {"name": ["chief", "data"], "iteration": "any"}
    job = JOB.task("late", dependsOn=after).status(
        taskStatusCount={"worker": {"phase": {"Running": 1, "Failed": 2}}}
    )
    assert list(task_rows(job.obj())) == [
        ("chief", 1, 1, 0, 0, 0, 0, 0, "-"),
        ("worker", 3, 2, 0, 1, 0, 2, 0, "-"),
        ("late", 1, 1, 0, 0, 0, 0, 0, "chief or data"),
    ]


def test_a_task_without_a_name_goes_by_its_place():
    assert next(iter(task_rows(make_job("j").task("").obj())))[0] == "default0"


def test_a_jobs_group_is_the_one_that_it_owns_else_the_one_of_its_name():
    job = JOB.obj()
    other, named = owned("train", "another"), make_pod_group("train-train").obj()
    assert group_of(job, [named, owned("x", "train")]).metadata.name == "x"
    assert group_of(job, [other, named]) in (other, named)
    assert group_of(job, []) is None


def test_a_group_tells_what_it_needs_and_what_it_was_told():
    group = make_pod_group("g").needs(3, cpu="3").phase("Inqueue")
    since = NOW - timedelta(minutes=3)
    told = group.condition("Unschedulable", "NotEnoughResources", "3/4 tasks", since).obj()
    assert group_lines(told, NOW) == [
        "PodGroup g is Inqueue; it needs 3 members, cpu=3",
        "  NotEnoughResources for 3m: 3/4 tasks",
    ]
    assert group_lines(None, NOW) == ["PodGroup: none"]


def test_only_the_latest_events_are_shown_with_whom_they_are_about():
    def event(age_s: int, kind: str) -> Event:
        about = ObjectReference(kind=kind, name="p")
        when = NOW - timedelta(seconds=age_s)
        said = Event(type="Normal", reason="R", message=str(age_s), count=1, last_timestamp=when)
        return replace(said, involved_object=about)

    lines = event_lines([event(age_s, "Job") for age_s in range(1, 13)], NOW)
    assert (lines[0], len(lines)) == ("Events (the latest of 12):", 11)
    assert lines[-1] == "  Normal R (1 time, 1s ago): 1"
    assert event_lines([event(5, "Pod")], NOW)[1].endswith("ago): 5 (Pod p)")
    long = replace(event(5, "Job"), message="x" * 500)
    assert len(event_lines([long], NOW)[1]) == 163
    assert event_lines([], NOW) == ["Events: none"]
