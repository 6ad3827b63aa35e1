"""The verb patch: the wanted object is made from the present one, then updated as any other."""

from typing import Any

import orjson

from shoal.api.resource import JsonObject
from shoal.api.status import Cause, bad_request, invalid, unsupported_media_type
from shoal.apiserver.bodies import check_kind, prepare, strict_error
from shoal.apiserver.core import Core
from shoal.apiserver.patch.json_patch import apply_json_patch
from shoal.apiserver.patch.merge import apply_merge_patch
from shoal.apiserver.patch.strategic import apply_strategic_patch
from shoal.apiserver.requests import FieldValidation, Target, WriteOptions, Written
from shoal.apiserver.served import MergeFacts
from shoal.apiserver.updating import revise
from shoal.client.protocol import PatchType

_SUPPORTED = (PatchType.JSON, PatchType.MERGE, PatchType.STRATEGIC)
_SERVER_SIDE_APPLY = (
    "server-side apply (application/apply-patch+yaml) is not supported by this server yet: "
    "use client-side apply, or one of the other patch types"
)


async def patch(
    core: Core, target: Target, type: PatchType, body: Any, options: WriteOptions
) -> Written:
    """Raises ApiError: 415 where the kind does not take the type of patch."""
    apply = applier(target.served.schema.merge_facts, type)

    def change(present: JsonObject) -> tuple[JsonObject, tuple[str, ...]]:
        wanted = apply(present, body)
        return wanted, _decode_patched(target, wanted, body, options.field_validation)

    return await revise(core, target, change, options)


class Applier:
    """One patch type on one kind."""

    def __init__(self, type: PatchType, facts: MergeFacts | None) -> None:
        self._type = type
        self._facts = facts

    def __call__(self, present: JsonObject, body: Any) -> JsonObject:
        # A patched object must not share structure with the patch: it will be edited.
        own: Any = orjson.loads(orjson.dumps(body))
        match self._type:
            case PatchType.JSON:
                return apply_json_patch(present, own)
            case PatchType.STRATEGIC if self._facts is not None:
                return apply_strategic_patch(present, own, self._facts)
            case _:
                return apply_merge_patch(present, own)


def applier(facts: MergeFacts | None, type: PatchType) -> Applier:
    """Raises ApiError (415). No facts: a kind that has no strategic merge."""
    if type is PatchType.APPLY:
        raise unsupported_media_type(_SERVER_SIDE_APPLY)
    if type is PatchType.STRATEGIC and facts is None:
        supported = ", ".join(t for t in _SUPPORTED if t is not PatchType.STRATEGIC)
        raise unsupported_media_type(
            "the body of the request was in an unknown format - accepted media types include: "
            + supported
        )
    return Applier(type, facts)


def _decode_patched(
    target: Target, wanted: JsonObject, body: Any, validation: FieldValidation
) -> tuple[str, ...]:
    if not isinstance(wanted.get("metadata"), dict):
        raise bad_request("the patched object has no metadata")
    check_kind(target, wanted)
    unknown = prepare(target, wanted)
    if not unknown or validation is FieldValidation.IGNORE:
        return ()
    if validation is FieldValidation.STRICT:
        text = orjson.dumps(body).decode()
        cause = Cause("patch", f"Invalid value: {text}: {strict_error(unknown)}")
        raise invalid("", "", "", [cause])
    return tuple(f'unknown field "{path}"' for path in unknown)
