"""What `shoal explain` says of a queue: what it has and may have, and why its line stands still."""

from collections.abc import Iterator
from datetime import datetime

from shoal.api.volcano.queue import ROOT, DequeueStrategy
from shoal.cli.phrases import counted, lasting
from shoal.cli.volcano.amounts import amount_text, by_rank
from shoal.cli.volcano.group_story import (
    SHOWN,
    limit_lines,
    needs_text,
    queue_obstacles,
    title,
    too_large_lines,
    verdict_lines,
)
from shoal.cli.volcano.queue_table import state_of
from shoal.scheduler.explaining.gang_view import GangView
from shoal.scheduler.explaining.group_limits import limits_of
from shoal.scheduler.fairness import amounts
from shoal.scheduler.gangs.group import Group


def queue_story(name: str, view: GangView, now: datetime) -> list[str]:
    """Sentences; the last ones are about those that wait."""
    queue = view.queues[name]
    spec = queue.spec
    above = [each for each in view.path(name)[1:] if each != ROOT]
    below = f", below {' and '.join(above)}" if above else ""
    priority = f", priority {spec.priority}" if spec.priority else ""
    lines = [f"Queue {name} is {state_of(queue)}, of weight {spec.weight}{priority}{below}."]
    lines += [*_share_lines(name, view), *queue_obstacles(name, view)]
    groups, line = view.members_of(name), view.line(name)
    if not groups:
        return [*lines, "  No PodGroup is in it."]
    verb = "waits" if len(line) == 1 else "wait"
    lines.append(f"  {counted(len(groups), 'PodGroup')} in it; {len(line)} {verb}.")
    return lines + _line_lines(line, view, now)


def _share_lines(name: str, view: GangView) -> Iterator[str]:
    """A sentence for each resource that is held or deserved, or may be had only so far."""
    held, deserved = view.held.get(name, {}), view.policy.deserved(name)
    capability = amounts.limits_of(view.queues[name].spec.capability)
    promised = view.promised.get(name, {})
    for resource in by_rank({**held, **deserved, **capability}):
        if resource == amounts.PODS and resource not in capability:
            continue
        if not (held.get(resource) or deserved.get(resource) or resource in capability):
            continue
        told = [f"holds {amount_text(resource, held.get(resource, 0))}"]
        if promised.get(resource):
            told.append(f"is promised {amount_text(resource, promised[resource])}")
        if resource in deserved:
            told.append(f"deserves {amount_text(resource, deserved[resource])}")
        if resource in capability:
            told.append(f"may have {amount_text(resource, capability[resource])} at most")
        yield f"  Of {resource} it {', '.join(told)}."


def _line_lines(line: list[Group], view: GangView, now: datetime) -> list[str]:
    """Those that wait, in their order; the first one with what it lacks."""
    lines: list[str] = []
    for place, group in enumerate(line[:SHOWN], 1):
        assert group.object is not None
        needs = needs_text(group.object)
        since = lasting(group.object.metadata.creation_timestamp, now)
        lines.append(f"  {place}. {title(group)} is {group.phase}{since}; it needs {needs}.")
        lines += [f"  {each}" for each in verdict_lines(group.object, now)]
        if place == 1:
            why = too_large_lines(group, view)
            why = why or limit_lines(limits_of(view, group), group, view)
            lines += [f"  {each}" for each in why]
    if len(line) > SHOWN:
        lines.append(f"  {len(line) - SHOWN} more wait behind them.")
    if line and view.queues[line[0].queue].spec.dequeue_strategy == DequeueStrategy.FIFO:
        lines.append("  The queue is fifo: nobody passes the first one.")
    return lines
