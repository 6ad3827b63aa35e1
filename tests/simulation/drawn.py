"""Random shared clusters, as hypothesis draws them: nodes, a tree of queues, and what happens.

Whatever happens is a value, so that a failing example is small and can be copied into a test.
Things are named by numbers, taken modulo what there is.
"""

from dataclasses import dataclass

from hypothesis import strategies as st

from shoal.scheduler.fairness.rules import Division, Rules


@dataclass(frozen=True)
class Room:
    """Whole units."""

    cpu: int = 0
    gpu: int = 0

    def __bool__(self) -> bool:
        return bool(self.cpu or self.gpu)


@dataclass(frozen=True)
class QueueSpec:
    parent: int = -1
    """The number of another queue; -1 for the root."""
    weight: int = 1
    priority: int = 0
    capability: Room | None = None
    guarantee: Room | None = None
    deserved: Room | None = None
    is_reclaimable: bool = True
    strategy: str = "traverse"


@dataclass(frozen=True)
class Role:
    """Members that are alike."""

    count: int
    least: int
    request: Room


@dataclass(frozen=True)
class Submit:
    """A gang. Its minimum is the sum of its roles'."""

    queue: int
    roles: tuple[Role, ...]
    priority: int = 0
    says_min_resources: bool = False


@dataclass(frozen=True)
class Finish:
    """A member is done."""

    pod: int


@dataclass(frozen=True)
class Kill:
    """A member is deleted by somebody; its controller makes another."""

    pod: int


@dataclass(frozen=True)
class AddNode:
    room: Room


@dataclass(frozen=True)
class LoseNode:
    """With all pods on it."""

    node: int


@dataclass(frozen=True)
class FailBinds:
    count: int


@dataclass(frozen=True)
class EndVictims:
    """So many evicted pods are gone; controllers make others."""

    count: int


@dataclass(frozen=True)
class RefuseEviction:
    """One pod that was to go cannot be evicted."""


@dataclass(frozen=True)
class Start:
    """Bound pods run."""


@dataclass(frozen=True)
class Restart:
    """The scheduler is another process now, and knows what the API server knows."""


Happening = (
    Submit
    | Finish
    | Kill
    | AddNode
    | LoseNode
    | FailBinds
    | EndVictims
    | RefuseEviction
    | Start
    | Restart
)


@dataclass(frozen=True)
class Drawn:
    rules: Rules
    nodes: tuple[Room, ...]
    queues: tuple[QueueSpec, ...]
    story: tuple[Happening, ...]


def _rooms(most_cpu: int, most_gpu: int) -> st.SearchStrategy[Room]:
    gpu = st.sampled_from((0, 0, 0, *range(most_gpu + 1)))
    return st.builds(Room, st.integers(1, most_cpu), gpu)


def _named(most_cpu: int = 8, most_gpu: int = 2) -> st.SearchStrategy[Room | None]:
    return st.sampled_from((False, False, True)).flatmap(
        lambda is_named: _rooms(most_cpu, most_gpu) if is_named else st.none()
    )


@st.composite
def queue_trees(draw: st.DrawFn, most: int = 5) -> tuple[QueueSpec, ...]:
    """Guarantees stand at queues without children, and no higher than capabilities on the way."""
    count = draw(st.integers(2, most))
    parents = [max(draw(st.integers(-3, number - 1)), -1) for number in range(count)]
    queues: list[QueueSpec] = []
    for number in range(count):
        has_children = number in parents
        capability = draw(_named())
        guarantee = None if has_children else draw(_named(3, 1))
        if guarantee is not None:
            above = [queues[each].capability for each in _ancestors(parents, number)]
            if any(above):
                guarantee = None
            elif capability is not None:
                guarantee = Room(
                    min(guarantee.cpu, capability.cpu), min(guarantee.gpu, capability.gpu)
                )
        queues.append(
            QueueSpec(
                parents[number],
                weight=draw(st.integers(1, 4)),
                priority=draw(st.sampled_from((0, 0, 0, 1))),
                capability=capability,
                guarantee=guarantee,
                deserved=draw(_named()),
                is_reclaimable=draw(st.sampled_from((True, True, True, False))),
                strategy=draw(st.sampled_from(("traverse", "fifo"))),
            )
        )
    return tuple(queues)


def _ancestors(parents: list[int], number: int) -> list[int]:
    found: list[int] = []
    while (number := parents[number]) >= 0:
        found.append(number)
    return found


@st.composite
def _roles(draw: st.DrawFn) -> tuple[Role, ...]:
    roles: list[Role] = []
    for _ in range(draw(st.sampled_from((1, 1, 2)))):
        count = draw(st.integers(1, 5))
        roles.append(Role(count, draw(st.integers(0, count)), draw(_rooms(3, 2))))
    return tuple(roles)


_numbers = st.integers(0, 30)

submissions = st.builds(
    Submit, st.integers(0, 4), _roles(), st.sampled_from((0, 0, 0, 1, 2)), st.booleans()
)

_OTHERS: tuple[st.SearchStrategy[Happening], ...] = (
    st.builds(Finish, _numbers),
    st.builds(EndVictims, st.integers(1, 5)),
    st.builds(Kill, _numbers),
    st.builds(AddNode, _rooms(6, 2)),
    st.builds(LoseNode, _numbers),
    st.builds(FailBinds, st.integers(1, 3)),
    st.just(RefuseEviction()),
    st.just(Start()),
    st.just(Restart()),
)
_WEIGHTS = (4, 4, 1, 1, 1, 1, 1, 2, 1)


@st.composite
def happenings(draw: st.DrawFn) -> Happening:
    """Half of them are submissions."""
    lots = [lot for lot, weight in enumerate(_WEIGHTS) for _ in range(weight)]
    lot = draw(st.sampled_from([-1] * len(lots) + lots))
    return draw(submissions if lot < 0 else _OTHERS[lot])


def clusters(
    divisions: tuple[Division, ...] = (Division.FAIR,),
    nodes: tuple[int, int] = (2, 5),
    length: tuple[int, int] = (10, 30),
) -> st.SearchStrategy[Drawn]:
    """`nodes`, `length`: at least and at most; of the story."""
    rules = st.builds(Rules, division=st.sampled_from(divisions), reservation=st.booleans())
    return st.builds(
        Drawn,
        rules,
        st.lists(_rooms(6, 3), min_size=nodes[0], max_size=nodes[1]).map(tuple),
        queue_trees(),
        st.lists(happenings(), min_size=length[0], max_size=length[1]).map(tuple),
    )
