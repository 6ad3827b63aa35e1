"""Work sources, as the controller asks them: in threads, and never longer than it may take.

A source that is away costs few turns: few questions at a time are put to it, what it failed with is
the answer to everybody for a while, and after that only one turn waits for it, and not for long.
Threads that hang in a driver end with the process, and do not keep it.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TypeVar

from shoal.base.clock import Clock
from shoal.base.threads import in_daemon_thread
from shoal.controllers.worker.planning import PROBLEM_PERIOD_S
from shoal.work.protocol import OtherBatch, QueueSize, SourceUnavailable, WorkSource

TIMEOUT_S = 10.0
_SECOND_TIMEOUT_S = 1.0
"""For a source that failed the last time; its answer is noted also when it comes later."""
_QUESTIONS_AT_ONCE = 3
"""To a source that answers: one that is slow does not make all wait in a row."""

T = TypeVar("T")
Opener = Callable[[str], WorkSource]


@dataclass(slots=True)
class _Standing:
    """What came of the last question to a source."""

    problem: str = ""
    silent_until_s: float = 0.0
    """Monotonic time up to which the problem is the answer."""
    is_late: bool = False
    """A question is open that nobody waits for any more."""
    open_questions: int = 0
    """Those that somebody waits for."""
    turn: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_QUESTIONS_AT_ONCE))


class QueueAccess:
    def __init__(self, open_source: Opener, clock: Clock, timeout_s: float = TIMEOUT_S) -> None:
        self._open = open_source
        self._clock = clock
        self._timeout_s = timeout_s
        self._standings: defaultdict[str, _Standing] = defaultdict(_Standing)

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
        standing = self._standings[url]
        if standing.problem and standing.open_questions:
            raise SourceUnavailable(standing.problem)
        async with standing.turn:
            if standing.problem and standing.open_questions:
                raise SourceUnavailable(standing.problem)
            if standing.is_late:
                raise SourceUnavailable("the work source has not answered an earlier question yet")
            if standing.problem and self._clock.monotonic() < standing.silent_until_s:
                raise SourceUnavailable(standing.problem)
            answer = in_daemon_thread("work-source", lambda: self._call(url, question))
            standing.open_questions += 1
            try:
                return await self._answer(standing, asyncio.wrap_future(answer))
            finally:
                standing.open_questions -= 1

    async def _answer(self, standing: _Standing, answer: asyncio.Future[T]) -> T:
        timeout_s = min(_SECOND_TIMEOUT_S, self._timeout_s) if standing.problem else self._timeout_s
        try:
            async with asyncio.timeout(timeout_s):
                found = await asyncio.shield(answer)
        except TimeoutError:
            standing.is_late = True
            answer.add_done_callback(lambda ended: self._note_late(standing, ended.exception()))
            self._note(
                standing,
                standing.problem or f"the work source did not answer within {timeout_s:g} s",
            )
            raise SourceUnavailable(standing.problem) from None
        except SourceUnavailable as error:
            self._note(standing, str(error))
            raise
        standing.problem = ""
        return found

    def _note(self, standing: _Standing, problem: str) -> None:
        standing.problem = problem
        standing.silent_until_s = self._clock.monotonic() + PROBLEM_PERIOD_S

    def _note_late(self, standing: _Standing, error: BaseException | None) -> None:
        standing.is_late = False
        if isinstance(error, SourceUnavailable):
            self._note(standing, str(error))
        else:
            standing.problem = ""

    def _call(self, url: str, question: Callable[[WorkSource], T]) -> T:
        source = self._open(url)
        try:
            return question(source)
        finally:
            source.close()
