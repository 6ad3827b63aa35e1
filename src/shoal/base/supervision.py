"""Run services for as long as the process lives.

The only broad `except`s are here: a service that raises is logged and started again after a
back-off, because one broken watch must not end a control plane; one piece of work that raises
is logged and given up.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TypeVar

from shoal.base.backoff import Backoff
from shoal.base.clock import Clock

_log = logging.getLogger(__name__)

T = TypeVar("T")

RESTART_BACKOFF = Backoff(initial_s=0.1, max_s=30.0)
HEALTHY_AFTER_S = 60.0
"""What runs that long begins with a short back-off again."""


async def keep_running(name: str, run: Callable[[], Awaitable[None]], clock: Clock) -> None:
    """Await `run()` again and again; returns only when cancelled."""
    failures = 0
    while True:
        started_s = clock.monotonic()
        try:
            await run()
            _log.warning("%s ended; starting it again", name)
        except asyncio.CancelledError:
            raise
        except Exception:
            _log.exception("%s failed; starting it again", name)
        if clock.monotonic() - started_s > HEALTHY_AFTER_S:
            failures = 0
        failures += 1
        await clock.sleep(RESTART_BACKOFF.delay_s(failures))


async def contained(what: str, work: Awaitable[T]) -> T | None:
    """Await one piece of work; a bug in it is logged and answered with None.

    For what is done on behalf of others, such as a request: it fails, its server does not.
    """
    try:
        return await work
    except Exception:
        _log.exception("%s failed", what)
        return None
