"""What objects count as in quotas, and what quotas say to it."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from shoal.api.core import ResourceQuota, Service
from shoal.api.meta import Object
from shoal.api.quota.allowance import allowance_of, excess, kinds_counted, lack, wanted
from shoal.api.quota.amounts import read_amounts, resource_list
from shoal.api.quota.objects import count
from shoal.api.storage import PersistentVolumeClaim
from shoal.testing.builders import make_pod

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def quota(hard, **spec):
    manifest = {"metadata": {"name": "q"}, "spec": {"hard": hard, **spec}}
    return allowance_of(msgspec.convert(manifest, ResourceQuota))


def usage(builder, at=NOW):
    return resource_list(count("pods", builder.obj(), at).usage)


def one(requests=None, limits=None, **fields):
    resources = {"requests": requests or {}, "limits": limits or {}}
    return make_pod("p").container(resources=resources, **fields)


def test_a_pod_counts_with_the_names_of_requests_and_limits():
    pod = one(
        {"cpu": "100m", "memory": "64Mi", "nvidia.com/gpu": "2", "hugepages-2Mi": "4Mi"},
        {"cpu": "1", "nvidia.com/gpu": "2", "hugepages-2Mi": "4Mi"},
    )
    assert usage(pod) == {
        "count/pods": "1", "pods": "1", "cpu": "100m", "requests.cpu": "100m", "limits.cpu": "1",
        "memory": "64Mi", "requests.memory": "64Mi", "requests.nvidia.com/gpu": "2",
        "hugepages-2Mi": "4Mi", "requests.hugepages-2Mi": "4Mi",
    }  # fmt: skip


def test_what_starting_up_takes_counts_where_it_is_more():
    pod = make_pod("p").req(cpu="1").init_req(cpu="3").init_req("Always", cpu="500m")
    assert usage(pod)["requests.cpu"] == "3"
    pod = make_pod("p").req(cpu="4").init_req(cpu="3").init_req("Always", cpu="500m")
    assert usage(pod)["requests.cpu"] == "4500m"


def test_requests_of_the_whole_pod_and_its_overhead_count():
    pod = one({"cpu": "1"}).spec(resources={"requests": {"cpu": "2"}}, overhead={"cpu": "10m"})
    assert usage(pod)["requests.cpu"] == "2010m"


@pytest.mark.parametrize("phase", ["Succeeded", "Failed"])
def test_a_pod_that_has_ended_is_an_object_and_nothing_more(phase):
    assert usage(one({"cpu": "1"}).status(phase=phase)) == {"count/pods": "1"}


def test_a_pod_that_should_have_gone_by_now_takes_nothing():
    leaving = one({"cpu": "1"}).meta(
        deletionTimestamp="2026-01-01T00:00:00Z", deletionGracePeriodSeconds=30
    )
    counted = count("pods", leaving.obj(), NOW)
    assert "cpu" in counted.usage
    assert counted.changes_at == NOW + timedelta(seconds=30)
    assert usage(leaving, NOW + timedelta(seconds=31)) == {"count/pods": "1"}


@pytest.mark.parametrize(
    ("spec", "node_ports", "balancers"),
    [
        ({"type": "ClusterIP"}, "0", "0"),
        ({"type": "NodePort"}, "2", "0"),
        ({"type": "LoadBalancer"}, "2", "1"),
        ({"type": "LoadBalancer", "allocateLoadBalancerNodePorts": False}, "1", "1"),
    ],
)
def test_a_service_counts_with_what_its_type_needs(spec, node_ports, balancers):
    ports = [{"port": 1, "nodePort": 30001}, {"port": 2}]
    service = msgspec.convert({"spec": {"ports": ports, **spec}}, Service)
    assert resource_list(count("services", service, NOW).usage) == {
        "count/services": "1", "services": "1", "services.nodeports": node_ports,
        "services.loadbalancers": balancers,
    }  # fmt: skip


def test_a_claim_counts_for_its_class_too():
    spec = {"storageClassName": "gold", "resources": {"requests": {"storage": "5Gi"}}}
    claim = msgspec.convert({"spec": spec}, PersistentVolumeClaim)
    assert resource_list(count("persistentvolumeclaims", claim, NOW).usage) == {
        "count/persistentvolumeclaims": "1",
        "gold.storageclass.storage.k8s.io/persistentvolumeclaims": "1",
        "gold.storageclass.storage.k8s.io/requests.storage": "5Gi",
        "persistentvolumeclaims": "1",
        "requests.storage": "5Gi",
    }


def test_other_kinds_count_by_their_number():
    assert set(count("jobs.batch", Object(), NOW).usage) == {"count/jobs.batch"}
    assert set(count("secrets", Object(), NOW).usage) == {"count/secrets", "secrets"}


def test_a_quota_is_about_the_kinds_that_its_names_mean():
    hard = {
        "limits.cpu": "1", "requests.nvidia.com/gpu": "1", "services.nodeports": "1",
        "gold.storageclass.storage.k8s.io/requests.storage": "1", "count/jobs.batch": "1",
    }  # fmt: skip
    expected = {"pods", "services", "persistentvolumeclaims", "jobs.batch"}
    assert kinds_counted(quota(hard)) == expected


AFFINITY = {
    "podAntiAffinity": {
        "requiredDuringSchedulingIgnoredDuringExecution": [
            {"topologyKey": "zone", "namespaces": ["other"]}
        ]
    }
}
PLAIN = one({"cpu": "1"})


@pytest.mark.parametrize(
    ("pod", "inside", "outside"),
    [
        (PLAIN.spec(activeDeadlineSeconds=9), "Terminating", "NotTerminating"),
        (PLAIN, "NotTerminating", "Terminating"),
        (PLAIN, "NotBestEffort", "BestEffort"),
        (one(), "BestEffort", "NotBestEffort"),
        (PLAIN.spec(priorityClassName="high"), "PriorityClass", "CrossNamespacePodAffinity"),
        (PLAIN.spec(affinity=AFFINITY), "CrossNamespacePodAffinity", "PriorityClass"),
    ],
)
def test_a_quota_with_a_scope_counts_the_pods_in_it(pod, inside, outside):
    counted = count("pods", pod.obj(), NOW)
    assert quota({"pods": "1"}, scopes=[inside]).share_of(counted)
    assert not quota({"pods": "1"}, scopes=[outside]).share_of(counted)
    assert not quota({"pods": "1"}, scopes=[inside, outside]).share_of(counted)


@pytest.mark.parametrize(
    ("operator", "values", "covered"),
    [
        ("In", ["high", "low"], {"high"}),
        ("NotIn", ["high"], {"", "middle"}),
        ("Exists", [], {"high", "middle"}),
        ("DoesNotExist", [], {""}),
    ],
)
def test_a_scope_selector_chooses_by_priority_class(operator, values, covered):
    selector = {"scopeName": "PriorityClass", "operator": operator, "values": values}
    allowance = quota({"pods": "1"}, scopeSelector={"matchExpressions": [selector]})
    pods = {name: PLAIN.spec(priorityClassName=name).obj() for name in ("", "high", "middle")}
    found = {name for name, pod in pods.items() if allowance.covers(count("pods", pod, NOW))}
    assert found == covered


def test_a_quota_with_scopes_leaves_other_kinds_alone():
    selector = {"scopeName": "PriorityClass", "operator": "DoesNotExist"}
    allowance = quota({"count/secrets": "0"}, scopeSelector={"matchExpressions": [selector]})
    assert not allowance.share_of(count("secrets", Object(), NOW))


def test_containers_must_say_what_a_compute_quota_counts():
    pod = one({"cpu": "1"}, name="b").container(name="a").obj()
    allowance = quota({"limits.cpu": "1", "requests.cpu": "1", "ephemeral-storage": "1"})
    assert lack([allowance], pod, count("pods", pod, NOW)) == (
        "failed quota: q: must specify limits.cpu for: a,b; requests.cpu for: a"
    )
    assert not lack([quota({"pods": "1"})], pod, count("pods", pod, NOW))


def test_an_excess_is_told_in_the_words_of_kubernetes():
    allowance = quota({"memory": "1Gi", "pods": "2", "cpu": "9"})
    used = read_amounts({"memory": "512Mi", "pods": "2", "cpu": "1"})
    more = read_amounts({"memory": "768Mi", "pods": "1", "cpu": "1"})
    assert excess(allowance, more, used) == (
        "exceeded quota: q, requested: memory=768Mi,pods=1, used: memory=512Mi,pods=2,"
        " limited: memory=1Gi,pods=2"
    )
    assert not excess(allowance, read_amounts({"memory": "512Mi"}), used)


def test_only_growth_is_wanted_of_a_quota():
    small, large = (count("pods", one({"cpu": cpu}).obj(), NOW) for cpu in ("1", "3"))
    allowance = quota({"requests.cpu": "1", "pods": "5"})
    grown = wanted([allowance], large, small)
    assert {name: resource_list(more) for name, more in grown.items()} == {
        "q": {"requests.cpu": "2"}
    }
    assert not wanted([allowance], small, large)
