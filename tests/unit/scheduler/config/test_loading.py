"""Configuration files: what is read, which defaults hold, and how wrong ones are refused."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from shoal.base.backoff import Backoff
from shoal.scheduler.config.loading import ConfigurationError, LoadedConfiguration, load
from shoal.scheduler.config.plugin_arguments import (
    InterPodAffinityArgs,
    NodeResourcesFitArgs,
    ResourceSpec,
    ScoringStrategyType,
)
from shoal.scheduler.framework.points import PluginSpec, Point
from shoal.scheduler.framework.profile import ProfileSpec

DEFAULTS = (
    PluginSpec("PrioritySort"),
    PluginSpec("TaintToleration", weight=3),
    PluginSpec("NodeResourcesFit"),
    PluginSpec("DefaultBinder"),
)
HEAD = "apiVersion: kubescheduler.config.k8s.io/v1\nkind: KubeSchedulerConfiguration\n"
YODA = Path(__file__).parent / "yoda-scheduler-config.yaml"


def read(text: str, version: str = "v1") -> LoadedConfiguration:
    return load(HEAD.replace("v1", version) + text, DEFAULTS)


def profile(text: str, version: str = "v1") -> ProfileSpec:
    (only,) = read(text, version).profiles
    return only


def names(specs: tuple[PluginSpec, ...]) -> list[str]:
    return [spec.name for spec in specs]


def refused(text: str, version: str = "v1") -> list[str]:
    with pytest.raises(ConfigurationError) as refusal:
        read(text, version)
    return list(refusal.value.lines)


def test_a_file_that_says_nothing_has_all_defaults() -> None:
    loaded = read("")
    (only,) = loaded.profiles
    assert only.scheduler_name == "default-scheduler"
    assert names(only.plugins) == names(DEFAULTS)
    assert loaded.backoff == Backoff(1, 10)
    assert loaded.leader_election.lease_duration.seconds == 15
    assert loaded.notes == ()


def test_a_file_may_be_json() -> None:
    text = '{"apiVersion":"kubescheduler.config.k8s.io/v1","kind":"KubeSchedulerConfiguration"}'
    assert replace(load(text, DEFAULTS), text="") == replace(read(""), text="")


def test_nulls_and_zeros_stand_for_defaults() -> None:
    loaded = read("leaderElection: {leaseDuration: 0s, resourceName: ''}\nprofiles: null\n")
    assert loaded.leader_election == read("").leader_election


def test_settings_are_kept() -> None:
    loaded = read(
        "podInitialBackoffSeconds: 2\npodMaxBackoffSeconds: 30\ndelayCacheUntilActive: true\n"
        "leaderElection: {leaderElect: false, retryPeriod: 1m30s}\n"
        "clientConnection: {kubeconfig: k, qps: 0.5, burst: 7}\n"
    )
    assert loaded.backoff == Backoff(2, 30)
    assert loaded.delay_cache_until_active
    assert loaded.leader_election.retry_period.seconds == 90
    assert not loaded.leader_election.leader_elect
    assert (loaded.client_connection.qps, loaded.client_connection.burst) == (0.5, 7)


def test_what_is_accepted_and_not_used_is_said() -> None:
    loaded = read(
        "percentageOfNodesToScore: 50\nextenders: [{urlPrefix: 'http://e', preemptVerb: preempt}]\n"
    )
    assert loaded.notes == (
        "percentageOfNodesToScore is not used: every node is scored",
        "extenders[0].preemptVerb is not called",
    )


def test_ignorable_extenders_are_asked_last() -> None:
    listed = ("{urlPrefix: 'http://a', ignorable: true}", "{urlPrefix: 'http://b'}")
    loaded = read(f"extenders: [{', '.join(listed)}]")
    assert [each.url_prefix for each in loaded.extenders] == ["http://b", "http://a"]


class TestPlugins:
    def test_a_default_plugin_is_replaced_in_its_place(self) -> None:
        made = profile(
            "profiles: [{plugins: {multiPoint: {enabled: "
            "[{name: Mine}, {name: TaintToleration, weight: 9}]}}}]"
        )
        assert [(spec.name, spec.weight) for spec in made.plugins] == [
            ("PrioritySort", 1),
            ("TaintToleration", 9),
            ("NodeResourcesFit", 1),
            ("DefaultBinder", 1),
            ("Mine", 1),
        ]

    def test_default_plugins_are_disabled_by_name_and_by_star(self) -> None:
        made = profile("profiles: [{plugins: {multiPoint: {disabled: [{name: DefaultBinder}]}}}]")
        assert names(made.plugins) == ["PrioritySort", "TaintToleration", "NodeResourcesFit"]
        made = profile(
            "profiles: [{plugins: {multiPoint: {disabled: [{name: '*'}], enabled: [{name: A}]}}}]"
        )
        assert names(made.plugins) == ["A"]

    def test_single_points_keep_what_they_say(self) -> None:
        made = profile(
            "profiles: [{schedulerName: mine, plugins: {score: {enabled: [{name: A, weight: 0}, "
            "{name: B, weight: 4}], disabled: [{name: '*'}]}}}]"
        )
        assert made.scheduler_name == "mine"
        assert list(made.points) == [Point.SCORE]
        score = made.points[Point.SCORE]
        assert [(spec.name, spec.weight) for spec in score.enabled] == [("A", 1), ("B", 4)]
        assert score.disabled == {"*"}

    def test_args_of_in_tree_plugins_are_structs_and_others_stay_as_written(self) -> None:
        made = profile(
            """
profiles:
- plugins: {filter: {enabled: [{name: Mine}]}}
  pluginConfig:
  - name: Mine
    args: {master: m, nested: [1, null]}
  - name: InterPodAffinity
    args:
      apiVersion: kubescheduler.config.k8s.io/v1
      kind: InterPodAffinityArgs
      hardPodAffinityWeight: 7
  - name: NodeResourcesFit
    args:
      scoringStrategy: {type: MostAllocated, resources: [{name: cpu}, {name: g/p, weight: 5}]}
"""
        )
        assert made.arguments["Mine"] == {"master": "m", "nested": [1, None]}
        fit: NodeResourcesFitArgs = made.arguments["NodeResourcesFit"]
        assert fit.scoring_strategy.type is ScoringStrategyType.MOST_ALLOCATED
        assert fit.scoring_strategy.resources == (
            ResourceSpec(name="cpu"),
            ResourceSpec(name="g/p", weight=5),
        )

    def test_a_plugin_of_which_only_args_are_given_keeps_its_place(self) -> None:
        text = "{name: InterPodAffinity, args: {hardPodAffinityWeight: 7}}"
        defaults = (PluginSpec("InterPodAffinity"),)
        loaded = load(f"{HEAD}profiles: [{{pluginConfig: [{text}]}}]", defaults)
        (only,) = loaded.profiles[0].plugins
        assert only.arguments == InterPodAffinityArgs(hard_pod_affinity_weight=7)

    def test_resources_that_extenders_look_after_are_ignored_by_fit(self) -> None:
        made = profile(
            "extenders: [{urlPrefix: 'http://e', managedResources: "
            "[{name: a.b/gpu, ignoredByScheduler: true}, {name: a.b/c}]}]\n"
            "profiles: [{pluginConfig: [{name: NodeResourcesFit, "
            "args: {ignoredResources: [x.y/z]}}]}]"
        )
        assert made.arguments["NodeResourcesFit"].ignored_resources == ("x.y/z", "a.b/gpu")


class TestOlderVersions:
    def test_yodas_own_file_is_read(self) -> None:
        loaded = load(YODA.read_text(), DEFAULTS)
        (only,) = loaded.profiles
        assert only.scheduler_name == "yoda-scheduler"
        assert names(only.plugins) == names(DEFAULTS)
        assert {point: names(spec.enabled) for point, spec in only.points.items()} == {
            Point.FILTER: ["yoda"],
            Point.PRE_SCORE: ["yoda"],
            Point.SCORE: ["yoda"],
        }
        assert only.points[Point.SCORE].enabled[0].weight == 300
        assert loaded.leader_election.resource_name == "yoda-scheduler"

    def test_a_single_profile_on_top_is_read(self) -> None:
        loaded = read(
            """
schedulerName: yoda-scheduler2
leaderElection: {leaderElect: true, lockObjectName: yoda, lockObjectNamespace: ns}
plugins:
  queueSort: {enabled: [{name: yoda}], disabled: [{name: "*"}]}
  postFilter: {enabled: [{name: yoda}]}
pluginConfig:
- name: yoda
  args: {"master": "master", "kubeconfig": "kubeconfig"}
""",
            "v1beta1",
        )
        (only,) = loaded.profiles
        assert only.scheduler_name == "yoda-scheduler2"
        assert set(only.points) == {Point.QUEUE_SORT, Point.POST_FILTER}
        assert only.arguments["yoda"] == {"master": "master", "kubeconfig": "kubeconfig"}
        election = loaded.leader_election
        assert (election.resource_namespace, election.resource_name) == ("ns", "yoda")

    def test_score_plugins_that_became_strategies_are_translated(self) -> None:
        made = profile(
            """
profiles:
- plugins:
    score:
      disabled: [{name: NodeResourcesLeastAllocated}]
      enabled: [{name: RequestedToCapacityRatio, weight: 4}]
  pluginConfig:
  - name: RequestedToCapacityRatio
    args: {shape: [{utilization: 0, score: 0}, {utilization: 100, score: 10}]}
""",
            "v1beta1",
        )
        score = made.points[Point.SCORE]
        assert [(spec.name, spec.weight) for spec in score.enabled] == [("NodeResourcesFit", 4)]
        assert score.disabled == {"NodeResourcesFit"}
        strategy = made.arguments["NodeResourcesFit"].scoring_strategy
        assert strategy.type is ScoringStrategyType.REQUESTED_TO_CAPACITY_RATIO
        assert [p.score for p in strategy.requested_to_capacity_ratio.shape] == [0, 10]

    def test_plugins_without_a_counterpart_are_refused_with_advice(self) -> None:
        text = "profiles: [{plugins: {score: {enabled: [{name: NodeLabel, weight: 2}]}}}]"
        assert refused(text, "v1beta2") == refused(text, "v1beta3")
        assert refused(text, "v1beta2") == [
            'profiles[0].plugins.score.enabled[0].name: Invalid value: "NodeLabel": has no '
            "counterpart in kube-scheduler today: give nodeAffinity to the pods, or addedAffinity "
            "to NodeAffinity"
        ]

    def test_fields_that_are_no_more_are_said(self) -> None:
        text = "healthzBindAddress: 0.0.0.0:10251\nleaderElection: {resourceLock: endpoints}\n"
        assert read(text, "v1beta2").notes == (
            "healthzBindAddress is not used",
            "leaderElection.resourceLock endpoints: leases are used",
        )
        assert refused("healthzBindAddress: ''", "v1beta3") == [
            'strict decoding error: unknown field "healthzBindAddress"'
        ]

    def test_preemption_can_be_disabled_as_v1beta1_does(self) -> None:
        made = profile("disablePreemption: true", "v1beta1")
        assert made.points[Point.POST_FILTER].disabled == {"DefaultPreemption"}

    def test_multi_point_is_unknown_before_v1beta3(self) -> None:
        text = "profiles: [{plugins: {multiPoint: {}}}]"
        assert refused(text, "v1beta2") == [
            'strict decoding error: unknown field "profiles[0].plugins.multiPoint"'
        ]
        assert profile(text, "v1beta3") == profile("")


WRONG: list[tuple[str, list[str]]] = [
    ("parallelism: 0", ["parallelism: Invalid value: 0: should be an integer value greater than"]),
    ("parallelism: many", ['parallelism: Invalid value: "many": must be an integer']),
    ("parallelism: true", ["parallelism: Invalid value: true: must be an integer"]),
    ("parallelism: 3000000000", ["parallelism: Invalid value: 3000000000: must be an integer of"]),
    ("leaderElection: []", ["leaderElection: Invalid value: []: must be an object"]),
    ("profiles: {}", ["profiles: Invalid value: {}: must be a list"]),
    ("enableProfiling: 1", ["enableProfiling: Invalid value: 1: must be a boolean"]),
    ("clientConnection: {qps: a}", ['clientConnection.qps: Invalid value: "a": must be a number']),
    ("clientConnection: {burst: -1}", ["clientConnection.burst: Invalid value: -1: must be non-"]),
    ("porfiles: []\nx: 1", [
        'strict decoding error: unknown field "porfiles"',
        'strict decoding error: unknown field "x"',
    ]),
    ("parallelism: 1\nparallelism: 2", ['strict decoding error: duplicate field "parallelism"']),
    ("profiles: [{schedulerName: a, schedulerName: b}]", [
        'strict decoding error: duplicate field "profiles[0].schedulerName"'
    ]),
    ("profiles: [{schedulerName: ''}]", ["profiles[0].schedulerName: Required value"]),
    ("profiles: [{schedulerName: a}, {}]", ["profiles[1].schedulerName: Required value"]),
    ("profiles: [{schedulerName: a}, {schedulerName: a}]", [
        'profiles[1].schedulerName: Duplicate value: "profiles[0].schedulerName"'
    ]),
    ("percentageOfNodesToScore: 101", [
        "percentageOfNodesToScore: Invalid value: 101: not in valid range [0-100]"
    ]),
    ("profiles: [{percentageOfNodesToScore: -1}]", [
        "profiles[0].percentageOfNodesToScore: Invalid value: -1: not in valid range [0-100]"
    ]),
    ("podInitialBackoffSeconds: 0", [
        "podInitialBackoffSeconds: Invalid value: 0: must be greater than 0"
    ]),
    ("podMaxBackoffSeconds: 0", [
        "podMaxBackoffSeconds: Invalid value: 0: must be greater than or equal to "
        "PodInitialBackoffSeconds"
    ]),
    ("leaderElection: {renewDeadline: 20s, retryPeriod: -2s, resourceLock: pods}", [
        'leaderElection.retryPeriod: Invalid value: "-2s": must be greater than zero',
        'leaderElection.leaseDuration: Invalid value: "20s": LeaseDuration must be greater than',
        'leaderElection.resourceLock: Invalid value: "pods": resourceLock value must be "leases"',
    ]),
    ("leaderElection: {leaseDuration: soon}", [
        'leaderElection.leaseDuration: Invalid value: "soon": time: invalid duration "soon"'
    ]),
    ("profiles: [{plugins: {filter: {enabled: [{name: EBSLimits}]}}}]", [
        'profiles[0].plugins.filter.enabled[0]: Invalid value: "EBSLimits": was invalid in version'
    ]),
    ("profiles: [{pluginConfig: [{name: A}, {name: A}]}]", [
        'profiles[0].pluginConfig[1]: Duplicate value: "A"'
    ]),
    ("profiles: [{plugins: {queueSort: {enabled: [{name: A}, {name: B}]}}}]", [
        "profiles[0].plugins.queueSort.Enabled: Invalid value: 2: only one queue sort plugin can be"
    ]),
    ("profiles: [{schedulerName: a}, {schedulerName: b, plugins: {queueSort: {enabled: "
     "[{name: B}]}}}]", [
        'profiles[1].plugins.queueSort: Invalid value: {"disabled":[],"enabled":["B"]}: must be'
    ]),
    ("extenders: [{urlPrefix: e}, {urlPrefix: 'ftp://e'}, {urlPrefix: 'http://:80'}]", [
        'extenders[0].urlPrefix: Invalid value: "e": must be an http or https URL',
        'extenders[1].urlPrefix: Invalid value: "ftp://e": must be an http or https URL',
        'extenders[2].urlPrefix: Invalid value: "http://:80": must be an http or https URL',
    ]),
    ("profiles: [{plugins: {filter: {enabled: [{name: A}, {name: B}, {name: A}]}}}]", [
        'profiles[0].plugins.filter.enabled[2].name: Duplicate value: "A"'
    ]),
    ("profiles: [{plugins: {score: {enabled: [{name: A, weight: -3}]}}}]", [
        "profiles[0].plugins.score.enabled[0].weight: Invalid value: -3: must be positive"
    ]),
    ("extenders: [{urlPrefix: 'http://e', prioritizeVerb: p}]", [
        "extenders[0].weight: Invalid value: 0: must have a positive weight applied to it"
    ]),
    ("extenders: [{urlPrefix: 'http://e', bindVerb: b}, {urlPrefix: 'http://f', bindVerb: b}]", [
        'extenders: Invalid value: "found 2 extenders implementing bind": only one extender can'
    ]),
    ("extenders: [{urlPrefix: 'http://e', managedResources: [{name: cpu}, {name: a.b/c}, "
     "{name: a.b/c}, {name: a b}]}]", [
        'extenders[0].managedResources[0].name: Invalid value: "cpu": is an invalid extended',
        'extenders[0].managedResources[2].name: Invalid value: "a.b/c": duplicate extender',
        'extenders[0].managedResources[3].name: Invalid value: "a b": name part must consist',
    ]),
    ("extenders: [{urlPrefix: 'http://e', tlsConfig: {caData: '%'}}]", [
        'extenders[0].tlsConfig.caData: Invalid value: "%": must be base64'
    ]),
    ("profiles: [{pluginConfig: [{name: NodeAffinity, args: {kind: PodArgs}}]}]", [
        "decoding .profiles[0].pluginConfig[0]: args for plugin NodeAffinity were not of type "
        "NodeAffinityArgs.kubescheduler.config.k8s.io, got PodArgs.kubescheduler.config.k8s.io"
    ]),
    ("profiles: [{pluginConfig: [{name: NodeAffinity, args: {affinity: {}}}]}]", [
        'strict decoding error: unknown field "profiles[0].pluginConfig[0].args.affinity"'
    ]),
    ("a: [", ["error converting YAML to JSON: "]),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), WRONG)
def test_a_wrong_file_is_refused_with_a_line_for_each_cause(text: str, expected: list[str]) -> None:
    found = refused(text)
    assert len(found) == len(expected)
    assert [line[: len(start)] for line, start in zip(found, expected, strict=True)] == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "the file is not a KubeSchedulerConfiguration"),
        ("kind: KubeSchedulerConfiguration", "Object 'apiVersion' is missing"),
        ("apiVersion: v1", "Object 'Kind' is missing"),
        ("apiVersion: v1\nkind: Pod", 'no kind "Pod" is registered for version "v1": '),
        (HEAD.replace("v1", "v1alpha1"), 'no kind "KubeSchedulerConfiguration" is registered for'),
    ],
)
def test_a_file_of_another_kind_is_refused(text: str, expected: str) -> None:
    with pytest.raises(ConfigurationError, match=expected):
        load(text, DEFAULTS)


@pytest.mark.parametrize("version", ["v1", "v1beta1"])
@pytest.mark.parametrize("wrong", ["x", 1, [], [1], {"a": 1}, [{"name": 1}], True])
@pytest.mark.parametrize(
    "field", ["profiles", "plugins", "leaderElection", "extenders", "disablePreemption"]
)
def test_no_form_of_a_field_makes_the_reader_fail(version: str, wrong: Any, field: str) -> None:
    for text in (f"{field}: {wrong}", f"profiles: [{{{field}: {wrong}}}]"):
        try:
            read(f"{text}\ndisablePreemption: true\n", version)
        except ConfigurationError as refusal:
            assert refusal.lines
