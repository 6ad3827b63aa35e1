"""Queues below queues: Volcano's verdicts, in Volcano's words."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shoal.admission.lookup import children_of
from shoal.admission.queues import refuse_queue
from shoal.api.resource import JsonObject
from shoal.api.volcano.queue import Queue
from tests.unit.admission.objects import Objects, amounts, queue

GPU = "nvidia.com/gpu"


def promised(name: str, cpu: int, memory: str, **spec: Any) -> JsonObject:
    resources = amounts(cpu, memory)
    return queue(name, guarantee={"resource": resources}, deserved=resources, **spec)


OTHERS = (
    queue("root"),
    queue("default"),
    queue("busy", parent="root", pods=1),
    queue("busy-parent", parent="root", pods=1),
    queue("busy-child", parent="busy-parent", pods=1),
    *(queue(f"level-{n}", parent=f"level-{n - 1}" if n > 1 else "root") for n in range(1, 6)),
    queue("limited", parent="root", capability=amounts(10, "20Gi", **{GPU: "4"})),
    queue("unlimited", parent="limited"),
    queue("half-limited", parent="limited", capability=amounts(8)),
    promised("promised", 8, "16Gi", parent="root"),
    promised("promised-a", 5, "10Gi", parent="promised"),
    queue("to-update", parent="root", capability=amounts(20, "40Gi")),
    queue("to-update-a", parent="to-update", capability=amounts(12)),
    queue("to-update-b", parent="to-update"),
    queue("to-update-c", parent="to-update-b", capability=amounts(15)),
    promised("sums", 20, "40Gi", parent=""),
    promised("sums-a", 6, "13Gi", parent="sums"),
    promised("sums-b", 7, "13Gi", parent="sums"),
)
LOOKUP = Objects(*OTHERS)


def refused(manifest: JsonObject, old: JsonObject | None = None) -> str:
    before = None if old is None else msgspec.convert(old, Queue)
    return refuse_queue(msgspec.convert(manifest, Queue), before, LOOKUP)


def stored(name: str) -> JsonObject:
    return next(each for each in OTHERS if each["metadata"]["name"] == name)


ACCEPTED = {
    "below root": queue("q", parent="root"),
    "below nothing": queue("q", parent=""),
    "below a queue without pods": queue("q", parent="unlimited"),
    "below a queue whose pods are its children's": queue("q", parent="busy-parent"),
    "as deep as may be": queue("q", parent="level-4"),
    "as much as the queue above": queue("q", parent="limited", capability=amounts(10, "20Gi")),
    "as much as the nearest limit": queue("q", parent="unlimited", capability=amounts(10)),
    "what nothing above limits": queue("q", parent="limited", capability={"example.com/x": "9"}),
    "what is left of the promises": promised("q", 3, "6Gi", parent="promised"),
    "any promise below root": promised("q", 1000, "1Ti", parent="root"),
}


@pytest.mark.parametrize("manifest", ACCEPTED.values(), ids=ACCEPTED)
def test_a_queue_is_accepted(manifest: JsonObject) -> None:
    assert refused(manifest) == ""


REFUSED = {
    "below itself": (queue("q", parent="q"), "queue q cannot use itself as parent"),
    "below a queue that is not there": (
        queue("q", parent="nobody"),
        'failed to get parent queue of queue q: queue.scheduling.volcano.sh "nobody" not found',
    ),
    "below a queue with pods": (
        queue("q", parent="busy"),
        "queue busy cannot be the parent queue of queue q because it has allocated Pods: 1",
    ),
    "too deep": (
        queue("q", parent="level-5"),
        "queue q exceeds the maximum allowed depth of 5",
    ),
    "more cpu than above": (
        queue("q", parent="limited", capability=amounts(20)),
        "queue q capability[cpu]=20 exceeds its ancestor's capability=10",
    ),
    "more memory than above": (
        queue("q", parent="limited", capability=amounts(10, "21Gi")),
        "queue q capability[memory]=21Gi exceeds its ancestor's capability=20Gi",
    ),
    "more devices than above": (
        queue("q", parent="limited", capability={GPU: "5"}),
        f"queue q capability[{GPU}]=5000.00 exceeds its ancestor's capability=4000.00",
    ),
    "more than two queues above": (
        queue("q", parent="unlimited", capability=amounts("10500m")),
        "queue q capability[cpu]=10500m exceeds its ancestor's capability=10",
    ),
    "more than the nearer of two limits": (
        queue("q", parent="half-limited", capability=amounts(9, "20Gi")),
        "queue q capability[cpu]=9 exceeds its ancestor's capability=8",
    ),
    "more guaranteed than above": (
        promised("q", 4, "8Gi", parent="promised"),
        "parent queue promised validation failed: sum of children's guarantee (cpu 9000.00, memory"
        " 19327352832.00) exceeds parent's guarantee limit (cpu 8000.00, memory 17179869184.00)",
    ),
    "more deserved than above": (
        queue("q", parent="promised", deserved=amounts(4, "6Gi")),
        "parent queue promised validation failed: sum of children's deserved (cpu 9000.00, memory"
        " 17179869184.00) exceeds parent's deserved limit (cpu 8000.00, memory 17179869184.00)",
    ),
    "a share of what deserves nothing": (
        queue("q", parent="unlimited", deserved={GPU: "1"}),
        "parent queue unlimited validation failed: sum of children's deserved (cpu 0.00, memory"
        f" 0.00, {GPU} 1000.00) exceeds parent's deserved limit (cpu 0.00, memory 0.00)",
    ),
}


@pytest.mark.parametrize(("manifest", "message"), REFUSED.values(), ids=REFUSED)
def test_a_queue_is_refused(manifest: JsonObject, message: str) -> None:
    assert refused(manifest) == message
    name = manifest["metadata"]["name"]
    assert refused(manifest, old=queue(name, parent="root")) == message, "and so is the move"


def test_a_queue_that_stays_where_it_is_is_not_asked_for_its_depth() -> None:
    assert refused(queue("q", parent="level-5", weight=2), queue("q", parent="level-5")) == ""


def test_a_queue_cannot_move_below_its_own_children() -> None:
    assert refused(queue("level-1", parent="level-3"), stored("level-1")) == (
        "queue level-1 cannot be below itself: choose a parent outside of its children"
    )


CHANGES = {
    "as much as any below": (queue("to-update", parent="root", capability=amounts(15)), ""),
    "less than a grandchild": (
        queue("to-update", parent="root", capability=amounts(14)),
        "queue to-update capability[cpu]=14 is smaller than its descendants' max capability=15",
    ),
    "less memory than nobody below has": (
        queue("to-update", parent="root", capability=amounts(20, "1Gi")),
        "",
    ),
    "no capability": (queue("to-update", parent="root"), ""),
    "less than the children are promised": (
        promised("sums", 10, "20Gi"),
        "queue sums validation failed: sum of children's guarantee (cpu 13000.00, memory"
        " 27917287424.00) exceeds parent's guarantee limit (cpu 10000.00, memory 21474836480.00)",
    ),
    "no more than the children are promised": (
        queue("sums", guarantee={"resource": amounts(13, "26Gi")}, deserved=amounts(13, "26Gi")),
        "",
    ),
    "no promise at all": (
        queue("sums"),
        "queue sums validation failed: sum of children's guarantee (cpu 6000.00, memory"
        " 13958643712.00) exceeds parent's guarantee limit (cpu 0.00, memory 0.00)",
    ),
    "a weight, where the children have too much": (promised("sums", 20, "40Gi", weight=2), ""),
}


@pytest.mark.parametrize(("manifest", "message"), CHANGES.values(), ids=CHANGES)
def test_a_queue_with_children_changes_to(manifest: JsonObject, message: str) -> None:
    assert refused(manifest, stored(manifest["metadata"]["name"])) == message


def test_what_was_wrong_before_anyone_looked_is_not_held_against_a_new_weight() -> None:
    wrong = queue("sums", weight=1)
    assert refused(queue("sums", weight=2), wrong) == ""


@given(
    st.dictionaries(
        st.sampled_from("abcd"), st.sampled_from(["", "root", *"abcd"]), min_size=1, max_size=4
    ),
    st.sampled_from("abcd"),
    st.sampled_from(["root", *"abcd"]),
)
def test_rules_come_to_an_end_whatever_is_below_what(
    parents: dict[str, str], name: str, parent: str
) -> None:
    others = [
        queue(each, parent=above, capability=amounts(1) if each == "a" else {})
        for each, above in parents.items()
    ]
    old = msgspec.convert(queue(name, parent=parents.get(name, "")), Queue)
    for new in (queue(name, parent=parent), queue(name, capability=amounts(2), parent=parent)):
        answer = refuse_queue(msgspec.convert(new, Queue), old, Objects(*others))
        assert parent != name or "itself" in answer or old.spec.parent == parent


@pytest.mark.parametrize("parent", ["default", "root", "nobody"])
def test_the_root_cannot_be_put_below_anything(parent: str) -> None:
    text = "queue root is above all others and cannot have a parent: leave spec.parent empty"
    below = queue("root", parent=parent)
    assert refused(below) == refused(below, old=queue("root")) == text
    assert refused(queue("root"), old=below) == refused(below, old=below) == ""


def test_a_queue_is_no_parent_because_the_root_once_named_it() -> None:
    lookup = Objects(queue("root", parent="default"), queue("default"))
    assert children_of(lookup, "default") == []
    assert [each.metadata.name for each in children_of(lookup, "root")] == ["default"]
