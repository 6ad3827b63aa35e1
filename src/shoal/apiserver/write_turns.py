"""Writers of one object take turns, in the order in which they came.

A write is read, changed and compared-and-set. Somebody who writes again as soon as the last write
is there would be first each time, and whoever else tries would lose without end.
"""

import asyncio
from weakref import WeakValueDictionary


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
