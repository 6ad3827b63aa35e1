"""How near queues come to the ideal: what each should hold by max-min fairness, and what it does.

One queue has the whole cluster when the others begin to ask for their parts; victims take a moment
to end, and come back. `python -m tests.simulation.contest` prints the table of
docs/performance.md.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass

from shoal.scheduler.fairness.rules import Rules
from tests.simulation.drawn import Drawn, QueueSpec, Role, Room, Submit
from tests.simulation.world import World

MOST_TURNS = 20


@dataclass(frozen=True)
class Contest:
    """`weights` of queues; the first one comes first. Jobs have `members` pods of `cpu` each, all
    of which they need."""

    nodes: tuple[int, ...]
    weights: tuple[int, ...]
    jobs: tuple[int, ...]
    """So many of each queue."""
    cpu: int = 1
    members: int = 1


@dataclass(frozen=True)
class Outcome:
    held: tuple[int, ...]
    """In cpus."""
    ideal: tuple[float, ...]
    """If everything could be divided."""
    turns: int
    """Of victims that end and the scheduler that goes on, until nothing changes."""
    rounds: int
    evictions: int
    total: int

    @property
    def distance(self) -> float:
        """What would have to change hands, as a part of the cluster."""
        pairs = zip(self.held, self.ideal, strict=True)
        return sum(max(ideal - held, 0) for held, ideal in pairs) / self.total


def ideal_shares(total: float, weights: Sequence[int], wishes: Sequence[float]) -> list[float]:
    """Max-min fairness by filling: everybody rises in proportion to its weight, until it has what
    it wishes or nothing is left."""
    shares = [0.0] * len(weights)
    rising = [index for index, wish in enumerate(wishes) if wish > 0]
    left = total
    while rising and left > 1e-9:
        weight = sum(weights[i] for i in rising)
        step = min(left / weight, min((wishes[i] - shares[i]) / weights[i] for i in rising))
        for i in rising:
            shares[i] += step * weights[i]
        left -= step * weight
        rising = [i for i in rising if wishes[i] - shares[i] > 1e-9]
    return shares


def hold(contest: Contest) -> Outcome:
    queues = tuple(QueueSpec(weight=each) for each in contest.weights)
    nodes = tuple(Room(each) for each in contest.nodes)
    world = World(Drawn(Rules(reservation=False), nodes, queues, ()))
    job = (Role(contest.members, contest.members, Room(contest.cpu)),)
    for queue, count in enumerate(contest.jobs):
        for _ in range(count):
            world.submit(Submit(queue, job))
        if queue == 0:
            world.let_be()
    rounds, turns = world.tick_count, 0
    while turns < MOST_TURNS:
        done = world.bind_count, world.eviction_count
        world.let_be()
        world.end_all_victims()
        world.let_be()
        if done == (world.bind_count, world.eviction_count):
            break
        turns += 1
    held = tuple(world.picture.held(f"q{index}")["cpu"] for index in range(len(queues)))
    wishes = [count * contest.members * contest.cpu for count in contest.jobs]
    total = sum(contest.nodes)
    ideal = tuple(ideal_shares(total, contest.weights, wishes))
    return Outcome(held, ideal, turns, world.tick_count - rounds, world.eviction_count, total)


def drawn_contest(chance: random.Random, cpu: int, members: int) -> Contest:
    weights = tuple(chance.randint(1, 5) for _ in range(chance.randint(2, 5)))
    nodes = tuple(chance.choice((8, 16, 32)) for _ in range(chance.randint(3, 6)))
    whole = sum(nodes) // (cpu * members)
    jobs = (whole + 2, *(chance.randint(0, whole) for _ in weights[1:]))
    return Contest(nodes, weights, jobs, cpu, members)


def main(count: int = 30) -> None:
    """Prints a table in Markdown."""
    print("| jobs | mean distance | worst | turns, at most | evictions per job that started |")
    print("|---|---|---|---|---|")
    for cpu, members in ((1, 1), (2, 1), (3, 1), (1, 4), (3, 4)):
        chance = random.Random(7)
        outcomes = [hold(drawn_contest(chance, cpu, members)) for _ in range(count)]
        distances = [each.distance for each in outcomes]
        taken = sum(sum(each.held[1:]) for each in outcomes) / cpu
        print(
            f"| {members} x {cpu} cpu | {sum(distances) / count:.1%} | {max(distances):.1%} "
            f"| {max(each.turns for each in outcomes)} "
            f"| {sum(each.evictions for each in outcomes) / max(taken, 1):.2f} |"
        )


if __name__ == "__main__":
    main()
