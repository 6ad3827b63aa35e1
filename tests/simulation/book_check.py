"""Whether the scheduler's own books say what the API server's objects say."""

from collections import Counter

from shoal.api import quantity
from shoal.api.volcano.pod_group import POD_GROUPS
from shoal.api.volcano.queue import QUEUES
from shoal.scheduler.gangs.book import GangBook
from shoal.scheduler.gangs.group import Group
from shoal.scheduler.gangs.member import MemberState
from shoal.testing.rehearsal import Rehearsal
from tests.simulation.picture import ROOT, KnownPod, Picture

GPU = "nvidia.com/gpu"


def check_members(picture: Picture, book: GangBook) -> None:
    """Members, sums of groups and of queues, against those counted anew."""
    groups = {each.key.name: each for each in book}
    for name in picture.gangs:
        _check_group(groups[name], picture.members(name))
    held = picture.held()
    assert book.held.get("cpu", 0) == held["cpu"] * 1000
    assert book.held.get(GPU, 0) == held["gpu"]
    leaving = {pod.name for pod in picture.pods.values() if pod.is_holding and pod.is_deleting}
    usage = book.usage()
    for queue in picture.queues:
        own = [p for p in picture.pods.values() if picture.queue_of[p.gang] == queue]
        wanted = sum(pod.request.cpu for pod in own if pod.is_holding) * 1000
        has = usage[queue].allocated.get("cpu", 0) if queue in usage else 0
        assert has == wanted, f"{queue} holds {has}, should be {wanted}"
    assert leaving <= book.leaving.keys()


def _check_group(group: Group, pods: list[KnownPod]) -> None:
    assert group.members.keys() == {pod.name for pod in pods}
    counts = Counter(member.state for member in group.members.values())
    assert +group.counts == counts
    leaving = {uid for uid, m in group.members.items() if m.state is MemberState.LEAVING}
    ready = [pod for pod in pods if pod.is_ready and pod.name not in leaving]
    assert group.ready_count == len(ready)
    assert +group.ready_by_role == Counter(f"r{pod.role}" for pod in ready)
    waiting = [pod for pod in pods if not pod.node and not pod.is_finished]
    assert group.waiting_count == len(waiting)
    assert group.wanting.get("cpu", 0) == sum(pod.request.cpu for pod in waiting) * 1000
    holding = [pod for pod in pods if pod.is_holding]
    assert group.holding.get("cpu", 0) == sum(pod.request.cpu for pod in holding) * 1000
    assert group.holding.get(GPU, 0) == sum(pod.request.gpu for pod in holding)


def check_book(picture: Picture, rehearsal: Rehearsal) -> None:
    """At rest: statuses say what is."""
    for name in picture.gangs:
        status = rehearsal.get(POD_GROUPS, name).status
        phases = Counter(pod.phase for pod in picture.members(name))
        assert (status.running, status.succeeded) == (phases["Running"], phases["Succeeded"])
    for name in (*picture.queues, ROOT):
        allocated = rehearsal.get(QUEUES, name).status.allocated
        held = picture.held(name)
        written = {each: quantity.parse(text) for each, text in allocated.items() if each != "pods"}
        expected = {"cpu": held["cpu"], GPU: held["gpu"]}
        assert written == {each: amount for each, amount in expected.items() if amount}
