"""Which rules hold between queues and gangs: what `volcano-scheduler.conf` says, or Shoal's own.

Each switch is one function of one Volcano plugin (`enablePreemptable` of `gang` is
`gang_preemptable`). `config.volcano_conf` fills this in; the cycle and the policies read it.
"""

from enum import StrEnum

import msgspec


class Action(StrEnum):
    """The steps of a round, in the order in which they are configured."""

    ENQUEUE = "enqueue"
    ALLOCATE = "allocate"
    BACKFILL = "backfill"
    PREEMPT = "preempt"
    RECLAIM = "reclaim"
    GANG_PREEMPT = "gangpreempt"
    GANG_RECLAIM = "gangreclaim"


class Division(StrEnum):
    """How the cluster is divided among queues."""

    FAIR = "fair"
    """Shoal's own: `deserved` where a queue names it, else by weight, along the tree."""
    PROPORTION = "proportion"
    CAPACITY = "capacity"
    NONE = "none"
    """Queues have no limits."""


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """The defaults are Shoal's own profile."""

    actions: tuple[Action, ...] = (
        Action.ENQUEUE,
        Action.ALLOCATE,
        Action.BACKFILL,
        Action.RECLAIM,
        Action.PREEMPT,
    )
    division: Division = Division.FAIR
    queue_order: bool = True
    """Of the division: by priority and share; else by age."""
    overused: bool = True
    allocatable: bool = True
    preemptive: bool = True
    reclaimable: bool = True
    job_enqueued: bool = True
    hierarchy: bool = True
    """Of `capacity`."""
    ancestor_reclaim_level: int = 0
    """Of `capacity`."""

    gang_job_order: bool = True
    gang_job_ready: bool = True
    gang_job_pipelined: bool = True
    gang_job_starving: bool = True
    gang_preemptable: bool = False
    """Only what a gang has beyond its minimum is preempted, never the gang as a whole."""
    gang_reclaimable: bool = False
    """The same for reclaim."""

    priority_job_order: bool = True
    priority_task_order: bool = True
    priority_preemptable: bool = True
    priority_job_starving: bool = True

    drf_job_order: bool = True
    drf_preemptable: bool = False

    conformance_preemptable: bool = True
    conformance_reclaimable: bool = True
    """Pods of the system are never victims."""

    pdb: bool = True
    """Disruption budgets are kept."""
    cooldown: bool = True
    """Pods younger than their `volcano.sh/cooldown-time` are never victims."""

    overcommit_factor: float | None = 1.2
    """Admit up to so much of the cluster; None for no such limit."""
    resource_quota: bool = False
    sla_job_order: bool = True
    sla_job_enqueued: bool = True
    sla_waiting_time_s: float | None = None
    """For groups that do not name theirs."""

    network_topology: bool = True
    sub_groups: bool = True

    reservation: bool = True
    """Shoal's own: a head gang that has to wait keeps its places from those behind it."""
    allow_whole_bundle: bool = True
    """Of `gangpreempt` and `gangreclaim`: a gang may be evicted as a whole."""

    @property
    def names_preemption_victims(self) -> bool:
        """Whether any plugin has a say about who is preempted; without, nobody is."""
        return (
            self.priority_preemptable
            or self.drf_preemptable
            or self.gang_preemptable
            or self.conformance_preemptable
            or self.pdb
            or self.cooldown
        )
