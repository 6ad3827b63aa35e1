"""Which nodes suit a DaemonSet, and what its pods put up with."""

import msgspec
import pytest

from shoal.api.apps import DaemonSet
from shoal.controllers.kube.daemon_set_pods import Suitability, node_of, placement, pod_body
from shoal.testing.builders import make_node, make_pod

POD = {"containers": [{"name": "c", "image": "a"}]}


def make_set(**pod):
    template = {"metadata": {"labels": {"app": "web"}}, "spec": {**POD, **pod}}
    body = {"metadata": {"name": "web", "uid": "u"}, "spec": {"template": template}}
    return msgspec.convert(body, DaemonSet)


def suitability(daemon_set, node):
    return placement(daemon_set).suitability(node.obj())


def tainted(key, effect):
    return make_node("n").spec(taints=[{"key": key, "effect": effect}])


@pytest.mark.parametrize(
    ("node", "expected"),
    [
        (make_node("n"), Suitability.WANTED),
        (tainted("node.kubernetes.io/not-ready", "NoExecute"), Suitability.WANTED),
        (tainted("node.kubernetes.io/unschedulable", "NoSchedule"), Suitability.WANTED),
        (tainted("node.kubernetes.io/disk-pressure", "NoSchedule"), Suitability.WANTED),
        (tainted("node.kubernetes.io/network-unavailable", "NoSchedule"), Suitability.TOLERATED),
        (tainted("mine", "PreferNoSchedule"), Suitability.WANTED),
        (tainted("mine", "NoSchedule"), Suitability.TOLERATED),
        (tainted("mine", "NoExecute"), Suitability.UNWANTED),
    ],
)
def test_a_node_suits_as_its_taints_say(node, expected):
    assert suitability(make_set(), node) is expected


def test_on_the_hosts_network_a_node_without_pod_network_will_do():
    node = tainted("node.kubernetes.io/network-unavailable", "NoSchedule")
    assert suitability(make_set(hostNetwork=True), node) is Suitability.WANTED


def test_a_template_that_names_a_node_suits_no_other():
    assert suitability(make_set(nodeName="n"), make_node("n")) is Suitability.WANTED
    assert suitability(make_set(nodeName="m"), make_node("n")) is Suitability.UNWANTED


def test_an_own_toleration_with_a_time_limit_gives_way():
    limited = {
        "key": "node.kubernetes.io/not-ready",
        "operator": "Exists",
        "effect": "NoExecute",
        "tolerationSeconds": 5,
    }
    own = {"key": "mine", "operator": "Exists"}
    body = pod_body(make_set(tolerations=[limited, own]), "n", "h")
    tolerations = body["spec"]["tolerations"]
    assert own in tolerations
    assert limited not in tolerations
    assert {k: v for k, v in limited.items() if k != "tolerationSeconds"} in tolerations


def test_other_affinity_of_the_template_stays():
    preferred = [{"weight": 1, "preference": {"matchExpressions": []}}]
    near = {"requiredDuringSchedulingIgnoredDuringExecution": []}
    affinity = {
        "podAffinity": near,
        "nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": preferred},
    }
    made = pod_body(make_set(affinity=affinity), "n", "h")["spec"]["affinity"]
    assert made["podAffinity"] == near
    node = made["nodeAffinity"]
    assert node["preferredDuringSchedulingIgnoredDuringExecution"] == preferred
    assert node_of(make_pod("p").spec(affinity=made).obj()) == "n"


def test_a_pod_that_names_no_node_belongs_to_none():
    assert node_of(make_pod("p").obj()) == ""
    assert node_of(make_pod("p").node("m").obj()) == "m"
