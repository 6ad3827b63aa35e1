"""One resource divided among contenders in proportion to their weights, within bounds.

All get the same per weight, but nobody more than its ceiling or less than its floor: max-min
fairness. Amounts are whole units of what the resource is counted in (thousandths of cpu, bytes,
devices), so a device is never split: what is left after rounding down goes to the largest
remainders, and among equal ones to those who lack least, who then can use it.
"""

from collections.abc import Sequence

import msgspec


class Contender(msgspec.Struct, frozen=True):
    """One that wants a part."""

    weight: int
    """1 or more."""
    ceiling: int
    """What it wants or may have; a higher floor counts instead."""
    floor: int = 0
    held: int = 0
    """Among those who lack equally much, one that has the odd unit keeps it."""


def divide(amount: int, contenders: Sequence[Contender]) -> list[int]:
    """The part of each, in the same order; where all else is equal, the first goes first. Together
    they are the amount, or less where everybody has its ceiling. Floors are kept as far as the
    amount suffices; below that they are met in proportion."""
    floors = [each.floor for each in contenders]
    if sum(floors) > amount:
        return divide(amount, [Contender(max(each, 1), each) for each in floors])
    ceilings = [max(each.ceiling, each.floor) for each in contenders]
    if sum(ceilings) <= amount:
        return ceilings
    weights = [each.weight for each in contenders]
    parts, open_, left = _settle(amount, weights, floors, ceilings)
    weight = sum(weights[i] for i in open_)
    remainders: dict[int, int] = {}
    odd_units = left
    for i in open_:
        parts[i], remainders[i] = divmod(weights[i] * left, weight)
        odd_units -= parts[i]

    def precedence(i: int) -> tuple[int, int, bool, int]:
        lack = ceilings[i] - parts[i]
        return -remainders[i], lack, contenders[i].held <= parts[i], i

    for i in sorted(open_, key=precedence)[:odd_units]:
        parts[i] += 1
    return parts


def _settle(
    amount: int, weights: list[int], floors: list[int], ceilings: list[int]
) -> tuple[list[int], list[int], int]:
    """The parts of those who end at a bound (zero for others), who does not, and what is left for
    the latter. As CSS resolves flexible lengths: whoever breaks a bound in the direction in which
    all bounds together are broken certainly ends there."""
    parts = [0] * len(weights)
    open_ = list(range(len(weights)))
    left = amount
    while True:
        weight = sum(weights[i] for i in open_)
        above = [i for i in open_ if weights[i] * left > ceilings[i] * weight]
        below = [i for i in open_ if weights[i] * left < floors[i] * weight]
        # How much the bounds would add to the sum of parts, times the weight.
        balance = sum(ceilings[i] * weight - weights[i] * left for i in above)
        balance += sum(floors[i] * weight - weights[i] * left for i in below)
        settled: set[int] = set()
        for broken, bounds in ((above, ceilings), (below, floors)):
            if balance == 0 or (balance < 0) == (broken is above):
                settled.update(broken)
                for i in broken:
                    parts[i] = bounds[i]
        left -= sum(parts[i] for i in settled)
        open_ = [i for i in open_ if i not in settled]
        if balance == 0:
            return parts, open_, left
