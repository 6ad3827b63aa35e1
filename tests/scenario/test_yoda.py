"""The plugin `yoda` under a configuration file such as its users have."""

from typing import Any

import numpy as np
import pytest
import yaml

from shoal.api.resource import JsonObject
from shoal.api.scv import SCVS
from shoal.testing.builders import PodBuilder, make_node, make_pod
from tests.staged import EXAMPLES, Stage

YODA = (EXAMPLES / "yoda" / "scheduler-config.yaml").read_text()
CARD = {
    "health": "Healthy",
    "model": "TITAN Xp",
    "power": 250,
    "totalMemory": 12000,
    "freeMemory": 12000,
    "clock": 5705,
    "core": 1911,
    "bandwidth": 15760,
}


def scv(node: str, *cards: dict[str, Any]) -> JsonObject:
    listed = [{**CARD, "id": number, **card} for number, card in enumerate(cards)]
    return {
        "metadata": {"name": node},
        "status": {
            "cardNumber": len(listed),
            "totalMemorySum": sum(each["totalMemory"] for each in listed),
            "freeMemorySum": sum(each["freeMemory"] for each in listed),
            "cardList": listed,
        },
    }


def gpu_pod(name: str, **asked: int) -> PodBuilder:
    return make_pod(name).labels(**{f"scv/{key}": str(value) for key, value in asked.items()})


def stage(*names: str) -> Stage:
    return Stage(YODA, [make_node(name).capacity(cpu="64", memory="64Gi") for name in names])


def test_a_pod_goes_where_enough_cards_have_its_memory_and_clock() -> None:
    here = stage("none", "one", "small", "slow", "two")
    here.put(SCVS, scv("one", {}), scv("small", {}, {"freeMemory": 7999}))
    here.put(SCVS, scv("slow", {}, {"clock": 5000}), scv("two", {}, {}))
    here.run(gpu_pod("a", number=2, memory=8000, clock=5705))
    assert here.node_of("a") == "two"


def test_a_pod_that_fits_nowhere_is_told_why() -> None:
    here = stage("none", "one")
    here.put(SCVS, scv("one", {}))
    here.run(gpu_pod("a", number=2))
    assert here.messages["a"].startswith(
        "0/2 nodes are available: 1 node(s) had no Scv that tells of GPUs, 1 node(s) had too few"
        " healthy GPUs with enough memory and clock."
    )


def test_cards_that_are_not_healthy_do_not_count() -> None:
    here = stage("one", "two")
    here.put(SCVS, scv("one", {"health": "Unhealthy"}), scv("two", {}))
    here.run(gpu_pod("a", number=1))
    assert here.node_of("a") == "two"


def test_the_same_card_must_have_both_memory_and_clock() -> None:
    here = stage("mixed")
    here.put(SCVS, scv("mixed", {"clock": 3000}, {"freeMemory": 100}))
    here.run(gpu_pod("a", memory=8000, clock=5000))
    assert here.node_of("a") == ""


def test_a_pod_without_gpu_labels_goes_anywhere() -> None:
    here = stage("none")
    here.run(make_pod("a").req(cpu="1"), make_pod("b").labels(**{"scv/priority": "3"}))
    assert (here.node_of("a"), here.node_of("b")) == ("none", "none")


def test_higher_scv_priority_goes_first() -> None:
    here = stage("one")
    here.put(SCVS, scv("one", {}))
    here.run(gpu_pod("low", memory=1), gpu_pod("high", priority=5), gpu_pod("mid", priority=2))
    assert here.bound == ["high", "mid", "low"]


def test_a_label_that_is_no_number_is_told() -> None:
    here = stage("one")
    here.put(SCVS, scv("one", {}))
    here.run(make_pod("a").labels(**{"scv/number": "many"}))
    assert 'label scv/number is "many", but must be a whole number' in here.messages["a"]


def test_an_scv_that_helps_wakes_the_pod_and_another_does_not() -> None:
    here = stage("one", "two")
    here.put(SCVS, scv("one", {"freeMemory": 10}))
    here.run(gpu_pod("a", memory=8000))
    here.put(SCVS, scv("two", {"freeMemory": 10}))
    here.advance(60)
    assert here.node_of("a") == ""
    here.put(SCVS, scv("one", {"freeMemory": 9000}))
    here.advance(60)
    assert here.node_of("a") == "one"


def test_a_new_scv_changes_where_equal_pods_go() -> None:
    here = stage("one", "two")
    here.put(SCVS, scv("one", {}))
    here.run(gpu_pod("a", memory=100))
    here.put(SCVS, scv("two", {}, {}))
    here.run(gpu_pod("b", memory=100))
    assert (here.node_of("a"), here.node_of("b")) == ("one", "two")


def test_what_pods_asked_for_counts_before_the_sniffer_sees_it() -> None:
    here = stage("one", "two")
    here.put(SCVS, scv("one", {}), scv("two", {}))
    here.run(*(gpu_pod(name, memory=1000) for name in "abcd"))
    assert sorted(here.node_of(name) for name in "abcd") == ["one", "one", "two", "two"]
    room = here.node_of("a")
    here.delete("a")
    here.run(gpu_pod("e", memory=1000))
    assert here.node_of("e") == room


def test_the_examples_schedule() -> None:
    here = stage("gpu-1", "gpu-2")
    here.put(SCVS, *yaml.safe_load_all((EXAMPLES / "yoda" / "scv.yaml").read_text()))
    pods = yaml.safe_load_all((EXAMPLES / "yoda" / "pods.yaml").read_text())
    here.run(*(PodBuilder(pod).namespace("default").uid(pod["metadata"]["name"]) for pod in pods))
    assert here.bound[0] == "two-cards"
    assert {name: here.node_of(name) for name in here.pods} == {
        "small": "gpu-1",
        "two-cards": "gpu-1",
        "too-much": "",
    }


FIRST_FORM = """
apiVersion: kubescheduler.config.k8s.io/v1beta1
kind: KubeSchedulerConfiguration
schedulerName: yoda-scheduler2
leaderElection: {leaderElect: true, lockObjectName: yoda, lockObjectNamespace: kube-system}
plugins:
  queueSort: {enabled: [{name: yoda}], disabled: [{name: "*"}]}
  filter: {enabled: [{name: yoda}]}
  score: {enabled: [{name: yoda, weight: 10000}]}
  postFilter: {enabled: [{name: yoda}]}
pluginConfig: [{name: yoda, args: {master: master, kubeconfig: kubeconfig}}]
"""
LATEST_FORM = """
apiVersion: kubescheduler.config.k8s.io/v1beta1
kind: KubeSchedulerConfiguration
leaderElection: {leaderElect: true, resourceLock: leases, resourceName: yoda-scheduler}
percentageOfNodesToScore: 0
profiles:
- schedulerName: yoda-scheduler
  plugins:
    filter: {enabled: [{name: yoda, weight: 0}]}
    preScore: {enabled: [{name: yoda}]}
    score: {enabled: [{name: yoda, weight: 300}]}
"""


@pytest.mark.parametrize("form", [FIRST_FORM, LATEST_FORM], ids=["first", "latest"])
def test_files_that_leave_points_out_place_pods_with_and_without_labels(form: str) -> None:
    nodes = [make_node(name).capacity(cpu="64", memory="64Gi") for name in ("none", "one", "two")]
    here = Stage(form, nodes)
    here.put(SCVS, scv("one", {"core": 1000}), scv("two", {}))
    here.run(gpu_pod("a", memory=100), make_pod("b").req(cpu="1"), gpu_pod("c", number=2))
    here.run(make_pod("d").labels(**{"scv/number": "many"}))
    assert here.node_of("a") == "two"
    assert here.node_of("b")
    assert "2 node(s) had too few healthy GPUs" in here.messages["c"]
    assert 'label scv/number is "many", but must be a whole number' in here.messages["d"]


@pytest.mark.parametrize("seed", range(3))
def test_what_is_kept_of_cards_equals_what_a_scheduler_that_saw_only_the_end_knows(
    seed: int,
) -> None:
    random = np.random.default_rng(seed)
    names = [f"n{number}" for number in range(12)]
    slow, latest = stage(*names), {}
    for step in range(60):
        node = str(random.choice(names))
        cards = [
            {"freeMemory": int(random.integers(1, 12)) * 1000, "core": int(random.integers(1, 9))}
            for _ in range(random.integers(0, 4))
        ]
        latest[node] = scv(node, *cards)
        slow.put(SCVS, latest[node])
        pod = gpu_pod(f"p{step}", number=int(random.integers(1, 3)), memory=4000)
        slow.run(pod)
        fresh = stage(*names)
        fresh.put(SCVS, *latest.values())
        placed = [each for name, each in slow.pods.items() if slow.node_of(name)]
        fresh.add(*(each for each in placed if each.name != pod.name))
        fresh.run(pod)
        assert fresh.node_of(pod.name) == slow.node_of(pod.name)
