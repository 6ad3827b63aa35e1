"""The verbs that read: get and list."""

import base64
import binascii
from collections.abc import Sequence

import msgspec

from shoal.api.resource import JsonObject
from shoal.api.status import (
    ApiError,
    bad_request,
    expired,
    not_found,
    too_large_resource_version,
)
from shoal.apiserver import selection as selecting
from shoal.apiserver.core import Core
from shoal.apiserver.encoding import list_body, present
from shoal.apiserver.requests import ListOptions, Target
from shoal.apiserver.snapshot import SnapshotPage, page_at, page_now
from shoal.store.protocol import Compacted, Entry, FutureRevision

_CONTINUE_EXPIRED = (
    "The provided continue parameter is too old to display a consistent list result. "
    "You must start a new list without the continue parameter."
)


class Listed(msgspec.Struct, frozen=True):
    """A page of stored values, and the list's metadata."""

    values: Sequence[bytes]
    revision: int
    continue_token: str = ""
    remaining: int | None = None

    @property
    def metadata(self) -> JsonObject:
        metadata: JsonObject = {"resourceVersion": str(self.revision)}
        if self.continue_token:
            metadata["continue"] = self.continue_token
        if self.remaining is not None:
            metadata["remainingItemCount"] = self.remaining
        return metadata


class _Position(msgspec.Struct, frozen=True):
    """What a continue token holds."""

    rv: int
    start: str
    v: str = "meta.k8s.io/v1"


def get_entry(core: Core, target: Target) -> Entry:
    entry = core.store.get(target.key)
    if entry is None:
        raise not_found(target.group_resource, target.name)
    return entry


def get(core: Core, target: Target) -> bytes:
    return present(target.served, get_entry(core, target).value)


def list_values(core: Core, target: Target, options: ListOptions) -> Listed:
    """Raises ApiError: 400 for bad options, 410 and 504 for revisions that cannot be shown."""
    if options.selection.name and not options.continue_token:
        return _list_one(core, target, options)
    if not options.selection:
        page = _page(core, target, options, _start(target, options), options.limit)
        values = [value for _, value in page.items]
        return _listed(target, values, page, counted=True)
    return _list_selected(core, target, options)


def list_objects(core: Core, target: Target, options: ListOptions) -> bytes:
    listed = list_values(core, target, options)
    return list_body(target.served, listed.values, listed.metadata)


def _list_one(core: Core, target: Target, options: ListOptions) -> Listed:
    """A list by name asks for one key; how kubectl waits for a deletion."""
    _check_revision(core, options)
    matches = selecting.matcher(target.served, options.selection)
    name = options.selection.name
    if target.served.resource.namespaced and not target.namespace:
        page = page_now(core.store, target.prefix, "", 0)
        return Listed([value for _, value in page.items if matches(value)], page.revision)
    entry = core.store.get(target.key_of(name))
    found = [entry.value] if entry is not None and matches(entry.value) else []
    return Listed(found, core.store.revision)


def _list_selected(core: Core, target: Target, options: ListOptions) -> Listed:
    """A page of `limit` matching objects, however many have to be looked at for it."""
    matches = selecting.matcher(target.served, options.selection)
    start = _start(target, options)
    page = _page(core, target, options, start, 0)
    values: list[bytes] = []
    for index, (key, value) in enumerate(page.items):
        if not matches(value):
            continue
        values.append(value)
        if options.limit and len(values) == options.limit:
            rest = len(page.items) - index - 1
            cut = SnapshotPage([(key, value)], page.revision, rest)
            return _listed(target, values, cut, counted=False)
    return Listed(values, page.revision)


def _listed(target: Target, values: list[bytes], page: SnapshotPage, *, counted: bool) -> Listed:
    if not page.remaining or not page.items:
        return Listed(values, page.revision)
    last = page.items[-1][0].removeprefix(target.prefix)
    token = base64.urlsafe_b64encode(msgspec.json.encode(_Position(page.revision, last)))
    remaining = page.remaining if counted else None
    return Listed(values, page.revision, token.decode().rstrip("="), remaining)


def _start(target: Target, options: ListOptions) -> _Position | None:
    if not options.continue_token:
        return None
    token = options.continue_token
    try:
        raw = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
        position = msgspec.json.decode(raw, type=_Position)
    except (binascii.Error, ValueError, msgspec.DecodeError) as error:
        raise bad_request("continue key is not valid: illegal base64 or JSON") from error
    if options.resource_version not in {"", "0"}:
        raise bad_request("specifying resource version is not allowed when using continue")
    return _Position(position.rv, target.prefix + position.start)


def _page(
    core: Core, target: Target, options: ListOptions, start: _Position | None, limit: int
) -> SnapshotPage:
    try:
        if start is not None:
            return page_at(core.store, target.prefix, start.rv, start.start, limit)
        revision = _check_revision(core, options)
        if options.resource_version_match == "Exact":
            return page_at(core.store, target.prefix, revision, "", limit)
        return page_now(core.store, target.prefix, "", limit)
    except Compacted as error:
        raise expired(_CONTINUE_EXPIRED if start else _too_old(options, error)) from error
    except FutureRevision as error:
        raise too_large_resource_version(start.rv if start else 0, error.current) from error


def _too_old(options: ListOptions, error: Compacted) -> str:
    return f"too old resource version: {options.resource_version} ({error.oldest})"


def _check_revision(core: Core, options: ListOptions) -> int:
    revision = parse_revision(options.resource_version)
    match = options.resource_version_match
    if match not in {"", "Exact", "NotOlderThan"}:
        raise _invalid_match(f'unsupported resourceVersionMatch "{match}"')
    if match and not options.resource_version:
        raise _invalid_match("resourceVersionMatch is forbidden unless resourceVersion is provided")
    if match == "Exact" and revision == 0:
        raise _invalid_match('resourceVersionMatch "exact" is forbidden for resourceVersion "0"')
    if revision > core.store.revision:
        raise too_large_resource_version(revision, core.store.revision)
    return revision


def parse_revision(text: str) -> int:
    if not text:
        return 0
    if not text.isascii() or not text.isdigit():
        raise bad_request(f'Invalid value: "{text}": strconv.ParseUint: invalid syntax')
    return int(text)


def _invalid_match(why: str) -> ApiError:
    message = f'ListOptions.meta.k8s.io "" is invalid: resourceVersionMatch: Forbidden: {why}'
    return ApiError(422, "Invalid", message)
