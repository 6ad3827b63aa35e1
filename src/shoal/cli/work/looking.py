"""`shoal work list`, `size`, `peek`, `dead`, `revive` and `purge`: queues, for people and
scripts."""

import sys
from collections.abc import Sequence
from contextlib import closing
from typing import Any

import msgspec

from shoal.cli.output import CliError, print_rows
from shoal.cli.work.target import WhichSource, namespace_of
from shoal.work.protocol import QueueSize

_MAX_CELL = 100
_HEADS = ("queue", "ready", "delayed", "leased", "done", "dead", "total")


def size(which: WhichSource, name: str, *, as_json: bool) -> None:
    """Raises CliError, SourceUnavailable, as all here do."""
    queue = which.queue(name)
    with closing(which.source(namespace_of(queue))) as source:
        found = source.size(queue)
    tell_of_nothing(queue, found)
    figures = _figures(queue, found)
    if as_json:
        _print_json(figures)
    else:
        print_rows(_HEADS, [[figures[head] for head in _HEADS]])


def list_all(which: WhichSource, *, as_json: bool) -> None:
    """All queues of the source."""
    with closing(which.source(which.of_namespace())) as source:
        found = source.queues()
    if as_json:
        for each in found:
            _print_json(_figures(each.name, each.size))
    elif found:
        rows = [_figures(each.name, each.size) for each in found]
        print_rows(_HEADS, [[row[head] for head in _HEADS] for row in rows])
    else:
        sys.stderr.write("No queues found: nobody has put an item into this work source\n")


def tell_of_nothing(queue: str, size: QueueSize) -> None:
    """Says on stderr that there never was an item: drained, and maybe a name spelt wrong."""
    if size.total == 0:
        sys.stderr.write(
            f"nobody has put an item into {queue}; `shoal work list` shows the queues there are\n"
        )


def peek(which: WhichSource, name: str, count: int, *, as_json: bool) -> None:
    queue = which.queue(name)
    with closing(which.source(namespace_of(queue))) as source:
        items = source.peek(queue, count)
        if not items:
            tell_of_nothing(queue, source.size(queue))
    if as_json:
        for item in items:
            _print_json({"id": item.id, "body": item.body})
    else:
        print_rows(["id", "body"], [[item.id, _cell(item.body)] for item in items])


def dead(which: WhichSource, name: str, count: int, *, as_json: bool) -> None:
    queue = which.queue(name)
    with closing(which.source(namespace_of(queue))) as source:
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
    with closing(which.source(namespace_of(queue))) as source:
        if not ids:
            return _revived(queue, source.revive(queue))
        alive = [str(each) for each in dict.fromkeys(ids) if not source.revive(queue, [each])]
    said = _revived(queue, len(set(ids)) - len(alive))
    if alive:
        which_ids = f"no dead item of {queue} has the id {', '.join(alive)}"
        raise CliError(f"{which_ids}; `shoal work dead {queue}` lists them; {said}")
    return said


def _revived(queue: str, count: int) -> str:
    return f"{count} dead {'item' if count == 1 else 'items'} of {queue} revived"


def purge(which: WhichSource, name: str) -> str:
    """What was done, for people."""
    queue = which.queue(name)
    with closing(which.source(namespace_of(queue))) as source:
        count = source.purge(queue)
    return f"{queue} purged; {count} {'item was' if count == 1 else 'items were'} not done"


def _figures(queue: str, size: QueueSize) -> dict[str, Any]:
    figures = {"queue": queue, **msgspec.to_builtins(size), "total": size.total}
    return {**figures, "isDrained": size.is_drained}


def _cell(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _MAX_CELL else f"{line[: _MAX_CELL - 1]}…"


def _print_json(value: object) -> None:
    sys.stdout.write(msgspec.json.encode(value).decode() + "\n")
