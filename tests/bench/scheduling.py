"""How many pods a second the scheduler's core decides on, apart from any I/O."""

import msgspec

from shoal.testing.scheduling_load import Constraint, Load, measure

_LOADS = {
    "templates": Load(5_000, 50_000, 50),
    "templates_in_turn": Load(5_000, 50_000, 50, in_turn=True),
    "one_template": Load(5_000, 50_000, 1),
    "all_different": Load(5_000, 10_000, 10_000),
    "anti_affinity": Load(5_000, 5_000, 50, constraint=Constraint.ANTI_AFFINITY),
    "spread": Load(5_000, 5_000, 50, constraint=Constraint.SPREAD),
    "large_cluster": Load(50_000, 20_000, 50),
    "small_cluster": Load(500, 20_000, 50),
}


async def throughput() -> dict[str, object]:
    """Every load of docs/performance.md."""
    return {name: msgspec.to_builtins(measure(load)) for name, load in _LOADS.items()}
