"""Work queues: `shoal bench work` for each source, by the size of groups."""

import asyncio
from typing import Any

import msgspec

from shoal.testing.work_load import SourceKind, measure

_ITEMS = 20_000
_MANY_ITEMS = 1_000_000
_WORKERS = 8
_GROUPS = (1, 10, 64)


async def queues() -> dict[str, list[dict[str, Any]]]:
    """Items a second that are put, and that eight processes lease and acknowledge."""
    return {kind: await asyncio.to_thread(_of_source, kind) for kind in SourceKind}


def _of_source(kind: SourceKind) -> list[dict[str, Any]]:
    loads = [(_ITEMS, group) for group in _GROUPS] + [(_MANY_ITEMS, _GROUPS[-1])]
    return [
        msgspec.to_builtins(measure(kind, items, _WORKERS, group, lambda _: None))
        for items, group in loads
    ]
