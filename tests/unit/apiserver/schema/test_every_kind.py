"""Objects made up from the definitions: right in every type, arbitrary in all else."""

import copy

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shoal.apiserver.schema.builtin import builtin_schema
from shoal.apiserver.schema.definitions import definition_name, definitions

KINDS = [
    ("", "ConfigMap"),
    ("", "Endpoints"),
    ("", "Event"),
    ("", "Namespace"),
    ("", "Node"),
    ("", "PersistentVolume"),
    ("", "PersistentVolumeClaim"),
    ("", "Pod"),
    ("", "Secret"),
    ("", "Service"),
    ("", "ServiceAccount"),
    ("apiextensions.k8s.io", "CustomResourceDefinition"),
    ("apps", "ControllerRevision"),
    ("apps", "DaemonSet"),
    ("apps", "Deployment"),
    ("apps", "ReplicaSet"),
    ("apps", "StatefulSet"),
    ("batch", "Job"),
    ("coordination.k8s.io", "Lease"),
    ("discovery.k8s.io", "EndpointSlice"),
    ("events.k8s.io", "Event"),
    ("networking.k8s.io", "NetworkPolicy"),
    ("policy", "PodDisruptionBudget"),
    ("scheduling.k8s.io", "PriorityClass"),
    ("storage.k8s.io", "CSINode"),
    ("storage.k8s.io", "StorageClass"),
]
QUANTITY = st.sampled_from(["1", "0", "-1", "500m", "0.5", "1Gi", "2000", 3])
TEXT = st.sampled_from(["", "a", "b", "None", "Always", "RollingUpdate", "25%", "A/b c", "é"])
SPECIAL = {
    "Quantity": QUANTITY,
    "IntOrString": TEXT | st.integers(-1, 70000),
    "Time": st.just("2024-05-01T10:00:00Z"),
    "MicroTime": st.just("2024-05-01T10:00:00.000001Z"),
    "FieldsV1": st.just({}),
    "JSON": TEXT,
    "JSONSchemaPropsOrArray": st.just({"type": "string"}),
    "JSONSchemaPropsOrBool": st.booleans(),
    "JSONSchemaPropsOrStringArray": st.just(["a"]),
}


@st.composite
def made_from(draw, schema, depth=0):
    name = schema.get("$ref", "")
    if name:
        short = name.rpartition(".")[2]
        if short in SPECIAL:
            return draw(SPECIAL[short])
        properties = definitions()[name].get("properties", {})
        most = 4 if depth < 7 else 0
        if not properties:
            return {}
        fields = draw(st.lists(st.sampled_from(sorted(properties)), max_size=most, unique=True))
        fields += [f for f in ("spec", "containers") if f in properties and depth < 4]
        return {f: draw(made_from(properties[f], depth + 1)) for f in dict.fromkeys(fields)}
    match schema.get("type"), schema.get("format"):
        case "string", "byte":
            return draw(st.sampled_from(["", "YQ==", "YWJj"]))
        case "string", _:
            return draw(TEXT)
        case "boolean", _:
            return draw(st.booleans())
        case (("integer" | "number"), _):
            return draw(st.integers(-2, 70000))
        case "array", _:
            return draw(st.lists(made_from(schema["items"], depth + 1), max_size=2))
        case "object", _ if "additionalProperties" in schema:
            inner = made_from(schema["additionalProperties"], depth + 1)
            return draw(st.dictionaries(TEXT | st.just("cpu"), inner, max_size=2))
        case _:
            return {}


@pytest.mark.parametrize(("group", "kind"), KINDS)
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_an_object_of_right_types_is_completed_once_and_checked_without_a_crash(group, kind, data):
    schema = builtin_schema(group, "v1", kind)
    obj = data.draw(made_from({"$ref": definition_name(group, "v1", kind)}))
    old = data.draw(made_from({"$ref": definition_name(group, "v1", kind)}))
    for one in (obj, old):
        assert schema.decode_error(one) is None
        assert schema.prune(one) == []
        schema.default(one)
        once = copy.deepcopy(one)
        schema.default(one)
        assert one == once
        assert schema.decode_error(one) is None
    schema.validate(obj, None)
    schema.validate(obj, old)
