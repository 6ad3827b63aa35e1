"""What a JobFlow does now: phases, next steps, and why one waits."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shoal.api.volcano.flow import JobFlowPhase
from shoal.api.volcano.job import JobPhase
from shoal.controllers.volcano.flow_plan import event_of, plan, read_steps
from shoal.testing.builders import make_pod
from shoal.testing.volcano import make_flow, make_job, make_template

PENDING, RUNNING, SUCCEED, FAILED, TERMINATING = JobFlowPhase


def look(flow, jobs=(), templates=("a", "b", "c"), strangers=(), pods=()):
    """The plan; jobs by the phases of their steps, or as they are."""
    built = {
        step: each if hasattr(each, "obj") else make_job(f"f-{step}").task("main").phase(each)
        for step, each in dict(jobs).items()
    }
    steps = read_steps(
        flow.obj(),
        {f"f-{step}": each.obj() for step, each in built.items()},
        {t: make_template(t).obj() for t in templates},
    )
    return plan(flow.obj(), steps, strangers, lambda job, task: [pod.obj() for pod in pods])


def created(planned):
    return [step.name for step in planned.create]


CHAIN = make_flow("f").step("a").step("b", "a").step("c", "b")
FORK = make_flow("f").step("a").step("b", "a").step("c", "a")
JOIN = make_flow("f").step("a").step("b").step("c", "a", "b")


@pytest.mark.parametrize(
    ("flow", "jobs", "steps"),
    [
        (CHAIN, {}, ["a"]),
        (CHAIN, {"a": "Pending"}, []),
        (CHAIN, {"a": "Running"}, []),
        (CHAIN, {"a": "Completing"}, []),
        (CHAIN, {"a": "Completed"}, ["b"]),
        (CHAIN, {"a": "Completed", "b": "Restarting"}, []),
        (CHAIN, {"a": "Completed", "b": "Completed"}, ["c"]),
        (FORK, {"a": "Completed"}, ["b", "c"]),
        (FORK, {"a": "Completed", "b": "Running"}, ["c"]),
        (JOIN, {}, ["a", "b"]),
        (JOIN, {"a": "Completed", "b": "Running"}, []),
        (JOIN, {"a": "Completed", "b": "Completed"}, ["c"]),
        (JOIN, {"a": "Aborted", "b": "Completed"}, []),
    ],
)
def test_a_step_starts_when_all_jobs_before_it_are_completed(flow, jobs, steps):
    assert created(look(flow, jobs)) == steps


@pytest.mark.parametrize(
    ("before", "jobs", "after"),
    [
        (PENDING, {}, PENDING),
        (PENDING, {"a": "Pending"}, PENDING),
        (PENDING, {"a": "Running"}, RUNNING),
        (PENDING, {"a": "Completed"}, RUNNING),
        (PENDING, {"a": "Failed"}, FAILED),
        (PENDING, {"a": "Completed", "b": "Completed", "c": "Completed"}, SUCCEED),
        (RUNNING, {"a": "Pending"}, RUNNING),
        (RUNNING, {"a": "Completed", "b": "Completed", "c": "Completed"}, SUCCEED),
        (RUNNING, {"a": "Completed", "b": "Failed", "c": "Running"}, FAILED),
        (RUNNING, {"a": "Completed", "b": "Terminated"}, FAILED),
        (RUNNING, {"a": "Completed", "b": "Aborted"}, RUNNING),
        (FAILED, {"a": "Completed", "b": "Failed"}, FAILED),
        (FAILED, {"a": "Completed", "b": "Restarting"}, RUNNING),
        (FAILED, {"a": "Completed", "b": "Running"}, RUNNING),
        (FAILED, {"a": "Completed", "b": "Completed", "c": "Completed"}, SUCCEED),
        (FAILED, {"a": "Completed"}, RUNNING),
        (SUCCEED, {"a": "Completed", "b": "Completed", "c": "Completed"}, SUCCEED),
        (SUCCEED, {"a": "Completed", "b": "Completed"}, RUNNING),
    ],
)
def test_the_phase_follows_the_jobs(before, jobs, after):
    assert look(FORK.phase(before), jobs).phase is after


def test_a_failed_flow_starts_nothing_and_says_which_job_failed():
    planned = look(FORK.phase(RUNNING), {"a": "Completed", "b": "Failed"})
    assert created(planned) == []
    assert (planned.state.reason, planned.state.message) == (
        "JobFailed",
        "job f-b has failed: restart it, or delete it to have it made again",
    )


def test_a_failed_job_that_was_deleted_is_made_again():
    flow = FORK.phase(FAILED).remembers("f-b", "Failed")
    planned = look(flow, {"a": "Completed", "c": "Running"})
    assert (planned.phase, created(planned)) == (RUNNING, ["b"])


def test_a_failed_job_that_removed_itself_stays_failed():
    flow = make_flow("f").step("a", patch={"ttlSecondsAfterFinished": 0})
    planned = look(flow.phase(FAILED).remembers("f-a", "Failed"))
    assert (planned.phase, created(planned)) == (FAILED, [])


def test_a_completed_job_that_is_gone_stays_completed():
    planned = look(CHAIN.phase(RUNNING).remembers("f-a", "Completed"))
    assert created(planned) == ["b"]
    done = CHAIN.phase(SUCCEED)
    for job in ("f-a", "f-b", "f-c"):
        done = done.remembers(job, "Completed")
    assert (look(done).phase, created(look(done))) == (SUCCEED, [])


def test_a_flow_that_goes_is_terminating_and_starts_nothing():
    going = CHAIN.phase(RUNNING).meta(deletionTimestamp="2026-01-01T00:00:00Z")
    planned = look(going, {"a": "Completed"})
    assert (planned.phase, created(planned)) == (TERMINATING, [])
    assert look(going.phase(TERMINATING), {"a": "Completed"}).phase is TERMINATING


def test_a_flow_without_steps_waits_for_some():
    assert look(make_flow("f")).phase is PENDING


def test_steps_that_wait_for_each_other_start_nothing_and_the_circle_is_shown():
    planned = look(make_flow("f").step("a", "c").step("b", "a").step("c", "b"))
    assert created(planned) == []
    assert planned.state.reason == "InvalidFlow"
    said, _, circle = planned.state.message.partition(": ")
    assert said == "steps wait for each other"
    circle, _, mending = circle.partition("; ")
    assert circle in "a -> c -> b -> a -> c -> b"
    assert circle.count("->") == 3
    assert mending == "remove one of these dependencies"


def test_a_step_after_one_that_does_not_exist_starts_nothing_and_says_so():
    planned = look(make_flow("f").step("a").step("b", "x"))
    assert created(planned) == []
    assert planned.state.message == "step b depends on x, which is no step of the flow"


def test_a_step_without_its_template_says_so_and_the_others_go_on():
    planned = look(JOIN, templates=("b", "c"))
    assert created(planned) == ["b"]
    assert (planned.state.reason, planned.state.message) == (
        "TemplateMissing",
        "step a needs JobTemplate a, which does not exist",
    )


def test_somebody_elses_job_of_the_name_is_not_taken_for_the_steps():
    planned = look(JOIN, strangers={"f-a"})
    assert created(planned) == ["b"]
    assert planned.state.reason == "ForeignJob"


def probed(**probe):
    return make_flow("f").step("a").step("b", "a", probe=probe)


def running(**counts):
    """A job of two tasks, with the pods of `main` in these phases."""
    return (
        make_job("f-a")
        .task("main", 2)
        .task("side")
        .phase("Running")
        .status(taskStatusCount={"main": {"phase": counts}})
    )


@pytest.mark.parametrize(
    ("wanted", "counts", "starts"),
    [
        ("Running", {"Running": 2}, True),
        ("Running", {"Running": 1, "Pending": 1}, False),
        ("Running", {"Running": 1, "Succeeded": 1}, True),
        ("Running", {"Running": 1, "Failed": 1}, False),
        ("Succeeded", {"Running": 2}, False),
        ("Completed", {"Succeeded": 2}, True),
        ("Pending", {"Pending": 1, "Running": 1}, True),
        ("Failed", {"Failed": 2}, True),
        ("Failed", {"Failed": 1, "Succeeded": 1}, False),
    ],
)
def test_a_step_may_start_when_a_task_before_it_has_come_so_far(wanted, counts, starts):
    flow = probed(taskStatusList=[{"taskName": "main", "phase": wanted}])
    planned = look(flow, {"a": running(**counts)})
    assert created(planned) == (["b"] if starts else [])
    message = f"step b waits for task main of job f-a to be {wanted}"
    assert planned.state.message == ("" if starts else message)


PODS = [make_pod().status(podIP=f"10.0.0.{i}", phase="Running") for i in (1, 2)]


def test_pods_are_asked_over_http_and_tcp():
    flow = probed(
        httpGetList=[
            {
                "taskName": "main",
                "path": "/ready",
                "port": 8080,
                "httpHeader": {"name": "X", "value": "y"},
            }
        ],
        tcpSocketList=[{"taskName": "main", "port": 22}],
    )
    planned = look(flow, {"a": running()}, pods=PODS)
    ((step, readiness),) = planned.ask
    assert (step.name, created(planned)) == ("b", [])
    asked = [(each.host, each.port, each.path, each.header) for each in readiness.questions]
    assert asked == [
        ("10.0.0.1", 22, None, None),
        ("10.0.0.2", 22, None, None),
        ("10.0.0.1", 8080, "/ready", ("X", "y")),
        ("10.0.0.2", 8080, "/ready", ("X", "y")),
    ]


@pytest.mark.parametrize("pods", [PODS[:1], [PODS[0], make_pod()]])
def test_nobody_is_asked_before_all_pods_of_the_task_have_addresses(pods):
    flow = probed(tcpSocketList=[{"taskName": "main", "port": 22}])
    planned = look(flow, {"a": running()}, pods=pods)
    assert (planned.ask, planned.create) == ((), ())
    assert planned.state.message == "step b waits for task main of job f-a to have all its pods"


def test_a_completed_job_has_nothing_left_to_prove():
    flow = probed(tcpSocketList=[{"taskName": "main", "port": 22}])
    assert created(look(flow, {"a": "Completed"})) == ["b"]


def test_a_job_of_which_no_probe_speaks_must_complete():
    flow = probed(taskStatusList=[{"taskName": "other", "phase": "Running"}])
    planned = look(flow, {"a": running(Running=2)})
    assert planned.state.message == "step b waits for job f-a to complete"


def test_a_probe_waits_until_there_are_jobs_to_ask():
    flow = probed(taskStatusList=[{"taskName": "main", "phase": "Running"}])
    assert created(look(flow)) == ["a"]


PHASES = st.sampled_from([*JobPhase, None])


@given(st.sampled_from(JobFlowPhase), st.lists(PHASES, min_size=3, max_size=3), st.booleans())
def test_whatever_the_jobs_are_the_flow_has_a_next_phase_and_rests_there(phase, phases, goes):
    flow = CHAIN.phase(phase)
    if goes:
        flow = flow.meta(deletionTimestamp="2026-01-01T00:00:00Z")
    jobs = {step: p for step, p in zip("abc", phases, strict=True) if p is not None}
    settled = flow
    for _ in range(2):
        planned = look(settled, jobs)
        settled = flow.phase(planned.phase)
    assert look(settled, jobs).phase is planned.phase
    for name in created(planned):
        assert name not in jobs
    read = {f"f-{step}": make_job(f"f-{step}").phase(p).obj() for step, p in jobs.items()}
    assert event_of(settled.obj(), read_steps(settled.obj(), read, {})) is None
