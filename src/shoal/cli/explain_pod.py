"""`shoal explain pod`: reads the cluster, and asks a scheduler that only looks at it.

The scheduler runs here, in the command, on what the API server tells; it has the profiles of
--scheduler-config, else those that `shoal up` has told of, else the default ones. Nothing is
written.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TypeVar

import msgspec

from shoal.api.core import Event
from shoal.api.meta import find_condition
from shoal.api.node import NODES
from shoal.api.pod import PODS, Pod
from shoal.api.resource import JsonObject, Resource
from shoal.api.status import ApiError
from shoal.base.clock import SystemClock
from shoal.cli import placement_story, what_if_story
from shoal.cli.output import DATA_FORMATS, CliError, OutputFormat, print_object, print_rows
from shoal.cli.placement_story import StoryTable
from shoal.cli.what_if_story import ROOM_LIMIT
from shoal.client.protocol import Client
from shoal.scheduler.config.configuration import ExtenderSection
from shoal.scheduler.config.loading import LoadedConfiguration
from shoal.scheduler.config.volcano_conf import LoadedVolcanoConf
from shoal.scheduler.core import Scheduler, build_scheduler
from shoal.scheduler.explaining.awaited import awaited
from shoal.scheduler.explaining.cases import answer_of, preemption_answer_of
from shoal.scheduler.explaining.changes import ChangeError, Scene, WhatIfChange
from shoal.scheduler.explaining.explanation import Explanation
from shoal.scheduler.explaining.onlooker import ClusterView, Onlooker
from shoal.scheduler.explaining.what_if import WhatIf
from shoal.scheduler.framework.points import ProfileError
from shoal.scheduler.framework.profile import Profile, ProfileSpec
from shoal.standalone.config import (
    ConfigError,
    load_scheduler_text,
    load_volcano_conf_text,
    read_scheduler_file,
)
from shoal.standalone.published_configuration import NAME, NAMESPACE, published
from shoal.standalone.scheduler_plugins import plugin_registry
from shoal.standalone.scheduler_profiles import refuse_unknown_plugins, with_defaults

T = TypeVar("T")

_PLUGIN_TIMEOUT_S = 1.0


@dataclass(frozen=True, slots=True)
class PodQuestion:
    """What is wanted beyond the story."""

    output: OutputFormat = OutputFormat.TABLE
    has_nodes: bool = False
    """Node by node, and every candidate."""
    scheduler_config: Path | None = None
    changes: Sequence[WhatIfChange] | None = None
    """To be tried out; None for no what-if at all."""


@dataclass(frozen=True, slots=True)
class _Setup:
    """What the scheduler runs with."""

    wanted: LoadedConfiguration | None
    """None: the default profiles."""
    volcano: LoadedVolcanoConf | None = None

    @property
    def profiles(self) -> Sequence[ProfileSpec]:
        """The default ones beside its own, as `shoal up` has them."""
        return with_defaults(self.wanted.profiles if self.wanted else (), self.volcano)

    @property
    def extenders(self) -> Sequence[ExtenderSection]:
        return () if self.wanted is None else self.wanted.extenders


@dataclass(frozen=True, slots=True)
class _Findings:
    """What was found out about one pod."""

    pod: Pod
    """As it is."""
    scene: Scene
    """With the pod off its node."""
    view: ClusterView
    profile: Profile
    explanation: Explanation
    extenders: Sequence[ExtenderSection]
    """Which are not asked."""


async def explain_pod(
    client: Client, pod: Pod, events: Sequence[Event], asked: PodQuestion, story: Sequence[str]
) -> None:
    """Print the story and what the scheduler says. Raises CliError."""
    now = SystemClock().now()
    setup = await _setup(client, asked.scheduler_config)
    served = [spec.scheduler_name for spec in setup.profiles]
    name = pod.spec.scheduler_name
    if name not in served:
        if asked.changes is not None:
            raise CliError(_unserved(name, served).strip().removesuffix("."))
        lines = [*story, _unserved(name, served)]
        if asked.output in DATA_FORMATS:
            print_object({**_facts(pod, events), "story": lines}, asked.output)
        else:
            print("\n".join(lines))
        return
    if asked.changes is None and (pod.is_finished or pod.is_deleting):
        _print_story(pod, events, story, asked)
        return
    try:
        findings = await _find_out(client, pod, setup, now)
    except ApiError as error:
        if not error.is_forbidden or asked.changes is not None:
            raise
        # Who may see only a namespace still gets what the pod itself tells.
        _print_story(pod, events, [*story, f"  More cannot be said: {error}"], asked)
        return
    if asked.changes is not None:
        _print_what_if(findings, setup, asked.changes, asked.output, now)
    elif asked.output in DATA_FORMATS:
        print_object({**_facts(pod, events), **_as_json(findings)}, asked.output)
    else:
        _print_findings(findings, events, asked, story, now)


async def _setup(client: Client, path: Path | None) -> _Setup:
    """Of a KubeSchedulerConfiguration. Raises CliError."""
    try:
        if path is not None:
            return _Setup(read_scheduler_file(path))
        text, volcano_conf = await published(client)
        name = f"ConfigMap {NAMESPACE}/{NAME}"
        return _Setup(
            None if text is None else load_scheduler_text(text, name),
            None if volcano_conf is None else load_volcano_conf_text(volcano_conf, name),
        )
    except ConfigError as error:
        raise CliError(str(error)) from error


def _build(setup: _Setup) -> Scheduler:
    """With the plugins of installed packages and of the current folder. Raises CliError."""
    registry = plugin_registry(SystemClock(), _PLUGIN_TIMEOUT_S)
    wanted = setup.wanted
    try:
        if wanted is not None:
            refuse_unknown_plugins(wanted, registry)
        return build_scheduler(setup.profiles, registry)
    except ConfigError as error:
        raise CliError(str(error)) from error
    except ProfileError as error:
        name = "the scheduler's configuration" if wanted is None else wanted.name
        raise CliError(f"{name} cannot be used here: {error}") from error


async def _find_out(client: Client, pod: Pod, setup: _Setup, now: datetime) -> _Findings:
    scheduler = _build(setup)
    nodes, pods = await asyncio.gather(_list(client, NODES), _list(client, PODS))
    others = await asyncio.gather(*(_list(client, resource) for resource in scheduler.needs))
    rest = [each for each in pods if each.metadata.key != pod.metadata.key]
    view = ClusterView(nodes, rest, dict(zip(scheduler.needs, others, strict=True)))
    spec = msgspec.structs.replace(pod.spec, node_name="")
    scene = Scene(msgspec.structs.replace(pod, spec=spec), nodes)
    onlooker = Onlooker(scheduler, view, now)
    profile = onlooker.profile(pod.spec.scheduler_name)
    assert profile is not None
    told = onlooker.explain(scene.pod, profile)
    return _Findings(pod, scene, view, profile, told, setup.extenders)


async def _list(client: Client, resource: Resource[T]) -> Sequence[T]:
    """All of a collection; none of one that is not served."""
    try:
        return (await client.list(resource)).items
    except ApiError as error:
        if error.is_not_found:
            return []
        raise


def _print_story(
    pod: Pod, events: Sequence[Event], story: Sequence[str], asked: PodQuestion
) -> None:
    if asked.output in DATA_FORMATS:
        print_object(_facts(pod, events), asked.output)
    else:
        print("\n".join(story))


def _print_findings(
    findings: _Findings,
    events: Sequence[Event],
    asked: PodQuestion,
    story: Sequence[str],
    now: datetime,
) -> None:
    pod, explanation = findings.pod, findings.explanation
    lines = list(story)
    tables: list[StoryTable] = []
    own = pod.spec.node_name
    if own:
        lines.append(placement_story.own_node_line(explanation, own))
    else:
        lines += placement_story.attempts_line(events, now)
        lines += placement_story.standing(pod, explanation)
        waits_for = awaited(findings.profile.points, explanation.rejectors)
        lines += placement_story.awaited_lines(waits_for)
    lines += placement_story.extenders_line(findings.extenders)
    if asked.has_nodes:
        names = sorted(node.metadata.name for node in findings.view.nodes)
        tables.append(placement_story.node_table(explanation, names))
    elif not own and explanation.refusals:
        tables.append(placement_story.refusal_table(explanation))
    if explanation.scores.totals:
        tables.append(placement_story.candidate_table(explanation, own, every=asked.has_nodes))
    print("\n".join(lines))
    for table in tables:
        print()
        print_rows(table.heads, table.rows, is_upper=False)


def _print_what_if(
    findings: _Findings,
    setup: _Setup,
    changes: Sequence[WhatIfChange],
    output: OutputFormat,
    now: datetime,
) -> None:
    trial = WhatIf(lambda: _build(setup), findings.view, ROOM_LIMIT, now)
    try:
        prospects = trial.prospects(findings.scene, changes)
    except ChangeError as error:
        raise CliError(str(error)) from error
    if output in DATA_FORMATS:
        tried = [what_if_story.prospect_json(each) for each in prospects]
        print_object({**_named(findings.pod), "whatIf": tried}, output)
        return
    table = what_if_story.prospect_table(prospects)
    print_rows(table.heads, table.rows, is_upper=False)


def _as_json(findings: _Findings) -> JsonObject:
    explanation = findings.explanation
    now: JsonObject = answer_of(explanation)
    if explanation.way_out is not None:
        now["preemption"] = preemption_answer_of(explanation)
    waits_for = awaited(findings.profile.points, explanation.rejectors)
    return {"nodes": explanation.node_count, "now": now, "waitsFor": waits_for}


def _facts(pod: Pod, events: Sequence[Event]) -> JsonObject:
    """What the API server knows of the pod's place."""
    said = find_condition(pod.status.conditions, "PodScheduled")
    since = said.last_transition_time if said else None
    return {
        **_named(pod),
        "phase": pod.status.phase,
        "schedulerName": pod.spec.scheduler_name,
        "nodeName": pod.spec.node_name,
        "nominatedNodeName": pod.status.nominated_node_name,
        "schedulingGates": [gate.name for gate in pod.spec.scheduling_gates],
        "reason": said.reason if said else "",
        "message": said.message if said else "",
        "since": since.isoformat() if since else None,
        "failedAttempts": placement_story.failed_attempts(events),
    }


def _named(pod: Pod) -> JsonObject:
    return {"namespace": pod.metadata.namespace, "name": pod.metadata.name}


def _unserved(name: str, served: Sequence[str]) -> str:
    known = ", ".join(served)
    return (
        f'  No profile serves scheduler "{name}" (there are {known}); name one of them in the'
        " pod's schedulerName, or the file of that scheduler's profile with --scheduler-config."
    )
