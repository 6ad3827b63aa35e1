"""Which group is next in its queue, and which gives first.

Lowest goes first: priority, groups below their minimum, the deadline of `sla-waiting-time`, the
share of the cluster that the group holds (dominant resource fairness), age, uid. Source: Volcano
v1.15, plugins priority, gang, sla and drf, and framework/session_plugins.go.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from shoal.api.duration import duration
from shoal.api.volcano import keys
from shoal.scheduler.fairness.rules import Rules
from shoal.scheduler.gangs.group import Group
from shoal.scheduler.gangs.member import Member, task_order
from shoal.scheduler.state.request import Amounts

GroupKey = tuple[Any, ...]
_NEVER = "9999"
"""After every time."""
_SLA_KEYS = (keys.SLA_WAITING_TIME, f"volcano.sh/{keys.SLA_WAITING_TIME}")


def group_order(group: Group, rules: Rules, total: Mapping[str, int]) -> GroupKey:
    """`total`: what the cluster has."""
    deadline = sla_deadline(group, rules) if rules.sla_job_order else None
    return (
        -group.priority if rules.priority_job_order else 0,
        group.is_ready if rules.gang_job_order else False,
        deadline.isoformat() if deadline else _NEVER,
        dominant_share(group.holding, total) if rules.drf_job_order else 0.0,
        group.age_key,
        group.uid,
    )


def members_in_order(group: Group, rules: Rules) -> list[Member]:
    """Those that wait."""
    by_priority = rules.priority_task_order
    return sorted(group.waiting(), key=lambda each: task_order(each.pod, by_priority=by_priority))


def dominant_share(holding: Amounts, total: Mapping[str, int]) -> float:
    """The largest part of any resource; `pods` do not count."""
    share = 0.0
    for name, amount in holding.items():
        if name != "pods":
            share = max(share, amount / total[name] if total.get(name) else 1.0)
    return share


def sla_deadline(group: Group, rules: Rules) -> datetime | None:
    """When the group has waited as long as it may; None for ever. A time that cannot be read
    counts as none."""
    wait_s = rules.sla_waiting_time_s
    annotations = group.object.metadata.annotations if group.object else {}
    for key in _SLA_KEYS if annotations else ():
        text = annotations.get(key)
        if text:
            try:
                wait_s = duration(text).seconds
            except ValueError:
                continue
    return group.created_at + timedelta(seconds=wait_s) if wait_s is not None else None
