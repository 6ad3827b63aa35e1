"""Sets of completion indexes, as jobs write them: `0-2,5,7-9`.

Large jobs have many indexes in few runs, so a set is a list of runs in order. Source of format
and texts: Kubernetes v1.36, pkg/controller/job/indexed_job_utils.go and pkg/apis/batch/validation.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator

import msgspec


class IndexesError(ValueError):
    """A text that is no set of indexes; says why."""


class Indexes(msgspec.Struct, frozen=True):
    """`runs` are (first, last), in order, neither overlapping nor touching."""

    runs: tuple[tuple[int, int], ...] = ()

    @classmethod
    def of(cls, indexes: Iterable[int]) -> "Indexes":
        return cls(_joined((index, index) for index in sorted(indexes)))

    def __len__(self) -> int:
        return sum(last - first + 1 for first, last in self.runs)

    def __contains__(self, index: int) -> bool:
        position = bisect_right(self.runs, index, key=lambda run: run[0]) - 1
        return position >= 0 and index <= self.runs[position][1]

    def __or__(self, other: "Indexes") -> "Indexes":
        return Indexes(_joined(sorted(self.runs + other.runs)))

    def __and__(self, other: "Indexes") -> "Indexes":
        return Indexes(tuple(_overlaps(self.runs, other.runs)))

    def __str__(self) -> str:
        return ",".join(_shown(first, last) for first, last in self.runs)

    def absent(self, count: int, below: int) -> list[int]:
        """The first `count` indexes below `below` that are not in the set."""
        found: list[int] = []
        candidate = 0
        for first, last in (*self.runs, (below, below)):
            end = min(first, below, candidate + count - len(found))
            found += range(candidate, end)
            candidate = max(candidate, last + 1)
        return found


def read_indexes(text: str, below: int) -> Indexes:
    """What a status holds. Runs that cannot be read are left out, as are indexes from `below` on,
    which a job had before it was made smaller."""
    runs: list[tuple[int, int]] = []
    for part in text.split(",") if text else ():
        first, _, last = part.partition("-")
        try:
            run = int(first), min(int(last or first), below - 1)
        except ValueError:
            continue
        if run[0] <= run[1]:
            runs.append(run)
    return Indexes(_joined(sorted(runs)))


def count_indexes(text: str, below: int) -> int:
    """How many indexes people have written. Raises IndexesError."""
    total, previous = 0, -1
    for part in text.split(",") if text else ():
        first, last = _run(part, below)
        if previous >= first:
            raise IndexesError(f"non-increasing order, previous: {previous}, current: {first}")
        total += last - first + 1
        previous = last
    return total


def _run(part: str, below: int) -> tuple[int, int]:
    limits = part.split("-")
    if len(limits) > 2:
        raise IndexesError(
            f'the fragment "{part}" violates the requirement that an index interval can have at'
            " most two parts separated by '-'"
        )
    numbers = [_index(limit, below) for limit in limits]
    if len(numbers) == 2 and numbers[0] >= numbers[1]:
        raise IndexesError(f"non-increasing order, previous: {numbers[0]}, current: {numbers[1]}")
    return numbers[0], numbers[-1]


def _index(text: str, below: int) -> int:
    if not (text.isascii() and text.isdigit()):
        raise IndexesError(f'cannot convert string to integer for index: "{text}"')
    if int(text) >= below:
        raise IndexesError(f'too large index: "{text}"')
    return int(text)


def _joined(runs: Iterable[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    joined: list[tuple[int, int]] = []
    for first, last in runs:
        if joined and first <= joined[-1][1] + 1:
            joined[-1] = joined[-1][0], max(joined[-1][1], last)
        else:
            joined.append((first, last))
    return tuple(joined)


def _overlaps(
    left: tuple[tuple[int, int], ...], right: tuple[tuple[int, int], ...]
) -> Iterator[tuple[int, int]]:
    i = j = 0
    while i < len(left) and j < len(right):
        first, last = max(left[i][0], right[j][0]), min(left[i][1], right[j][1])
        if first <= last:
            yield first, last
        if left[i][1] < right[j][1]:
            i += 1
        else:
            j += 1


def _shown(first: int, last: int) -> str:
    if first == last:
        return str(first)
    return f"{first},{last}" if last == first + 1 else f"{first}-{last}"
