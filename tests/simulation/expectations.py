"""Who had pods evicted gets their room: what must follow from each eviction, and from no other.

An expectation holds as long as nothing comes between: a node that is lost, a binding or an eviction
that fails, a gang of higher priority.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from shoal.scheduler.effects import Effect
from tests.simulation import checks
from tests.simulation.drawn import Submit
from tests.simulation.picture import KnownPod, Picture, amounts_of


@dataclass
class Expectation:
    gang: str
    victims: frozenset[str]


class Expectations:
    def __init__(self, picture: Picture) -> None:
        self._picture = picture
        self._open: list[Expectation] = []
        self.refusals = 0
        """Evictions that will be refused."""
        self.met_count = 0
        self.judged_count = 0
        """Sets of victims of which it is known that nobody of them could have stayed."""

    def note(self, wanted: Sequence[Effect], *, knows_all_promises: bool) -> None:
        """After the scheduler has spoken. `knows_all_promises`: whether all room that is kept for
        anybody can be seen from outside."""
        by_gang = checks.evictions(wanted)
        if self.refusals:
            self.refusals = max(self.refusals - sum(map(len, by_gang.values())), 0)
            return
        for gang, victims in by_gang.items():
            self._open.append(Expectation(gang, frozenset(victims)))
        if len(by_gang) == 1 and knows_all_promises:
            ((gang, victims),) = by_gang.items()
            self._check_nobody_could_stay(gang, victims)

    def submitted(self, gang: Submit) -> None:
        gangs = self._picture.gangs
        self._open = [each for each in self._open if gangs[each.gang].priority >= gang.priority]

    def drop_of(self, gang: str) -> None:
        self._open = [each for each in self._open if each.gang != gang]

    def drop_all(self) -> None:
        self._open.clear()

    def check(self) -> None:
        """Gangs whose victims are gone have their room."""
        for each in self._open[:]:
            if each.victims & self._picture.pods.keys():
                continue
            assert self._picture.has_minimum(each.gang), (
                f"{sorted(each.victims)} went for {each.gang}, which has no room"
            )
            self.met_count += 1
            self._open.remove(each)

    def _check_nobody_could_stay(self, gang: str, victims: Sequence[str]) -> None:
        spec, picture = self._picture.gangs[gang], self._picture
        promised = any(
            pod.nominated and pod.gang != gang and not pod.node for pod in picture.pods.values()
        )
        if len(spec.roles) != 1 or promised:
            return
        self.judged_count += 1
        pods = [picture.pods[each] for each in victims]
        for bundle in _bundles(picture, pods):
            others = [pod for pod in pods if pod not in bundle]
            assert not self._fits_without(gang, others), (
                f"{[pod.name for pod in bundle]} went for {gang} in vain, beside"
                f" {[pod.name for pod in others]}"
            )

    def _fits_without(self, gang: str, going: Sequence[KnownPod]) -> bool:
        """Whether its minimum would have room if only these went, and those that go already."""
        picture = self._picture
        role = picture.gangs[gang].roles[0]
        request = amounts_of(role.request)
        count = 0
        for node in picture.nodes:
            free = picture.free_on(node)
            for pod in picture.pods.values():
                if pod.node == node and pod.is_holding and (pod in going or pod.is_deleting):
                    free.update(amounts_of(pod.request))
            count += min(free[name] // amount for name, amount in request.items())
        missing = role.least - picture.ready(gang)
        return count >= max(missing, 1) and self._is_allowed(gang, going, request, max(missing, 1))

    def _is_allowed(
        self, gang: str, going: Sequence[KnownPod], request: dict[str, int], count: int
    ) -> bool:
        picture = self._picture
        if not self._leaves_guarantees(gang, going, request, count):
            return False
        for queue in picture.chain(picture.queue_of[gang]):
            limit = picture.queues[queue].capability
            if limit is None:
                continue
            held = picture.held(queue)
            for pod in going:
                if queue in picture.chain(picture.queue_of[pod.gang]):
                    held.subtract(amounts_of(pod.request))
            for name, most in amounts_of(limit).items():
                if held[name] + count * request.get(name, 0) > most:
                    return False
        return True

    def _leaves_guarantees(
        self, gang: str, going: Sequence[KnownPod], request: dict[str, int], count: int
    ) -> bool:
        """Whether there is still enough for what is kept for other queues."""
        picture = self._picture
        free = picture.total()
        free.subtract(picture.held())
        for pod in going:
            free.update(amounts_of(pod.request))
        others = [each for each in picture.queues if each != picture.queue_of[gang]]
        for name, amount in request.items():
            kept = sum(checks.lacking(picture, each, going)[name] for each in others)
            if free[name] - count * amount < kept:
                return False
        return True


def _bundles(picture: Picture, victims: Sequence[KnownPod]) -> list[list[KnownPod]]:
    """Those that can only stay together."""
    found: list[list[KnownPod]] = []
    for gang in sorted({pod.gang for pod in victims}):
        own = [pod for pod in victims if pod.gang == gang]
        left = [pod for pod in picture.members(gang) if pod.is_ready and pod not in own]
        by_role = Counter(pod.role for pod in left)
        roles = enumerate(picture.gangs[gang].roles)
        if all(by_role[index] >= role.least for index, role in roles):
            found += [[pod] for pod in own]
        else:
            found.append(own)
    return found
