"""Small objects of built-in kinds but pods come back complete."""

import copy

import pytest

from shoal.apiserver.schema.builtin import builtin_schema
from shoal.apiserver.schema.defaults.services import (
    NODE_PORTS,
    SERVICE_NETWORK,
    free_cluster_ip,
    free_node_port,
    needs_cluster_ip,
    set_cluster_ip,
)


def defaulted(group, kind, obj):
    schema = builtin_schema(group, "v1", kind)
    assert schema.decode_error(obj) is None
    assert schema.prune(obj) == []
    schema.default(obj)
    once = copy.deepcopy(obj)
    schema.default(obj)
    assert obj == once
    return obj


def test_a_small_deployment_comes_back_as_the_server_completes_it():
    got = defaulted(
        "apps",
        "Deployment",
        {
            "metadata": {"name": "a"},
            "spec": {
                "selector": {"matchLabels": {"app": "a"}},
                "template": {
                    "metadata": {"labels": {"app": "a"}},
                    "spec": {"containers": [{"name": "c", "image": "nginx:1"}]},
                },
            },
        },
    )
    assert got["spec"] == {
        "replicas": 1,
        "selector": {"matchLabels": {"app": "a"}},
        "strategy": {
            "type": "RollingUpdate",
            "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"},
        },
        "revisionHistoryLimit": 10,
        "progressDeadlineSeconds": 600,
        "template": {
            "metadata": {"labels": {"app": "a"}},
            "spec": {
                "containers": [
                    {
                        "name": "c",
                        "image": "nginx:1",
                        "imagePullPolicy": "IfNotPresent",
                        "resources": {},
                        "terminationMessagePath": "/dev/termination-log",
                        "terminationMessagePolicy": "File",
                    }
                ],
                "dnsPolicy": "ClusterFirst",
                "restartPolicy": "Always",
                "schedulerName": "default-scheduler",
                "securityContext": {},
                "terminationGracePeriodSeconds": 30,
            },
        },
    }


def test_recreate_gets_no_rolling_update():
    deployment = {"spec": {"strategy": {"type": "Recreate"}}}
    assert defaulted("apps", "Deployment", deployment)["spec"]["strategy"] == {"type": "Recreate"}


def test_a_replica_set_has_one_replica():
    assert defaulted("apps", "ReplicaSet", {})["spec"]["replicas"] == 1


def test_a_small_service_comes_back_as_the_server_completes_it():
    got = defaulted(
        "", "Service", {"spec": {"ports": [{"port": 80}, {"port": 1, "targetPort": "x"}]}}
    )
    assert got == {
        "spec": {
            "internalTrafficPolicy": "Cluster",
            "ipFamilies": ["IPv4"],
            "ipFamilyPolicy": "SingleStack",
            "ports": [
                {"port": 80, "protocol": "TCP", "targetPort": 80},
                {"port": 1, "protocol": "TCP", "targetPort": "x"},
            ],
            "sessionAffinity": "None",
            "type": "ClusterIP",
        },
        "status": {"loadBalancer": {}},
    }


def test_a_service_outside_the_cluster_has_an_external_policy():
    spec = defaulted("", "Service", {"spec": {"type": "NodePort"}})["spec"]
    assert spec["externalTrafficPolicy"] == "Cluster"
    headless = defaulted("", "Service", {"spec": {"clusterIP": "None"}})
    assert headless["spec"]["clusterIPs"] == ["None"]
    assert not needs_cluster_ip(headless)


def test_addresses_are_given_out_once():
    used: set[str] = set()
    for seed in (0, 0, 5, 2**40, 2**20 - 4):
        address = free_cluster_ip(used, seed)
        assert address is not None
        assert address not in used
        used.add(address)
    assert "10.96.0.1" not in used
    assert str(SERVICE_NETWORK.broadcast_address) not in used
    service = {"spec": {}}
    set_cluster_ip(service, "10.96.0.9")
    assert service["spec"] == {"clusterIP": "10.96.0.9", "clusterIPs": ["10.96.0.9"]}


def test_node_ports_run_out():
    assert free_node_port({30000}, 0) == 30001
    assert free_node_port(set(NODE_PORTS), 7) is None


@pytest.mark.parametrize(
    ("group", "kind", "given", "expected"),
    [
        ("", "Secret", {"stringData": {"a": "b"}}, {"data": {"a": "Yg=="}, "type": "Opaque"}),
        (
            "",
            "Namespace",
            {"metadata": {"name": "a"}},
            {"metadata": {"name": "a", "labels": {"kubernetes.io/metadata.name": "a"}}},
        ),
        (
            "scheduling.k8s.io",
            "PriorityClass",
            {},
            {"value": 0, "preemptionPolicy": "PreemptLowerPriority"},
        ),
        (
            "",
            "PersistentVolumeClaim",
            {},
            {"spec": {"volumeMode": "Filesystem", "resources": {}}},
        ),
        (
            "",
            "Node",
            {"status": {"capacity": {"cpu": "2"}}},
            {"spec": {}, "status": {"capacity": {"cpu": "2"}, "allocatable": {"cpu": "2"}}},
        ),
        (
            "",
            "Endpoints",
            {"subsets": [{"ports": [{"port": 1}]}]},
            {"subsets": [{"ports": [{"port": 1, "protocol": "TCP"}]}]},
        ),
        ("", "ConfigMap", {"data": {"a": "b"}}, {"data": {"a": "b"}}),
        (
            "networking.k8s.io",
            "NetworkPolicy",
            {"spec": {"egress": [{"ports": [{"port": 1}]}]}},
            {
                "spec": {
                    "podSelector": {},
                    "egress": [{"ports": [{"port": 1, "protocol": "TCP"}]}],
                    "policyTypes": ["Ingress", "Egress"],
                }
            },
        ),
    ],
)
def test_small_kinds_are_completed(group, kind, given, expected):
    assert defaulted(group, kind, given) == expected


def test_a_definition_gets_the_names_that_follow_from_its_kind():
    crd = defaulted(
        "apiextensions.k8s.io",
        "CustomResourceDefinition",
        {"spec": {"names": {"kind": "CronTab", "plural": "crontabs"}}},
    )
    assert crd["spec"]["names"]["singular"] == "crontab"
    assert crd["spec"]["names"]["listKind"] == "CronTabList"
    assert crd["spec"]["conversion"] == {"strategy": "None"}


def test_a_small_stateful_set_comes_back_as_the_server_completes_it():
    spec = {"volumeClaimTemplates": [{"metadata": {"name": "d"}, "spec": {}}]}
    got = defaulted("apps", "StatefulSet", {"spec": spec})["spec"]
    del got["template"]
    assert got == {
        "replicas": 1,
        "podManagementPolicy": "OrderedReady",
        "updateStrategy": {
            "type": "RollingUpdate",
            "rollingUpdate": {"partition": 0, "maxUnavailable": 1},
        },
        "persistentVolumeClaimRetentionPolicy": {"whenDeleted": "Retain", "whenScaled": "Retain"},
        "revisionHistoryLimit": 10,
        "volumeClaimTemplates": [
            {
                "apiVersion": "v1",
                "kind": "PersistentVolumeClaim",
                "metadata": {"name": "d"},
                "spec": {"volumeMode": "Filesystem", "resources": {}},
                "status": {"phase": "Pending"},
            }
        ],
    }


def test_sets_that_update_on_deletion_have_no_bounds_of_a_rolling_update():
    for kind in ("StatefulSet", "DaemonSet"):
        obj = {"spec": {"updateStrategy": {"type": "OnDelete"}}}
        assert defaulted("apps", kind, obj)["spec"]["updateStrategy"] == {"type": "OnDelete"}


def test_a_daemon_set_updates_one_node_after_the_other():
    assert defaulted("apps", "DaemonSet", {})["spec"]["updateStrategy"] == {
        "type": "RollingUpdate",
        "rollingUpdate": {"maxUnavailable": 1, "maxSurge": 0},
    }
