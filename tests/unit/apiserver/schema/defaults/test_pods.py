"""Small pods come back complete."""

import copy

from shoal.apiserver.schema.builtin import builtin_schema

POD = builtin_schema("", "v1", "Pod")


def defaulted(spec):
    pod = {"metadata": {"name": "a"}, "spec": spec}
    assert POD.decode_error(pod) is None
    assert POD.prune(pod) == []
    POD.default(pod)
    once = copy.deepcopy(pod)
    POD.default(pod)
    assert pod == once
    return pod["spec"]


def test_a_small_pod_comes_back_as_the_server_completes_it():
    assert defaulted({"containers": [{"name": "web", "image": "nginx"}]}) == {
        "containers": [
            {
                "name": "web",
                "image": "nginx",
                "imagePullPolicy": "Always",
                "resources": {},
                "terminationMessagePath": "/dev/termination-log",
                "terminationMessagePolicy": "File",
            }
        ],
        "dnsPolicy": "ClusterFirst",
        "enableServiceLinks": True,
        "restartPolicy": "Always",
        "schedulerName": "default-scheduler",
        "securityContext": {},
        "terminationGracePeriodSeconds": 30,
    }


def test_the_tag_of_an_image_decides_when_it_is_pulled():
    policies = {
        "nginx": "Always",
        "nginx:latest": "Always",
        "nginx:1.27": "IfNotPresent",
        "registry:5000/nginx": "Always",
        "registry:5000/nginx:1": "IfNotPresent",
        "nginx@sha256:" + "0" * 64: "IfNotPresent",
        "nginx:latest@sha256:" + "0" * 64: "Always",
    }
    spec = defaulted({"containers": [{"name": "c", "image": image} for image in policies]})
    assert [c["imagePullPolicy"] for c in spec["containers"]] == list(policies.values())


def test_limits_are_requested_where_nothing_else_is():
    resources = {"limits": {"cpu": "1", "memory": "1Gi"}, "requests": {"cpu": "500m"}}
    spec = defaulted({"containers": [{"name": "c", "image": "a", "resources": resources}]})
    assert spec["containers"][0]["resources"]["requests"] == {"cpu": "500m", "memory": "1Gi"}


def test_probes_ports_hooks_and_environment_are_completed():
    container = {
        "name": "c",
        "image": "a",
        "ports": [{"containerPort": 80}],
        "livenessProbe": {"httpGet": {"port": 80}},
        "readinessProbe": {"grpc": {"port": 9}, "periodSeconds": 2},
        "lifecycle": {"preStop": {"httpGet": {"port": 80}}},
        "env": [
            {"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
            {"name": "B", "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu"}}},
        ],
    }
    got = defaulted({"containers": [container]})["containers"][0]
    assert got["ports"] == [{"containerPort": 80, "protocol": "TCP"}]
    assert got["livenessProbe"] == {
        "httpGet": {"port": 80, "path": "/", "scheme": "HTTP"},
        "timeoutSeconds": 1,
        "periodSeconds": 10,
        "successThreshold": 1,
        "failureThreshold": 3,
    }
    assert got["readinessProbe"]["grpc"] == {"port": 9, "service": ""}
    assert got["readinessProbe"]["periodSeconds"] == 2
    assert got["lifecycle"]["preStop"]["httpGet"]["path"] == "/"
    assert got["env"][0]["valueFrom"]["fieldRef"]["apiVersion"] == "v1"
    assert got["env"][1]["valueFrom"]["resourceFieldRef"]["divisor"] == "0"


def test_volumes_are_completed():
    volumes = [
        {"name": "plain"},
        {"name": "host", "hostPath": {"path": "/a"}},
        {"name": "secret", "secret": {"secretName": "s"}},
        {"name": "cm", "configMap": {"name": "c", "defaultMode": 256}},
        {"name": "down", "downwardAPI": {"items": [{"path": "l", "fieldRef": {"fieldPath": "f"}}]}},
        {"name": "all", "projected": {"sources": [{"serviceAccountToken": {"path": "token"}}]}},
    ]
    got = defaulted({"containers": [{"name": "c", "image": "a"}], "volumes": volumes})["volumes"]
    assert got[0] == {"name": "plain", "emptyDir": {}}
    assert got[1]["hostPath"] == {"path": "/a", "type": ""}
    assert got[2]["secret"]["defaultMode"] == 420
    assert got[3]["configMap"]["defaultMode"] == 256
    assert got[4]["downwardAPI"]["items"][0]["fieldRef"]["apiVersion"] == "v1"
    assert got[5]["projected"]["sources"][0]["serviceAccountToken"]["expirationSeconds"] == 3600


def test_host_network_opens_container_ports_on_the_host():
    container = {"name": "c", "image": "a", "ports": [{"containerPort": 80}]}
    spec = defaulted({"hostNetwork": True, "containers": [container]})
    assert spec["containers"][0]["ports"][0]["hostPort"] == 80


def test_both_names_of_the_service_account_are_kept_the_same():
    containers = [{"name": "c", "image": "a"}]
    spec = defaulted({"serviceAccount": "robot", "containers": containers})
    assert spec["serviceAccountName"] == "robot"
