"""Bodies of built-in kinds: types, unknown fields, canonical forms, and the quick answer."""

import copy

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shoal.apiserver.schema.builtin import builtin_schema
from shoal.apiserver.schema.decoding import struct

POD = builtin_schema("", "v1", "Pod")
DEPLOYMENT = builtin_schema("apps", "v1", "Deployment")

FIELDS = ["metadata", "spec", "name", "labels", "containers", "image", "ports", "env", "value"]
FIELDS += ["resources", "limits", "cpu", "volumes", "replicas", "template", "selector", "data"]
QUANTITIES = ["0", "1", "10", "100", "1000", "1500", "100m", "1000m", "0m", "1Gi", "1024Mi", "01"]
QUANTITIES += ["999Ki", "1.5", "1e3", "5n", "2G", "1000G", "12E", "-1", "10001", "1536Mi", "0Gi"]

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=6),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(FIELDS),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)


@pytest.mark.parametrize(
    ("pod", "error"),
    [
        (
            {"spec": "x"},
            "json: cannot unmarshal string into Go struct field Pod.spec of type v1.PodSpec",
        ),
        (
            {"spec": {"containers": "x"}},
            "json: cannot unmarshal string into Go struct field PodSpec.spec.containers of type "
            "[]v1.Container",
        ),
        (
            {"spec": {"containers": [{"env": [{"name": "A", "value": 1}]}]}},
            "json: cannot unmarshal number into Go struct field EnvVar.spec.containers.env.value "
            "of type string",
        ),
        (
            {"metadata": {"labels": {"a": True}}},
            "json: cannot unmarshal bool into Go struct field ObjectMeta.metadata.labels of type "
            "string",
        ),
        (
            {"spec": {"containers": [{"ports": [{"containerPort": 3000000000}]}]}},
            "json: cannot unmarshal number 3000000000 into Go struct field "
            "ContainerPort.spec.containers.ports.containerPort of type int32",
        ),
        (
            {"spec": {"containers": [{"resources": {"limits": {"cpu": "lots"}}}]}},
            "quantities must match the regular expression "
            "'^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
        ),
        (
            {"metadata": {"creationTimestamp": "yesterday"}},
            'parsing time "yesterday" as "2006-01-02T15:04:05Z07:00": cannot parse "yesterday" as '
            '"2006"',
        ),
    ],
)
def test_a_body_of_the_wrong_type_is_refused_in_the_decoders_words(pod, error):
    prefix = 'Pod in version "v1" cannot be handled as a Pod: '
    assert POD.decode_error(pod) == prefix + error


def test_data_that_is_not_base64_is_refused():
    secret = builtin_schema("", "v1", "Secret")
    assert secret.decode_error({"data": {"a": "b64?"}}) == (
        'Secret in version "v1" cannot be handled as a Secret: illegal base64 data at input byte 3'
    )
    assert secret.decode_error({"data": {"a": "YWJj"}}) is None


def test_unknown_fields_go_and_are_named_by_their_paths():
    pod = {
        "metadata": {"name": "a", "nmae": 1},
        "spec": {"containers": [{"name": "c", "imgae": "x"}, {"ports": [{"port": 1}]}]},
        "extra": {},
    }
    assert POD.prune(pod) == [
        "metadata.nmae",
        "spec.containers[0].imgae",
        "spec.containers[1].ports[0].port",
        "extra",
    ]
    assert pod == {
        "metadata": {"name": "a"},
        "spec": {"containers": [{"name": "c"}, {"ports": [{}]}]},
    }


def test_nulls_go():
    pod = {"metadata": {"creationTimestamp": None}, "spec": {"nodeName": None}}
    assert POD.prune(pod) == []
    assert pod == {"metadata": {}, "spec": {}}


def test_nulls_in_lists_and_maps_become_what_they_stand_for():
    pod = {"metadata": {"labels": {"a": None}}, "spec": {"containers": [None]}}
    POD.prune(pod)
    assert pod == {"metadata": {"labels": {"a": ""}}, "spec": {"containers": [{}]}}


@pytest.mark.parametrize(
    ("given_", "kept"),
    [("0.5", "500m"), (1, "1"), (0.1, "100m"), ("1024Mi", "1Gi"), ("1e3", "1e3"), ("1000", "1k")],
)
def test_quantities_take_their_canonical_form(given_, kept):
    pod = {"spec": {"containers": [{"resources": {"limits": {"cpu": given_}}}]}}
    POD.prune(pod)
    assert pod["spec"]["containers"][0]["resources"]["limits"] == {"cpu": kept}


def test_times_are_kept_in_utc():
    pod = {"metadata": {"creationTimestamp": "2024-05-01T12:00:00.5+02:00"}}
    POD.prune(pod)
    assert pod == {"metadata": {"creationTimestamp": "2024-05-01T10:00:00Z"}}


def test_schemas_inside_definitions_are_pruned_too():
    crd = {
        "spec": {
            "versions": [
                {
                    "schema": {
                        "openAPIV3Schema": {
                            "properties": {
                                "a": {"items": {"type": "string", "typo": 1}, "default": {"x": 1}}
                            }
                        }
                    }
                }
            ]
        }
    }
    schema = builtin_schema("apiextensions.k8s.io", "v1", "CustomResourceDefinition")
    assert schema.decode_error(crd) is None
    assert schema.prune(crd) == ["spec.versions[0].schema.openAPIV3Schema.properties.a.items.typo"]


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(st.sampled_from(["metadata", "spec", "x"]), json_values, max_size=3))
def test_any_json_is_read_tidied_and_checked_without_a_crash(obj):
    for schema in (POD, DEPLOYMENT):
        body = copy.deepcopy(obj)
        error = schema.decode_error(body)
        schema.prune(body)
        assert schema.prune(copy.deepcopy(body)) == []
        if error is None:
            schema.default(body)
            once = copy.deepcopy(body)
            schema.default(body)
            assert body == once
            schema.validate(body, None)
            schema.validate(body, copy.deepcopy(body))


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(st.sampled_from(["metadata", "spec", "x"]), json_values, max_size=3))
def test_the_quick_answer_is_never_kinder_than_the_walk(obj):
    """Where the compiled check finds a body tidy, the walk leaves it as it is."""
    for schema, name in ((POD, "io.k8s.api.core.v1.Pod"), (DEPLOYMENT, DEPLOYMENT_NAME)):
        body = copy.deepcopy(obj)
        if schema._tidiness.holds(body):
            dropped: list[str] = []
            struct(name).check(body)
            struct(name).tidy(body, dropped)
            assert (body, dropped) == (obj, [])


DEPLOYMENT_NAME = "io.k8s.api.apps.v1.Deployment"


@pytest.mark.parametrize("quantity", QUANTITIES)
def test_the_quick_answer_knows_canonical_quantities(quantity):
    pod = {"spec": {"containers": [{"resources": {"limits": {"cpu": quantity}}}]}}
    before = copy.deepcopy(pod)
    if POD._tidiness.holds(pod):
        struct("io.k8s.api.core.v1.Pod").tidy(pod, [])
        assert pod == before
