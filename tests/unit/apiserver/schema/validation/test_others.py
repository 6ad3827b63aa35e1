"""The rules of built-in kinds but pods, with the server's texts."""

import copy

import pytest

from shoal.apiserver.schema.builtin import builtin_schema

SELECTOR = {"matchLabels": {"app": "a"}}
TEMPLATE = {
    "metadata": {"labels": {"app": "a"}},
    "spec": {"containers": [{"name": "c", "image": "i"}]},
}


def made(group, kind, obj):
    schema = builtin_schema(group, "v1", kind)
    obj = {"metadata": {"name": "a"}} | copy.deepcopy(obj)
    assert schema.decode_error(obj) is None
    assert schema.prune(obj) == []
    schema.default(obj)
    return schema, obj


def problems(group, kind, obj, old=None):
    schema, new = made(group, kind, obj)
    before = None if old is None else made(group, kind, old)[1]
    return [str(cause) for cause in schema.validate(new, before)]


def deployment(**spec):
    return {"spec": {"selector": SELECTOR, "template": TEMPLATE} | spec}


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({"replicas": -1}, "spec.replicas: Invalid value: -1: must be greater than or equal to 0"),
        (
            {"selector": {"matchLabels": {"app": "b"}}},
            'spec.template.metadata.labels: Invalid value: {"app":"a"}: `selector` does not match '
            "template `labels`",
        ),
        (
            {"selector": {}},
            "spec.selector: Invalid value: {}: empty selector is invalid for deployment",
        ),
        (
            {"strategy": {"rollingUpdate": {"maxSurge": 0, "maxUnavailable": 0}}},
            "spec.strategy.rollingUpdate.maxUnavailable: Invalid value: 0: may not be 0 when "
            "`maxSurge` is 0",
        ),
        (
            {"strategy": {"rollingUpdate": {"maxSurge": "many"}}},
            'spec.strategy.rollingUpdate.maxSurge: Invalid value: "many": a valid percent string '
            "must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used "
            "for validation is '[0-9]+%')",
        ),
        (
            {"strategy": {"type": "Recreate", "rollingUpdate": {}}},
            "spec.strategy.rollingUpdate: Forbidden: may not be specified when strategy `type` is "
            "'Recreate'",
        ),
        (
            {"template": {**TEMPLATE, "spec": {**TEMPLATE["spec"], "restartPolicy": "Never"}}},
            'spec.template.spec.restartPolicy: Unsupported value: "Never": supported values: '
            '"Always"',
        ),
        (
            {"progressDeadlineSeconds": 5, "minReadySeconds": 5},
            "spec.progressDeadlineSeconds: Invalid value: 5: must be greater than minReadySeconds",
        ),
    ],
)
def test_a_deployment_is_refused_in_the_servers_words(spec, expected):
    assert problems("apps", "Deployment", deployment(**spec)) == [expected]


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({"replicas": -1}, "spec.replicas: Invalid value: -1: must be greater than or equal to 0"),
        (
            {"podManagementPolicy": "Random"},
            'spec.podManagementPolicy: Invalid value: "Random": must be '
            "'OrderedReady' or 'Parallel'",
        ),
        (
            {"updateStrategy": {"type": "OnDelete", "rollingUpdate": {"partition": 1}}},
            'spec.updateStrategy.rollingUpdate: Invalid value: {"partition":1}: only allowed for '
            "updateStrategy 'RollingUpdate'",
        ),
        (
            {"updateStrategy": {"type": "Sometimes"}},
            'spec.updateStrategy: Invalid value: {"type":"Sometimes"}: must be '
            "'RollingUpdate' or 'OnDelete'",
        ),
        (
            {"updateStrategy": {"rollingUpdate": {"maxUnavailable": 0}}},
            "spec.updateStrategy.rollingUpdate.maxUnavailable: Invalid value: 0: cannot be 0",
        ),
        (
            {"updateStrategy": {"rollingUpdate": {"maxUnavailable": "101%"}}},
            'spec.updateStrategy.rollingUpdate.maxUnavailable: Invalid value: "101%": must not be '
            "greater than 100%",
        ),
        (
            {"persistentVolumeClaimRetentionPolicy": {"whenScaled": "Burn"}},
            'spec.persistentVolumeClaimRetentionPolicy.whenScaled: Unsupported value: "Burn": '
            'supported values: "Retain", "Delete"',
        ),
        (
            {"ordinals": {"start": -1}},
            "spec.ordinals.start: Invalid value: -1: must be greater than or equal to 0",
        ),
        (
            {"selector": {}},
            "spec.selector: Invalid value: {}: empty selector is invalid for statefulset",
        ),
        (
            {"template": {**TEMPLATE, "spec": {**TEMPLATE["spec"], "activeDeadlineSeconds": 1}}},
            "spec.template.spec.activeDeadlineSeconds: Forbidden: activeDeadlineSeconds in "
            "StatefulSet is not Supported",
        ),
    ],
)
def test_a_stateful_set_is_refused_in_the_servers_words(spec, expected):
    assert problems("apps", "StatefulSet", deployment(**spec)) == [expected]


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        (
            {"updateStrategy": {"rollingUpdate": {"maxSurge": 1}}},
            "spec.updateStrategy.rollingUpdate.maxSurge: Invalid value: 1: may not be set when "
            "maxUnavailable is non-zero",
        ),
        (
            {"updateStrategy": {"rollingUpdate": {"maxUnavailable": 0}}},
            "spec.updateStrategy.rollingUpdate.maxUnavailable: Required value: cannot be 0 when "
            "maxSurge is 0",
        ),
        (
            {"updateStrategy": {"type": "Sometimes"}},
            'spec.updateStrategy: Unsupported value: {"type":"Sometimes"}: supported values: '
            '"RollingUpdate", "OnDelete"',
        ),
        (
            {"revisionHistoryLimit": -1},
            "spec.revisionHistoryLimit: Invalid value: -1: must be greater than or equal to 0",
        ),
        (
            {"template": {**TEMPLATE, "spec": {**TEMPLATE["spec"], "restartPolicy": "Never"}}},
            'spec.template.spec.restartPolicy: Unsupported value: "Never": supported values: '
            '"Always"',
        ),
    ],
)
def test_a_daemon_set_is_refused_in_the_servers_words(spec, expected):
    assert problems("apps", "DaemonSet", deployment(**spec)) == [expected]


def test_of_a_stateful_set_only_some_fields_may_change():
    before = deployment(serviceName="a")
    for spec in (
        {"replicas": 5},
        {"updateStrategy": {"type": "OnDelete"}},
        {"minReadySeconds": 3},
        {"ordinals": {"start": 1}},
    ):
        after = deployment(serviceName="a", **spec)
        assert problems("apps", "StatefulSet", after, before) == []
    assert problems("apps", "StatefulSet", deployment(serviceName="b"), before) == [
        "spec: Forbidden: updates to statefulset spec for fields other than 'replicas', "
        "'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', "
        "'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden"
    ]


def test_the_data_of_a_revision_stays():
    before = {"data": {"spec": {"a": 1}}, "revision": 1}
    assert problems("apps", "ControllerRevision", {"revision": -1}) == [
        "data: Required value: data is mandatory",
        "revision: Invalid value: -1: must be greater than or equal to 0",
    ]
    renumbered = {**before, "revision": 2}
    assert problems("apps", "ControllerRevision", renumbered, before) == []
    other = {"data": {"spec": {"a": 2}}, "revision": 1}
    assert problems("apps", "ControllerRevision", other, before) == [
        'data: Invalid value: {"spec":{"a":2}}: field is immutable'
    ]


def test_a_workload_without_selector_is_refused():
    obj = {"spec": {"template": TEMPLATE}}
    assert problems("apps", "Deployment", obj) == ["spec.selector: Required value"]
    assert problems("apps", "ReplicaSet", obj) == ["spec.selector: Required value"]
    assert problems("apps", "StatefulSet", obj) == ["spec.selector: Required value"]
    assert problems("apps", "DaemonSet", obj) == ["spec.selector: Required value"]


def test_the_selector_of_a_workload_stays():
    other = {"matchLabels": {"app": "b"}}
    template = {**TEMPLATE, "metadata": {"labels": {"app": "b"}}}
    for kind in ("Deployment", "ReplicaSet"):
        found = problems("apps", kind, deployment(selector=other, template=template), deployment())
        assert found == [
            'spec.selector: Invalid value: {"matchLabels":{"app":"b"}}: field is immutable'
        ]


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({}, "spec.ports: Required value"),
        (
            {"ports": [{"port": 0}]},
            "spec.ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive",
        ),
        ({"ports": [{"port": 1}, {"port": 2, "name": "b"}]}, "spec.ports[0].name: Required value"),
        (
            {"type": "Inside", "ports": [{"port": 1}]},
            'spec.type: Unsupported value: "Inside": supported values: "ClusterIP", '
            '"ExternalName", "LoadBalancer", "NodePort"',
        ),
        (
            {"type": "NodePort", "ports": [{"port": 1, "nodePort": 80}]},
            "spec.ports[0].nodePort: Invalid value: 80: provided port is not in the valid range. "
            "The range of valid ports is 30000-32767",
        ),
        (
            {"clusterIP": "here", "ports": [{"port": 1}]},
            'spec.clusterIPs[0]: Invalid value: "here": must be a valid IP address, (e.g. 10.9.8.7 '
            "or 2001:db8::ffff)",
        ),
        ({"type": "ExternalName"}, "spec.externalName: Required value"),
    ],
)
def test_a_service_is_refused_in_the_servers_words(spec, expected):
    assert expected in problems("", "Service", {"spec": spec})


def test_headless_services_need_no_ports():
    assert problems("", "Service", {"spec": {"clusterIP": "None"}}) == []


def test_the_address_of_a_service_stays():
    one, other = ({"spec": {"clusterIP": ip, "ports": [{"port": 1}]}} for ip in ("10.96.0.5", ""))
    assert problems("", "Service", other, one) == [
        'spec.clusterIPs[0]: Invalid value: "": may not change once set'
    ]


def test_service_names_start_with_a_letter():
    found = problems("", "Service", {"metadata": {"name": "1a"}, "spec": {"clusterIP": "None"}})
    assert found[0].startswith('metadata.name: Invalid value: "1a": a DNS-1035 label must consist')


def test_keys_of_config_maps_become_file_names():
    found = problems("", "ConfigMap", {"data": {"a/b": "", "..": "", "ok.txt": ""}})
    assert found == [
        'data[a/b]: Invalid value: "a/b": a valid config key must consist of alphanumeric '
        "characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used "
        "for validation is '[-._a-zA-Z0-9]+')",
        "data[..]: Invalid value: \"..\": must not be '..'",
    ]


def test_a_config_map_holds_a_mebibyte():
    assert problems("", "ConfigMap", {"data": {"a": "x" * 2**20}}) == []
    assert problems("", "ConfigMap", {"data": {"a": "x" * (2**20 + 1)}}) == [
        "[]: Too long: may not be more than 1048576 bytes"
    ]


def test_what_is_immutable_stays():
    old = {"immutable": True, "data": {"a": "Yg=="}}
    for kind in ("ConfigMap", "Secret"):
        assert problems("", kind, {"data": {"a": ""}}, old) == [
            "immutable: Forbidden: field is immutable when `immutable` is set",
            "data: Forbidden: field is immutable when `immutable` is set",
        ]


def test_the_type_of_a_secret_stays_and_says_what_it_holds():
    assert problems("", "Secret", {"type": "kubernetes.io/tls"}, {}) == [
        "data[tls.crt]: Required value",
        "data[tls.key]: Required value",
        'type: Invalid value: "kubernetes.io/tls": field is immutable',
    ]


def test_the_value_of_a_priority_class_stays():
    group, kind = "scheduling.k8s.io", "PriorityClass"
    assert problems(group, kind, {"value": 1}, {"value": 2}) == [
        "value: Forbidden: may not be changed in an update."
    ]
    assert problems(group, kind, {"value": 2_000_000_000}) == [
        "value: Forbidden: maximum allowed value of a user defined priority is 1000000000"
    ]
    own = {"metadata": {"name": "system-node-critical"}, "value": 2_000_001_000}
    assert problems(group, kind, own) == []


def test_leases_last():
    lease = {"spec": {"leaseDurationSeconds": 0}}
    assert problems("coordination.k8s.io", "Lease", lease) == [
        "spec.leaseDurationSeconds: Invalid value: 0: must be greater than 0"
    ]


def test_events_stand_beside_what_they_are_about():
    event = {
        "metadata": {"name": "a", "namespace": "b"},
        "involvedObject": {"namespace": "c"},
    }
    assert problems("", "Event", event) == [
        'involvedObject.namespace: Invalid value: "c": does not match event.namespace'
    ]
    about_node = {"metadata": {"name": "a", "namespace": "default"}, "involvedObject": {}}
    assert problems("", "Event", about_node) == []


def test_claims_need_a_size_and_a_mode_and_stay():
    claim = {
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": "1Gi"}},
        }
    }
    assert problems("", "PersistentVolumeClaim", claim) == []
    assert problems("", "PersistentVolumeClaim", {}) == [
        "spec.accessModes: Required value: at least 1 access mode is required",
        "spec.resources[storage]: Required value",
    ]
    other = copy.deepcopy(claim)
    other["spec"]["storageClassName"] = "fast"
    # One without a class may get it, and keeps it.
    assert problems("", "PersistentVolumeClaim", other, claim) == []
    assert problems("", "PersistentVolumeClaim", claim, other) == [
        "spec: Forbidden: spec is immutable after creation except resources.requests and "
        "volumeAttributesClassName for bound claims"
    ]


@pytest.mark.parametrize(("wanted", "is_refused"), [("3Gi", False), ("2Gi", True), ("1Gi", True)])
def test_a_claim_may_only_take_back_a_growth_that_has_not_come(wanted, is_refused):
    def claim(size):
        return {
            "spec": {
                "accessModes": ["ReadWriteOnce"],
                "resources": {"requests": {"storage": size}},
            },
            "status": {"phase": "Bound", "capacity": {"storage": "2Gi"}},
        }

    why = "spec.resources.requests.storage: Forbidden: field can not be less than status.capacity"
    found = problems("", "PersistentVolumeClaim", claim(wanted), claim("4Gi"))
    assert found == ([why] if is_refused else [])
    assert problems("", "PersistentVolumeClaim", claim(wanted), claim(wanted)) == []


def test_taints_are_unique_and_have_an_effect():
    taint = {"key": "a", "effect": "NoSchedule"}
    found = problems("", "Node", {"spec": {"taints": [taint, taint, {"key": "b"}]}})
    assert found == [
        'metadata.taints[1]: Duplicate value: {"effect":"NoSchedule","key":"a"}: taints must be '
        "unique by key and effect pair",
        "metadata.taints[2].effect: Required value",
    ]


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        ({}, "metadata.name: Required value: name or generateName is required"),
        (
            {"name": "A"},
            'metadata.name: Invalid value: "A": a lowercase RFC 1123 subdomain must consist of '
            "lower case alphanumeric characters, '-' or '.', and must start and end with an "
            "alphanumeric character (e.g. 'example.com', regex used for validation is "
            r"'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')",
        ),
        ({"name": "a" * 254}, "metadata.name: Invalid value: "),
        (
            {"name": "a", "labels": {"a/b/c": ""}},
            'metadata.labels: Invalid value: "a/b/c": a qualified name must consist of',
        ),
        (
            {"name": "a", "labels": {"/b": ""}},
            'metadata.labels: Invalid value: "/b": prefix part must be non-empty',
        ),
        (
            {"name": "a", "labels": {"a": "b c"}},
            'metadata.labels: Invalid value: "b c": a valid label must be an empty string or',
        ),
        (
            {"name": "a", "annotations": {"a": "x" * 2**18}},
            "metadata.annotations: Too long: may not be more than 262144 bytes",
        ),
        (
            {"name": "a", "ownerReferences": [{"apiVersion": "v1", "kind": "A", "name": "b"}]},
            'metadata.ownerReferences.uid: Invalid value: "": must not be empty',
        ),
        (
            {"name": "a", "finalizers": ["orphan", "foregroundDeletion"]},
            'metadata.finalizers: Invalid value: ["orphan","foregroundDeletion"]: finalizer orphan '
            "and foregroundDeletion cannot be both set",
        ),
    ],
)
def test_metadata_is_refused_in_the_servers_words(metadata, expected):
    schema = builtin_schema("", "v1", "ConfigMap")
    found = [str(cause) for cause in schema.validate({"metadata": metadata}, None)]
    assert found[0].startswith(expected)


def test_what_names_an_object_stays():
    schema = builtin_schema("", "v1", "ConfigMap")
    old = {"metadata": {"name": "a", "uid": "1"}}
    found = schema.validate({"metadata": {"name": "a", "uid": "2"}}, old)
    assert [str(c) for c in found] == ['metadata.uid: Invalid value: "2": field is immutable']
