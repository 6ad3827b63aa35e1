"""Queues by themselves, as they are created, changed and deleted: Volcano's verdicts, in its
words. `test_queue_tree` has those about parents and children."""

from typing import Any

import msgspec
import pytest

from shoal.admission.queues import refuse_queue, refuse_queue_deletion
from shoal.admission.webhooks import MUTATIONS, ChangeRequest
from shoal.api.resource import JsonObject
from shoal.api.volcano.queue import Queue, built_in_queues
from tests.unit.admission.objects import Objects, amounts, queue

(MUTATION,) = [each for each in MUTATIONS if each.name == "mutatequeue.volcano.sh"]
HIERARCHY = "volcano.sh/hierarchy"
WEIGHTS = "volcano.sh/hierarchy-weights"
GPU = "nvidia.com/gpu"


def within(path: str, weights: str, name: str = "q") -> JsonObject:
    made = queue(name)
    made["metadata"]["annotations"] = {HIERARCHY: path, WEIGHTS: weights}
    return made


OTHERS = Objects(*built_in_queues(), within("root/node1/node2", "1/2/3", "deep"))


def refused(manifest: JsonObject, old: JsonObject | None = None, lookup: Objects = OTHERS) -> str:
    before = None if old is None else msgspec.convert(old, Queue)
    return refuse_queue(msgspec.convert(manifest, Queue), before, lookup)


def guaranteed(resources: JsonObject, **spec: Any) -> JsonObject:
    return queue("q", guarantee={"resource": resources}, **spec)


ACCEPTED = {
    "no state": queue("q", state=""),
    "state Open": queue("q", state="Open"),
    "state Closed": queue("q", state="Closed"),
    "only a weight": queue("q", weight=1),
    "only a deserved share": queue("q", deserved=amounts(1, "1Gi")),
    "only a capability": queue("q", capability=amounts(1, "1Gi")),
    "a guarantee within its share": guaranteed(amounts(1), deserved=amounts("1000m", "1Gi")),
    "a share within its capability": queue("q", deserved=amounts(1), capability=amounts("1.0")),
    "a share beside its capability": queue(
        "q", deserved=amounts(5, **{GPU: "2"}), capability=amounts(memory="1Gi")
    ),
    "a path that is a prefix of a name only": within("root/node", "1/4"),
    "a path below that of another": within("root/node1/node2/node3", "1/2/3/4"),
    "weights that are fractions": within("root/a", "1/0.5"),
}


@pytest.mark.parametrize("manifest", ACCEPTED.values(), ids=ACCEPTED)
def test_a_queue_is_accepted_with(manifest: JsonObject) -> None:
    assert refused(manifest) == ""
    assert refused(manifest, old=queue("q")) == ""


SPEC = "requestBody.spec"
PATHS = "requestBody.metadata.annotations"
REFUSED = {
    "a state that nobody may set": (
        queue("q", state="wrong"),
        f'{SPEC}.state: Invalid value: "wrong": queue state must be in [Open Closed]',
    ),
    "a state of the controller": (
        queue("q", state="Closing"),
        f'{SPEC}.state: Invalid value: "Closing": queue state must be in [Open Closed]',
    ),
    "a negative capability": (
        queue("q", capability=amounts(-10)),
        f'{SPEC}.capability.cpu: Invalid value: "-10": must be greater than or equal to 0',
    ),
    "a negative share": (
        queue("q", deserved=amounts(-5)),
        f'{SPEC}.deserved.cpu: Invalid value: "-5": must be greater than or equal to 0',
    ),
    "a negative guarantee": (
        guaranteed(amounts(-1), deserved=amounts(1)),
        f'{SPEC}.guarantee.resource.cpu: Invalid value: "-1": must be greater than or equal to 0',
    ),
    "a part of a device": (
        queue("q", capability={GPU: "1500m"}),
        f'{SPEC}.capability.{GPU}: Invalid value: "1500m": must be an integer',
    ),
    "a guarantee without a share": (
        guaranteed(amounts(1)),
        f'{SPEC}.deserved.cpu: Invalid value: "<nil>": deserved[cpu] must be >= guarantee[cpu]=1',
    ),
    "a guarantee above its share": (
        guaranteed(amounts(2, "3Gi"), deserved=amounts(2, "1Gi")),
        f'{SPEC}.deserved.memory: Invalid value: "1Gi": deserved[memory]=1Gi must be >='
        " guarantee[memory]=3Gi",
    ),
    "a share above its capability": (
        queue("q", capability=amounts(1, "1Gi"), deserved=amounts(2, "1Gi")),
        f'{SPEC}.deserved.cpu: Invalid value: "2": deserved[cpu]=2 must be <= capability[cpu]=1',
    ),
    "two faults": (
        queue("q", state="wrong", capability=amounts(-1)),
        f'[{SPEC}.capability.cpu: Invalid value: "-1": must be greater than or equal to 0, '
        f'{SPEC}.state: Invalid value: "wrong": queue state must be in [Open Closed]]',
    ),
    "more weights than steps": (
        within("root/a/b", "1/2/3/4"),
        f'{PATHS}: Invalid value: "root/a/b": volcano.sh/hierarchy must have the same length with'
        " volcano.sh/hierarchy-weights",
    ),
    "a weight that is no number": (
        within("root/a/b", "1/a/3"),
        f'{PATHS}: Invalid value: "1/a/3": a in the 1/a/3 is invalid number: strconv.ParseFloat:'
        ' parsing "a": invalid syntax',
    ),
    "a negative weight": (
        within("root/a/b", "1/-1/3"),
        f'{PATHS}: Invalid value: "1/-1/3": -1 in the 1/-1/3 must be larger than 0',
    ),
    "a path above that of another": (
        within("root/node1", "1/4"),
        f'{PATHS}: Invalid value: "root/node1": root/node1 is not allowed to be in the sub path of'
        " root/node1/node2 of queue deep",
    ),
}


@pytest.mark.parametrize(("manifest", "message"), REFUSED.values(), ids=REFUSED)
def test_a_queue_is_refused_with(manifest: JsonObject, message: str) -> None:
    assert refused(manifest) == message
    assert refused(manifest, old=queue("q")) == message


def test_a_queue_may_be_opened_and_closed() -> None:
    assert refused(queue("q", state="Closed"), old=queue("q", state="Open")) == ""
    assert refused(queue("q", state="Open"), old=queue("q", state="Closed")) == ""


def test_a_queue_that_is_closing_may_still_be_changed() -> None:
    assert refused(queue("q", state="Closing", weight=5), old=queue("q", state="Closing")) == ""


@pytest.mark.parametrize("what", ["capability", "deserved", "guarantee"])
def test_what_root_has_cannot_be_changed(what: str) -> None:
    resources = amounts(1)
    spec = {what: {"resource": resources} if what == "guarantee" else resources}
    if what == "guarantee":
        spec["deserved"] = resources
    assert refused(queue("root", **spec), old=queue("root")) == (
        "root queue's resource attributes (capability, deserved, guarantee) cannot be modified"
    )


def test_root_may_be_changed_otherwise_and_written_in_another_way() -> None:
    old = queue("root", capability=amounts(1))
    assert refused(queue("root", weight=2, capability=amounts("1000m")), old=old) == ""


DELETIONS = {
    "default": (queue("default"), "`default` queue can not be deleted"),
    "root": (queue("root"), "`root` queue can not be deleted"),
    "with one child": (
        queue("parent"),
        "queue parent can not be deleted because it has 1 child queues: child",
    ),
    "with two children": (
        queue("middle"),
        "queue middle can not be deleted because it has 2 child queues: leaf-a, leaf-b",
    ),
    "open": (queue("child"), ""),
    "closed": (queue("leaf-a", state="Closed"), ""),
    "with pods": (queue("leaf-b", pods=3), ""),
}
FAMILY = Objects(
    queue("child", parent="parent"),
    queue("leaf-b", parent="middle"),
    queue("leaf-a", parent="middle"),
)


@pytest.mark.parametrize(("manifest", "message"), DELETIONS.values(), ids=DELETIONS)
def test_a_queue_is_deleted(manifest: JsonObject, message: str) -> None:
    assert refuse_queue_deletion(msgspec.convert(manifest, Queue), FAMILY) == message


def defaulted(manifest: JsonObject) -> JsonObject:
    MUTATION.edit(ChangeRequest(manifest, None), OTHERS)
    return manifest


def test_a_queue_can_be_reclaimed_from_and_weighs_one_where_it_does_not_say() -> None:
    assert defaulted({"metadata": {"name": "q"}})["spec"] == {"reclaimable": True, "weight": 1}
    assert defaulted(queue("q", weight=0))["spec"] == {"reclaimable": True, "weight": 1}
    kept = {"reclaimable": False, "weight": 3}
    assert defaulted(queue("q", **kept))["spec"] == kept


def test_a_path_begins_at_root() -> None:
    assert defaulted(within("sci/dev", "2/4"))["metadata"]["annotations"] == {
        HIERARCHY: "root/sci/dev",
        WEIGHTS: "1/2/4",
    }
    already = within("root/sci", "1/2")
    assert defaulted(within("root/sci", "1/2"))["metadata"] == already["metadata"]
    halves = {"metadata": {"name": "q", "annotations": {HIERARCHY: "sci"}}, "spec": {}}
    assert defaulted(halves)["metadata"]["annotations"] == {HIERARCHY: "sci"}


def test_a_queue_that_cannot_be_read_stays_as_it_is() -> None:
    assert defaulted({"metadata": {"name": "q"}, "spec": []})["spec"] == []


def affine(required: list[str], forbidden: list[str]) -> JsonObject:
    term = "requiredDuringSchedulingIgnoredDuringExecution"
    return queue(
        "q",
        affinity={
            "nodeGroupAffinity": {term: required},
            "nodeGroupAntiAffinity": {term: forbidden},
        },
    )


def test_a_node_group_is_not_both_required_and_forbidden() -> None:
    assert refused(affine(["fast", "slow"], ["slow"])) == (
        'requestBody.spec.affinity.nodeGroupAntiAffinity: Invalid value: "slow": is also required'
        " by nodeGroupAffinity: no node would do"
    )
    assert refused(affine(["fast"], ["slow"])) == ""
    both = affine(["slow"], ["slow"])
    assert refused(both, old=both) == ""
