"""What `shoal explain` says of a pod's place: who refuses which nodes, what would help, scores.

Everything here turns an `Explanation` into sentences and tables; nothing is decided.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from shoal.api.core import Event
from shoal.api.meta import find_condition
from shoal.api.pod import Pod
from shoal.apiserver.tables.age import human_duration
from shoal.cli.phrases import counted
from shoal.scheduler.config.configuration import ExtenderSection
from shoal.scheduler.explaining.explanation import Explanation
from shoal.scheduler.explaining.lone_verdicts import EVERY_NODE, LEFT_OUT, Refusal
from shoal.scheduler.queueing.scheduling_queue import QueueSettings

SHOWN_CANDIDATES = 10
_UNNAMED = "not among the nodes that it names"


@dataclass(frozen=True, slots=True)
class StoryTable:
    """Heads and rows as they are to be printed."""

    heads: Sequence[str]
    rows: Sequence[Sequence[object]]


def is_failed_attempt(event: Event) -> bool:
    """The scheduler writes one for each attempt; equal ones are counted up."""
    return event.reason == "FailedScheduling"


def failed_attempts(events: Sequence[Event]) -> int:
    """How many there were, as far as events are kept."""
    return sum(max(each.count, 1) for each in events if is_failed_attempt(each))


def attempts_line(events: Sequence[Event], now: datetime) -> list[str]:
    failed = [each for each in events if is_failed_attempt(each)]
    if not failed:
        return []
    last = max((each.last_timestamp for each in failed if each.last_timestamp), default=None)
    ago = f", the last one {human_duration(now - last)} ago" if last else ""
    return [f"  {counted(failed_attempts(failed), 'attempt')} failed so far{ago}."]


def standing(pod: Pod, explanation: Explanation) -> list[str]:
    """Sentences on how a pod without a node would fare now."""
    lines: list[str] = []
    if pod.spec.scheduling_gates:
        gates = ", ".join(gate.name for gate in pod.spec.scheduling_gates)
        lines.append(f"  It is held back by its scheduling gates until they go: {gates}.")
    elif explanation.held_back_by is not None:
        held = explanation.held_back_by
        lines.append(f"  {held.plugin} keeps it out of the queue: {', '.join(held.reasons)}.")
    if nominated := pod.status.nominated_node_name:
        lines.append(f"  Node {nominated} is being cleared for it.")
    if explanation.feasible:
        best = explanation.scores.ranking[0] if explanation.scores.totals else "none"
        fits = f"{len(explanation.feasible)} of {counted(explanation.node_count, 'node')}"
        tail = "" if lines else _next(pod)
        lines.append(f"  It would fit on {fits} now, best on {best}{tail}.")
        return lines
    if explanation.message not in _told(pod):
        lines.append(f"  Now: {explanation.message}")
    return lines + _way_out(explanation)


def _next(pod: Pod) -> str:
    """What comes of a pod that fits; the latest attempt may know more than is asked here."""
    if _told(pod):
        return (
            "; that is not what its last attempt found, so either things have changed and it waits"
            " for its turn, or it is refused by something that is not asked here"
        )
    return "; it is being bound, or waits for its turn"


def extenders_line(extenders: Sequence[ExtenderSection]) -> list[str]:
    """A warning where some have a say in where pods go."""
    urls = [each.url_prefix for each in extenders if each.filter_verb or each.prioritize_verb]
    if not urls:
        return []
    return [f"  Extenders are not asked here, and may say otherwise: {', '.join(urls)}."]


def _told(pod: Pod) -> str:
    """What the latest attempt wrote to the pod."""
    condition = find_condition(pod.status.conditions, "PodScheduled")
    return condition.message if condition else ""


def _way_out(explanation: Explanation) -> list[str]:
    found = explanation.way_out
    if found is None:
        return []
    if found.node_name and found.victims:
        return [f"  Evicting {', '.join(found.victims)} would make room on {found.node_name}."]
    if found.node_name:
        return [f"  It would be nominated to {found.node_name}."]
    if not found.message:
        return []
    return [f"  Evicting pods does not help: {found.message.removeprefix('preemption: ')}"]


def awaited_lines(awaited: Mapping[str, Sequence[str]]) -> list[str]:
    """What has to happen for another attempt."""
    if not awaited:
        return []
    minutes = counted(round(QueueSettings().max_unschedulable_s / 60), "minute")
    lines = [f"  It is tried again after {minutes}, or when one of these happens:"]
    for plugin, phrases in awaited.items():
        lines += [f"    {phrase} ({plugin})" for phrase in phrases]
    return lines


def refusal_table(explanation: Explanation) -> StoryTable:
    """A row for each plugin and reason. `alone` counts nodes that nobody else refuses."""
    whole, by_node = _by_node(explanation)
    nodes: Counter[tuple[str, str]] = Counter()
    alone: Counter[tuple[str, str]] = Counter()
    for refused in by_node.values():
        for plugin, reasons in refused.items():
            for reason in reasons:
                nodes[plugin, reason] += 1
                alone[plugin, reason] += len(refused) == 1 and not whole
    for plugin, reasons in whole.items():
        for reason in reasons:
            nodes[plugin, reason] = explanation.node_count
            alone[plugin, reason] = explanation.node_count if len(whole) == 1 else 0
    order = list(explanation.refusals)
    ranked = sorted(nodes, key=lambda each: (order.index(each[0]), -nodes[each], each[1]))
    return StoryTable(
        ("PLUGIN", "NODES", "ALONE", "REASON"),
        [(plugin, nodes[plugin, text], alone[plugin, text], text) for plugin, text in ranked],
    )


def node_table(explanation: Explanation, node_names: Sequence[str]) -> StoryTable:
    """A row for each node: what each plugin has against it."""
    whole, by_node = _by_node(explanation)
    rows: list[Sequence[object]] = []
    for name in node_names:
        said = [
            f"{plugin}: {', '.join(reasons)}"
            for plugin, reasons in {**whole, **by_node.get(name, {})}.items()
        ]
        fits = name in set(explanation.feasible)
        rows.append((name, "yes" if fits else "no", "; ".join(said)))
    return StoryTable(("NODE", "FITS", "REFUSED BY"), rows)


def candidate_table(explanation: Explanation, own: str = "", *, every: bool = False) -> StoryTable:
    """Nodes with their scores, the best first; `own` is the node that the pod is on."""
    scores = explanation.scores
    ranking = list(scores.ranking)
    shown = ranking if every else ranking[:SHOWN_CANDIDATES]
    if own in ranking and own not in shown:
        shown = [*shown, own]
    plugins = list(scores.by_plugin)
    rows = [
        (
            f"{name} (its node)" if name == own else name,
            scores.totals[name],
            *(scores.by_plugin[plugin][name] for plugin in plugins),
        )
        for name in shown
    ]
    return StoryTable(("NODE", "TOTAL", *plugins), rows)


def own_node_line(explanation: Explanation, own: str) -> str:
    """How the node that the pod is on compares, judged as if the pod were not there yet."""
    ranking = explanation.scores.ranking
    of = f"{len(explanation.feasible)} of {counted(explanation.node_count, 'node')}"
    if own in ranking:
        place = 1 + sum(
            total > explanation.scores.totals[own] for total in explanation.scores.totals.values()
        )
        return f"  Placed anew it would fit on {of}; its own is number {place} of these."
    _, by_node = _by_node(explanation)
    against = [f"{plugin}: {', '.join(said)}" for plugin, said in by_node.get(own, {}).items()]
    why = f" ({'; '.join(against)})" if against else ""
    return f"  Placed anew it would fit on {of}, and not on its own{why}."


_ByPlugin = dict[str, Sequence[str]]


def _by_node(explanation: Explanation) -> tuple[_ByPlugin, Mapping[str, _ByPlugin]]:
    """Reasons by plugin: for the pod as a whole, and by name of the node."""
    whole: _ByPlugin = {}
    by_node: dict[str, _ByPlugin] = {}
    for plugin, refused in explanation.refusals.items():
        for name, each in refused.items():
            if name == EVERY_NODE:
                whole[plugin] = _reasons(each)
            else:
                by_node.setdefault(name, {})[plugin] = _reasons(each)
    return whole, by_node


def _reasons(refused: Refusal) -> Sequence[str]:
    return (_UNNAMED,) if refused.code == LEFT_OUT else refused.reasons or (refused.code,)
