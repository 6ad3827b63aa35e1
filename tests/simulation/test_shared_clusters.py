"""What holds on every shared cluster, whatever happens to it."""

import pytest
from hypothesis import example, given, settings

from shoal.scheduler.fairness.rules import Division, Rules
from tests.simulation.drawn import Drawn, QueueSpec, Role, Room, Submit, clusters
from tests.simulation.world import World

VOLCANO = (Division.PROPORTION, Division.CAPACITY)

PROMISED_AND_REFUSED = Drawn(
    Rules(),
    (Room(5, 2),),
    (
        QueueSpec(),
        QueueSpec(weight=4, priority=1, is_reclaimable=False),
        QueueSpec(parent=1, weight=2, guarantee=Room(1), is_reclaimable=False),
        QueueSpec(weight=2, capability=Room(3), guarantee=Room(1), is_reclaimable=False),
        QueueSpec(parent=0, weight=4, capability=Room(8), guarantee=Room(2), strategy="fifo"),
    ),
    (
        Submit(1, (Role(3, 0, Room(1)), Role(4, 0, Room(3)))),
        Submit(0, (Role(3, 1, Room(2)),), priority=2),
    ),
)
"""What was free was kept for another queue, and made the scheduler promise it for ever."""


def live(drawn: Drawn) -> None:
    world = World(drawn)
    for happening in drawn.story:
        world.live(happening)
    world.come_to_rest()


@settings(max_examples=40)
@example(PROMISED_AND_REFUSED)
@given(clusters())
def test_queues_and_gangs_keep_their_promises_until_all_is_at_rest(drawn: Drawn) -> None:
    live(drawn)


@pytest.mark.soak
@settings(max_examples=5000)
@given(clusters(nodes=(1, 8), length=(5, 50)))
def test_thousands_of_clusters_keep_their_promises(drawn: Drawn) -> None:
    live(drawn)


@pytest.mark.soak
@settings(max_examples=2000)
@given(clusters(VOLCANO))
def test_gangs_are_never_broken_under_divisions_of_volcano(drawn: Drawn) -> None:
    world = World(drawn)
    for happening in drawn.story:
        world.live(happening)
