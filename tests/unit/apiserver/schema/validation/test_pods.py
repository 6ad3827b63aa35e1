"""The rules of pods, with the server's texts."""

import copy

import pytest

from shoal.apiserver.schema.builtin import builtin_schema

POD = builtin_schema("", "v1", "Pod")
LABEL_TEXT = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and "
    "must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used "
    "for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
)


def pod(**spec):
    obj = {
        "metadata": {"name": "a", "namespace": "default"},
        "spec": {"containers": [{"name": "c", "image": "i"}]} | spec,
    }
    assert POD.decode_error(obj) is None
    assert POD.prune(obj) == []
    POD.default(obj)
    return obj


def problems(**spec):
    return [str(cause) for cause in POD.validate(pod(**spec), None)]


def container(**fields):
    return {"containers": [{"name": "c", "image": "i"} | fields]}


def test_a_plain_pod_is_fine():
    assert problems() == []


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({"containers": []}, "spec.containers: Required value"),
        ({"containers": [{"image": "i"}]}, "spec.containers[0].name: Required value"),
        ({"containers": [{"name": "c"}]}, "spec.containers[0].image: Required value"),
        (
            container(name="Bad"),
            f'spec.containers[0].name: Invalid value: "Bad": {LABEL_TEXT}',
        ),
        (
            {"containers": [{"name": "c", "image": "i"}, {"name": "c", "image": "i"}]},
            'spec.containers[1].name: Duplicate value: "c"',
        ),
        (
            {"restartPolicy": "Sometimes"},
            'spec.restartPolicy: Unsupported value: "Sometimes": supported values: "Always", '
            '"OnFailure", "Never"',
        ),
        (
            container(ports=[{"containerPort": 70000}]),
            "spec.containers[0].ports[0].containerPort: Invalid value: 70000: must be between 1 "
            "and 65535, inclusive",
        ),
        (
            container(ports=[{"containerPort": 1, "protocol": "tcp"}]),
            'spec.containers[0].ports[0].protocol: Unsupported value: "tcp": supported values: '
            '"SCTP", "TCP", "UDP"',
        ),
        (
            container(volumeMounts=[{"name": "data", "mountPath": "/d"}]),
            'spec.containers[0].volumeMounts[0].name: Not found: "data"',
        ),
        (
            container(resources={"limits": {"cpu": "1"}, "requests": {"cpu": "2"}}),
            'spec.containers[0].resources.requests: Invalid value: "2": must be less than or equal '
            "to cpu limit of 1",
        ),
        (
            container(resources={"limits": {"memory": "-1"}, "requests": {"memory": "-1"}}),
            'spec.containers[0].resources.limits[memory]: Invalid value: "-1": must be greater '
            "than or equal to 0",
        ),
        (
            container(livenessProbe={"periodSeconds": 1}),
            "spec.containers[0].livenessProbe: Required value: must specify a handler type",
        ),
        (
            container(livenessProbe={"exec": {"command": ["a"]}, "tcpSocket": {"port": 1}}),
            "spec.containers[0].livenessProbe.tcpSocket: Forbidden: may not specify more than 1 "
            "handler type",
        ),
        (
            container(env=[{"name": ""}]),
            "spec.containers[0].env[0].name: Required value",
        ),
        (
            {"volumes": [{"name": "v", "emptyDir": {}, "hostPath": {"path": "/a"}}]},
            "spec.volumes[0].hostPath: Forbidden: may not specify more than 1 volume type",
        ),
        (
            {"volumes": [{"name": "v"}, {"name": "v"}]},
            'spec.volumes[1].name: Duplicate value: "v"',
        ),
        (
            {"activeDeadlineSeconds": 0},
            "spec.activeDeadlineSeconds: Invalid value: 0: must be between 1 and 2147483647, "
            "inclusive",
        ),
        (
            {"tolerations": [{"key": "a", "operator": "Exists", "value": "b"}]},
            'spec.tolerations[0].operator: Invalid value: "b": value must be empty when `operator` '
            "is 'Exists'",
        ),
        (
            {"tolerations": [{"key": "a", "operator": "Exists", "tolerationSeconds": 3}]},
            "spec.tolerations[0].effect: Invalid value: \"\": effect must be 'NoExecute' when "
            "`tolerationSeconds` is set",
        ),
        (
            {"initContainers": [{"name": "i", "image": "i", "restartPolicy": "Never"}]},
            'spec.initContainers[0].restartPolicy: Unsupported value: "Never": supported values: '
            '"Always"',
        ),
        (
            {"schedulingGates": [{"name": "g"}], "nodeName": "n"},
            "spec.nodeName: Forbidden: cannot be set until all schedulingGates have been cleared",
        ),
    ],
)
def test_what_is_wrong_is_said_in_the_servers_words(spec, expected):
    assert expected in problems(**spec)


@pytest.mark.parametrize(
    "spec",
    [
        container(resources={"limits": {"nvidia.com/gpu": "1"}}),
        container(lifecycle={"preStop": {"sleep": {"seconds": 1}}}),
        {"initContainers": [{"name": "i", "image": "i", "restartPolicy": "Always"}]},
        {"tolerations": [{"operator": "Exists"}]},
        {"volumes": [{"name": "v"}], **container(volumeMounts=[{"name": "v", "mountPath": "/a"}])},
        {"terminationGracePeriodSeconds": 0},
        container(livenessProbe={"httpGet": {"port": "http"}}),
    ],
)
def test_what_is_right_passes(spec):
    assert problems(**spec) == []


def test_one_cause_does_not_hide_another():
    found = problems(containers=[{"name": "A"}])
    assert [text.partition(":")[0] for text in found] == [
        "spec.containers[0].name",
        "spec.containers[0].image",
    ]


def changed(change, **spec):
    old = pod(**spec)
    new = copy.deepcopy(old)
    change(new["spec"])
    return [str(cause) for cause in POD.validate(new, old)]


def test_most_of_a_pods_spec_may_not_change():
    found = changed(lambda spec: spec["containers"][0].update(command=["x"]))
    assert found == [
        "spec: Forbidden: pod updates may not change fields other than "
        "`spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,"
        "`spec.tolerations` (only additions to existing tolerations),"
        "`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously "
        "negative)"
    ]


@pytest.mark.parametrize(
    "change",
    [
        lambda spec: spec["containers"][0].update(image="other"),
        lambda spec: spec.update(activeDeadlineSeconds=5),
        lambda spec: spec["tolerations"].append({"key": "a", "operator": "Exists"}),
        lambda spec: spec["tolerations"][0].update(tolerationSeconds=5),
        lambda spec: spec["schedulingGates"].pop(),
        lambda spec: spec.update(nodeSelector={"a": "b"}),
    ],
)
def test_some_of_a_pods_spec_may_change(change):
    found = changed(
        change,
        activeDeadlineSeconds=10,
        tolerations=[
            {"key": "k", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 9}
        ],
        schedulingGates=[{"name": "g"}],
    )
    assert found == []


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (
            lambda spec: spec["containers"].append({"name": "d", "image": "i"}),
            "spec.containers: Forbidden: pod updates may not add or remove containers",
        ),
        (
            lambda spec: spec.update(activeDeadlineSeconds=11),
            "spec.activeDeadlineSeconds: Invalid value: 11: must be less than or equal to previous "
            "value",
        ),
        (
            lambda spec: spec.update(tolerations=[]),
            "spec.tolerations: Forbidden: existing toleration can not be modified except its "
            "tolerationSeconds",
        ),
        (
            lambda spec: spec.update(schedulingGates=[{"name": "h"}]),
            "spec.schedulingGates: Forbidden: only deletion is allowed, but found new scheduling "
            "gate 'h'",
        ),
    ],
)
def test_changes_that_are_checked_apart_are_refused_apart(change, expected):
    found = changed(
        change, activeDeadlineSeconds=10, tolerations=[{"key": "k", "operator": "Exists"}]
    )
    assert found == [expected]
