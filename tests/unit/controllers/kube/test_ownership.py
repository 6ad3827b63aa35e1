"""What garbage collection decides about one object at a time."""

from shoal.api.meta import ObjectKey, OwnerReference
from shoal.api.pod import PODS
from shoal.controllers.kube.ownership import FOREGROUND, ORPHAN, Decision, GraphNode, Ownership


def owner(uid, *, blocks=False):
    return OwnerReference(
        api_version="v1", kind="Pod", name=uid, uid=uid, block_owner_deletion=blocks
    )


def node(uid, *owners, finalizers=(), deleting=False):
    return GraphNode(PODS.untyped(), ObjectKey("ns", uid), uid, owners, finalizers, deleting)


def graph(*nodes):
    made = Ownership()
    for each in nodes:
        made.put(each)
    return made


def test_an_object_whose_owner_lives_is_kept():
    assert graph(node("a"), node("b", owner("a"))).decision("b") is Decision.KEEP


def test_an_object_whose_only_owner_is_gone_is_deleted():
    made = graph(node("a"), node("b", owner("a")))
    made.remove("a")
    assert made.decision("b") is Decision.DELETE


def test_an_owner_that_was_never_seen_is_asked_for_before_anything_is_deleted():
    made = graph(node("b", owner("a")))
    assert made.decision("b") is Decision.CHECK_OWNERS
    made.mark_absent("a")
    assert made.decision("b") is Decision.DELETE


def test_an_object_with_a_living_owner_only_loses_the_dead_reference():
    made = graph(node("a"), node("c"), node("b", owner("a"), owner("c")))
    made.remove("a")
    assert made.decision("b") is Decision.DROP_OWNERS
    assert [o.uid for o in made.leaving_owners(made.node("b"))] == ["a"]


def test_foreground_deletion_takes_dependents_first_and_the_owner_last():
    deleting = node("a", finalizers=(FOREGROUND,), deleting=True)
    made = graph(deleting, node("b", owner("a", blocks=True)))
    assert made.decision("a") is Decision.KEEP
    assert made.decision("b") is Decision.DELETE
    made.remove("b")
    assert made.decision("a") is Decision.FINISH_FOREGROUND


def test_a_dependent_with_dependents_is_itself_deleted_in_the_foreground():
    deleting = node("a", finalizers=(FOREGROUND,), deleting=True)
    made = graph(deleting, node("b", owner("a", blocks=True)), node("c", owner("b", blocks=True)))
    assert made.decision("b") is Decision.DELETE_FOREGROUND


def test_a_dependent_that_does_not_block_is_not_waited_for():
    deleting = node("a", finalizers=(FOREGROUND,), deleting=True)
    made = graph(deleting, node("b", owner("a")))
    assert made.decision("a") is Decision.FINISH_FOREGROUND


def test_orphaning_frees_the_dependents():
    made = graph(node("a", finalizers=(ORPHAN,), deleting=True), node("b", owner("a")))
    assert made.decision("a") is Decision.ORPHAN_DEPENDENTS
    assert [d.uid for d in made.dependents("a")] == ["b"]


def test_an_owner_made_again_under_the_same_name_is_another_owner():
    made = graph(node("a1"), node("b", owner("a1")))
    made.remove("a1")
    made.put(node("a2"))
    assert made.decision("b") is Decision.DELETE
