"""Asks an in-tree plugin whether a change may help a pod that it rejected."""

from typing import Any

from shoal.scheduler.framework.cluster_event import ClusterEvent, QueueingHint
from shoal.scheduler.framework.plugin import EnqueueExtensions
from shoal.scheduler.framework.registry import Handle
from shoal.scheduler.framework.waiting_pods import WaitingPods
from shoal.scheduler.plugins.in_tree import in_tree_registry
from shoal.scheduler.state import pod_info
from shoal.scheduler.state.cache import Cache
from shoal.testing.builders import PodBuilder, make_node


def helps(
    name: str, pod: PodBuilder, event: ClusterEvent, before: Any, after: Any, *placed: PodBuilder
) -> bool:
    """`placed` pods stand on the only node, `n`."""
    cache = Cache()
    cache.set_node(make_node("n").obj())
    for each in placed:
        cache.add(pod_info.of(each.obj()), "n")
    plugin = in_tree_registry().build(name, {}, Handle(cache.snapshot, WaitingPods()))
    assert isinstance(plugin, EnqueueExtensions)

    def seen(thing: Any) -> Any:
        if isinstance(thing, PodBuilder):
            return pod_info.of(thing.obj())
        return thing and thing.obj()

    return any(
        each.hint is None
        or each.hint(pod_info.of(pod.obj()), seen(before), seen(after)) is QueueingHint.QUEUE
        for each in plugin.events_to_register()
        if each.event.covers(event)
    )
