"""Stored bytes: stamped, spliced, and never mistaken."""

import orjson
from hypothesis import given
from hypothesis import strategies as st

from shoal.api.resource import JsonObject
from shoal.apiserver.encoding import encode, head_of, load, present, restamp, stamper
from shoal.apiserver.schema.custom.served import served_from_crd
from tests.unit.apiserver.cron_tabs import definition

V1, BETA = served_from_crd(definition())
texts = st.text(max_size=20) | st.sampled_from(
    ['"resourceVersion":"7"', '"metadata":{', '{"apiVersion":"', "\\", '"']
)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
objects = st.fixed_dictionaries(
    {"metadata": st.dictionaries(texts, values, max_size=4)},
    optional={"spec": values, "status": values},
)


@given(objects, st.integers(1, 2**53), st.integers(1, 2**53))
def test_stamping_and_showing_change_the_version_fields_alone(
    obj: JsonObject, first: int, second: int
):
    obj["metadata"].pop("resourceVersion", None)
    value = stamper(encode(BETA, obj))(first)
    expected = obj | {
        "apiVersion": "stable.io/v1",
        "kind": "CronTab",
        "metadata": obj["metadata"] | {"resourceVersion": str(first)},
    }
    assert orjson.loads(value) == expected
    expected["metadata"] = obj["metadata"] | {"resourceVersion": str(second)}
    again = restamp(value, second)
    assert orjson.loads(again) == expected
    shown = expected | {"apiVersion": "stable.io/v1beta1"}
    assert orjson.loads(present(BETA, again)) == shown
    assert load(BETA, again) == shown
    assert present(V1, again) is again


def test_encoding_leaves_the_object_as_it_was():
    obj = {"metadata": {"name": "a", "resourceVersion": "1"}, "spec": {}}
    before = orjson.dumps(obj)
    value = stamper(encode(V1, obj))(5)
    assert orjson.dumps(obj) == before
    assert head_of(value).name == "a"
