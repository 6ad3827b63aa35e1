"""The states of queues: the table of commands and syncs, and what parents do."""

import msgspec
import pytest

from shoal.api.volcano.keys import CLOSED_BY_PARENT
from shoal.api.volcano.queue import Queue
from shoal.controllers.volcano import queue_state
from shoal.controllers.volcano.queue_state import Step, command_step, refusal, sync_step

OPEN, CLOSE, SYNC = "OpenQueue", "CloseQueue", "SyncQueue"


def make_queue(state: str = "", mark: str = "", name: str = "q", parent: str = "p") -> Queue:
    annotations = {CLOSED_BY_PARENT: mark} if mark else {}
    manifest = {
        "metadata": {"name": name, "annotations": annotations},
        "spec": {"parent": parent},
        "status": {"state": state},
    }
    return msgspec.convert(manifest, Queue)


def parent_in(state: str) -> Queue:
    return make_queue(state, name="p", parent="root")


# State, action, PodGroups of the queue, state after: Volcano v1.15, pkg/controllers/queue/state.
TABLE = [
    ("", OPEN, 0, "Open"),
    ("", CLOSE, 0, "Closed"),
    ("", CLOSE, 3, "Closing"),
    ("", SYNC, 0, "Open"),
    ("", SYNC, 1, "Open"),
    ("Open", OPEN, 0, "Open"),
    ("Open", OPEN, 2, "Open"),
    ("Open", CLOSE, 0, "Closed"),
    ("Open", CLOSE, 3, "Closing"),
    ("Open", SYNC, 0, "Open"),
    ("Open", SYNC, 1, "Open"),
    ("Open", "RestartJob", 1, "Open"),
    ("Closed", OPEN, 0, "Open"),
    ("Closed", OPEN, 2, "Open"),
    ("Closed", CLOSE, 0, "Closed"),
    ("Closed", CLOSE, 2, "Closed"),
    ("Closed", SYNC, 0, "Closed"),
    ("Closed", SYNC, 2, "Closed"),
    ("Closing", OPEN, 0, "Open"),
    ("Closing", OPEN, 1, "Open"),
    ("Closing", CLOSE, 0, "Closed"),
    ("Closing", CLOSE, 1, "Closing"),
    ("Closing", SYNC, 0, "Closed"),
    ("Closing", SYNC, 1, "Closing"),
    ("Closing", "", 0, "Closed"),
    ("Unknown", OPEN, 0, "Open"),
    ("Unknown", CLOSE, 0, "Closed"),
    ("Unknown", CLOSE, 1, "Closing"),
    ("Unknown", SYNC, 0, "Unknown"),
    ("Unknown", SYNC, 1, "Unknown"),
    ("unexpected", OPEN, 0, "Open"),
    ("unexpected", CLOSE, 1, "Closing"),
    ("unexpected", SYNC, 0, "Unknown"),
]


@pytest.mark.parametrize(("state", "action", "pod_groups", "after"), TABLE)
def test_a_command_leads_to_the_state_that_the_table_says(
    state: str, action: str, pod_groups: int, after: str
):
    assert command_step(make_queue(state), action, pod_groups > 0).state == after


@pytest.mark.parametrize(
    ("state", "mark", "parent", "is_in_use", "step"),
    [
        ("Open", "", "Closed", False, ("Closed", "true")),
        ("Open", "", "Closing", True, ("Closing", "true")),
        ("", "", "Closed", False, ("Closed", "true")),
        ("Unknown", "", "Closed", False, ("Closed", "true")),
        ("Open", "false", "Closed", False, ("Closed", "true")),
        ("Open", "true", "Closed", False, ("Closed", None)),
        ("Closed", "true", "Closed", False, ("Closed", None)),
        ("Closing", "true", "Closed", False, ("Closed", None)),
        ("Closed", "", "Closed", False, ("Closed", None)),
        ("Closed", "true", "Open", False, ("Open", "false")),
        ("Closing", "true", "Open", True, ("Open", "false")),
        ("Closed", "true", "", False, ("Open", "false")),
        ("Open", "true", "Open", False, ("Open", "false")),
        ("Closed", "", "Open", False, ("Closed", None)),
        ("Closed", "false", "Open", False, ("Closed", None)),
        ("Closed", "true", "Unknown", False, ("Closed", None)),
        ("Open", "", "Unknown", False, ("Open", None)),
    ],
)
def test_a_queue_follows_its_parent(
    state: str, mark: str, parent: str, is_in_use: bool, step: tuple[str, str | None]
):
    taken = sync_step(make_queue(state, mark), parent_in(parent), is_in_use)
    assert (taken.state, taken.mark) == step


def test_a_queue_whose_parent_is_missing_stays_as_it_is():
    stays = sync_step(make_queue("Closed", "true"), None, is_in_use=False)
    assert stays == Step(queue_state.QueueState.CLOSED)


@pytest.mark.parametrize("action", [OPEN, CLOSE])
def test_who_opens_or_closes_a_queue_takes_it_from_its_parents_hands(action: str):
    assert command_step(make_queue("Closed", "true"), action, is_in_use=False).mark == "false"
    assert command_step(make_queue("Closed"), action, is_in_use=False).mark is None


def test_looking_at_a_queue_leaves_its_mark():
    assert command_step(make_queue("Closed", "true"), SYNC, is_in_use=False).mark is None


@pytest.mark.parametrize("parent", ["Closing", "Closed"])
def test_opening_a_queue_below_a_closed_one_is_refused(parent: str):
    assert refusal(make_queue("Closed"), OPEN, parent_in(parent)) == (
        "Failed to open queue q because its parent queue p is closing or closed."
        " Open the parent queue first."
    )
    assert not refusal(make_queue("Open"), OPEN, parent_in(parent))
    assert not refusal(make_queue("Closed"), CLOSE, parent_in(parent))


def test_opening_a_queue_below_an_open_one_is_not_refused():
    assert not refusal(make_queue("Closed"), OPEN, parent_in("Open"))
    assert not refusal(make_queue("Closed"), OPEN, None)


def test_root_cannot_be_closed():
    root = make_queue("Open", name="root", parent="")
    assert refusal(root, CLOSE, None) == "Root queue cannot be closed"
    assert not refusal(root, OPEN, None)
