"""The reflector against a client that answers from a script."""

import asyncio
import random
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest

from shoal.api.core import CONFIG_MAPS, ConfigMap
from shoal.api.meta import ObjectMeta
from shoal.api.status import ApiError, expired, internal_error, too_large_resource_version
from shoal.base.clock import VirtualClock
from shoal.client.protocol import ConnectionFailed, ObjectList, WatchEvent, WatchEventType
from shoal.client.reflector import Reflector, ReflectorEvent, ReflectorState, next_state
from tests.transitions import transitions

Event = WatchEvent[ConfigMap]


def config_map(name: str, version: str) -> ConfigMap:
    return ConfigMap(metadata=ObjectMeta(name=name, namespace="ns", resource_version=version))


def event(type: WatchEventType, name: str, version: str) -> Event:
    return WatchEvent(type, config_map(name, version), version)


def bookmark(version: str) -> Event:
    return WatchEvent(WatchEventType.BOOKMARK, None, version)


class ScriptedClient:
    """Answers lists and watches in order; an exception in the script is raised there. When the
    watches run out, the next one stays open."""

    def __init__(
        self,
        lists: Sequence[ObjectList[ConfigMap] | Exception],
        watches: Sequence[Sequence[Event | Exception]] = (),
    ) -> None:
        self._lists = list(lists)
        self._watches = list(watches)
        self.calls: list[str] = []
        self.waits = asyncio.Event()

    async def list(self, resource: Any, namespace: str = "", **options: Any) -> Any:
        self.calls.append(f"list {options['continue_token']}".strip())
        answer = self._lists.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    @asynccontextmanager
    async def watch(
        self, resource: Any, namespace: str = "", **options: Any
    ) -> AsyncGenerator[AsyncIterator[Event]]:
        assert 300 <= options["timeout_s"] <= 600
        self.calls.append(f"watch {options['resource_version']}")
        yield self._events()

    async def _events(self) -> AsyncGenerator[Event]:
        if not self._watches:
            self.waits.set()
            await asyncio.Event().wait()
        for each in self._watches.pop(0):
            if isinstance(each, Exception):
                raise each
            yield each


class RecordingSink:
    def __init__(self) -> None:
        self.seen: list[str] = []

    def replace(self, items: Sequence[ConfigMap]) -> None:
        self.seen.append("=" + ",".join(item.metadata.name for item in items))

    def apply(self, event: Event) -> None:
        assert event.object is not None
        self.seen.append(f"{event.type} {event.object.metadata.name}")


def page(*names: str, version: str = "10", token: str = "") -> ObjectList[ConfigMap]:
    return ObjectList([config_map(name, "1") for name in names], version, token)


async def reflect(client: ScriptedClient, clock: VirtualClock) -> RecordingSink:
    """Runs until the script is over; time passes as needed."""
    sink = RecordingSink()
    reflector = Reflector(client, CONFIG_MAPS, sink, clock, random.Random(1))  # type: ignore[arg-type]
    running = asyncio.create_task(reflector.run())
    for _ in range(1000):
        if client.waits.is_set() or running.done():
            break
        await clock.advance(0.1)
    assert client.waits.is_set()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    return sink


async def test_lists_in_pages_then_watches_from_the_lists_revision() -> None:
    client = ScriptedClient(
        [page("a", token="more"), page("b", version="12")],
        [[event(WatchEventType.ADDED, "c", "13")]],
    )
    sink = await reflect(client, VirtualClock())
    assert client.calls == ["list", "list more", "watch 12", "watch 13"]
    assert sink.seen == ["=a,b", "ADDED c"]


async def test_a_bookmark_moves_the_revision_of_the_next_watch() -> None:
    client = ScriptedClient([page()], [[bookmark("90")]])
    sink = await reflect(client, VirtualClock())
    assert client.calls == ["list", "watch 10", "watch 90"]
    assert sink.seen == ["="]


@pytest.mark.parametrize("error", [expired(), too_large_resource_version(10, 3)])
async def test_a_watch_whose_revision_is_not_known_is_followed_by_a_list(error: ApiError) -> None:
    client = ScriptedClient([page("a"), page("b", version="50")], [[error]])
    sink = await reflect(client, VirtualClock())
    assert client.calls == ["list", "watch 10", "list", "watch 50"]
    assert sink.seen == ["=a", "=b"]


async def test_an_expired_continue_token_starts_the_list_again() -> None:
    client = ScriptedClient([page("a", token="old"), expired(), page("a", "b")])
    sink = await reflect(client, VirtualClock())
    assert client.calls == ["list", "list old", "list", "watch 10"]
    assert sink.seen == ["=a,b"]


async def test_a_broken_watch_goes_on_where_it_was() -> None:
    client = ScriptedClient(
        [page()],
        [
            [event(WatchEventType.MODIFIED, "a", "11"), ConnectionFailed("reset")],
            [event(WatchEventType.DELETED, "a", "12")],
        ],
    )
    sink = await reflect(client, VirtualClock())
    assert client.calls == ["list", "watch 10", "watch 11", "watch 12"]
    assert sink.seen == ["=", "MODIFIED a", "DELETED a"]


async def test_failed_lists_are_tried_again_with_a_growing_pause() -> None:
    failures = [ConnectionFailed("refused"), internal_error("no"), ConnectionFailed("refused")]
    clock = VirtualClock()
    client = ScriptedClient([*failures, page()])
    await reflect(client, clock)
    assert client.calls == ["list"] * 4 + ["watch 10"]
    # 0.2 + 0.4 + 0.8 s, and up to as much again by chance.
    assert 1.4 <= clock.monotonic() <= 3.0


async def test_a_server_that_hangs_up_at_once_is_not_called_again_at_once() -> None:
    clock = VirtualClock()
    client = ScriptedClient([page()], [[], [], []])
    await reflect(client, clock)
    assert client.calls == ["list"] + ["watch 10"] * 4
    assert clock.monotonic() >= 1.4


def test_the_state_machine_is_total() -> None:
    listing, list_backoff = ReflectorState.LISTING, ReflectorState.LIST_BACKOFF
    watching, watch_backoff = ReflectorState.WATCHING, ReflectorState.WATCH_BACKOFF
    allowed = {
        (listing, ReflectorEvent.LISTED): watching,
        (listing, ReflectorEvent.FAILED): list_backoff,
        (listing, ReflectorEvent.EXPIRED): list_backoff,
        (list_backoff, ReflectorEvent.RESTED): listing,
        (watching, ReflectorEvent.ENDED): watch_backoff,
        (watching, ReflectorEvent.FAILED): watch_backoff,
        (watching, ReflectorEvent.EXPIRED): list_backoff,
        (watch_backoff, ReflectorEvent.RESTED): watching,
    }
    assert transitions(next_state) == allowed
