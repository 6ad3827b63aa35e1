"""The verbs delete and deletecollection.

An object goes at once when nothing holds it. What may hold it: its finalizers, those that the
propagation policy adds (the garbage collector works them off), a grace period (pods; the node
agent ends it with a delete of grace period 0), and what its kind's strategy says.

Source of the rules: Kubernetes v1.36, apiserver/pkg/registry/generic/registry/store.go and
apiserver/pkg/registry/rest/delete.go.
"""

from datetime import datetime, timedelta

import msgspec

from shoal.api.meta import timestamp
from shoal.api.resource import JsonObject
from shoal.api.status import ApiError, Cause, internal_error, invalid, not_found
from shoal.apiserver.core import Core
from shoal.apiserver.encoding import encode, head_of, load, restamper, stamper
from shoal.apiserver.preconditions import check_resource_version, check_uid
from shoal.apiserver.reading import get_entry, list_values
from shoal.apiserver.requests import Deletion, ListOptions, Selection, Target
from shoal.apiserver.strategies.table import strategy_of
from shoal.store.protocol import Entry, KeyMissing, RevisionMismatch, StoreFull

_FOREGROUND = "foregroundDeletion"
_ORPHAN = "orphan"
_POLICIES = ("", "Background", "Foreground", "Orphan")


class Deleted(msgspec.Struct, frozen=True):
    """What came of a delete: the object's last stored value, and whether it is gone."""

    value: bytes
    uid: str
    is_gone: bool


async def delete(core: Core, target: Target, deletion: Deletion) -> Deleted:
    """Whoever writes meanwhile does not stop it, unless it names a resourceVersion. Raises
    ApiError."""
    _check_policy(deletion)
    strategy_of(target.served).check_delete(target)
    async with core.turns.of(target.key):
        return await _delete(core, target, deletion)


async def _delete(core: Core, target: Target, deletion: Deletion) -> Deleted:
    while True:
        entry = get_entry(core, target)
        check_uid(target, entry, deletion.uid)
        check_resource_version(target, entry, deletion.resource_version)
        _check_admission(core, target, entry)
        marked = _marked(core, target, entry, deletion)
        try:
            return await _carry_out(core, target, entry, marked, deletion)
        except RevisionMismatch:
            continue
        except KeyMissing as error:
            raise not_found(target.group_resource, target.name) from error
        except StoreFull as error:
            raise internal_error(str(error)) from error


async def delete_collection(
    core: Core, target: Target, selection: Selection, deletion: Deletion
) -> list[bytes]:
    """Deletes what is selected now; returns the objects as they were."""
    _check_policy(deletion)
    listed = list_values(core, target, ListOptions(selection=selection))
    for value in listed.values:
        head = head_of(value)
        one = Target(target.served, head.namespace, head.name)
        try:
            await delete(core, one, msgspec.structs.replace(deletion, uid=head.uid))
        except ApiError as error:
            # Someone else was faster; the object is gone, or a new one has its name.
            if not (error.is_not_found or error.is_conflict):
                raise
    return list(listed.values)


def _check_admission(core: Core, target: Target, entry: Entry) -> None:
    admission = core.admission.of(target.group_resource)
    if admission is None or not admission.sees_deletions:
        return
    refusal = admission.refusal(None, load(target.served, entry.value))
    if refusal is not None:
        raise refusal


async def _carry_out(
    core: Core, target: Target, entry: Entry, marked: JsonObject | None, deletion: Deletion
) -> Deleted:
    """`marked` is the object that stays for now, None where it goes."""
    uid = head_of(entry.value).uid
    if marked is None:
        if deletion.dry_run:
            return Deleted(entry.value, uid, True)
        gone = await core.store.delete(target.key, restamper(entry.value), expected=entry.revision)
        return Deleted(gone.value, uid, True)
    stamp = stamper(encode(target.served, marked))
    if deletion.dry_run or stamp(entry.revision) == entry.value:
        return Deleted(stamp(entry.revision), uid, False)
    stored = await core.store.update(target.key, stamp, expected=entry.revision)
    return Deleted(stored.value, uid, False)


def _marked(core: Core, target: Target, entry: Entry, deletion: Deletion) -> JsonObject | None:
    """The object with its deletion under way, or None where nothing holds it."""
    obj = load(target.served, entry.value)
    metadata: JsonObject = obj["metadata"]
    strategy = strategy_of(target.served)
    grace_s = strategy.grace_period_s(obj, deletion.grace_period_s)
    held_by: list[str] = metadata.get("finalizers") or []
    is_decided = bool(deletion.propagation) or _FOREGROUND in held_by or _ORPHAN in held_by
    propagation = deletion.propagation if is_decided else strategy.default_propagation
    finalizers = _finalizers(held_by, propagation)
    was_deleting = "deletionTimestamp" in metadata
    if was_deleting:
        # A second delete may shorten the grace period, never lengthen it.
        grace_s = min(grace_s, int(metadata.get("deletionGracePeriodSeconds") or 0))
    if finalizers:
        metadata["finalizers"] = finalizers
    else:
        metadata.pop("finalizers", None)
    if not was_deleting:
        strategy.mark_deleted(core, obj)
    if not grace_s and not metadata.get("finalizers") and not strategy.holds_deletion(obj):
        return None
    if not was_deleting:
        _set_end(metadata, core.clock.now(), grace_s)
    elif grace_s < (before_s := int(metadata.get("deletionGracePeriodSeconds") or 0)):
        begin = datetime.fromisoformat(metadata["deletionTimestamp"]) - timedelta(seconds=before_s)
        _set_end(metadata, begin, grace_s)
    return obj


def _set_end(metadata: JsonObject, begin: datetime, grace_s: int) -> None:
    metadata["deletionTimestamp"] = timestamp(begin + timedelta(seconds=grace_s))
    metadata["deletionGracePeriodSeconds"] = grace_s
    if metadata.get("generation"):
        metadata["generation"] += 1


def _finalizers(present: list[str], propagation: str) -> list[str]:
    """The policy's own finalizers replace each other; without a policy they stay."""
    if not propagation:
        return present
    kept = [f for f in present if f not in {_FOREGROUND, _ORPHAN}]
    match propagation:
        case "Foreground":
            return [*kept, _FOREGROUND]
        case "Orphan":
            return [*kept, _ORPHAN]
        case _:
            return kept


def _check_policy(deletion: Deletion) -> None:
    if deletion.propagation in _POLICIES:
        return
    cause = Cause(
        "propagationPolicy",
        f'Unsupported value: "{deletion.propagation}": supported values: "Foreground",'
        ' "Background", "Orphan", "nil"',
        "FieldValueNotSupported",
    )
    raise invalid("meta.k8s.io", "DeleteOptions", "", [cause])
