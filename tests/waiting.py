"""Waiting for what another process or task brings about: tests poll for it and never sleep it out.

What waits on a clock has a `VirtualClock` instead, which the test advances.
"""

import asyncio
from collections.abc import Awaitable, Callable
from inspect import isawaitable
from typing import TypeVar

T = TypeVar("T")

PATIENCE_S = 60
"""Only ends a test that would hang."""
PAUSE_S = 0.005
SLOW_PAUSE_S = 0.1
"""Between looks that cost something, such as starting a program."""


async def eventually(
    look: Callable[[], T | Awaitable[T | None] | None],
    what: str = "",
    *,
    pause_s: float = PAUSE_S,
    patience_s: float = PATIENCE_S,
) -> T:
    """The first true answer of `look`; `what` is what the test waits for, for people."""
    try:
        async with asyncio.timeout(patience_s):
            while True:
                answer = look()
                if isawaitable(answer):
                    answer = await answer
                if answer:
                    return answer
                await asyncio.sleep(pause_s)
    except TimeoutError as error:
        what = what or look.__qualname__
        raise AssertionError(f"waited {patience_s} s in vain for: {what}") from error
