"""Writers of one object take turns, in the order in which they came.

A write is read, changed and compared-and-set. Somebody who writes again as soon as the last write
is there would be first each time, and whoever else tries would lose without end. Writers of all
objects of a kind take turns where what one may have depends on what the others have.
"""

import asyncio
from collections.abc import Coroutine
from typing import TypeVar
from weakref import WeakValueDictionary

_T = TypeVar("_T")


class WriteTurns:
    """A lock for each key that somebody writes now; fair, as asyncio's locks are."""

    def __init__(self) -> None:
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    def of(self, key: str) -> asyncio.Lock:
        """To be held from the read to the end of the write."""
        lock = self._locks.get(key)
        if lock is None:
            lock = self._locks[key] = asyncio.Lock()
        return lock

    async def carry_out(self, key: str, writing: Coroutine[object, object, _T]) -> _T:
        """What `writing` gives, or raises. Who is cancelled meanwhile writes all the same, and the
        next turn begins after that."""

        async def hold() -> _T:
            async with self.of(key):
                return await writing

        return await asyncio.shield(asyncio.ensure_future(hold()))
