"""A round on a cluster in memory, to be asked step by step."""

import numpy as np

from shoal.api.meta import ObjectKey
from shoal.scheduler.cycle.round import Round
from shoal.scheduler.gangs.group import Group
from shoal.testing.rehearsal import Rehearsal


def begin(rehearsal: Rehearsal, budget: int = 100) -> Round:
    """Of the rehearsal's scheduler, as things stand; it places nothing by itself."""
    return rehearsal.scheduler.gangs.rounds.begin(budget, rehearsal.now)


def group_of(rehearsal: Rehearsal, name: str) -> Group:
    found = rehearsal.scheduler.gangs.book.group(ObjectKey("default", name))
    assert found is not None
    return found


def requested(rehearsal: Rehearsal) -> list[list[int]]:
    """Of each node, all that stands on it."""
    return np.asarray(rehearsal.scheduler.cache.snapshot.requested).tolist()
