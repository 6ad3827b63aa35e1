"""Variables of a container: literals, references, expansion, services."""

from base64 import b64encode

import msgspec
import pytest

from shoal.agent.downward import NodeFacts
from shoal.agent.environment import ApiEndpoint, ConfigProblem, Surroundings, build_environment
from shoal.agent.expansion import expand
from shoal.agent.references import References
from shoal.api.core import ConfigMap, Secret, Service
from shoal.api.pod import Pod

FACTS = NodeFacts(
    host_ip="127.0.0.1", pod_ip="127.1.0.1", allocatable={"cpu": "4", "memory": "8Gi"}
)


def build(container, references=None, services=(), image_env=None, **pod_spec):
    body = {
        "metadata": {
            "name": "p",
            "namespace": "ns",
            "uid": "u",
            "labels": {"app": "web"},
            "annotations": {"a.b/c": "x"},
        },
        "spec": {"containers": [{"name": "c"} | container], "nodeName": "n", **pod_spec},
    }
    pod = msgspec.convert(body, Pod)
    around = Surroundings(
        references=references or References(),
        facts=FACTS,
        api=ApiEndpoint(host="10.0.0.1", port=6443),
        services=services,
        image_env=image_env or {},
    )
    return build_environment(pod, pod.spec.containers[0], around)


def config_map(name, **data):
    return msgspec.convert({"metadata": {"name": name}, "data": data}, ConfigMap)


def secret(name, **data):
    encoded = {key: b64encode(text.encode()).decode() for key, text in data.items()}
    return msgspec.convert({"metadata": {"name": name}, "data": encoded}, Secret)


def from_config_map(name, key, **more):
    ref = {"name": name, "key": key, **more}
    return {"name": "A", "valueFrom": {"configMapKeyRef": ref}}


def from_secret(name, key, **more):
    return {"name": "A", "valueFrom": {"secretKeyRef": {"name": name, "key": key, **more}}}


def from_field(path):
    return {"name": "A", "valueFrom": {"fieldRef": {"fieldPath": path}}}


@pytest.mark.parametrize(
    ("text", "expanded"),
    [
        ("$(A)", "1"),
        ("$(A)$(B)", "12"),
        ("$$(A)", "$(A)"),
        ("$$$(A)", "$1"),
        ("$(NO)", "$(NO)"),
        ("$(A", "$(A"),
        ("$A", "$A"),
        ("a$", "a$"),
        ("$()", "$()"),
    ],
)
def test_references_are_expanded_as_kubernetes_does(text, expanded):
    assert expand(text, {"A": "1", "B": "2"}) == expanded


def test_variables_see_those_before_them():
    env = [
        {"name": "A", "value": "1"},
        {"name": "B", "value": "$(A)2"},
        {"name": "C", "value": "$(D)"},
        {"name": "D", "value": "late"},
    ]
    built = build({"env": env})
    assert (built["B"], built["C"]) == ("12", "$(D)")


def test_env_from_is_prefixed_and_overridden_by_env():
    references = References(config_maps={"cm": config_map("cm", A="1", B="2")})
    container = {
        "envFrom": [{"prefix": "P_", "configMapRef": {"name": "cm"}}],
        "env": [{"name": "P_A", "value": "own"}],
    }
    built = build(container, references)
    assert (built["P_A"], built["P_B"]) == ("own", "2")


def test_secrets_are_decoded():
    references = References(secrets={"s": secret("s", k="hush")})
    assert build({"env": [from_secret("s", "k")]}, references)["A"] == "hush"


@pytest.mark.parametrize(
    ("container", "message"),
    [
        ({"env": [from_config_map("x", "k")]}, 'configmap "x" not found'),
        ({"env": [from_config_map("cm", "k")]}, "couldn't find key k in ConfigMap ns/cm"),
        ({"env": [from_secret("x", "k")]}, 'secret "x" not found'),
        ({"env": [from_secret("s", "k")]}, "couldn't find key k in Secret ns/s"),
        ({"envFrom": [{"configMapRef": {"name": "x"}}]}, 'configmap "x" not found'),
        ({"envFrom": [{"secretRef": {"name": "x"}}]}, 'secret "x" not found'),
        ({"env": [from_field("spec.nope")]}, "unsupported fieldPath: spec.nope"),
    ],
)
def test_what_is_missing_is_said_in_the_kubelets_words(container, message):
    references = References(config_maps={"cm": config_map("cm")}, secrets={"s": secret("s")})
    with pytest.raises(ConfigProblem) as problem:
        build(container, references)
    assert (problem.value.reason, problem.value.message) == ("CreateContainerConfigError", message)


def test_optional_references_may_be_missing():
    container = {
        "env": [from_config_map("x", "k", optional=True)],
        "envFrom": [{"secretRef": {"name": "x", "optional": True}}],
    }
    assert "A" not in build(container)


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("metadata.name", "p"),
        ("metadata.namespace", "ns"),
        ("metadata.uid", "u"),
        ("metadata.labels['app']", "web"),
        ("metadata.annotations['a.b/c']", "x"),
        ("metadata.labels['none']", ""),
        ("metadata.labels", 'app="web"'),
        ("spec.nodeName", "n"),
        ("status.podIP", "127.1.0.1"),
        ("status.hostIP", "127.0.0.1"),
    ],
)
def test_a_pod_can_read_its_own_fields(path, text):
    assert build({"env": [from_field(path)]})["A"] == text


@pytest.mark.parametrize(
    ("selector", "text"),
    [
        ({"resource": "limits.cpu"}, "1"),
        ({"resource": "limits.cpu", "divisor": "1m"}, "500"),
        ({"resource": "requests.memory", "divisor": "1Mi"}, "64"),
        ({"resource": "limits.memory", "divisor": "1Gi"}, "8"),
        ({"resource": "requests.cpu", "divisor": "1m"}, "500"),
    ],
)
def test_a_pod_can_read_its_resources(selector, text):
    container = {
        "resources": {"limits": {"cpu": "500m"}, "requests": {"memory": "64Mi"}},
        "env": [{"name": "A", "valueFrom": {"resourceFieldRef": selector}}],
    }
    assert build(container)["A"] == text


def test_services_are_variables_unless_they_are_not_wanted():
    body = {
        "metadata": {"name": "my-db"},
        "spec": {"clusterIP": "10.9.9.9", "ports": [{"port": 5432, "name": "sql"}]},
    }
    services = [msgspec.convert(body, Service)]
    built = build({}, services=services)
    assert built["MY_DB_SERVICE_HOST"] == "10.9.9.9"
    assert built["MY_DB_SERVICE_PORT"] == built["MY_DB_SERVICE_PORT_SQL"] == "5432"
    assert built["MY_DB_PORT_5432_TCP"] == "tcp://10.9.9.9:5432"
    assert "MY_DB_SERVICE_HOST" not in build({}, services=services, enableServiceLinks=False)


def test_the_api_server_is_always_named():
    built = build({}, enableServiceLinks=False)
    assert (built["KUBERNETES_SERVICE_HOST"], built["KUBERNETES_SERVICE_PORT"]) == (
        "10.0.0.1",
        "6443",
    )


def test_the_cluster_address_of_the_api_server_is_not_told():
    body = {
        "metadata": {"name": "kubernetes", "namespace": "default"},
        "spec": {"clusterIP": "10.96.0.1", "ports": [{"port": 443, "name": "https"}]},
    }
    assert "10.96.0.1" not in str(build({}, services=[msgspec.convert(body, Service)]))


def test_the_containers_own_variables_go_before_those_of_the_image():
    built = build({"env": [{"name": "A", "value": "own"}]}, image_env={"A": "image", "B": "b"})
    assert (built["A"], built["B"]) == ("own", "b")
