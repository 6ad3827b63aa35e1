"""The verb replace, and the read-modify-write that every change of a stored object goes through.

    read -> change -> keep what is the server's -> prepare, default, validate -> compare-and-set

A change is tried again when another write comes between, as often as it takes: writers of one
object take turns. One that names a resourceVersion is refused then: that object is no more.
"""

from collections.abc import Callable
from functools import partial

import msgspec
import orjson

from shoal.api.resource import JsonObject
from shoal.api.status import Cause, bad_request, conflict, internal_error, invalid, not_found
from shoal.apiserver.bodies import decode_object
from shoal.apiserver.core import Core
from shoal.apiserver.encoding import encode, load, present, stamper
from shoal.apiserver.preconditions import check_uid
from shoal.apiserver.reading import get_entry
from shoal.apiserver.requests import Target, WriteOptions, Written
from shoal.apiserver.strategies.strategy import Strategy
from shoal.apiserver.strategies.table import strategy_of
from shoal.store.protocol import Entry, KeyMissing, RevisionMismatch, StoreFull

Revise = Callable[[JsonObject], tuple[JsonObject, tuple[str, ...]]]
"""Makes the wanted object, and warnings, from a copy of the present one. Called once a try."""

_KEPT = (
    "uid",
    "creationTimestamp",
    "generation",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "generateName",
)


class _Outcome(msgspec.Struct, frozen=True):
    """What a change comes to: the bytes to store, or nothing, or a deletion."""

    unstamped: bytes
    is_change: bool
    is_deletion: bool
    obj: JsonObject | None = None
    """What quotas are asked about; None where they are not."""


async def replace(core: Core, target: Target, body: JsonObject, options: WriteOptions) -> Written:
    """PUT. `body` becomes the server's to edit. Raises ApiError."""
    warnings = decode_object(target, body, options.field_validation)
    get_entry(core, target)  # what is not there is not found, whatever the body lacks
    if not body["metadata"].get("resourceVersion"):
        _check_unconditional(target)
    wanted = orjson.dumps(body)
    return await revise(core, target, lambda _: (orjson.loads(wanted), warnings), options)


async def revise(core: Core, target: Target, change: Revise, options: WriteOptions) -> Written:
    """Changes the stored object. Raises ApiError."""
    async with core.turns.of(target.key):
        revising = _revise(core, target, change, options)
        if strategy_of(target.served).is_written_in_turn:
            return await core.turns.carry_out(target.served.bucket, revising)
        return await revising


async def _revise(core: Core, target: Target, change: Revise, options: WriteOptions) -> Written:
    while True:
        entry = get_entry(core, target)
        old = load(target.served, entry.value)
        new, warnings = change(load(target.served, entry.value))
        _check_conditions(target, entry, new)
        outcome = _settle(core, target, old, new)
        if options.dry_run and outcome.obj is not None:
            core.quotas.check(target, outcome.obj, old)
        if options.dry_run or not (outcome.is_change or outcome.is_deletion):
            value = stamper(outcome.unstamped)(entry.revision)
            return Written(present(target.served, value), warnings=warnings)
        stored = await _store(core, target, entry, outcome, old)
        if stored is not None:
            return Written(present(target.served, stored.value), warnings=warnings)


async def edit(
    core: Core, target: Target, change: Callable[[JsonObject], None], *, dry_run: bool = False
) -> Entry:
    """A change that the server itself makes: no rules of the kind apply. Raises ApiError."""
    async with core.turns.of(target.key):
        return await _edit(core, target, change, dry_run=dry_run)


async def _edit(
    core: Core, target: Target, change: Callable[[JsonObject], None], *, dry_run: bool
) -> Entry:
    while True:
        entry = get_entry(core, target)
        obj = load(target.served, entry.value)
        change(obj)
        unstamped = encode(target.served, obj)
        if dry_run:
            return msgspec.structs.replace(entry, value=stamper(unstamped)(entry.revision))
        if stamper(unstamped)(entry.revision) == entry.value:
            return entry
        stored = await _store(core, target, entry, _Outcome(unstamped, True, False), obj)
        if stored is not None:
            return stored


async def _store(
    core: Core, target: Target, entry: Entry, outcome: _Outcome, old: JsonObject
) -> Entry | None:
    """None where another write came between."""
    stamp = stamper(outcome.unstamped)
    try:
        if outcome.is_deletion:
            return await core.store.delete(target.key, stamp, expected=entry.revision)
        write = partial(core.store.update, target.key, expected=entry.revision)
        if outcome.obj is None:
            return await write(stamp)
        return await core.quotas.carry_out(target, outcome.obj, old, stamp, write)
    except RevisionMismatch:
        return None
    except KeyMissing as error:
        raise not_found(target.group_resource, target.name) from error
    except StoreFull as error:
        raise internal_error(str(error)) from error


def _check_unconditional(target: Target) -> None:
    if strategy_of(target.served).allows_unconditional_update:
        return
    resource = target.served.resource
    cause = Cause("metadata.resourceVersion", "Invalid value: 0: must be specified for an update")
    raise invalid(resource.group, resource.kind, target.name, [cause])


def _check_conditions(target: Target, entry: Entry, new: JsonObject) -> None:
    """Raises ApiError where the change names another object or version than the present one.
    A patched object bears the present version unless the patch itself names one."""
    metadata = new["metadata"]
    check_uid(target, entry, metadata.get("uid") or "")
    wanted = metadata.get("resourceVersion")
    if not wanted or wanted == "0":
        return
    if not wanted.isdigit():
        raise bad_request(f'Invalid value: "{wanted}": strconv.ParseUint: invalid syntax')
    if wanted != str(entry.revision):
        raise conflict(target.group_resource, target.name)


def _settle(core: Core, target: Target, old: JsonObject, new: JsonObject) -> _Outcome:
    """Everything that is decided about a change before it is stored."""
    served = target.served
    strategy = strategy_of(served)
    new = _keep_server_owned(target, strategy, old, new)
    admission = None if target.subresource else core.admission.of(target.group_resource)
    if admission is not None:
        admission.fill_in(new, old)
    strategy.prepare_update(core, target, new, old)
    if strategy.has_generation and strategy.desired(new) != strategy.desired(old):
        new["metadata"]["generation"] = old["metadata"].get("generation", 0) + 1
    _check_finalizers(target, old, new)
    causes = served.schema.validate(new, old)
    if causes:
        # What a former server let in, and nobody has changed, holds up no other change.
        stored = served.schema.validate(old, old)
        causes = [cause for cause in causes if cause not in stored]
    if causes:
        raise invalid(served.resource.group, served.resource.kind, target.name, causes)
    refusal = admission.refusal(new, old) if admission is not None else None
    if refusal is not None:
        raise refusal
    old["metadata"].pop("resourceVersion", None)
    new["metadata"].pop("resourceVersion", None)
    is_deletion = _is_last_finalizer_gone(strategy, new)
    counted = None if target.subresource else new
    return _Outcome(encode(served, new), new != old, is_deletion, counted)


def _keep_server_owned(
    target: Target, strategy: Strategy, old: JsonObject, new: JsonObject
) -> JsonObject:
    """Takes from `old` what this request may not change: metadata of the server, and the status
    on the main resource or all but the status on `/status`."""
    metadata = new["metadata"]
    for field in _KEPT:
        metadata.pop(field, None)
        if field in old["metadata"]:
            metadata[field] = old["metadata"][field]
    if target.subresource == "status":
        kept = old if target.served.is_custom else old | {"metadata": metadata}
        kept = {k: v for k, v in kept.items() if k != "status"}
        if target.served.is_custom:
            kept["metadata"] = dict(old["metadata"])
        return kept | ({"status": new["status"]} if "status" in new else {})
    if target.subresource == "finalize":
        spec = (old.get("spec") or {}) | {
            "finalizers": (new.get("spec") or {}).get("finalizers") or []
        }
        return old | {"metadata": metadata, "spec": spec}
    if "status" in target.served.subresources:
        new.pop("status", None)
        if "status" in old:
            new["status"] = old["status"]
    return new


def _check_finalizers(target: Target, old: JsonObject, new: JsonObject) -> None:
    if "deletionTimestamp" not in old["metadata"]:
        return
    before = old["metadata"].get("finalizers") or []
    added = [f for f in new["metadata"].get("finalizers") or [] if f not in before]
    if added:
        listed = ", ".join(f'"{finalizer}"' for finalizer in added)
        cause = Cause(
            "metadata.finalizers",
            "Forbidden: no new finalizers can be added if the object is being deleted,"
            f" found new finalizers []string{{{listed}}}",
            "FieldValueForbidden",
        )
        resource = target.served.resource
        raise invalid(resource.group, resource.kind, target.name, [cause])


def _is_last_finalizer_gone(strategy: Strategy, new: JsonObject) -> bool:
    metadata = new["metadata"]
    return (
        "deletionTimestamp" in metadata
        and not metadata.get("finalizers")
        and not metadata.get("deletionGracePeriodSeconds")
        and not strategy.holds_deletion(new)
    )
