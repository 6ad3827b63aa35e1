"""How items are cut into transactions when they are put, and what of them can be kept. Pure."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from shoal.work.protocol import OtherBatch, UnfitBody

MAX_ITEMS = 1000
MAX_CHARACTERS = 1 << 20
_OTHER = "the batch of this name holds other items; use another batch id"


def chunks(bodies: Iterable[str]) -> Iterator[tuple[int, Sequence[str]]]:
    """Bodies in runs that one transaction takes, each with the index of its first. A run holds at
    most MAX_ITEMS, and beyond MAX_CHARACTERS only what one long body makes it. Raises
    UnfitBody."""
    start, size = 0, 0
    run: list[str] = []
    for index, body in enumerate(bodies):
        if wrong := _misfit(body):
            raise UnfitBody(f"item {index + 1} holds {wrong}, in JSON or base64, or leave it out")
        if run and (len(run) == MAX_ITEMS or size + len(body) > MAX_CHARACTERS):
            yield start, run
            start, size, run = index, 0, []
        run.append(body)
        size += len(body)
    if run:
        yield start, run


def kept_reason(reason: str) -> str:
    """What databases can keep of the text of an error, which may quote anything."""
    return reason.replace("\0", " ").encode(errors="replace").decode()


def _misfit(body: str) -> str:
    if "\0" in body:
        return "a NUL character, which databases cannot keep; encode it"
    try:
        body.encode()
    except UnicodeEncodeError:
        return "bytes that are no UTF-8 text; encode them"
    return ""


class BatchMark(NamedTuple):
    """How far a batch is in a queue."""

    items: int = 0
    """How many of its items."""
    digest: str = ""
    """Of their bodies."""


def missing(
    run: Sequence[str], before: BatchMark, present: BatchMark
) -> tuple[Sequence[str], BatchMark]:
    """What of a run, which comes after `before`, is not in the queue, where the batch is as far
    as `present`; and the mark after the run. Raises OtherBatch."""
    mark = before
    for body in run:
        _compare(mark, present)
        mark = BatchMark(mark.items + 1, _digest(mark.digest, body))
    _compare(mark, present)
    return run[max(present.items - before.items, 0) :], mark


def check_end(given: BatchMark, present: BatchMark) -> None:
    """Raises OtherBatch where more items of the batch are in the queue than were given."""
    if present.items > given.items:
        raise OtherBatch(_OTHER)


def _compare(mark: BatchMark, present: BatchMark) -> None:
    # Batches of the time before digests have none.
    if present.digest and mark.items == present.items and mark.digest != present.digest:
        raise OtherBatch(_OTHER)


def _digest(before: str, body: str) -> str:
    text = before.encode() + body.encode()
    return hashlib.sha256(text).hexdigest()
