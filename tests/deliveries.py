"""What became of the items of a work queue, told by the logs of `tests/fault_program.py`, and what
must hold of it whatever was killed.
"""

from collections import defaultdict
from collections.abc import Iterator, Set
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from shoal.work.protocol import QueueSize


@dataclass(frozen=True, slots=True)
class Start:
    """One start of the program, by its log."""

    path: Path

    @property
    def pod(self) -> str:
        return self.path.name.removeprefix("log-").rpartition("-")[0]

    def lines(self) -> list[str]:
        return self.path.read_text().splitlines()

    def is_at_work(self) -> bool:
        """On an item, by its last line."""
        lines = self.lines()
        return bool(lines) and lines[-1].startswith("begin ")

    def has_ended(self) -> bool:
        return self.lines()[-1:] == ["end"]

    def pid(self) -> int | None:
        """Of its process, on the machine; None where it has ended."""
        for process in Path("/proc").iterdir():
            if process.name.isdigit() and self._is_open_in(process):
                return int(process.name)
        return None

    def _is_open_in(self, process: Path) -> bool:
        with suppress(OSError):
            # The path may differ in the pod's own view of the file system; the name does not.
            return any(
                each.readlink().name == self.path.name for each in (process / "fd").iterdir()
            )
        return False


@dataclass(frozen=True, slots=True)
class Delivery:
    item: int
    start: Start
    expires_s: float
    """When the lease is over that it began with."""
    began_s: float
    outcome: str
    """Empty where the program was ended before it was told one."""


@dataclass(frozen=True, slots=True)
class Deliveries:
    """Of one queue."""

    folder: Path

    def starts(self) -> list[Start]:
        return [Start(path) for path in sorted(self.folder.glob("log-*"))]

    def all(self) -> Iterator[Delivery]:
        for start in self.starts():
            begun: list[str] | None = None
            for line in start.lines():
                words = line.split()
                if words[0] == "begin":
                    assert begun is None, f"{start.path.name} forgot an item"
                    begun = words
                elif words[0] != "end":
                    assert begun is not None and words[1] == begun[1], f"{start.path.name}: {line}"
                    yield delivery(start, begun, words[0])
                    begun = None
            if begun is not None:
                yield delivery(start, begun, "")

    def by_item(self) -> dict[int, list[Delivery]]:
        """In the order in which they began."""
        found: dict[int, list[Delivery]] = defaultdict(list)
        for each in sorted(self.all(), key=lambda delivery: delivery.began_s):
            found[each.item].append(each)
        return found


def delivery(start: Start, begun: list[str], outcome: str) -> Delivery:
    return Delivery(int(begun[1]), start, float(begun[2]), float(begun[3]), outcome)


@dataclass(frozen=True, slots=True)
class Counted:
    """Deliveries that were not the item's last one, by why there was another."""

    cut_off: int = 0
    """The program was killed while it was at work on the item."""
    lost: int = 0
    """The lease was over, which the program was told, or could not be as its answer was lost."""


def check_deliveries(
    deliveries: Deliveries, size: QueueSize, good: int, poison: int, attempts: int, killed: Set[str]
) -> Counted:
    """`killed` are names of logs and pods whose programs were ended without a word."""
    assert size == QueueSize(done=good, dead=poison)
    found = deliveries.by_item()
    assert len(found) == good + poison, "some items were never delivered"
    dead = 0
    counted = Counted()
    for item, told in found.items():
        for each in told:
            excuse = {each.start.path.name, each.start.pod} & killed
            assert each.outcome or excuse, f"{each} was not told an end, and nobody killed it"
        for one, following in pairwise(told):
            assert one.outcome != "acked", f"item {item} was delivered after its end: {told}"
            if one.outcome != "failed":
                over = f"item {item} was delivered before the lease was over: {told}"
                assert following.began_s >= one.expires_s, over
                counted = counted_with(counted, one)
        if any(each.outcome == "failed" for each in told):
            dead += 1
            assert len(told) <= attempts
            assert all(each.outcome in ("failed", "") for each in told), told
        else:
            # Killed between the acknowledgement and the log, or acknowledged without an answer.
            assert told[-1].outcome in ("acked", "unsure", "") or any(
                each.outcome == "acked" for each in told
            ), told
    assert dead == poison
    return counted


def counted_with(counted: Counted, one: Delivery) -> Counted:
    if one.outcome:
        return Counted(counted.cut_off, counted.lost + 1)
    return Counted(counted.cut_off + 1, counted.lost)
