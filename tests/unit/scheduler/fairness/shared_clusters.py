"""A cluster that queues share, as the policies see it: what queues may have, hold and wait for."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from shoal.api.volcano.queue import Queue, manifest
from shoal.scheduler.fairness import amounts
from shoal.scheduler.fairness.divisions import policy_of
from shoal.scheduler.fairness.queue_policy import QueueClaim, QueuePolicy, QueueUsage
from shoal.scheduler.fairness.rules import Division, Rules
from shoal.scheduler.state.request import Amounts

GIB = 2**30
GPU = "nvidia.com/gpu"
A100 = "nvidia.com/a100"

FAIR = Rules()
PROPORTION = Rules(division=Division.PROPORTION)
CAPACITY = Rules(division=Division.CAPACITY)
FLAT_CAPACITY = Rules(division=Division.CAPACITY, hierarchy=False)


def capacity_to_level(level: int) -> Rules:
    return Rules(division=Division.CAPACITY, ancestor_reclaim_level=level)


def of(cpu: float = 0, gib: float = 0, **scalars: int) -> Amounts:
    """Cores, gibibytes, and `gpu` or `a100`."""
    found = {"cpu": int(cpu * 1000), "memory": int(gib * GIB)}
    found |= {{"gpu": GPU, "a100": A100}.get(name, name): n for name, n in scalars.items()}
    return {name: amount for name, amount in found.items() if amount}


def pod(cpu: float = 0, gib: float = 0, **scalars: int) -> Amounts:
    return {**of(cpu, gib, **scalars), "pods": 1}


def nodes(cpu: float = 0, gib: float = 1000, pods: int = 110, **scalars: int) -> Amounts:
    """All of them together."""
    return {**of(cpu, gib, **scalars), "pods": pods}


def listed(cpu: float = 0, gib: float = 0, **scalars: int) -> dict[str, str]:
    """As a manifest has it."""
    return {
        name: f"{amount}m" if name == "cpu" else str(amount)
        for name, amount in of(cpu, gib, **scalars).items()
    }


def queue(name: str, *, state: str = "", **spec: Any) -> Queue:
    return msgspec.convert({**manifest(name, **spec), "status": {"state": state}}, Queue)


def usage(
    holds: Sequence[Amounts] = (), waits: Sequence[Amounts] = (), inqueue: Amounts | None = None
) -> QueueUsage:
    held = amounts.total_of(holds)
    request = amounts.total_of((*holds, *waits))
    return QueueUsage(held, request, dict(inqueue or {}), has_groups=True)


def round_of(
    rules: Rules,
    total: Amounts,
    queues: Sequence[Queue],
    holds: Mapping[str, Sequence[Amounts]] | None = None,
    waits: Mapping[str, Sequence[Amounts]] | None = None,
    inqueue: Mapping[str, Amounts] | None = None,
) -> QueuePolicy:
    """`holds` and `waits`: pods by queue; `inqueue`: what admitted groups may still take."""
    holds, waits, inqueue = holds or {}, waits or {}, inqueue or {}
    used = {
        name: usage(holds.get(name, ()), waits.get(name, ()), inqueue.get(name))
        for name in {**holds, **waits, **inqueue}
    }
    return policy_of(rules)({each.metadata.name: each for each in queues}, used, total)


def reclaims(
    policy: QueuePolicy, reclaimer: tuple[str, Amounts], victim: tuple[str, Amounts]
) -> bool:
    """Whether the first's queue takes the second."""
    return policy.may_reclaim(*reclaimer) and policy.gives(
        QueueClaim(*victim), QueueClaim(*reclaimer)
    )
