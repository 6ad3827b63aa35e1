"""The status of a JobFlow: its jobs by phase, their histories, and the patch that says so."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shoal.api.volcano.flow import FlowState, JobFlowStatus
from shoal.api.volcano.job import JobPhase
from shoal.controllers.volcano.flow_plan import read_steps
from shoal.controllers.volcano.flow_status import status_of, status_patch
from shoal.testing.volcano import make_flow, make_job

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
STATE = FlowState(phase="Running")
LISTS = ["pending", "running", "failed", "completed", "terminated", "un_know"]


def status(flow, now=NOW, **phases):
    """After the jobs of some steps came to these phases at `now`."""
    jobs = {}
    for step, phase in phases.items():
        job = make_job(f"f-{step}").status(
            state={"phase": phase, "lastTransitionTime": now.isoformat()}, retryCount=2
        )
        jobs[f"f-{step}"] = job.meta(creationTimestamp="2026-01-01T00:00:00Z").obj()
    flow = flow.obj()
    return status_of(flow, read_steps(flow, jobs, {}), STATE, now)


def after(flow, before):
    return flow.status(**msgspec.to_builtins(before))


FLOW = make_flow("f").step("a").step("b").step("c")


@pytest.mark.parametrize(
    ("phase", "list_name"),
    [
        ("Pending", "pending"),
        ("Running", "running"),
        ("Failed", "failed"),
        ("Completed", "completed"),
        ("Terminated", "terminated"),
        ("Aborted", "un_know"),
        ("Restarting", "un_know"),
        ("Completing", "un_know"),
    ],
)
def test_every_job_stands_in_one_list(phase, list_name):
    written = status(FLOW, b=phase)
    assert {name: getattr(written, f"{name}_jobs") for name in LISTS} == {
        name: ["f-b"] if name == list_name else [] for name in LISTS
    }


def test_lists_follow_the_order_of_the_steps():
    assert status(FLOW, c="Running", a="Running").running_jobs == ["f-a", "f-c"]


def test_a_history_grows_with_each_phase_and_only_then():
    written = status(FLOW, a="Pending")
    written = status(after(FLOW, written), NOW + timedelta(minutes=1), a="Pending")
    written = status(after(FLOW, written), NOW + timedelta(minutes=5), a="Running")
    written = status(after(FLOW, written), NOW + timedelta(minutes=9), a="Completed")
    (entry,) = written.job_status_list
    assert [each.state for each in entry.running_histories] == ["Pending", "Running", "Completed"]
    assert entry.running_histories[1].start_timestamp == NOW + timedelta(minutes=5)
    assert entry.running_histories[1].end_timestamp == NOW + timedelta(minutes=9)
    assert (entry.state, entry.restart_count) == ("Completed", 2)
    assert entry.start_timestamp == datetime(2026, 1, 1, tzinfo=UTC)
    assert entry.end_timestamp == NOW + timedelta(minutes=9)


def test_a_job_that_is_gone_is_remembered():
    written = status(after(FLOW, status(FLOW, a="Completed")), NOW + timedelta(hours=1))
    assert written.completed_jobs == ["f-a"]
    assert list(written.conditions) == ["f-a"]


def test_nothing_is_written_where_nothing_changed():
    written = status(FLOW, a="Running")
    assert status_patch(written, status(after(FLOW, written), a="Running")) == {}


def apply(document, patch):
    """RFC 7386."""
    changed = dict(document)
    for key, value in patch.items():
        if value is None:
            changed.pop(key, None)
        elif isinstance(value, dict):
            changed[key] = apply(changed.get(key, {}), value)
        else:
            changed[key] = value
    return changed


PHASES = st.dictionaries(st.sampled_from("abc"), st.sampled_from(JobPhase))


@given(PHASES, PHASES)
def test_the_patch_leads_from_one_status_to_the_other(old, new):
    before = status(FLOW, **old)
    wanted = status(after(FLOW, before), NOW + timedelta(minutes=1), **new)
    patched = apply(msgspec.to_builtins(before), status_patch(before, wanted))
    assert msgspec.convert(patched, JobFlowStatus) == wanted
