"""How items are cut into transactions when they are put, and what of them can be kept. Pure."""

from collections.abc import Iterable, Iterator, Sequence

from shoal.work.protocol import UnfitBody

MAX_ITEMS = 1000
MAX_CHARACTERS = 1 << 20


def chunks(bodies: Iterable[str]) -> Iterator[tuple[int, Sequence[str]]]:
    """Bodies in runs that one transaction takes, each with the index of its first. A run holds at
    most MAX_ITEMS, and beyond MAX_CHARACTERS only what one long body makes it. Raises
    UnfitBody."""
    start, size = 0, 0
    run: list[str] = []
    for index, body in enumerate(bodies):
        if "\0" in body:
            raise UnfitBody(
                f"item {index + 1} holds a NUL character, which databases cannot keep; encode it, "
                "in JSON or base64, or leave it out"
            )
        if run and (len(run) == MAX_ITEMS or size + len(body) > MAX_CHARACTERS):
            yield start, run
            start, size, run = index, 0, []
        run.append(body)
        size += len(body)
    if run:
        yield start, run


def missing(start: int, run: Sequence[str], present: int) -> Sequence[str]:
    """What of a run, whose first has the index `start`, is not among the first `present`."""
    return run[max(present - start, 0) :]
