"""The tree of queues: who is above whom, and what is summed up on the way."""

import pytest

from shoal.scheduler.fairness.queue_tree import QueueTree, below_common_ancestor, parents_of
from tests.unit.scheduler.fairness.shared_clusters import listed, of, pod, queue, usage


def parents(**above: str) -> dict[str, str]:
    return parents_of({name: queue(name, parent=parent) for name, parent in above.items()})


def tree_of(**above: str) -> QueueTree:
    return QueueTree({name: queue(name, parent=parent) for name, parent in above.items()}, {})


@pytest.mark.parametrize(
    ("above", "settled"),
    [
        ({"a": "", "b": "root"}, {"a": "root", "b": "root"}),
        ({"a": "gone", "b": "a"}, {"a": "root", "b": "a"}),
        ({"a": "a"}, {"a": "root"}),
        ({"a": "b", "b": "c", "c": "b"}, {"a": "b", "b": "root", "c": "root"}),
        ({"root": "a", "a": ""}, {"a": "root"}),
    ],
)
def test_unknown_parents_and_circles_stand_below_the_root(
    above: dict[str, str], settled: dict[str, str]
):
    assert parents(**above) == settled


def test_what_is_held_counts_for_all_ancestors_and_can_be_given_back():
    queues = {each: queue(each, parent=above) for each, above in (("a", ""), ("b", "a"))}
    tree = QueueTree(queues, {"b": usage([pod(1)], [pod(2)])})
    b = tree.accounts["b"]
    tree.allocate(b, pod(2))
    assert [each.name for each in b.chain] == ["b", "a", "root"]
    assert [each.allocated for each in b.chain] == [{**of(3), "pods": 2}] * 3
    assert tree.root.request == {**of(3), "pods": 2}
    tree.allocate(b, pod(2), -1)
    assert tree.root.allocated == pod(1)


def test_a_parent_guarantees_what_its_children_are_guaranteed():
    queues = {
        "a": queue("a", guarantee={"resource": listed(1)}),
        "b": queue("b", parent="a", guarantee={"resource": listed(2)}),
        "c": queue("c", parent="a", guarantee={"resource": listed(1)}),
    }
    tree = QueueTree(queues, {"b": usage([pod(1.5)])})
    assert tree.accounts["a"].guarantee == of(3)
    assert tree.accounts["a"].kept_for_children == of(1.5)
    tree.allocate(tree.accounts["b"], pod(2))
    assert tree.accounts["a"].kept_for_children == of(1)


def test_what_one_child_holds_does_not_use_up_what_is_kept_for_another():
    queues = {
        "a": queue("a"),
        "b": queue("b", parent="a", guarantee={"resource": listed(2)}),
        "c": queue("c", parent="a"),
    }
    tree = QueueTree(queues, {"c": usage([pod(3)])})
    assert tree.accounts["a"].kept == tree.root.kept_for_children == of(2)


def test_in_a_flat_tree_parents_do_not_count():
    tree = QueueTree({"a": queue("a"), "b": queue("b", parent="a")}, {}, is_flat=True)
    assert [each.name for each in tree.accounts["b"].chain] == ["b"]


def test_what_two_queues_do_not_share_ends_below_their_common_ancestor():
    tree = tree_of(a="", b="a", c="b", d="a")
    below = below_common_ancestor(tree.accounts["c"], tree.accounts["d"])
    assert [[each.name for each in part] for part in below] == [["c", "b"], ["d"]]
