"""CEL rules of custom kinds: what is evaluated, when, and how it is told."""

import pytest

from shoal.apiserver.schema.custom.schema import CustomSchema

META = {"metadata": {"name": "a"}}


def schema_with(*rules, **spec):
    spec_schema = {
        "type": "object",
        "x-kubernetes-validations": list(rules),
        "properties": {
            "min": {"type": "integer"},
            "max": {"type": "integer"},
            "namespace": {"type": "string"},
            "text": {"type": "string"},
            **spec,
        },
    }
    return CustomSchema("Foo", "v1", {"type": "object", "properties": {"spec": spec_schema}})


def problems(schema, spec, old=None):
    before = None if old is None else META | {"spec": old}
    return [str(cause) for cause in schema.validate(META | {"spec": spec}, before)]


def test_a_rule_that_does_not_hold_is_told():
    schema = schema_with({"rule": "self.min <= self.max", "message": "min must not exceed max"})
    assert problems(schema, {"min": 1, "max": 2}) == []
    assert problems(schema, {"min": 3, "max": 2}) == [
        'spec: Invalid value: "object": min must not exceed max'
    ]


def test_a_rule_without_a_message_tells_itself():
    schema = schema_with({"rule": "self.min <= self.max"})
    assert problems(schema, {"min": 3, "max": 2}) == [
        'spec: Invalid value: "object": failed rule: self.min <= self.max'
    ]


def test_a_rule_may_say_where_why_and_with_which_reason():
    schema = schema_with(
        {
            "rule": "self.min <= self.max",
            "messageExpression": "'at most ' + string(self.max)",
            "fieldPath": ".min",
            "reason": "FieldValueForbidden",
        }
    )
    cause = schema.validate(META | {"spec": {"min": 3, "max": 2}}, None)[0]
    assert (str(cause), cause.reason) == ("spec.min: Forbidden: at most 2", "FieldValueForbidden")


def test_transition_rules_compare_with_what_was():
    schema = schema_with({"rule": "self.max >= oldSelf.max", "message": "may only grow"})
    assert problems(schema, {"max": 1}) == []
    assert problems(schema, {"max": 2}, {"max": 1}) == []
    assert problems(schema, {"max": 1}, {"max": 2}) == [
        'spec: Invalid value: "object": may only grow'
    ]


def test_what_has_not_changed_is_not_held_against_an_update():
    schema = schema_with({"rule": "self.min <= self.max"})
    broken = {"min": 3, "max": 2}
    assert problems(schema, broken, broken) == []


def test_items_of_keyed_lists_are_compared_by_key():
    items = {
        "type": "array",
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["name"],
        "items": {
            "type": "object",
            "properties": {"name": {"type": "string"}, "size": {"type": "integer"}},
            "x-kubernetes-validations": [{"rule": "self.size >= oldSelf.size"}],
        },
    }
    schema = schema_with(items=items)
    old = {"items": [{"name": "a", "size": 2}, {"name": "b", "size": 9}]}
    new = {"items": [{"name": "b", "size": 9}, {"name": "a", "size": 1}, {"name": "c", "size": 0}]}
    assert problems(schema, new, old) == [
        'spec.items[1]: Invalid value: "object": failed rule: self.size >= oldSelf.size'
    ]


def test_a_rule_that_cannot_be_evaluated_is_a_finding():
    schema = schema_with({"rule": "self.min > 0", "message": "positive"})
    assert problems(schema, {}) == [
        'spec: Invalid value: "object": no such key: min evaluating rule: positive'
    ]


def test_rules_are_not_looked_at_while_the_object_is_invalid():
    schema = schema_with({"rule": "self.min > 0"})
    assert problems(schema, {"min": "x"}) == [
        'spec.min: Invalid value: "string": spec.min in body must be of type integer: "string"',
        "<nil>: Invalid value: null: some validation rules were not checked because the object was "
        "invalid; correct the existing errors to complete validation",
    ]


@pytest.mark.parametrize(
    "rule",
    [
        "self.__namespace__ == 'n'",
        "self.text.lowerAscii() == 'abc'",
        "self.text.split('B').size() == 2",
        "quantity('1Gi').isGreaterThan(quantity('1Mi'))",
        "isURL('https://example.com/a')",
        "[1, 2, 2].isSorted()",
        "self.text.find('[A-Z]+') == 'ABC'",
        "has(self.min) && !has(self.max)",
        "size(self) > 0",
        "'self.nothing' != ''",
    ],
)
def test_kubernetes_own_words_are_understood(rule):
    schema = schema_with({"rule": rule})
    assert problems(schema, {"namespace": "n", "text": "ABC", "min": 1}) == []


def test_a_rule_on_the_whole_object_sees_its_name():
    whole = {
        "type": "object",
        "x-kubernetes-validations": [{"rule": "self.metadata.name == 'a'"}],
        "properties": {"spec": {"type": "object"}},
    }
    schema = CustomSchema("Foo", "v1", whole)
    assert [str(c) for c in schema.validate({"metadata": {"name": "a"}}, None)] == []
    assert [str(c) for c in schema.validate({"metadata": {"name": "b"}}, None)] == [
        "<nil>: Invalid value: \"object\": failed rule: self.metadata.name == 'a'"
    ]
