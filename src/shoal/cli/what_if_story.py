"""`shoal explain --what-if`: from flags to changes, and from prospects to a table."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from shoal.api.resource import JsonObject
from shoal.cli.output import CliError
from shoal.cli.phrases import counted
from shoal.cli.placement_story import StoryTable
from shoal.scheduler.explaining import changes
from shoal.scheduler.explaining.changes import ChangeError, WhatIfChange
from shoal.scheduler.explaining.what_if import Prospect

ROOM_LIMIT = 1000
"""Where counting pods ends."""
_COUNT = re.compile(r"-?\d+x")


@dataclass(frozen=True, slots=True, kw_only=True)
class WhatIfFlags:
    """What is to be tried out."""

    cpu: str = ""
    memory: str = ""
    drop_affinity: bool = False
    drop_tolerations: bool = False
    tolerate: Sequence[str] = ()
    drop_spread: bool = False
    priority: int | None = None
    add_nodes: Sequence[str] = ()
    remove_nodes: Sequence[str] = ()

    def changes(self) -> list[WhatIfChange]:
        """In the order of the flags above. Raises CliError."""
        try:
            return list(self._changes())
        except ChangeError as error:
            raise CliError(str(error)) from error

    def _changes(self) -> Iterator[WhatIfChange]:
        for resource, amount in (("cpu", self.cpu), ("memory", self.memory)):
            if amount:
                yield changes.ask_for(resource, amount)
        if self.drop_affinity:
            yield changes.drop_affinity()
        if self.drop_tolerations:
            yield changes.drop_tolerations()
        yield from map(changes.tolerate, self.tolerate)
        if self.drop_spread:
            yield changes.drop_spread()
        if self.priority is not None:
            yield changes.set_priority(self.priority)
        yield from map(changes.add_nodes, self.add_nodes)
        yield from map(changes.remove_node, self.remove_nodes)


def whole_nodes(
    words: Sequence[str], add_nodes: Sequence[str]
) -> tuple[Sequence[str], Sequence[str]]:
    """Words that name something, and nodes to add: without quotes, the shell makes two words of
    `4x cpu=32,memory=128Gi`, and the second comes among the names. Raises CliError."""
    names = [word for word in words if "=" not in word]
    amounts = iter([word for word in words if "=" in word])
    whole: list[str] = []
    for text in add_nodes:
        second = next(amounts, None) if _COUNT.fullmatch(text) else ""
        if second is None:
            raise CliError(f'--add-node {text} of what? Write it such as "4x cpu=32,memory=128Gi"')
        whole.append(f"{text} {second}".strip())
    if (left := next(amounts, None)) is not None:
        raise CliError(f'"{left}" is no name; put what a node offers behind --add-node')
    return names, whole


def prospect_table(prospects: Sequence[Prospect]) -> StoryTable:
    """A row for each change; `room` is how many pods such as this would fit."""
    rows = [
        (each.change, _fits(each), each.node_name or "-", _count(each), _room(each), _why_not(each))
        for each in prospects
    ]
    return StoryTable(("IF", "FITS", "BEST ON", "NODES", "ROOM", "WHY NOT"), rows)


def prospect_json(prospect: Prospect) -> JsonObject:
    found = prospect.explanation
    way_out = found.way_out
    return {
        "change": prospect.change,
        "fits": bool(found.feasible),
        "node": prospect.node_name,
        "feasible": list(found.feasible),
        "nodes": found.node_count,
        "room": prospect.room,
        "isRoomLimited": prospect.room >= ROOM_LIMIT,
        "message": found.message,
        "evicting": list(way_out.victims) if way_out else [],
    }


def _fits(prospect: Prospect) -> str:
    way_out = prospect.explanation.way_out
    if way_out is not None and way_out.node_name:
        return f"after evicting {counted(len(way_out.victims), 'pod')}"
    return "yes" if prospect.explanation.feasible else "no"


def _count(prospect: Prospect) -> str:
    return f"{len(prospect.explanation.feasible)}/{prospect.explanation.node_count}"


def _room(prospect: Prospect) -> str:
    is_limited = prospect.room >= ROOM_LIMIT
    return f"{ROOM_LIMIT} or more" if is_limited else str(prospect.room)


def _why_not(prospect: Prospect) -> str:
    return prospect.explanation.message
