"""Pods that share GPUs, under the configuration files of the example."""

from collections import Counter

import pytest
import yaml
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from shoal.api.gpu_sharing import WHOLE, gpu_request, recorded_devices
from shoal.scheduler.events import NodeAdded, NodeDeleted, NodeUpdated, PodAdded
from shoal.scheduler.framework.profile import ProfileError
from shoal.testing.builders import NodeBuilder, PodBuilder, make_node, make_pod
from tests.staged import EXAMPLES, Stage

FOLDER = EXAMPLES / "gpu-sharing"
POLICIES = ("best-fit", "clustering", "dot-product", "fgd", "packing")
INDEX = "alibabacloud.com/gpu-index"


def config(policy: str) -> str:
    return (FOLDER / f"{policy}.yaml").read_text()


def gpu_node(name: str, count: int, model: str = "") -> NodeBuilder:
    offers = {"alibabacloud.com/gpu-count": str(count)} if count else {}
    node = make_node(name).capacity(offers, cpu="64", memory="64Gi")
    return node.label("alibabacloud.com/gpu-card-model", model) if model else node


def gpu_pod(name: str, milli: int, count: int = 1, models: str = "") -> PodBuilder:
    asked = {"alibabacloud.com/gpu-milli": str(milli), "alibabacloud.com/gpu-count": str(count)}
    if models:
        asked["alibabacloud.com/gpu-card-model"] = models
    return make_pod(name).req(cpu="1").annotations(**asked)


def devices_of(here: Stage, name: str) -> str:
    return here.annotations_of(name).get(INDEX, "")


@pytest.mark.parametrize("policy", POLICIES)
def test_the_example_schedules_under_every_policy(policy: str) -> None:
    node = yaml.safe_load((FOLDER / "node.yaml").read_text())
    here = Stage(config(policy), [NodeBuilder({"spec": {}, **node})])
    pods = yaml.safe_load_all((FOLDER / "pods.yaml").read_text())
    here.run(*(PodBuilder(pod).namespace("default").uid(pod["metadata"]["name"]) for pod in pods))
    assert {name: devices_of(here, name) for name in here.pods} == {
        "half": "0",
        "whole": "1",
        "tenths": "0",
    }


def test_devices_are_written_to_the_pod_before_it_is_bound() -> None:
    here = Stage(config("packing"), [gpu_node("n", 4)])
    here.run(gpu_pod("a", 1000, count=3))
    assert devices_of(here, "a") == "0-1-2"
    assert here.annotations_of("a")["alibabacloud.com/gpu-count"] == "3"


def test_a_pod_that_finds_no_room_is_told_why_and_goes_when_there_is_some() -> None:
    here = Stage(config("packing"), [gpu_node("plain", 0), gpu_node("a", 1), gpu_node("b", 1)])
    here.run(gpu_pod("one", 600), gpu_pod("two", 600), gpu_pod("three", 600))
    assert here.messages["three"].startswith(
        "0/3 nodes are available: 1 node(s) had no GPUs, 2 node(s) had too little left of their"
        " GPUs."
    )
    here.delete("one")
    here.advance(10)
    assert here.node_of("three") == "a"


def test_models_are_one_of_those_named() -> None:
    nodes = [gpu_node("t4", 1, "T4"), gpu_node("nameless", 1), gpu_node("v100", 1, "V100")]
    here = Stage(config("best-fit"), nodes)
    here.run(gpu_pod("a", 100, models="P100|V100"), gpu_pod("b", 100, models="A100"))
    assert here.node_of("a") == "v100"
    assert "3 node(s) had GPUs of other models" in here.messages["b"]


def test_a_node_that_gets_its_label_takes_the_pod() -> None:
    here = Stage(config("best-fit"), [gpu_node("n", 1)])
    here.run(gpu_pod("a", 100, models="T4"))
    here.tell(NodeUpdated(gpu_node("n", 1, "T4").obj()))
    here.advance(10)
    assert here.node_of("a") == "n"


def test_pods_without_annotations_go_anywhere_and_take_no_device() -> None:
    here = Stage(config("fgd"), [gpu_node("plain", 0)])
    here.run(make_pod("a").req(cpu="1"))
    assert here.node_of("a") == "plain"
    assert here.annotations_of("a") == {}


@pytest.mark.parametrize(
    ("name", "value"), [("gpu-milli", "lots"), ("gpu-milli", "1500"), ("gpu-count", "65")]
)
def test_annotations_that_make_no_sense_are_told(name: str, value: str) -> None:
    here = Stage(config("best-fit"), [gpu_node("n", 1)])
    here.run(make_pod("a").annotations(**{f"alibabacloud.com/{name}": value}))
    assert f"annotation alibabacloud.com/{name}" in here.messages["a"]


def test_a_binding_that_fails_gives_the_devices_back() -> None:
    here = Stage(config("packing"), [gpu_node("a", 1), gpu_node("b", 1)])
    here.failing_binds = 1
    here.run(gpu_pod("one", 1000))
    assert (here.node_of("one"), devices_of(here, "one")) == ("", "0")
    here.run(gpu_pod("two", 1000), gpu_pod("three", 1000))
    assert {here.node_of("two"), here.node_of("three")} == {"a", "b"}
    here.delete("three")
    here.advance(10)
    assert here.node_of("one")


def test_devices_are_known_again_after_a_restart() -> None:
    before = Stage(config("best-fit"), [gpu_node("n", 2)])
    before.run(gpu_pod("a", 700), gpu_pod("b", 600))
    after = Stage(config("best-fit"), [gpu_node("n", 2)])
    for pod in before.pods.values():
        after.tell(PodAdded(pod.obj()))
    for here in (before, after):
        here.run(gpu_pod("c", 300), gpu_pod("d", 400))
    assert [devices_of(after, name) for name in "cd"] == ["0", "1"]
    assert [devices_of(before, name) for name in "cd"] == ["0", "1"]


def test_a_pod_of_higher_priority_takes_the_devices_of_the_fewest_others() -> None:
    here = Stage(config("packing"), [gpu_node("n", 2)])
    lows = [gpu_pod("half", 500), gpu_pod("other-half", 500), gpu_pod("whole", 1000)]
    here.run(*(pod.priority(1) for pod in lows))
    assert [devices_of(here, name) for name in ("half", "other-half", "whole")] == ["0", "0", "1"]
    here.run(gpu_pod("high", 1000).priority(10))
    assert here.evicted == ["whole"]
    here.advance(30)
    assert (here.node_of("high"), devices_of(here, "high")) == ("n", "1")
    assert [devices_of(here, name) for name in ("half", "other-half")] == ["0", "0"]


def test_an_annotation_of_an_earlier_attempt_does_not_choose_the_device() -> None:
    here = Stage(config("best-fit"), [gpu_node("n", 2)])
    here.run(gpu_pod("a", 1000).annotations(**{"alibabacloud.com/gpu-count": "1", INDEX: "7"}))
    assert devices_of(here, "a") == "0"


def test_fgd_takes_the_device_that_strands_less() -> None:
    """300 of the half-full device leave 200, of which the only typical pod (500) can use nothing;
    300 of the free one leave 700, of which it can use all."""
    text = """
apiVersion: kubescheduler.config.k8s.io/v1
kind: KubeSchedulerConfiguration
profiles:
- plugins:
    multiPoint: {enabled: [{name: GpuShare}]}
    score: {disabled: [{name: "*"}], enabled: [{name: FGDScore}]}
  pluginConfig:
  - {name: GpuShare, args: {gpuSelMethod: METHOD, typicalPods: [{gpuMilli: 500}]}}
  - {name: FGDScore, args: {typicalPods: [{gpuMilli: 500}]}}
"""
    devices = {}
    for method in ("best", "worst", "FGDScore"):
        here = Stage(text.replace("METHOD", method), [gpu_node("n", 2)])
        here.run(gpu_pod("half", 500), gpu_pod("rest", 300))
        devices[method] = devices_of(here, "rest")
    assert devices == {"best": "0", "worst": "1", "FGDScore": "1"}


@pytest.mark.parametrize(
    ("plugin", "args", "fault"),
    [
        ("GpuShare", "{gpuSelMethod: luck}", "GpuShare: args: Invalid enum value 'luck'"),
        ("FGDScore", "{typicalPods: [{gpuMilli: 1001}]}", "typicalPods[0].gpuMilli is 1001"),
        ("BestFitScore", "{dimExtMethod: share}", "BestFitScore: args: Invalid enum value"),
    ],
)
def test_wrong_arguments_are_refused(plugin: str, args: str, fault: str) -> None:
    text = f"""
apiVersion: kubescheduler.config.k8s.io/v1
kind: KubeSchedulerConfiguration
profiles:
- plugins: {{multiPoint: {{enabled: [{{name: {plugin}}}]}}}}
  pluginConfig: [{{name: {plugin}, args: {args}}}]
"""
    with pytest.raises(ProfileError) as refused:
        Stage(text)
    assert fault in str(refused.value)


class Sharing(RuleBasedStateMachine):
    """Pods, nodes and failing bindings come and go; the books are those of the API server."""

    policy = "fgd"

    def __init__(self) -> None:
        super().__init__()
        self.here = Stage(config(self.policy))
        self.nodes: dict[str, int] = {}
        self.count = 0

    @rule(count=st.integers(0, 3))
    def add_node(self, count: int) -> None:
        name = f"n{len(self.nodes)}"
        if name not in self.nodes:
            self.nodes[name] = count
            self.here.tell(NodeAdded(gpu_node(name, count).obj()))

    @precondition(lambda self: self.nodes)
    @rule()
    def remove_the_last_node(self) -> None:
        name, _ = self.nodes.popitem()
        self.here.tell(NodeDeleted(name))
        for pod in [each for each in self.here.pods if self.here.node_of(each) == name]:
            self.here.delete(pod)

    @rule(milli=st.sampled_from((100, 250, 500, 1000)), count=st.sampled_from((1, 1, 2)))
    def add_pod(self, milli: int, count: int) -> None:
        self.count += 1
        self.here.run(gpu_pod(f"p{self.count}", milli if count == 1 else 1000, count))

    @precondition(lambda self: self.here.pods)
    @rule(data=st.data())
    def delete_pod(self, data: st.DataObject) -> None:
        self.here.delete(data.draw(st.sampled_from(sorted(self.here.pods))))

    @rule()
    def let_a_binding_fail(self) -> None:
        self.here.failing_binds += 1

    @rule(seconds=st.sampled_from((1, 20, 400)))
    def let_time_pass(self, seconds: int) -> None:
        self.here.advance(seconds)

    @invariant()
    def no_device_gives_more_than_it_has(self) -> None:
        given: Counter[tuple[str, int]] = Counter()
        for name in self.here.pods:
            node, annotations = self.here.node_of(name), self.here.annotations_of(name)
            request = gpu_request(annotations)
            if not node or request is None:
                continue
            devices = recorded_devices(annotations)
            assert len(devices) == request.count
            for device in devices:
                assert device < self.nodes[node]
                given[node, device] += request.milli
        assert all(milli <= WHOLE for milli in given.values())
        self.check_books(given)

    def check_books(self, given: Counter[tuple[str, int]]) -> None:
        snapshot = self.here.snapshot
        for name, count in self.nodes.items():
            row = snapshot.row(name)
            assert row is not None
            left = snapshot.gpu_shares.left[:, row].tolist()
            assert left[:count] == [WHOLE - given[name, device] for device in range(count)]
            assert not any(left[count:])


class SharingByPacking(Sharing):
    policy = "packing"


TestSharing = Sharing.TestCase
TestSharing.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
TestSharingByPacking = SharingByPacking.TestCase
TestSharingByPacking.settings = settings(max_examples=30, stateful_step_count=30, deadline=None)
