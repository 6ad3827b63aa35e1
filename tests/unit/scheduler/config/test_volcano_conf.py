"""What a `volcano-scheduler.conf` comes to: rules, a profile, warnings; and what is refused."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shoal.scheduler.config.loading import ConfigurationError
from shoal.scheduler.config.volcano_conf import load_volcano_conf
from shoal.scheduler.config.volcano_file import SWITCHES
from shoal.scheduler.core import build_scheduler
from shoal.scheduler.fairness.rules import Action, Division, Rules
from shoal.scheduler.plugins.in_tree import in_tree_registry
from tests.tree import TESTS
from tests.volcano_conf import built, filters, loaded, scores

CASES = TESTS / "conformance" / "data" / "volcano" / "cases.jsonl"

HELM = """
actions: "enqueue, allocate, backfill"
tiers:
- plugins:
  - name: priority
  - name: gang
    enablePreemptable: false
  - name: conformance
- plugins:
  - name: overcommit
  - name: drf
    enablePreemptable: false
  - name: predicates
  - name: proportion
  - name: nodeorder
  - name: binpack
"""


def refused(text: str) -> tuple[str, ...]:
    with pytest.raises(ConfigurationError) as refusal:
        load_volcano_conf(text)
    return refusal.value.lines


def cases() -> list[Any]:
    return [msgspec.json.decode(line) for line in CASES.read_bytes().splitlines()]


@pytest.mark.parametrize("case", cases(), ids=lambda case: str(case["name"]).split()[0])
def test_the_files_of_recorded_cases_are_mapped_without_a_rest(case: dict[str, Any]) -> None:
    conf = load_volcano_conf(case["config"])
    assert conf.warnings == ()
    named = str(case["config"]).partition("\n")[0].removeprefix("actions: ").strip('"')
    assert ", ".join(conf.rules.actions) == named
    build_scheduler((conf.profile,), in_tree_registry())


def test_the_file_of_volcanos_chart_turns_on_what_it_lists() -> None:
    conf = load_volcano_conf(HELM)
    assert conf.warnings == ()
    assert conf.rules == Rules(
        actions=(Action.ENQUEUE, Action.ALLOCATE, Action.BACKFILL),
        division=Division.PROPORTION,
        hierarchy=False,
        gang_preemptable=False,
        gang_reclaimable=True,
        drf_preemptable=False,
        pdb=False,
        cooldown=False,
        sla_job_order=False,
        sla_job_enqueued=False,
        network_topology=False,
        reservation=False,
    )
    assert scores(conf) == {
        "NodeResourcesFit": 1,
        "NodeAffinity": 2,
        "InterPodAffinity": 2,
        "NodeResourcesBalancedAllocation": 1,
        "TaintToleration": 3,
        "ImageLocality": 1,
        "PodTopologySpread": 2,
        "Binpack": 1,
    }


def test_what_is_not_listed_is_off() -> None:
    conf = load_volcano_conf("actions: allocate")
    on = {k for k, v in msgspec.structs.asdict(conf.rules).items() if v is True}
    assert on == {"allow_whole_bundle"}
    assert conf.rules.division is Division.NONE
    assert conf.rules.overcommit_factor is None
    assert filters(conf) == ["NodeResourcesFit"]
    assert scores(conf) == {}
    assert conf.profile.scheduler_name == "volcano"
    assert load_volcano_conf("actions: allocate", "other").profile.scheduler_name == "other"


@pytest.mark.parametrize(
    ("plugin", "switch", "field"),
    [
        ("gang", "enableJobOrder", "gang_job_order"),
        ("gang", "enableJobReady", "gang_job_ready"),
        ("gang", "enableJobPipelined", "gang_job_pipelined"),
        ("gang", "enableJobStarving", "gang_job_starving"),
        ("gang", "enablePreemptable", "gang_preemptable"),
        ("gang", "enableReclaimable", "gang_reclaimable"),
        ("gang", "enabledSubJobReady", "sub_groups"),
        ("priority", "enableJobOrder", "priority_job_order"),
        ("priority", "enableTaskOrder", "priority_task_order"),
        ("priority", "enablePreemptable", "priority_preemptable"),
        ("priority", "enableJobStarving", "priority_job_starving"),
        ("drf", "enableJobOrder", "drf_job_order"),
        ("drf", "enablePreemptable", "drf_preemptable"),
        ("conformance", "enablePreemptable", "conformance_preemptable"),
        ("conformance", "enableReclaimable", "conformance_reclaimable"),
        ("resourcequota", "enableJobEnqueued", "resource_quota"),
        ("sla", "enableJobOrder", "sla_job_order"),
        ("sla", "enableJobEnqueued", "sla_job_enqueued"),
        ("proportion", "enableQueueOrder", "queue_order"),
        ("proportion", "enabledOverused", "overused"),
        ("proportion", "enabledAllocatable", "allocatable"),
        ("proportion", "enablePreemptive", "preemptive"),
        ("proportion", "enableReclaimable", "reclaimable"),
        ("proportion", "enableJobEnqueued", "job_enqueued"),
        ("capacity", "enabledAllocatable", "allocatable"),
        ("capacity", "enableReclaimable", "reclaimable"),
    ],
)
def test_a_switch_is_on_unless_it_is_written_off(plugin: str, switch: str, field: str) -> None:
    assert switch in SWITCHES
    assert getattr(loaded(plugin).rules, field) is True
    off = msgspec.structs.asdict(loaded(f"{{name: {plugin}, {switch}: false}}").rules)
    on = msgspec.structs.asdict(loaded(plugin).rules)
    assert {name for name in on if on[name] != off[name]} == {field}


@pytest.mark.parametrize(
    ("plugin", "switches", "field"),
    [
        ("pdb", ("enablePreemptable", "enableReclaimable", "enabledVictim"), "pdb"),
        ("cdp", ("enablePreemptable", "enableReclaimable"), "cooldown"),
        (
            "network-topology-aware",
            ("enabledHyperNodeOrder", "enabledHyperNodeGradient"),
            "network_topology",
        ),
    ],
)
def test_one_of_several_switches_is_enough(
    plugin: str, switches: tuple[str, ...], field: str
) -> None:
    for left in switches:
        others = ", ".join(f"{each}: false" for each in switches if each != left)
        assert getattr(loaded(f"{{name: {plugin}, {others}}}").rules, field) is True
    none = ", ".join(f"{each}: false" for each in switches)
    assert getattr(loaded(f"{{name: {plugin}, {none}}}").rules, field) is False


def test_the_tree_of_capacity_has_to_be_asked_for_and_it_knows_no_overuse() -> None:
    rules = loaded("capacity").rules
    assert (rules.division, rules.hierarchy, rules.overused) == (Division.CAPACITY, False, False)
    tree = "{name: capacity, enableHierarchy: true, arguments: {ancestorReclaimLevel: 2}}"
    assert (loaded(tree).rules.hierarchy, loaded(tree).rules.ancestor_reclaim_level) == (True, 2)
    assert loaded("{name: proportion, enableHierarchy: true}").rules.hierarchy is False


def test_overcommit_and_waiting_times_are_read() -> None:
    assert loaded("overcommit").rules.overcommit_factor == 1.2
    more = loaded("{name: overcommit, arguments: {overcommit-factor: 2}}").rules
    assert more.overcommit_factor == 2.0
    assert loaded("{name: overcommit, enableJobEnqueued: false}").rules.overcommit_factor is None
    sla = loaded("{name: sla, arguments: {sla-waiting-time: 1h2m3s}}")
    assert (sla.rules.sla_waiting_time_s, sla.warnings) == (3723.0, ())


def test_actions_have_arguments_of_their_own() -> None:
    text = """
actions: "allocate, gangpreempt"
configurations:
- name: gangpreempt
  arguments: {allowWholeBundle: false, maxDomains: 3}
- name: allocate
  arguments: {reservation: true}
"""
    conf = load_volcano_conf(text)
    assert (conf.rules.allow_whole_bundle, conf.rules.reservation) == (False, True)
    assert conf.warnings == ()
    # Of an action that does not run they mean nothing.
    assert load_volcano_conf(text.replace(", gangpreempt", "")).rules.allow_whole_bundle is True


def test_what_has_no_counterpart_is_named_in_one_sentence() -> None:
    text = """
actions: "allocate, shuffle, preempt"
tiers:
- plugins:
  - name: tdm
    arguments: {tdm.revocable-zone.rz1: "10:00-21:00"}
  - name: magic
  - name: predicates
    arguments: {predicate.DynamicResourceAllocationEnable: true, predicate.GPUSharingEnable: false}
- plugins:
  - name: drf
    enableHierarchy: true
configurations:
- name: preempt
  arguments: {enableTopologyAwarePreemption: true, topologyAwarePreemptWorkerNum: 8}
metrics: {type: prometheus}
"""
    conf = load_volcano_conf(text)
    assert conf.warnings == (
        "no counterpart here, so left out: plugin tdm, plugin magic, metrics, "
        "switch enableHierarchy of plugin drf, action shuffle, argument "
        "enableTopologyAwarePreemption of action preempt, argument "
        "predicate.DynamicResourceAllocationEnable of plugin predicates",
    )
    assert conf.rules.actions == (Action.ALLOCATE, Action.PREEMPT)


@pytest.mark.parametrize(
    ("plugin", "told"),
    [
        (
            "{name: nodeorder, arguments: {nodeaffinity.weight: '9'}}",
            "argument nodeaffinity.weight of plugin nodeorder, '9', is not a whole number: "
            "2 is used",
        ),
        (
            "{name: overcommit, arguments: {overcommit-factor: 0.5}}",
            "argument overcommit-factor of plugin overcommit, 0.5, is below 1: 1.2 is used",
        ),
        (
            "{name: sla, arguments: {sla-waiting-time: soon}}",
            "argument sla-waiting-time of plugin sla, 'soon', is no length of time such as 1h30m: "
            "it is left out",
        ),
        (
            "{name: gang, enabledJobOrder: false}",
            "enabledJobOrder of plugin gang is no switch, enableJobOrder is",
        ),
        ("{name: gang, enableMagic: false}", "enableMagic of plugin gang is no switch"),
    ],
)
def test_what_volcano_passes_over_in_silence_is_told(plugin: str, told: str) -> None:
    conf = loaded(plugin)
    assert conf.warnings == (f"not understood: {told}",)
    name = plugin.removeprefix("{name: ").partition(",")[0]
    assert (conf.rules, scores(conf)) == (loaded(name).rules, scores(loaded(name)))


def test_a_file_without_actions_runs_those_of_volcano_without_a_file() -> None:
    conf = load_volcano_conf("")
    assert conf.rules.actions == (Action.ENQUEUE, Action.ALLOCATE, Action.BACKFILL)
    assert conf.warnings == (
        'not understood: actions is empty: "enqueue, allocate, backfill" is used',
    )


def test_both_divisions_at_once_are_capacity() -> None:
    conf = loaded("proportion", "capacity")
    assert conf.rules.division is Division.CAPACITY
    assert conf.warnings == (
        "not understood: proportion is left out, because capacity is there, too",
    )


def test_a_plugin_of_two_tiers_is_on_where_either_is_and_has_the_last_arguments() -> None:
    text = """
actions: allocate
tiers:
- plugins:
  - {name: gang, enableJobOrder: false}
  - {name: overcommit, arguments: {overcommit-factor: 2}}
- plugins:
  - {name: gang}
  - {name: overcommit, arguments: {overcommit-factor: 3}}
"""
    rules = load_volcano_conf(text).rules
    assert (rules.gang_job_order, rules.overcommit_factor) == (True, 3)


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        (
            'actions: "allocate, fly, swim"',
            [
                f'actions: "{name}" is no action: take some of enqueue, allocate, backfill, '
                "preempt, reclaim, gangpreempt, gangreclaim, shuffle"
                for name in ("fly", "swim")
            ],
        ),
        (
            "actions: allocate\ntiers:\n- plugins:\n  - {name: drf, enableHierarchy: true}\n"
            "  - {name: proportion}",
            [
                "tiers[0]: proportion and drf with hierarchy enabled conflicts: leave one of them "
                "out"
            ],
        ),
        (
            "actions: allocate\ntiers:\n- plugins:\n  - {name: gang, enableJobOrder: maybe}",
            ["tiers[0].plugins[0].enableJobOrder is 'maybe': write true or false"],
        ),
        ("tiers: 5", ["tiers is not a list: begin each of its entries with a dash"]),
        (
            "actions: allocate\nconfigurations: [5]",
            ["configurations[0] is not a map of keys and values: see volcano-conf.md for its form"],
        ),
        (
            "- a",
            ["the file is not a map of keys and values: see volcano-conf.md for its form"],
        ),
    ],
)
def test_what_volcano_refuses_is_refused_with_a_line_for_each_fault(
    text: str, lines: list[str]
) -> None:
    assert list(refused(text)) == lines


def test_text_that_is_no_yaml_is_refused_with_its_place() -> None:
    assert refused("actions: [") != refused("a: 'b")
    assert all(line.startswith("the file is not valid YAML: ") for line in refused("actions: ["))


VOLCANOS = [
    "drf",
    "gang",
    "deviceshare",
    "predicates",
    "priority",
    "nodeorder",
    "conformance",
    "binpack",
    "resource-strategy-fit",
    "tdm",
    "overcommit",
    "sla",
    "task-topology",
    "numa-aware",
    "cdp",
    "rescheduling",
    "usage",
    "pdb",
    "nodegroup",
    "network-topology-aware",
    "proportion",
    "capacity",
    "extender",
    "resourcequota",
]
SCALARS = st.one_of(
    st.booleans(),
    st.sampled_from((-5, 0, 1, 50, 2**62)),
    st.floats(0, 9),
    st.text("a1,- /", max_size=5),
)
KEYS = (
    "binpack.weight",
    "binpack.resources",
    "leastrequested.weight",
    "overcommit-factor",
    "sla-waiting-time",
    "predicate.NodePortsEnable",
    "ancestorReclaimLevel",
    "strict",
    "anything",
)
PLUGINS = st.fixed_dictionaries(
    {
        "name": st.sampled_from(VOLCANOS),
        "arguments": st.dictionaries(st.sampled_from(KEYS), SCALARS),
    },
    optional={each: st.booleans() for each in sorted(SWITCHES - {"enableHierarchy"})},
)


@given(
    st.lists(st.lists(PLUGINS, max_size=6), max_size=3),
    st.lists(st.sampled_from(["enqueue", "allocate", "reclaim", "shuffle"])),
)
def test_whatever_volcano_accepts_is_accepted(tiers: list[list[Any]], actions: list[str]) -> None:
    file = {"actions": ", ".join(actions), "tiers": [{"plugins": each} for each in tiers]}
    conf = load_volcano_conf(msgspec.json.encode(file).decode())
    assert len(conf.warnings) <= 2
    built(conf)


@pytest.mark.parametrize(
    ("tiers", "expected"),
    [
        ("- plugins: [{name: drf}, {name: priority}]", True),
        ("- plugins: [{name: drf}]\n- plugins: [{name: priority}]", True),
        ("- plugins: [{name: priority}]\n- plugins: [{name: drf}]", False),
        (
            "- plugins: [{name: priority, enablePreemptable: false}]\n- plugins: [{name: drf}]",
            True,
        ),
    ],
)
def test_shares_of_jobs_do_not_object_to_what_an_earlier_tier_demands(
    tiers: str, expected: bool
) -> None:
    rules = load_volcano_conf(f"actions: preempt\ntiers:\n{tiers}\n").rules
    assert rules.drf_preemptable is expected
