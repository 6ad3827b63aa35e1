"""What a queue must be to those above and below it.

A queue has at most as much as the nearest queue above that says anything about the resource, and
the children of one queue together are promised no more than it is. Source of verdicts and texts:
Volcano v1.15, pkg/webhooks/admission/queues/validate.
"""

from collections.abc import Callable, Iterable, Iterator

from shoal.admission.amounts import Amounts, add, amounts, exceeds, is_equal, listed, shown
from shoal.admission.lookup import Lookup, children_of, queue_missing, queue_named
from shoal.api.quantity import value
from shoal.api.volcano.queue import ROOT, Queue
from shoal.api.volcano.resource_list import ResourceList

DEPTH_MAX = 5
"""Queues from one below root to the deepest (`--max-queue-depth`)."""


def tree_refusal(queue: Queue, old: Queue | None, lookup: Lookup) -> str:
    """Why a queue may not stand where it wants to, with what it wants; empty where it may."""
    is_moved = old is None or old.spec.parent != queue.spec.parent
    if queue.metadata.name == ROOT and is_moved and queue.spec.parent:
        return f"queue {ROOT} is above all others and cannot have a parent: leave spec.parent empty"
    if is_moved and not _is_below_root(queue):
        refusal = _place_refusal(queue, lookup)
        if refusal:
            return refusal
    is_as_before = old is not None and not is_moved and has_same_resources(queue, old)
    if queue.metadata.name == ROOT or is_as_before:
        return ""
    if not _is_below_root(queue):
        refusal = _above_refusal(queue, lookup)
        if refusal:
            return refusal
    return _below_refusal(queue, lookup)


def _is_below_root(queue: Queue) -> bool:
    return queue.spec.parent in ("", ROOT)


def has_same_resources(queue: Queue, old: Queue) -> bool:
    """Whether capability, deserved and guarantee are what they were, in whatever notation."""
    return (
        is_equal(queue.spec.capability, old.spec.capability)
        and is_equal(queue.spec.deserved, old.spec.deserved)
        and is_equal(queue.spec.guarantee.resource, old.spec.guarantee.resource)
    )


def _place_refusal(queue: Queue, lookup: Lookup) -> str:
    """A parent that cannot be one: itself, too deep, missing, below this queue, or in use."""
    name, parent_name = queue.metadata.name, queue.spec.parent
    if parent_name == name:
        return f"queue {name} cannot use itself as parent"
    depth, above = 1, parent_name
    while above not in ("", ROOT):
        depth += 1
        if depth > DEPTH_MAX:
            return f"queue {name} exceeds the maximum allowed depth of {DEPTH_MAX}"
        if above == name:
            # Volcano lets this through; no share can be worked out for such queues.
            return f"queue {name} cannot be below itself: choose a parent outside of its children"
        found = queue_named(lookup, above)
        if found is None:
            missing = queue_missing(above)
            return f"failed to get parent queue of queue {name}: {missing}"
        above = found.parent
    parent = queue_named(lookup, parent_name)
    assert parent is not None
    pods = value(parent.status.allocated.get("pods", 0))
    if pods and not children_of(lookup, parent_name):
        return (
            f"queue {parent_name} cannot be the parent queue of queue {name} because it has"
            f" allocated Pods: {pods}"
        )
    return ""


def _above_refusal(queue: Queue, lookup: Lookup) -> str:
    name, parent_name = queue.metadata.name, queue.spec.parent
    for resource, amount in _set_amounts(queue.spec.capability):
        limit = _nearest_capability(queue, resource, lookup)
        if limit and amount > limit:
            return (
                f"queue {name} capability[{resource}]={shown(resource, amount)} exceeds its"
                f" ancestor's capability={shown(resource, limit)}"
            )
    parent = queue_named(lookup, parent_name)
    if parent is None:
        return f"parent queue {parent_name} not found: {queue_missing(parent_name)}"
    siblings = [each for each in children_of(lookup, parent_name) if each.metadata.name != name]
    return _sum_refusal(f"parent queue {parent_name}", parent, [*siblings, queue])


def _below_refusal(queue: Queue, lookup: Lookup) -> str:
    name = queue.metadata.name
    children = children_of(lookup, name)
    if not children:
        return ""
    for resource, amount in _set_amounts(queue.spec.capability):
        most = max(_subtree_capability(child, resource, lookup) for child in children)
        if amount < most:
            return (
                f"queue {name} capability[{resource}]={shown(resource, amount)} is smaller than its"
                f" descendants' max capability={shown(resource, most)}"
            )
    return _sum_refusal(f"queue {name}", queue, children)


def _set_amounts(resources: ResourceList) -> Iterator[tuple[str, int]]:
    """What a list says more than nothing about."""
    return ((name, amount) for name, amount in amounts(resources).items() if amount)


def _nearest_capability(queue: Queue, resource: str, lookup: Lookup) -> int:
    """Of the nearest queue above that limits the resource; 0 where none does."""
    seen = {queue.metadata.name}
    above = queue.spec.parent
    # Seen before: queues that were below each other before anyone looked.
    while above not in ("", ROOT) and above not in seen:
        seen.add(above)
        found = queue_named(lookup, above)
        if found is None:
            return 0
        limit = amounts(found.spec.capability).get(resource, 0)
        if limit:
            return limit
        above = found.parent
    return 0


def _subtree_capability(
    queue: Queue, resource: str, lookup: Lookup, seen: frozenset[str] = frozenset()
) -> int:
    """The queue's own, else the most of any below it."""
    name = queue.metadata.name
    own = amounts(queue.spec.capability).get(resource, 0)
    if own or name in seen:
        return own
    below = children_of(lookup, name)
    seen |= {name}
    return max((_subtree_capability(each, resource, lookup, seen) for each in below), default=0)


def _sum_refusal(whose: str, parent: Queue, children: Iterable[Queue]) -> str:
    """Guarantees, or deserved shares, that are more than the parent's own."""
    promises: tuple[tuple[str, Callable[[Queue], Amounts]], ...] = (
        ("guarantee", lambda queue: amounts(queue.spec.guarantee.resource)),
        ("deserved", lambda queue: amounts(queue.spec.deserved)),
    )
    totals: dict[str, Amounts] = {kind: {} for kind, _ in promises}
    for child in children:
        for kind, promised in promises:
            limit = promised(parent)
            totals[kind] = add(totals[kind], promised(child))
            if exceeds(totals[kind], limit):
                return (
                    f"{whose} validation failed: sum of children's {kind} ({listed(totals[kind])})"
                    f" exceeds parent's {kind} limit ({listed(limit)})"
                )
    return ""
