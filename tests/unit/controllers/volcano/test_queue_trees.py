"""Trees of queues under any commands, with syncs in any order: where they come to rest."""

from dataclasses import dataclass, field

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from shoal.api.volcano.keys import CLOSED_BY_PARENT
from shoal.api.volcano.queue import ROOT, Queue, QueueState
from shoal.controllers.volcano.queue_state import (
    MARKED,
    Step,
    command_step,
    refusal,
    state_of,
    sync_step,
)

OPEN, CLOSE = "OpenQueue", "CloseQueue"
SIZE = 6

parents = st.tuples(*[st.integers(0, i) for i in range(SIZE)])
"""Of queue i + 1; queue 0 is root."""
moves = st.lists(
    st.tuples(st.sampled_from([OPEN, CLOSE, "sync", "use"]), st.integers(0, SIZE)), max_size=40
)


@dataclass
class Tree:
    """Queues by number, and which of them somebody has closed."""

    parents: tuple[int, ...]
    states: list[str] = field(default_factory=lambda: [""] * (SIZE + 1))
    marks: list[str] = field(default_factory=lambda: [""] * (SIZE + 1))
    in_use: set[int] = field(default_factory=set[int])
    closed_by_hand: set[int] = field(default_factory=set[int])

    def queue(self, number: int) -> Queue:
        annotations = {CLOSED_BY_PARENT: self.marks[number]} if self.marks[number] else {}
        manifest = {
            "metadata": {"name": f"q{number}" if number else ROOT, "annotations": annotations},
            "status": {"state": self.states[number]},
        }
        return msgspec.convert(manifest, Queue)

    def parent(self, number: int) -> Queue | None:
        return self.queue(self.parents[number - 1]) if number else None

    def command(self, action: str, number: int) -> None:
        queue = self.queue(number)
        if refusal(queue, action, self.parent(number)):
            return
        self.take(number, command_step(queue, action, number in self.in_use))
        (self.closed_by_hand.add if action == CLOSE else self.closed_by_hand.discard)(number)

    def sync(self, number: int) -> bool:
        """Whether anything changed."""
        before = (self.states[number], self.marks[number])
        step = sync_step(self.queue(number), self.parent(number), number in self.in_use)
        self.take(number, step)
        return before != (self.states[number], self.marks[number])

    def take(self, number: int, step: Step) -> None:
        self.states[number] = step.state
        self.marks[number] = self.marks[number] if step.mark is None else step.mark

    def is_open(self, number: int) -> bool:
        return state_of(self.queue(number)) is QueueState.OPEN

    def should_be_open(self, number: int) -> bool:
        if number == 0:
            return True
        above = self.parents[number - 1]
        return number not in self.closed_by_hand and self.should_be_open(above)


@given(parents, moves)
def test_a_queue_is_open_where_nobody_closed_it_or_one_above_it(
    parents: tuple[int, ...], moves: list[tuple[str, int]]
):
    tree = Tree(parents)
    for move, number in moves:
        if move == "sync":
            tree.sync(number)
        elif move == "use":
            tree.in_use ^= {number}
        else:
            tree.command(move, number)
    rounds = 0
    while sum(tree.sync(number) for number in range(SIZE + 1)):
        rounds += 1
        assert rounds <= SIZE + 3, "it never comes to rest"
    for number in range(SIZE + 1):
        assert tree.is_open(number) == tree.should_be_open(number)
        if tree.is_open(number):
            assert tree.marks[number] != MARKED
