"""What must hold after each step of the scheduler, judged by the API server's view alone."""

import re
from collections import Counter
from collections.abc import Sequence

from shoal.scheduler.effects import Bind, Effect, Evict
from tests.simulation.drawn import Room
from tests.simulation.picture import KnownPod, Picture, amounts_of

_FOR = re.compile(r"(Reclaimed|Preempted) for PodGroup default/(\S+) of queue")


def bound_pods(picture: Picture, wanted: Sequence[Effect]) -> list[KnownPod]:
    return [picture.pods[each.pod.name] for each in wanted if isinstance(each, Bind)]


def evictions(wanted: Sequence[Effect]) -> dict[str, list[str]]:
    """Names of victims by the gang for which they have to go."""
    found: dict[str, list[str]] = {}
    for each in wanted:
        if isinstance(each, Evict):
            told = _FOR.match(each.message)
            assert told, each.message
            found.setdefault(told[2], []).append(each.pod.name)
    return found


def is_reclaim(wanted: Sequence[Effect], victim: str) -> bool:
    return any(
        isinstance(each, Evict) and each.pod.name == victim and each.message.startswith("Reclaimed")
        for each in wanted
    )


def check_nodes(picture: Picture) -> None:
    for name in picture.nodes:
        free = picture.free_on(name)
        assert all(amount >= 0 for amount in free.values()), f"{name} holds too much: {free}"


def check_capability(picture: Picture, bound: Sequence[KnownPod]) -> None:
    """A queue that was given something stays within its capability, and so do those above it."""
    grown = {each for pod in bound for each in picture.chain(picture.queue_of[pod.gang])}
    for name in grown:
        limit = picture.queues[name].capability
        if limit is None:
            continue
        held = picture.held(name)
        for resource, most in amounts_of(limit).items():
            assert held[resource] <= most, f"{name} holds {held} beyond its capability {limit}"


def check_guarantees_are_left(picture: Picture, bound: Sequence[KnownPod]) -> None:
    """Whoever was given something has left what is kept for others."""
    given: dict[str, set[str]] = {}
    for pod in bound:
        given.setdefault(picture.queue_of[pod.gang], set()).update(amounts_of(pod.request))
    if not given:
        return
    free = picture.total()
    free.subtract(picture.held())
    lacks = {name: lacking(picture, name) for name in picture.queues}
    for queue, resources in given.items():
        for resource in resources:
            kept = sum(lack[resource] for name, lack in lacks.items() if name != queue)
            assert free[resource] >= kept, f"{queue} took {resource} that is kept for others"


def lacking(picture: Picture, queue: str, without: Sequence[KnownPod] = ()) -> Counter[str]:
    """Of its guarantee, if these pods were gone."""
    guarantee = picture.queues[queue].guarantee or Room()
    held = picture.held(queue)
    for pod in without:
        if picture.queue_of[pod.gang] == queue:
            held.subtract(amounts_of(pod.request))
    return Counter(
        {name: max(amount - held[name], 0) for name, amount in amounts_of(guarantee).items()}
    )


def check_gangs(picture: Picture, bound: Sequence[KnownPod]) -> None:
    """No part of a gang is bound without the rest of its minimum."""
    for gang in {pod.gang for pod in bound}:
        assert picture.has_minimum(gang), f"{gang} has been bound in part"


def check_evictions(picture: Picture, wanted: Sequence[Effect]) -> None:
    """`picture`: victims still as they were before."""
    for gang, victims in evictions(wanted).items():
        pods = [picture.pods[each] for each in victims]
        assert all(pod.is_holding and not pod.is_deleting for pod in pods)
        _check_victim_gangs(picture, pods)
        for pod in pods:
            _check_victim(picture, gang, pod, is_reclaim(wanted, pod.name))


def check_guarantees_survive(picture: Picture, wanted: Sequence[Effect]) -> None:
    """Reclaiming takes no queue below its guarantee."""
    going = {each.pod.name for each in wanted if isinstance(each, Evict)}
    for name in going:
        if not is_reclaim(wanted, name):
            continue
        pod = picture.pods[name]
        queue = picture.queue_of[pod.gang]
        guarantee = amounts_of(picture.queues[queue].guarantee or Room())
        left = picture.held(queue, with_leaving=False)
        for other in going:
            if picture.queue_of[picture.pods[other].gang] == queue:
                left.subtract(amounts_of(picture.pods[other].request))
        for resource in amounts_of(pod.request):
            least = guarantee.get(resource, 0)
            assert left[resource] >= least, f"{queue} keeps {left}, is guaranteed {guarantee}"


def _check_victim(picture: Picture, gang: str, pod: KnownPod, is_reclaimed: bool) -> None:
    assert pod.gang != gang
    mine, other = picture.queue_of[gang], picture.queue_of[pod.gang]
    if is_reclaimed:
        assert mine != other
        assert picture.queues[other].is_reclaimable
    else:
        assert mine == other
        assert picture.gangs[gang].priority > picture.gangs[pod.gang].priority


def _check_victim_gangs(picture: Picture, victims: Sequence[KnownPod]) -> None:
    """Each keeps its minimum or goes as a whole."""
    names = {pod.name for pod in victims}
    for gang in {pod.gang for pod in victims}:
        left = [p for p in picture.members(gang) if p.is_ready and p.name not in names]
        by_role = Counter(pod.role for pod in left)
        roles = enumerate(picture.gangs[gang].roles)
        keeps = all(by_role[index] >= role.least for index, role in roles)
        is_gone = not any(pod.is_holding for pod in left)
        assert keeps or is_gone, f"{gang} loses {sorted(names)} and keeps {len(left)}"


def check_step(picture: Picture, wanted: Sequence[Effect], *, is_tree: bool) -> None:
    """After the picture took the bindings in. `is_tree`: whether the division is Shoal's own;
    Volcano's do without the tree, or let several queues take together what is kept for one."""
    bound = bound_pods(picture, wanted)
    check_nodes(picture)
    if is_tree:
        check_capability(picture, bound)
        check_guarantees_are_left(picture, bound)
    check_gangs(picture, bound)
    check_evictions(picture, wanted)
    check_guarantees_survive(picture, wanted)
