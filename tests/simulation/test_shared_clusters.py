"""What holds on every shared cluster, whatever happens to it."""

from hypothesis import given, settings

from tests.simulation.drawn import Drawn, clusters
from tests.simulation.world import World


@settings(max_examples=100)
@given(clusters())
def test_queues_and_gangs_keep_their_promises_at_every_step(drawn: Drawn) -> None:
    world = World(drawn)
    for happening in drawn.story:
        world.live(happening)
