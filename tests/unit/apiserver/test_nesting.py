"""Bodies nested too deeply are found before anything recurses into them."""

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shoal.api.status import ApiError
from shoal.apiserver.content import read_object
from shoal.apiserver.exchange import Request
from shoal.apiserver.nesting import MAX_DEPTH, is_nested_too_deeply, may_be_nested_too_deeply


def nested(depth: int) -> Any:
    value: Any = {}
    for level in range(depth - 1):
        value = {"a": value} if level % 2 else [value]
    return value


def test_the_limit_is_where_it_says() -> None:
    assert not is_nested_too_deeply(nested(MAX_DEPTH))
    assert is_nested_too_deeply(nested(MAX_DEPTH + 2))


@given(st.integers(1, 240))
def test_the_quick_test_never_misses_a_body(depth: int) -> None:
    value = nested(depth)
    assert may_be_nested_too_deeply(orjson.dumps(value)) or not is_nested_too_deeply(value)


@pytest.mark.parametrize("depth", [300, 900, 5000])
def test_deep_bodies_are_bad_requests(depth: int) -> None:
    body = b'{"a":' * depth + b"1" + b"}" * depth
    request = Request("POST", "/", headers={"content-type": "application/json"}, body=body)
    with pytest.raises(ApiError) as caught:
        read_object(request)
    assert caught.value.code == 400
