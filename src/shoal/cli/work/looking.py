"""`shoal work size`, `peek`, `dead`, `revive` and `purge`: a queue, for people and scripts."""

import sys
from collections.abc import Sequence
from contextlib import closing

import msgspec

from shoal.cli.output import print_rows
from shoal.cli.work.target import WhichSource

_MAX_CELL = 100


def size(which: WhichSource, name: str, *, as_json: bool) -> None:
    """Raises CliError, SourceUnavailable, as all here do."""
    queue = which.queue(name)
    with closing(which.source(queue)) as source:
        counted = source.size(queue)
    figures = {**msgspec.to_builtins(counted), "total": counted.total}
    if as_json:
        _print_json({"queue": queue, **figures, "isDrained": counted.is_drained})
    else:
        print_rows(["queue", *figures], [[queue, *figures.values()]])


def peek(which: WhichSource, name: str, count: int, *, as_json: bool) -> None:
    queue = which.queue(name)
    with closing(which.source(queue)) as source:
        items = source.peek(queue, count)
    if as_json:
        for item in items:
            _print_json({"id": item.id, "body": item.body})
    else:
        print_rows(["id", "body"], [[item.id, _cell(item.body)] for item in items])


def dead(which: WhichSource, name: str, count: int, *, as_json: bool) -> None:
    queue = which.queue(name)
    with closing(which.source(queue)) as source:
        found = source.dead_letters(queue, count)
    if as_json:
        for each in found:
            told = {"id": each.item.id, "attempts": each.attempts, "reason": each.reason}
            _print_json({**told, "body": each.item.body})
    else:
        print_rows(
            ["id", "attempts", "reason", "body"],
            [[each.item.id, each.attempts, _cell(each.reason), _cell(each.item.body)]
             for each in found],
        )  # fmt: skip


def revive(which: WhichSource, name: str, ids: Sequence[int]) -> str:
    """What was done, for people."""
    queue = which.queue(name)
    with closing(which.source(queue)) as source:
        count = source.revive(queue, ids or None)
    return f"{count} dead {'item' if count == 1 else 'items'} of {queue} revived"


def purge(which: WhichSource, name: str) -> str:
    """What was done, for people."""
    queue = which.queue(name)
    with closing(which.source(queue)) as source:
        count = source.purge(queue)
    return f"{queue} purged; {count} {'item was' if count == 1 else 'items were'} not done"


def _cell(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _MAX_CELL else f"{line[: _MAX_CELL - 1]}…"


def _print_json(value: object) -> None:
    sys.stdout.write(msgspec.json.encode(value).decode() + "\n")
