"""Work sources, as the controller asks them: in threads, and never longer than it may take.

A source that does not answer costs its own thread and nobody's turn: until that thread is done, the
same source is not asked again.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TypeVar

from shoal.work.protocol import OtherBatch, QueueSize, SourceUnavailable, WorkSource

TIMEOUT_S = 10.0
_THREADS = 16

T = TypeVar("T")
Opener = Callable[[str], WorkSource]


class QueueAccess:
    def __init__(self, open_source: Opener, timeout_s: float = TIMEOUT_S) -> None:
        self._open = open_source
        self._timeout_s = timeout_s
        self._threads = ThreadPoolExecutor(_THREADS, "work-source")
        self._stuck: Counter[str] = Counter()
        """Questions that nobody waits for any more, by URL."""

    async def size(self, url: str, queue: str) -> QueueSize:
        """Raises SourceUnavailable."""
        return await self._ask(url, lambda source: source.size(queue))

    async def put(self, url: str, queue: str, items: Sequence[str], batch_id: str) -> None:
        """Put the items unless that has been done under this `batch_id`: what a run does was
        settled when it began, and items that were changed since are for the next one. Raises
        SourceUnavailable."""
        with suppress(OtherBatch):
            await self._ask(url, lambda source: source.put(queue, items, batch_id=batch_id))

    async def _ask(self, url: str, question: Callable[[WorkSource], T]) -> T:
        if self._stuck[url]:
            raise SourceUnavailable("the work source has not answered an earlier question yet")
        answer = self._threads.submit(self._call, url, question)
        try:
            async with asyncio.timeout(self._timeout_s):
                return await asyncio.shield(asyncio.wrap_future(answer))
        except TimeoutError:
            self._stuck[url] += 1
            answer.add_done_callback(lambda _: self._stuck.subtract([url]))
            raise SourceUnavailable(
                f"the work source did not answer within {self._timeout_s:g} s"
            ) from None

    def _call(self, url: str, question: Callable[[WorkSource], T]) -> T:
        source = self._open(url)
        try:
            return question(source)
        finally:
            source.close()
