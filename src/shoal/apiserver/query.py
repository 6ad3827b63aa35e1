"""Query parameters, and the options of a delete's body, as the verbs' options."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated

import msgspec

from shoal.api.resource import JsonObject
from shoal.api.status import ApiError, Cause, bad_request, invalid
from shoal.apiserver import selection as selecting
from shoal.apiserver.bodies import read_as
from shoal.apiserver.requests import (
    Deletion,
    FieldValidation,
    ListOptions,
    Selection,
    Target,
    WatchOptions,
    WriteOptions,
)
from shoal.apiserver.served import Served
from shoal.client.protocol import LogOptions

Query = Mapping[str, str]
_AwareTime = Annotated[datetime, msgspec.Meta(tz=True)]


def is_true(query: Query, name: str) -> bool:
    return query.get(name, "").lower() in {"true", "1", "t"}


def write_options(query: Query, kind: str) -> WriteOptions:
    """`kind` of the options (CreateOptions, ...), for errors."""
    validation = query.get("fieldValidation") or FieldValidation.WARN
    if validation not in set(FieldValidation):
        supported = ", ".join(f'"{value}"' for value in sorted(FieldValidation))
        raise _refused(
            kind,
            "fieldValidation",
            f'Unsupported value: "{validation}": supported values: {supported}',
        )
    return WriteOptions(_dry_run(query, kind), FieldValidation(validation))


def selection(served: Served, query: Query) -> Selection:
    return selecting.parse(served, query.get("labelSelector", ""), query.get("fieldSelector", ""))


def list_options(served: Served, query: Query) -> ListOptions:
    return ListOptions(
        selection(served, query),
        _number(query, "limit") or 0,
        query.get("continue", ""),
        query.get("resourceVersion", ""),
        query.get("resourceVersionMatch", ""),
    )


def watch_options(target: Target, query: Query) -> WatchOptions:
    selected = selection(target.served, query)
    send_initial = is_true(query, "sendInitialEvents")
    match = query.get("resourceVersionMatch", "")
    if "sendInitialEvents" in query and match != "NotOlderThan":
        raise _refused(
            "ListOptions",
            "resourceVersionMatch",
            "Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan",
        )
    if "sendInitialEvents" not in query and match:
        raise _refused(
            "ListOptions",
            "resourceVersionMatch",
            "Forbidden: resourceVersionMatch is forbidden for watch unless sendInitialEvents is"
            " provided",
        )
    return WatchOptions(
        selected,
        query.get("resourceVersion", ""),
        _number(query, "timeoutSeconds"),
        is_true(query, "allowWatchBookmarks"),
        send_initial,
    )


class _Preconditions(msgspec.Struct, rename="camel"):
    uid: str | None = None
    resource_version: str | None = None


class _DeleteOptions(msgspec.Struct, rename="camel"):
    grace_period_seconds: int | None = None
    propagation_policy: str | None = None
    orphan_dependents: bool | None = None
    preconditions: _Preconditions | None = None
    dry_run: list[str] | None = None


def deletion(query: Query, body: JsonObject) -> Deletion:
    """The body's options; the query fills what it leaves out."""
    options = read_as(_DeleteOptions, body)
    conditions = options.preconditions or _Preconditions()
    grace_period_s = options.grace_period_seconds
    if grace_period_s is None:
        grace_period_s = _number(query, "gracePeriodSeconds")
    propagation = options.propagation_policy or query.get("propagationPolicy") or ""
    if not propagation and options.orphan_dependents is not None:
        propagation = "Orphan" if options.orphan_dependents else "Background"
    return Deletion(
        grace_period_s,
        propagation,
        conditions.uid or "",
        conditions.resource_version or "",
        bool(options.dry_run) or _dry_run(query, "DeleteOptions"),
    )


def log_options(query: Query) -> LogOptions:
    return LogOptions(
        query.get("container", ""),
        is_true(query, "follow"),
        is_true(query, "previous"),
        _number(query, "tailLines"),
        _number(query, "sinceSeconds"),
        is_true(query, "timestamps"),
        _number(query, "limitBytes"),
        _time(query, "sinceTime"),
    )


def _dry_run(query: Query, kind: str) -> bool:
    value = query.get("dryRun", "")
    if value not in {"", "All"}:
        raise _refused(kind, "dryRun", f'Unsupported value: "{value}": supported values: "All"')
    return value == "All"


def _number(query: Query, name: str) -> int | None:
    text = query.get(name, "")
    if not text:
        return None
    try:
        return int(text)
    except ValueError as error:
        raise bad_request(f'strconv.ParseInt: parsing "{text}": invalid syntax') from error


def _time(query: Query, name: str) -> datetime | None:
    text = query.get(name, "")
    if not text:
        return None
    try:
        return msgspec.convert(text, _AwareTime).astimezone(UTC)
    except msgspec.ValidationError as error:
        raise bad_request(f'parsing time "{text}": it is not in RFC 3339') from error


def _refused(kind: str, field: str, message: str) -> ApiError:
    return invalid("meta.k8s.io", kind, "", [Cause(field, message, "FieldValueInvalid")])
