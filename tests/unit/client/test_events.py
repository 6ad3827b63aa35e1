"""The event recorder, over the real handlers in memory."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest

from shoal.api.core import EVENTS, Event
from shoal.api.meta import ObjectMeta
from shoal.api.pod import PODS
from shoal.base.clock import VirtualClock
from shoal.client.events import AGGREGATION_WINDOW, EventRecorder
from shoal.client.protocol import Client, ConnectionFailed
from shoal.testing.cluster import memory_cluster

POD = ObjectMeta(name="web", namespace="default", uid="u-1", resource_version="7")


@asynccontextmanager
async def recording(clock: VirtualClock, client: Client) -> AsyncGenerator[EventRecorder]:
    recorder = EventRecorder(client, "shoal-test", clock, "host-1")
    running = asyncio.create_task(recorder.run())
    try:
        yield recorder
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def events_of(client: Client) -> list[Event]:
    listed = await client.list(
        EVENTS, "default", field_selector="involvedObject.name=web,involvedObject.kind=Pod"
    )
    return list(listed.items)


async def test_an_event_says_who_saw_what_of_which_object_and_when() -> None:
    clock = VirtualClock()
    async with memory_cluster(clock=clock) as cluster, recording(clock, cluster.client) as recorder:
        recorder.record(
            PODS, POD, "Warning", "BackOff", "Back-off", field_path="spec.containers{main}"
        )
        await recorder.flush()
        (event,) = await events_of(cluster.client)
    assert (event.type, event.reason, event.message, event.count) == (
        "Warning",
        "BackOff",
        "Back-off",
        1,
    )
    assert event.involved_object.uid == "u-1"
    assert event.involved_object.field_path == "spec.containers{main}"
    assert (event.source.component, event.source.host) == ("shoal-test", "host-1")
    assert event.first_timestamp == event.last_timestamp == clock.now()
    name, _, nanos = event.metadata.name.partition(".")
    assert name == "web"
    assert int(nanos, 16) == int(clock.now().timestamp()) * 10**9


async def test_the_same_event_again_is_counted_up() -> None:
    clock = VirtualClock()
    async with memory_cluster(clock=clock) as cluster, recording(clock, cluster.client) as recorder:
        for _ in range(3):
            recorder.record(PODS, POD, "Normal", "Pulled", "again")
            await recorder.flush()
            await clock.advance(60)
        (event,) = await events_of(cluster.client)
    assert event.count == 3
    assert event.first_timestamp is not None and event.last_timestamp is not None
    assert event.last_timestamp - event.first_timestamp == timedelta(minutes=2)


async def test_other_texts_and_late_repetitions_are_events_of_their_own() -> None:
    clock = VirtualClock()
    async with memory_cluster(clock=clock) as cluster, recording(clock, cluster.client) as recorder:
        recorder.record(PODS, POD, "Normal", "Pulled", "one")
        recorder.record(PODS, POD, "Normal", "Pulled", "two")
        await recorder.flush()
        await clock.advance(AGGREGATION_WINDOW.total_seconds() + 1)
        recorder.record(PODS, POD, "Normal", "Pulled", "one")
        await recorder.flush()
        events = await events_of(cluster.client)
    assert sorted((event.message, event.count) for event in events) == [
        ("one", 1),
        ("one", 1),
        ("two", 1),
    ]
    assert len({event.metadata.name for event in events}) == 3


async def test_an_event_that_somebody_removed_is_written_anew() -> None:
    clock = VirtualClock()
    async with memory_cluster(clock=clock) as cluster, recording(clock, cluster.client) as recorder:
        recorder.record(PODS, POD, "Normal", "Pulled", "again")
        await recorder.flush()
        (event,) = await events_of(cluster.client)
        await cluster.client.delete(EVENTS, event.metadata.name, "default")
        recorder.record(PODS, POD, "Normal", "Pulled", "again")
        await recorder.flush()
        (event,) = await events_of(cluster.client)
    assert event.count == 1


class BrokenClient:
    """Cannot be reached for the first `failures` writes."""

    def __init__(self, failures: int) -> None:
        self.failures = failures
        self.written: list[Mapping[str, Any]] = []

    async def create(self, resource: Any, body: Mapping[str, Any], namespace: str = "") -> None:
        if self.failures > 0:
            self.failures -= 1
            raise ConnectionFailed("refused")
        self.written.append(body)


async def test_a_server_that_cannot_be_reached_is_tried_again() -> None:
    clock, client = VirtualClock(), BrokenClient(failures=3)
    async with recording(clock, client) as recorder:  # type: ignore[arg-type]
        recorder.record(PODS, POD, "Normal", "Pulled", "one")
        await clock.advance(60)
        await recorder.flush()
    assert len(client.written) == 1


async def test_what_cannot_be_written_is_given_up_for_the_next(
    caplog: pytest.LogCaptureFixture,
) -> None:
    clock, client = VirtualClock(), BrokenClient(failures=12)
    async with recording(clock, client) as recorder:  # type: ignore[arg-type]
        recorder.record(PODS, POD, "Normal", "Pulled", "lost")
        recorder.record(PODS, POD, "Normal", "Pulled", "kept")
        await clock.advance(600)
        await recorder.flush()
    assert [body["message"] for body in client.written] == ["kept"]
    assert "gave up writing event Pulled of web" in caplog.text


async def test_recording_never_waits_and_drops_what_is_too_much(
    caplog: pytest.LogCaptureFixture,
) -> None:
    recorder = EventRecorder(BrokenClient(0), "shoal-test", VirtualClock())  # type: ignore[arg-type]
    for number in range(11_000):
        recorder.record(PODS, POD, "Normal", "Pulled", str(number))
    assert caplog.text.count("dropping some") == 1


class SlowClient:
    """Answers a write when told to."""

    def __init__(self) -> None:
        self.under_way: list[tuple[str, asyncio.Future[None]]] = []

    async def create(self, resource: Any, body: Mapping[str, Any], namespace: str = "") -> None:
        answer: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.under_way.append((body["message"], answer))
        await answer

    def answer_all(self) -> None:
        for _, answer in self.under_way:
            if not answer.done():
                answer.set_result(None)


async def _turns() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_events_of_one_object_are_written_in_order_and_those_of_others_meanwhile() -> None:
    client = SlowClient()
    async with recording(VirtualClock(), client) as recorder:  # type: ignore[arg-type]
        for number in range(3):
            recorder.record(PODS, POD, "Normal", "Pulled", f"own {number}")
        for number in range(100):
            other = ObjectMeta(name=f"other-{number}", namespace="default")
            recorder.record(PODS, other, "Normal", "Pulled", "other")
        await _turns()
        at_once = [message for message, _ in client.under_way]
        assert "own 0" in at_once and "own 1" not in at_once
        assert 8 < len(at_once) <= 16
        while sum(answer.done() for _, answer in client.under_way) < 103:
            client.answer_all()
            await _turns()
        await recorder.flush()
    own = [message for message, _ in client.under_way if message.startswith("own")]
    assert own == ["own 0", "own 1", "own 2"]
