"""The verb create: a body becomes a stored object, or is refused."""

import uuid
from functools import partial
from typing import cast

from shoal.api.core import NAMESPACES
from shoal.api.meta import timestamp
from shoal.api.resource import JsonObject
from shoal.api.status import (
    ApiError,
    Cause,
    already_exists,
    bad_request,
    forbidden,
    internal_error,
    invalid,
    not_found,
)
from shoal.apiserver.bodies import decode_object
from shoal.apiserver.core import Core
from shoal.apiserver.encoding import encode, head_of, present, stamper
from shoal.apiserver.naming import generated_name
from shoal.apiserver.requests import Target, WriteOptions, Written
from shoal.apiserver.strategies.table import strategy_of
from shoal.store.protocol import KeyExists, StoreFull

_NAME_ATTEMPTS = 8
_SERVER_OWNED = (
    "resourceVersion",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "generation",
)


async def create(core: Core, target: Target, body: JsonObject, options: WriteOptions) -> Written:
    """Stores `body`, which becomes the server's to edit. Raises ApiError."""
    creating = _create(core, target, body, options)
    if strategy_of(target.served).is_written_in_turn:
        return await core.turns.carry_out(target.served.bucket, creating)
    return await creating


async def _create(core: Core, target: Target, body: JsonObject, options: WriteOptions) -> Written:
    served = target.served
    if served.is_custom and core.registry.is_terminating(served):
        raise ApiError(
            405,
            "MethodNotAllowed",
            "create not allowed while custom resource definition is terminating",
            {"group": served.resource.group, "kind": served.resource.plural},
        )
    _check_namespace(core, target, body)
    warnings = decode_object(target, body, options.field_validation)
    metadata: JsonObject = body["metadata"]
    if metadata.get("resourceVersion"):
        raise bad_request("resourceVersion should not be set on objects to be created")
    base = "" if metadata.get("name") else str(metadata.get("generateName") or "")
    if base:
        metadata["name"] = generated_name(base, core.rng)
    _fill(metadata, core)
    admission = core.admission.of(target.group_resource)
    if admission is not None:
        admission.fill_in(body, None)
    strategy = strategy_of(served)
    strategy.prepare_create(core, target, body)
    if strategy.has_generation:
        metadata["generation"] = 1
    _validate(target, body)
    if admission is not None:
        refusal = admission.refusal(body, None)
        if refusal is not None:
            raise refusal
    if options.dry_run:
        return _dry_run(core, target, body, warnings)
    return await _store(core, target, body, base, warnings)


async def _store(
    core: Core, target: Target, body: JsonObject, base: str, warnings: tuple[str, ...]
) -> Written:
    """`base` is what a generated name begins with; empty where the name is given."""
    served, metadata = target.served, body["metadata"]
    for attempt in range(_NAME_ATTEMPTS):
        if base and attempt:
            metadata["name"] = generated_name(base, core.rng)
        write = partial(core.store.create, target.key_of(metadata["name"]))
        try:
            encoder = stamper(encode(served, body))
            entry = await core.quotas.carry_out(target, body, None, encoder, write)
        except KeyExists:
            if base:
                continue
            break
        except StoreFull as error:
            raise internal_error(str(error)) from error
        return Written(present(served, entry.value), is_new=True, warnings=warnings)
    raise already_exists(target.group_resource, metadata["name"])


def _check_namespace(core: Core, target: Target, body: JsonObject) -> None:
    """The namespace must exist, and not be on its way out."""
    if not target.served.resource.namespaced:
        return
    if not target.namespace:
        raise bad_request("an empty namespace may not be set during creation")
    entry = core.store.get(f"{NAMESPACES.plural}/{target.namespace}")
    if entry is None:
        raise not_found(NAMESPACES.plural, target.namespace)
    if head_of(entry.value).deletion_timestamp is not None:
        why = (
            f"unable to create new content in namespace {target.namespace} because it is being"
            " terminated"
        )
        error = forbidden(target.group_resource, _name_in(body), why)
        error.details["causes"] = [
            {
                "reason": "NamespaceTerminating",
                "message": f"namespace {target.namespace} is being terminated",
                "field": "metadata.namespace",
            }
        ]
        raise error


def _name_in(body: JsonObject) -> str:
    """For error texts, of a body that nobody has looked at yet: what its name begins with, where
    the server is to make one up."""
    metadata: object = body.get("metadata")
    named = cast(JsonObject, metadata) if isinstance(metadata, dict) else {}
    return str(named.get("name") or named.get("generateName") or "Unknown")


def _fill(metadata: JsonObject, core: Core) -> None:
    """What the server alone writes."""
    for field in _SERVER_OWNED:
        metadata.pop(field, None)
    metadata["uid"] = str(uuid.UUID(int=core.rng.getrandbits(128), version=4))
    metadata["creationTimestamp"] = timestamp(core.clock.now())


def _validate(target: Target, body: JsonObject) -> None:
    resource = target.served.resource
    name = body["metadata"].get("name", "")
    if not name:
        required = Cause(
            "metadata.name",
            "Required value: name or generateName is required",
            "FieldValueRequired",
        )
        raise invalid(resource.group, resource.kind, "", [required])
    causes = target.served.schema.validate(body, None)
    if causes:
        raise invalid(resource.group, resource.kind, name, causes)


def _dry_run(core: Core, target: Target, body: JsonObject, warnings: tuple[str, ...]) -> Written:
    name = body["metadata"]["name"]
    if core.store.get(target.key_of(name)) is not None:
        raise already_exists(target.group_resource, name)
    core.quotas.check(target, body, None)
    value = present(target.served, encode(target.served, body))
    return Written(value, is_new=True, warnings=warnings)
