"""Answers of an API server as values, odd ones included."""

from datetime import UTC, datetime
from types import MappingProxyType

import pytest

from shoal.api.core import ConfigMap
from shoal.api.status import ApiError
from shoal.client import wire
from shoal.client.protocol import DeleteOptions, LogOptions, WatchEventType


def test_a_list_of_a_real_server_may_have_null_items() -> None:
    listed = wire.decode_list(ConfigMap, b'{"metadata":{"resourceVersion":"5"},"items":null}')
    assert (list(listed.items), listed.resource_version, listed.continue_token) == ([], "5", "")


def test_a_list_says_where_it_goes_on() -> None:
    content = b'{"metadata":{"continue":"abc","remainingItemCount":3},"items":[{"data":{"a":"b"}}]}'
    listed = wire.decode_list(ConfigMap, content)
    assert listed.continue_token == "abc"
    assert listed.items[0].data == {"a": "b"}


def test_a_watch_line_is_a_typed_event() -> None:
    line = b'{"type":"ADDED","object":{"metadata":{"name":"a","resourceVersion":"9"}}}'
    event = wire.decode_event(ConfigMap, line)
    assert (event.type, event.resource_version) == (WatchEventType.ADDED, "9")
    assert event.object is not None and event.object.metadata.name == "a"
    plain = wire.decode_event(dict, line)
    assert plain.resource_version == "9"
    assert plain.object == {"metadata": {"name": "a", "resourceVersion": "9"}}


def test_the_bookmark_after_the_initial_events_says_so() -> None:
    line = (
        b'{"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"9",'
        b'"annotations":{"k8s.io/initial-events-end":"true"}}}}'
    )
    event = wire.decode_event(ConfigMap, line)
    assert (event.object, event.resource_version, event.is_initial_end) == (None, "9", True)


def test_an_error_event_is_raised() -> None:
    line = b'{"type":"ERROR","object":{"kind":"Status","code":410,"reason":"Expired"}}'
    with pytest.raises(ApiError) as refusal:
        wire.decode_event(ConfigMap, line)
    assert refusal.value.is_expired


@pytest.mark.parametrize(
    ("content", "reason", "message"),
    [
        (b'{"kind":"Status","reason":"Gone","message":"m"}', "Gone", "m"),
        (b"<html>bad gateway</html>", "ServiceUnavailable", "<html>bad gateway</html>"),
        (b"", "ServiceUnavailable", "the server answered 503"),
        (b"[1]", "ServiceUnavailable", "[1]"),
    ],
)
def test_whatever_comes_instead_of_an_answer_is_an_api_error(
    content: bytes, reason: str, message: str
) -> None:
    error = wire.decode_error(503, content)
    assert (error.code, error.reason, error.message) == (503, reason, message)


def test_mappings_of_any_type_are_sent() -> None:
    assert wire.encode({"a": MappingProxyType({"b": 1})}) == b'{"a":{"b":1}}'
    with pytest.raises(TypeError):
        wire.encode({"a": object()})


def test_delete_options_name_only_what_was_asked_for() -> None:
    assert wire.delete_body(DeleteOptions()) == {"kind": "DeleteOptions", "apiVersion": "v1"}
    body = wire.delete_body(DeleteOptions(grace_period_s=0, propagation="Orphan", uid="u"))
    assert body["gracePeriodSeconds"] == 0
    assert body["propagationPolicy"] == "Orphan"
    assert body["preconditions"] == {"uid": "u"}


def test_log_options_name_only_what_was_asked_for() -> None:
    assert wire.log_query(LogOptions()) == {}
    query = wire.log_query(LogOptions(container="c", follow=True, tail_lines=0, since_s=5))
    assert query == {"container": "c", "follow": "true", "tailLines": "0", "sinceSeconds": "5"}
    since = datetime(2026, 1, 2, tzinfo=UTC)
    assert wire.log_query(LogOptions(since_time=since)) == {"sinceTime": "2026-01-02T00:00:00Z"}
