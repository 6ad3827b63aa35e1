"""The scheduler's heart: events in, effects out. No clock, no socket, no random source.

`handle` takes one event and returns what is to be done about it. Changes of nodes and pods only
update the cache and the queue; a `Tick` runs scheduling cycles. A binding is an effect, and its
outcome comes back as an event: a failed one is forgotten and its pod queued again. The same core
runs in production (`loop`) and on virtual time.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, assert_never

from shoal.api.core import RESOURCE_QUOTAS, EventType
from shoal.api.meta import find_condition, held_since
from shoal.api.policy import BUDGETS
from shoal.api.resource import Resource
from shoal.api.volcano.hyper_node import HYPER_NODES
from shoal.scheduler import effects
from shoal.scheduler.bindings import Bindings, Refused
from shoal.scheduler.config.configuration import ExtenderSection
from shoal.scheduler.cycle.diagnosis import Diagnosis
from shoal.scheduler.cycle.evaluations import Evaluations
from shoal.scheduler.cycle.gang_cycle import (
    NOT_NOMINATED,
    Gang,
    GangCycle,
    Placement,
    Rejection,
)
from shoal.scheduler.cycle.rounds import Rounds
from shoal.scheduler.effects import (
    Bind,
    Effect,
    RecordEvent,
    SetCondition,
    UnscheduledReason,
)
from shoal.scheduler.events import (
    BindFailed,
    BindSucceeded,
    EvictFailed,
    ExtendersAnswered,
    NodeAdded,
    NodeDeleted,
    NodeUpdated,
    ObjectChanged,
    PodAdded,
    PodDeleted,
    PodUpdated,
    SchedulerEvent,
    Tick,
)
from shoal.scheduler.extender_rounds import ExtenderRounds
from shoal.scheduler.fairness.rules import Rules
from shoal.scheduler.framework import status as statuses
from shoal.scheduler.framework.cluster_event import ASSIGNED_POD_DELETE
from shoal.scheduler.framework.profile import Profile, ProfileSpec, build_profiles
from shoal.scheduler.framework.registry import Handle, PluginRegistry
from shoal.scheduler.framework.waiting_pods import WaitingPods
from shoal.scheduler.gang_scheduling import GangScheduling
from shoal.scheduler.gangs.book import GangBook
from shoal.scheduler.gangs.newcomers import Newcomers
from shoal.scheduler.gangs.precedence import Precedence
from shoal.scheduler.intake import Intake
from shoal.scheduler.nominating import Nominating
from shoal.scheduler.plugins.disruption_budgets import DisruptionBudgets
from shoal.scheduler.queueing.queued_pod import QueuedPod
from shoal.scheduler.queueing.rooms import Room
from shoal.scheduler.queueing.scheduling_queue import QueueSettings, SchedulingQueue
from shoal.scheduler.queueing.wake_rules import Happening
from shoal.scheduler.state.cache import Cache, CacheState
from shoal.scheduler.state.objects import Objects

_NOBODY: frozenset[str] = frozenset()
GANG_NEEDS = (*GangBook.needs, HYPER_NODES, BUDGETS, RESOURCE_QUOTAS)
GANG_MEMBERS_PER_CYCLE = 16
"""How many members of gangs are placed in the time of one cycle of a lone pod."""


class Scheduler:
    """`cache` must be the one whose snapshot is in `handle`, with which the profiles' plugins were
    built."""

    def __init__(
        self,
        profiles: Mapping[str, Profile],
        cache: Cache,
        handle: Handle,
        settings: QueueSettings = QueueSettings(),
        extenders: Sequence[ExtenderSection] = (),
    ) -> None:
        self._cache = cache
        self.profiles = profiles
        self.nominations = handle.nominations
        self._queue = SchedulingQueue(profiles, settings)
        book = GangBook(handle.objects)
        handle.nominations.is_kept_from = Precedence(book)
        self._nominating = Nominating(
            handle.nominations,
            handle.awaited_victims,
            handle.waiting_pods,
            self._queue,
            book.waking.wake_all,
        )
        newcomers = Newcomers(book)
        self._intake = Intake(
            cache, handle.objects, self._queue, profiles, self._nominating, book, newcomers
        )
        self.needs: tuple[Resource[Any], ...] = tuple(
            dict.fromkeys(
                (*(each for p in profiles.values() for each in p.points.needs), *GANG_NEEDS)
            )
        )
        """Collections of which the scheduler wants to be told, beyond nodes and pods."""
        evaluations = Evaluations(cache.snapshot)
        self._cycle = GangCycle(cache, evaluations, handle.nominations)
        self._extenders = ExtenderRounds(extenders, evaluations, cache.snapshot)
        self._bindings = Bindings(cache, handle.waiting_pods, self._extenders.binder)
        budgets = DisruptionBudgets(handle.objects)
        rounds = Rounds(
            cache,
            self._cycle,
            book,
            handle.objects,
            handle.nominations,
            budgets.violating,
            self._nominating.room_is_free,
        )
        self.gangs = GangScheduling(book, newcomers, rounds, self._start)

    @property
    def cache(self) -> Cache:
        """For a look at the cluster; only events may change it."""
        return self._cache

    def handle(self, event: SchedulerEvent, now: datetime) -> list[Effect]:
        """Take the event in; the effects are to be carried out in order."""
        match event:
            case NodeAdded(node) | NodeUpdated(node):
                self._intake.set_node(node, now)
            case NodeDeleted(name):
                self._intake.remove_node(name, now)
            case PodAdded(pod) | PodUpdated(pod):
                if former := self._intake.former_self(pod):
                    self._bindings.take_back(former)
                info = self._intake.set_pod(pod, now)
                if info is None:
                    self._bindings.take_back(pod.metadata.uid)
                else:
                    self._bindings.renew(info)
            case PodDeleted(pod):
                self._intake.remove_pod(pod, now)
                self._bindings.take_back(pod.metadata.uid)
            case ObjectChanged():
                self._intake.change_object(event, now)
            case BindSucceeded():
                return self._bound(event)
            case BindFailed():
                return self._bind_failed(event, now)
            case EvictFailed(pod):
                self._nominating.eviction_failed(pod.uid)
                self.gangs.eviction_failed(pod.uid, now)
            case ExtendersAnswered():
                return self._answered(event, now)
            case Tick(max_cycles):
                return self._run_cycles(max_cycles, now)
            case _:
                assert_never(event)
        return []

    def set_rules(self, rules: Rules) -> None:
        """How queues and gangs are treated from the next round on."""
        self.gangs.set_rules(rules)

    def next_wake(self, now: datetime) -> datetime | None:
        """When a `Tick` next has something to do: `now` where a pod is ready, None for never."""
        times = (
            self._queue.next_wake(now),
            self._bindings.next_wake(now),
            self.gangs.next_wake(now),
        )
        return min((each for each in times if each is not None), default=None)

    def statistics(self) -> Mapping[Room, int]:
        """How many pods wait in each room of the queue."""
        return self._queue.statistics()

    def _run_cycles(self, max_cycles: int, now: datetime) -> list[Effect]:
        self._queue.flush(now)
        done = self._after_permission(now)
        for _ in range(max_cycles):
            queued = self._queue.pop()
            if queued is None:
                break
            done += self._schedule(queued, now)
        done += self.gangs.run(max_cycles * GANG_MEMBERS_PER_CYCLE, now)
        # What plugins allowed or rejected during these cycles.
        return done + self._after_permission(now)

    def _answered(self, answer: ExtendersAnswered, now: datetime) -> list[Effect]:
        queued = self._extenders.take(answer)
        if queued is None:
            return []
        return self._schedule(queued, now, answer) + self._after_permission(now)

    def _schedule(
        self, queued: QueuedPod, now: datetime, answer: ExtendersAnswered | None = None
    ) -> list[Effect]:
        """One cycle, or the question to extenders that comes before it."""
        if queued.pod.object.is_deleting:
            self._queue.done(queued.pod.uid)
            text = f"skip schedule deleting pod: {queued.pod.key}"
            return [_failed_event(queued, text)]
        if asking := self._extenders.ask(queued, answer):
            return [asking]
        outcome = self._cycle.run(Gang.lone(queued, answer))
        done: list[Effect] = []
        for placement in outcome.placements:
            self._queue.done(placement.queued.pod.uid)
            done += self._start(placement, now)
        for rejection in outcome.rejections:
            done += self._rejected(rejection, now)
        return done

    def _start(self, placement: Placement, now: datetime) -> list[Effect]:
        """Begin to bind a pod that has its place."""
        self._nominating.placed(placement.queued.pod.uid)
        result = self._bindings.start(placement, now)
        return self._bound_or_refused([result], now) if result is not None else []

    def _after_permission(self, now: datetime) -> list[Effect]:
        return self._bound_or_refused(self._bindings.permitted(now), now)

    def _bound_or_refused(self, results: Iterable[Bind | Refused], now: datetime) -> list[Effect]:
        done: list[Effect] = []
        for result in results:
            if isinstance(result, Bind):
                done.append(result)
            else:
                done += self._refused(result, now)
        return done

    def _bound(self, event: BindSucceeded) -> list[Effect]:
        placement = self._bindings.finish(event.pod.uid)
        if placement is None:
            return []
        text = f"Successfully assigned {event.pod} to {event.node_name}"
        name = placement.queued.pod.spec.scheduler_name
        return [
            RecordEvent(event.pod, EventType.NORMAL, "Scheduled", "Binding", text, component=name)
        ]

    def _bind_failed(self, event: BindFailed, now: datetime) -> list[Effect]:
        uid = event.pod.uid
        state = self._cache.state_of(uid)
        if state is CacheState.ADDED:
            pod = self._cache.pod(uid)
            if pod is not None and pod.spec.node_name == event.node_name:
                # The answer was lost, but the pod has its node.
                self._bindings.finish(uid)
            else:
                self._bindings.take_back(uid)
            return []
        placement = self._bindings.take_back(uid)
        if placement is None or state is CacheState.INITIAL:
            return []  # The pod is gone.
        return self._refused(Refused(placement, statuses.error(event.message)), now)

    def _refused(self, refused: Refused, now: datetime) -> list[Effect]:
        """A placement was taken back: others may use the room, and the pod is tried again. Such
        a refusal never waits for an event, only for the back-off."""
        queued = refused.placement.queued
        if self._cache.state_of(queued.pod.uid) is not CacheState.INITIAL:
            return []  # Somebody else has bound it meanwhile.
        if not self.gangs.displaced(queued.pod.uid, now):
            self._queue.reject(queued, now, _NOBODY)
        self._queue.move_all(Happening(ASSIGNED_POD_DELETE, queued.pod), now)
        status = refused.status
        diagnosis = Diagnosis(1, dict.fromkeys(status.reasons, 1))
        return self._report(Rejection(queued, status, diagnosis, NOT_NOMINATED), now)

    def _rejected(self, rejection: Rejection, now: datetime) -> list[Effect]:
        diagnosis = rejection.diagnosis
        self._queue.reject(
            rejection.queued, now, diagnosis.unschedulable_plugins, diagnosis.pending_plugins
        )
        done = self._report(rejection, now)
        result = rejection.post_filter
        done += self._nominating.decide(rejection.queued.pod, result, now)
        return done if result is None else [*done, *result.effects]

    def _report(self, rejection: Rejection, now: datetime) -> list[Effect]:
        """An event each time, the condition only where it says something new."""
        queued = rejection.queued
        done: list[Effect] = [_failed_event(queued, rejection.message)]
        is_nominated = self._nominating.is_nominated(queued.pod)
        condition = _condition(rejection, is_nominated, now)
        if _is_news(queued, condition):
            done.append(condition)
        return done


def build_scheduler(
    specs: Iterable[ProfileSpec],
    registry: PluginRegistry,
    settings: QueueSettings = QueueSettings(),
    extenders: Sequence[ExtenderSection] = (),
) -> Scheduler:
    """A scheduler that knows no node yet. Raises ProfileError where the specs are wrong."""
    cache = Cache()
    handle = Handle(cache.snapshot, WaitingPods(), Objects())
    profiles = build_profiles(specs, registry, handle)
    return Scheduler(profiles, cache, handle, settings, extenders)


def _failed_event(queued: QueuedPod, text: str) -> RecordEvent:
    pod = effects.ref(queued.pod.object)
    name = queued.pod.spec.scheduler_name
    return RecordEvent(
        pod, EventType.WARNING, "FailedScheduling", "Scheduling", text, component=name
    )


def _condition(rejection: Rejection, is_nominated: bool, now: datetime) -> SetCondition:
    pod = rejection.queued.pod.object
    is_rejected = rejection.status.is_rejected
    nominated = rejection.post_filter.nominated_node_name if rejection.post_filter else None
    if not nominated and not is_nominated:
        nominated = None
    before = find_condition(pod.status.conditions, "PodScheduled")
    return SetCondition(
        effects.ref(pod),
        UnscheduledReason.UNSCHEDULABLE if is_rejected else UnscheduledReason.SCHEDULER_ERROR,
        rejection.message,
        transition_time=held_since(before, "False", now),
        observed_generation=pod.metadata.generation,
        nominated_node_name=nominated,
    )


def _is_news(queued: QueuedPod, condition: SetCondition) -> bool:
    status = queued.pod.object.status
    nominated = condition.nominated_node_name
    if nominated == "" or nominated not in (None, status.nominated_node_name):
        return True
    before = find_condition(status.conditions, "PodScheduled")
    said = (before.status, before.reason, before.message) if before else None
    return said != ("False", condition.reason, condition.message)
