"""Effects carried out on the real API server in memory."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from shoal.api.core import EVENTS, EventType
from shoal.api.meta import find_condition
from shoal.api.node import NODES
from shoal.api.pod import PODS, Pod
from shoal.client.events import EventRecorder
from shoal.client.protocol import Client
from shoal.scheduler import effects
from shoal.scheduler.dispatcher import Dispatcher
from shoal.scheduler.effects import (
    Bind,
    ClearNomination,
    Effect,
    Evict,
    PatchPod,
    PodRef,
    RecordEvent,
    SetCondition,
    UnscheduledReason,
)
from shoal.scheduler.events import BindFailed, BindSucceeded, EvictFailed, ExtendersAnswered
from shoal.testing.builders import make_node, make_pod
from shoal.testing.cluster import memory_cluster

SINCE = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass
class Bench:
    client: Client
    dispatcher: Dispatcher
    recorder: EventRecorder
    reports: list[BindSucceeded | BindFailed | EvictFailed | ExtendersAnswered]
    pod: PodRef

    async def carry_out(self, *wanted: Effect) -> None:
        self.dispatcher.submit(wanted)
        async with asyncio.timeout(20):
            while self.dispatcher.backlog:
                await asyncio.sleep(0)
            await self.recorder.flush()

    async def read(self) -> Pod:
        return await self.client.get(PODS, "a", "default")


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    async with memory_cluster() as cluster:
        client, clock = cluster.client, cluster.clock
        await client.create(NODES, make_node("n").capacity(cpu="4").manifest())
        manifest = make_pod("a").req(cpu="1").manifest()
        del manifest["metadata"]["uid"]
        pod = await client.create(PODS, manifest, "default")
        recorder = EventRecorder(client, "default-scheduler", clock)
        reports: list[BindSucceeded | BindFailed | EvictFailed | ExtendersAnswered] = []
        dispatcher = Dispatcher(client, recorder, clock, reports.append, workers=2)
        tasks = [asyncio.create_task(each.run()) for each in (dispatcher, recorder)]
        yield Bench(client, dispatcher, recorder, reports, effects.ref(pod))
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def condition(pod: PodRef, message: str, nominated: str | None = None) -> SetCondition:
    reason = UnscheduledReason.UNSCHEDULABLE
    return SetCondition(pod, reason, message, SINCE, nominated_node_name=nominated)


async def test_a_binding_places_the_pod_and_is_reported(bench: Bench) -> None:
    before = PatchPod(bench.pod, (("device", "0"),))
    await bench.carry_out(Bind(bench.pod, "n", "DefaultBinder", (before,)))
    pod = await bench.read()
    assert pod.spec.node_name == "n"
    assert pod.metadata.annotations == {"device": "0"}
    assert bench.reports == [BindSucceeded(bench.pod, "n")]


async def test_a_binding_that_is_refused_is_reported_with_its_reason(bench: Bench) -> None:
    await bench.carry_out(Bind(bench.pod, "n", "DefaultBinder"))
    await bench.carry_out(Bind(bench.pod, "n", "DefaultBinder"))
    failed = bench.reports[1]
    assert isinstance(failed, BindFailed)
    assert failed.message.startswith('running Bind plugin "DefaultBinder": Operation cannot be')
    assert 'pod a is already assigned to node "n"' in failed.message


async def test_a_successor_of_the_same_name_is_not_touched(bench: Bench) -> None:
    gone = PodRef("default", "a", "11111111-1111-1111-1111-111111111111")
    await bench.carry_out(Bind(gone, "n", "DefaultBinder"), condition(gone, "no"))
    await bench.carry_out(PatchPod(gone, (("device", "0"),)), Evict(gone, "why", "no"))
    pod = await bench.read()
    assert isinstance(bench.reports[0], BindFailed)
    assert (pod.spec.node_name, pod.status.conditions) == ("", [])
    assert pod.metadata.annotations == {}
    assert not pod.is_deleting


async def test_a_condition_and_a_nomination_are_written_and_cleared(bench: Bench) -> None:
    await bench.carry_out(condition(bench.pod, "no room", nominated="n"))
    pod = await bench.read()
    said = find_condition(pod.status.conditions, "PodScheduled")
    assert said is not None
    assert (said.status, said.reason, said.message) == ("False", "Unschedulable", "no room")
    assert said.last_transition_time == SINCE
    assert pod.status.nominated_node_name == "n"
    await bench.carry_out(condition(bench.pod, "no room", nominated=""))
    assert (await bench.read()).status.nominated_node_name == ""


async def test_a_binding_drops_a_condition_that_is_not_written_yet(bench: Bench) -> None:
    await bench.carry_out(condition(bench.pod, "no"), Bind(bench.pod, "n", "DefaultBinder"))
    said = find_condition((await bench.read()).status.conditions, "PodScheduled")
    assert said is not None
    assert (said.status, said.reason) == ("True", "")


async def test_an_evicted_pod_says_why_it_goes(bench: Bench) -> None:
    await bench.carry_out(Bind(bench.pod, "n", "DefaultBinder"))
    await bench.carry_out(Evict(bench.pod, "PreemptionByScheduler", "make room"))
    pod = await bench.read()
    said = find_condition(pod.status.conditions, "DisruptionTarget")
    assert pod.is_deleting
    assert said is not None
    assert (said.status, said.reason) == ("True", "PreemptionByScheduler")


async def test_an_eviction_that_is_refused_is_reported(bench: Bench) -> None:
    gone = PodRef("default", "gone", "11111111-1111-1111-1111-111111111111")
    await bench.carry_out(Evict(gone, "PreemptionByScheduler", "make room"))
    assert bench.reports == [EvictFailed(gone)]


async def test_a_nomination_is_taken_back(bench: Bench) -> None:
    await bench.carry_out(condition(bench.pod, "no room", nominated="n"))
    await bench.carry_out(ClearNomination(bench.pod))
    assert (await bench.read()).status.nominated_node_name == ""


async def test_what_an_unwritten_condition_says_of_the_nomination_is_not_lost(
    bench: Bench,
) -> None:
    first, second = condition(bench.pod, "a", nominated="n"), condition(bench.pod, "b")
    await bench.carry_out(first, second)
    assert (await bench.read()).status.nominated_node_name == "n"
    await bench.carry_out(condition(bench.pod, "c", nominated="m"), ClearNomination(bench.pod))
    pod = await bench.read()
    said = find_condition(pod.status.conditions, "PodScheduled")
    assert said is not None
    assert (said.message, pod.status.nominated_node_name) == ("c", "")


async def test_a_call_that_writes_no_status_does_not_replace_a_condition(bench: Bench) -> None:
    annotated = PatchPod(bench.pod, (("a", "b"),))
    await bench.carry_out(condition(bench.pod, "no room", nominated="n"), annotated)
    pod = await bench.read()
    assert (pod.status.nominated_node_name, pod.metadata.annotations["a"]) == ("n", "b")


async def test_an_event_comes_from_the_scheduler_by_the_name_that_the_pod_knows(
    bench: Bench,
) -> None:
    told = (EventType.NORMAL, "Scheduled", "Binding", "done")
    await bench.carry_out(RecordEvent(bench.pod, *told, component="volcano"))
    [event] = (await bench.client.list(EVENTS, "default")).items
    assert event.source.component == "volcano"


async def test_a_long_note_is_cut(bench: Bench) -> None:
    note = "é" * 1000
    await bench.carry_out(
        RecordEvent(bench.pod, EventType.WARNING, "FailedScheduling", "Scheduling", note)
    )
    [event] = (await bench.client.list(EVENTS, "default")).items
    assert event.message == "é" * 510 + " ..."
