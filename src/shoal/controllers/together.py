"""Do several writes at once."""

import asyncio
from collections.abc import Awaitable, Iterable

from shoal.api.status import ApiError
from shoal.client.protocol import ConnectionFailed


async def all_of(writes: Iterable[Awaitable[None]]) -> None:
    """Waits for every one of them, whatever befalls the others; then raises the first error, and
    a bug before a refusal, so that it does not hide behind one."""
    outcomes = await asyncio.gather(*writes, return_exceptions=True)
    errors = [outcome for outcome in outcomes if outcome is not None]
    errors.sort(key=lambda error: isinstance(error, (ApiError, ConnectionFailed)))
    if errors:
        raise errors[0]
