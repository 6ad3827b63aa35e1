"""Pruning, defaults and validation by a custom kind's schema."""

import copy

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shoal.apiserver.schema.custom.schema import CustomSchema

SPEC = {
    "type": "object",
    "required": ["image"],
    "properties": {
        "image": {"type": "string", "maxLength": 5, "pattern": "^[a-z]+$"},
        "replicas": {"type": "integer", "format": "int32", "minimum": 0, "default": 1},
        "mode": {"type": "string", "enum": ["fast", "slow"]},
        "port": {
            "x-kubernetes-int-or-string": True,
            "anyOf": [{"type": "integer"}, {"type": "string"}],
        },
        "nested": {
            "type": "object",
            "default": {},
            "properties": {"x": {"type": "integer", "default": 3}},
        },
        "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
        "half": {
            "type": "object",
            "x-kubernetes-preserve-unknown-fields": True,
            "properties": {"inner": {"type": "object", "properties": {"a": {"type": "string"}}}},
        },
        "map": {
            "type": "object",
            "additionalProperties": {
                "type": "object",
                "properties": {"a": {"type": "string", "default": "b"}},
            },
        },
        "list": {
            "type": "array",
            "maxItems": 2,
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["name"],
            "items": {
                "type": "object",
                "required": ["name"],
                "properties": {"name": {"type": "string"}},
            },
        },
        "tags": {
            "type": "array",
            "items": {"type": "string"},
            "x-kubernetes-list-type": "set",
        },
        "when": {"type": "string", "format": "date-time"},
        "wait": {"type": "string", "format": "duration"},
        "maybe": {"type": "string", "nullable": True},
        "template": {
            "type": "object",
            "x-kubernetes-embedded-resource": True,
            "properties": {"spec": {"type": "object"}},
        },
    },
}
WHOLE = {"type": "object", "required": ["spec"], "properties": {"spec": SPEC}}
FOO = CustomSchema("Foo", "v1", WHOLE)


def foo(**spec):
    return {"metadata": {"name": "a"}, "spec": {"image": "abc"} | spec}


def problems(schema, obj, old=None):
    return [str(cause) for cause in schema.validate(obj, old)]


def test_fields_without_a_schema_go():
    obj = foo(
        typo=1,
        nested={"y": 1, "x": 1},
        list=[{"name": "a", "k": 1}],
        map={"k": {"a": "1", "b": 2}},
    ) | {"extra": 1}
    assert sorted(FOO.prune(obj)) == [
        "extra",
        "spec.list[0].k",
        "spec.map.k.b",
        "spec.nested.y",
        "spec.typo",
    ]
    assert obj == foo(nested={"x": 1}, list=[{"name": "a"}], map={"k": {"a": "1"}})


def test_what_is_to_be_kept_is_kept():
    obj = foo(free={"any": {"thing": 1}}, half={"any": 1, "inner": {"a": "b", "c": 1}})
    assert FOO.prune(obj) == ["spec.half.inner.c"]
    assert obj == foo(free={"any": {"thing": 1}}, half={"any": 1, "inner": {"a": "b"}})


def test_an_embedded_object_keeps_its_type_and_known_metadata():
    template = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a", "b": 1}, "status": {}}
    obj = foo(template=template)
    assert FOO.prune(obj) == ["spec.template.metadata.b", "spec.template.status"]
    kept = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}}
    assert obj["spec"]["template"] == kept
    assert problems(FOO, foo(template={})) == [
        "spec.template.apiVersion: Required value",
        "spec.template.kind: Required value",
    ]


def test_unknown_metadata_goes():
    obj = {"metadata": {"name": "a", "b": 1}, "spec": {"image": "a"}}
    assert FOO.prune(obj) == ["metadata.b"]


def test_preserve_unknown_fields_of_a_whole_definition_keeps_everything():
    schema = CustomSchema("Foo", "v1", {"type": "object"}, keeps_unknown=True)
    obj = foo(any=1)
    assert schema.prune(obj) == []
    assert obj == foo(any=1)


def test_defaults_are_filled_in_on_every_level():
    obj = foo(map={"k": {}}, replicas=None, maybe=None)
    FOO.default(obj)
    assert obj == foo(replicas=1, nested={"x": 3}, map={"k": {"a": "b"}}, maybe=None)
    once = copy.deepcopy(obj)
    FOO.default(obj)
    assert obj == once


def test_defaults_are_not_shared():
    one, two = foo(), foo()
    FOO.default(one)
    one["spec"]["nested"]["x"] = 9
    FOO.default(two)
    assert two["spec"]["nested"] == {"x": 3}


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        (
            {"replicas": -1},
            ["spec.replicas: Invalid value: -1: spec.replicas in body should be greater than or "
             "equal to 0"],
        ),
        (
            {"replicas": "1"},
            ['spec.replicas: Invalid value: "string": spec.replicas in body must be of type '
             'integer: "string"'],
        ),
        ({"mode": "x"}, ['spec.mode: Unsupported value: "x": supported values: "fast", "slow"']),
        (
            {"image": "ABC"},
            ["spec.image: Invalid value: \"ABC\": spec.image in body should match '^[a-z]+$'"],
        ),
        ({"image": "abcdef"}, ["spec.image: Too long: may not be more than 5 bytes"]),
        (
            {"list": [{"name": "a"}, {"name": "b"}, {"name": "c"}]},
            ["spec.list: Too many: 3: must have at most 2 items"],
        ),
        ({"list": [{}]}, ["spec.list[0].name: Required value"]),
        (
            {"list": [{"name": "a"}, {"name": "a"}]},
            ['spec.list[1]: Duplicate value: {"name":"a"}'],
        ),
        ({"tags": ["a", "b", "a"]}, ['spec.tags[2]: Duplicate value: "a"']),
        (
            {"when": "today"},
            ['spec.when: Invalid value: "today": spec.when in body must be of type date-time: '
             '"today"'],
        ),
        ({"wait": "5m30s", "when": "2024-05-01T10:00:00Z", "port": 80, "maybe": None}, []),
        (
            {"maybe": 1},
            ['spec.maybe: Invalid value: "integer": spec.maybe in body must be of type string: '
             '"integer"'],
        ),
        (
            {"map": []},
            ['spec.map: Invalid value: "array": spec.map in body must be of type object: "array"'],
        ),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_in_the_servers_words(spec, expected):
    assert problems(FOO, foo(**spec)) == expected


def test_a_missing_field_is_required():
    assert problems(FOO, {"metadata": {"name": "a"}}) == ["spec: Required value"]


def test_what_was_wrong_before_is_not_held_against_an_update():
    old = foo(mode="ancient")
    assert problems(FOO, foo(mode="ancient", replicas=2), old) == []
    assert problems(FOO, foo(mode="ancient", replicas=-2), old) != []


def test_choices_tell_what_the_closest_one_lacks():
    schema = CustomSchema(
        "Foo",
        "v1",
        {
            "type": "object",
            "properties": {
                "spec": {
                    "type": "object",
                    "properties": {"a": {"type": "string"}, "b": {"type": "string"}},
                    "oneOf": [{"required": ["a"]}, {"required": ["b"]}],
                }
            },
        },
    )
    assert problems(schema, {"metadata": {"name": "a"}, "spec": {}}) == [
        "spec.a: Required value",
        '<nil>: Invalid value: "": "spec" must validate one and only one schema (oneOf). Found '
        "none valid",
    ]


def test_only_the_metadata_of_a_custom_object_must_decode():
    assert FOO.decode_error(foo(image=1)) is None
    assert FOO.decode_error({"metadata": {"labels": {"a": 1}}}) == (
        'Foo in version "v1" cannot be handled as a Foo: json: cannot unmarshal number into Go '
        "struct field ObjectMeta.metadata.labels of type string"
    )


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from([*SPEC["properties"], "name", "a", "x"]), inner, max_size=4
        )
    ),
    max_leaves=15,
)


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(st.sampled_from(["spec", "status"]), json_values))
def test_any_json_is_pruned_completed_and_checked_without_a_crash(body):
    obj = {"metadata": {"name": "a"}} | body
    FOO.prune(obj)
    assert FOO.prune(obj) == []
    FOO.default(obj)
    once = copy.deepcopy(obj)
    FOO.default(obj)
    assert obj == once
    assert FOO.prune(obj) == []
    FOO.validate(obj, None)
    FOO.validate(obj, copy.deepcopy(obj))
