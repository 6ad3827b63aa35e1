"""What Volcano's plugins and their switches say about queues and gangs, as Shoal's rules.

A plugin that is in no tier is off. Tiers are no more than an order here: every plugin that is on
is heard, which is where Volcano stops at the first tier that has an answer.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from shoal.api.duration import duration
from shoal.scheduler.config.volcano_file import Arguments, VolcanoFile
from shoal.scheduler.fairness.rules import Action, Division, Rules

DEFAULT_OVERCOMMIT_FACTOR = 1.2

WITHOUT_COUNTERPART = frozenset(
    (
        "deviceshare",
        "extender",
        "numa-aware",
        "rescheduling",
        "task-topology",
        "tdm",
        "usage",
    )
)
"""Plugins of Volcano that Shoal has nothing like."""
_ACTIONS_WITHOUT_COUNTERPART = ("shuffle",)

_PREEMPTABLE, _RECLAIMABLE = "enablePreemptable", "enableReclaimable"

_SWITCHES: Mapping[str, Mapping[str, Sequence[str]]] = {
    "gang": {
        "gang_job_order": ("enableJobOrder",),
        "gang_job_ready": ("enableJobReady",),
        "gang_job_pipelined": ("enableJobPipelined",),
        "gang_job_starving": ("enableJobStarving",),
        "gang_preemptable": (_PREEMPTABLE,),
        "gang_reclaimable": (_RECLAIMABLE,),
        "sub_groups": ("enabledSubJobReady",),
    },
    "priority": {
        "priority_job_order": ("enableJobOrder",),
        "priority_task_order": ("enableTaskOrder",),
        "priority_preemptable": (_PREEMPTABLE,),
        "priority_job_starving": ("enableJobStarving",),
    },
    "drf": {"drf_job_order": ("enableJobOrder",), "drf_preemptable": (_PREEMPTABLE,)},
    "conformance": {
        "conformance_preemptable": (_PREEMPTABLE,),
        "conformance_reclaimable": (_RECLAIMABLE,),
    },
    "pdb": {"pdb": (_PREEMPTABLE, _RECLAIMABLE, "enabledVictim")},
    "cdp": {"cooldown": (_PREEMPTABLE, _RECLAIMABLE)},
    "resourcequota": {"resource_quota": ("enableJobEnqueued",)},
    "sla": {"sla_job_order": ("enableJobOrder",), "sla_job_enqueued": ("enableJobEnqueued",)},
    "network-topology-aware": {
        "network_topology": ("enabledHyperNodeOrder", "enabledHyperNodeGradient"),
    },
}
"""By plugin: fields of the rules, each true where any of its switches is."""

_DIVISION_SWITCHES: Mapping[str, str] = {
    "queue_order": "enableQueueOrder",
    "overused": "enabledOverused",
    "allocatable": "enabledAllocatable",
    "preemptive": "enablePreemptive",
    "reclaimable": _RECLAIMABLE,
    "job_enqueued": "enableJobEnqueued",
    "hierarchy": "enableHierarchy",
}
_NOT_OF: Mapping[Division, Sequence[str]] = {
    Division.PROPORTION: ("hierarchy",),
    Division.CAPACITY: ("overused",),
}
"""What a division does not have, whatever its switches say."""

_NAME_VICTIMS = ("priority", "gang", "conformance", "pdb", "cdp")
"""Besides `drf`."""

_SEARCH_LIMITS = (
    "maxDomains",
    "topologyAwarePreemptWorkerNum",
    "minCandidateNodesPercentage",
    "minCandidateNodesAbsolute",
    "maxCandidateNodesAbsolute",
    "predicateErrorCacheEnable",
)
"""Of actions: bounds of a search that is not bounded here, so nothing is lost without them."""


def rules_of(file: VolcanoFile, wrong: list[str]) -> Rules:
    """Adds a sentence to `wrong` for each thing for which Volcano refuses the file."""
    fields: dict[str, Any] = {}
    for plugin, switches in _SWITCHES.items():
        for name, any_of in switches.items():
            fields[name] = file.is_on(plugin, *any_of)
    fields["drf_preemptable"] &= not _is_decided_before(file, "drf", _PREEMPTABLE)
    division = _division(file, wrong)
    for name, switch in _DIVISION_SWITCHES.items():
        is_its_own = name not in _NOT_OF.get(division, ())
        fields[name] = is_its_own and file.is_on(division.value, switch)
    return Rules(
        actions=_actions(file, wrong),
        division=division,
        ancestor_reclaim_level=_ancestor_reclaim_level(file, division),
        overcommit_factor=_overcommit_factor(file),
        sla_waiting_time_s=_waiting_time_s(file),
        reservation=_is_reserving(file),
        allow_whole_bundle=_allows_whole_bundle(file),
        **fields,
    )


def _is_decided_before(file: VolcanoFile, plugin: str, switch: str) -> bool:
    """Whether plugins of an earlier tier have the say that this one has, too. In Volcano it is not
    asked then, and with its default switches it would forbid what priorities demand."""
    tiers = [each.tier for each in file.plugins if each.name == plugin]
    return bool(tiers) and any(
        each.tier < min(tiers) and each.name in _NAME_VICTIMS and each.is_on(switch)
        for each in file.plugins
    )


def _actions(file: VolcanoFile, wrong: list[str]) -> tuple[Action, ...]:
    found: list[Action] = []
    known = {each.value: each for each in Action}
    for name in file.actions:
        if name in known:
            found.append(known[name])
        elif name in _ACTIONS_WITHOUT_COUNTERPART:
            file.notes.unmatched.append(f"action {name}")
        else:
            names = ", ".join((*known, *_ACTIONS_WITHOUT_COUNTERPART))
            wrong.append(f'actions: "{name}" is no action: take some of {names}')
    for action in dict.fromkeys((*file.actions, *file.configurations)):
        _note_arguments(file.arguments_of_action(action))
    return tuple(dict.fromkeys(found))


def _note_arguments(arguments: Arguments) -> None:
    arguments.asked.update((*_SEARCH_LIMITS, "allowWholeBundle", "reservation"))
    if arguments.get("enableTopologyAwarePreemption", default=False):
        arguments.asked.discard("enableTopologyAwarePreemption")
    arguments.note_rest()


def _division(file: VolcanoFile, wrong: list[str]) -> Division:
    for tier in {each.tier for each in file.plugins}:
        here = [each for each in file.plugins if each.tier == tier]
        is_tree = any(each.name == "drf" and each.is_on("enableHierarchy") for each in here)
        if is_tree and any(each.name == "proportion" for each in here):
            wrong.append(
                f"tiers[{tier}]: proportion and drf with hierarchy enabled conflicts: "
                "leave one of them out"
            )
    if file.is_on("drf", "enableHierarchy"):
        file.notes.unmatched.append("switch enableHierarchy of plugin drf")
    if file.has("capacity"):
        if file.has("proportion"):
            file.notes.ignored.append("proportion is left out, because capacity is there, too")
        return Division.CAPACITY
    return Division.PROPORTION if file.has("proportion") else Division.NONE


def _ancestor_reclaim_level(file: VolcanoFile, division: Division) -> int:
    arguments = file.arguments_of("capacity")
    level = arguments.weight("ancestorReclaimLevel", 0)
    arguments.note_rest()
    return level if division is Division.CAPACITY else 0


def _overcommit_factor(file: VolcanoFile) -> float | None:
    arguments = file.arguments_of("overcommit")
    factor = arguments.get("overcommit-factor", DEFAULT_OVERCOMMIT_FACTOR)
    arguments.note_rest()
    if factor < 1:
        arguments.reject("overcommit-factor", "is below 1", DEFAULT_OVERCOMMIT_FACTOR)
        factor = DEFAULT_OVERCOMMIT_FACTOR
    return factor if file.is_on("overcommit", "enableJobEnqueued") else None


def _waiting_time_s(file: VolcanoFile) -> float | None:
    arguments = file.arguments_of("sla")
    text = arguments.get("sla-waiting-time", "")
    arguments.note_rest()
    if not text:
        return None
    try:
        seconds = duration(text).seconds
    except ValueError:
        arguments.reject("sla-waiting-time", "is no length of time such as 1h30m", None)
        return None
    if seconds <= 0:
        arguments.reject("sla-waiting-time", "is not above zero", None)
        return None
    return seconds


def _is_reserving(file: VolcanoFile) -> bool:
    """An addition of Shoal, so it has to be asked for: Volcano reserves nothing."""
    return file.arguments_of_action(Action.ALLOCATE).get("reservation", default=False)


def _allows_whole_bundle(file: VolcanoFile) -> bool:
    """Where both actions run, both must allow it."""
    return all(
        file.arguments_of_action(action).get("allowWholeBundle", default=True)
        for action in (Action.GANG_PREEMPT, Action.GANG_RECLAIM)
        if action.value in file.actions
    )
