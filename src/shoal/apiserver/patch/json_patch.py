"""JSON patch (RFC 6902), carried out by the jsonpatch library and answered like kube-apiserver."""

import copy
from typing import Any

import jsonpatch
import jsonpointer
import orjson

from shoal.api.resource import JsonObject
from shoal.api.status import ApiError
from shoal.apiserver.nesting import is_nested_too_deeply
from shoal.apiserver.patch.refusals import malformed, rejected

MAX_OPERATIONS = 10_000
MAX_COPIED_BYTES = 3 * 1024 * 1024
"""What all `copy` operations of one patch may copy: a few of them can double an object again and
again. The server's own limit."""


def apply_json_patch(doc: JsonObject, ops: object) -> JsonObject:
    """The patched object.

    Raises ApiError: 400 for a body that is no list of operations, 413 for too many of them, 422
    for an operation that does not apply or a `test` that fails.
    """
    if not isinstance(ops, list):
        raise malformed("jsonpatch.Patch", ops)
    for operation in ops:
        if not isinstance(operation, dict):
            raise malformed("jsonpatch.Operation", operation)
    if len(ops) > MAX_OPERATIONS:
        raise ApiError(
            413,
            "RequestEntityTooLarge",
            "Request entity too large: The allowed maximum operations in a JSON patch is "
            f"{MAX_OPERATIONS}, got {len(ops)}",
        )
    try:
        # The library edits in place, and puts values of the patch into the object as they are.
        result = _applied(copy.deepcopy(doc), copy.deepcopy(ops))
    except (
        jsonpatch.JsonPatchException,
        jsonpointer.JsonPointerException,
        # What the library lets through for a path of the wrong type.
        TypeError,
        KeyError,
    ) as error:
        raise rejected() from error
    # Copies into each other nest deeper than any body may.
    if not isinstance(result, dict) or is_nested_too_deeply(result):
        raise rejected()
    return result


def _applied(doc: Any, ops: list[JsonObject]) -> Any:
    copied_bytes = 0
    for operation in ops:
        if operation.get("op") == "copy":
            source = jsonpointer.resolve_pointer(doc, operation["from"])
            copied_bytes += len(orjson.dumps(source))
            if copied_bytes > MAX_COPIED_BYTES:
                raise rejected()
        if _tests_for_absence(doc, operation):
            continue
        doc = jsonpatch.apply_patch(doc, [operation], in_place=True)
    return doc


def _tests_for_absence(doc: Any, operation: JsonObject) -> bool:
    """The server lets `test` for null pass where there is nothing; the library does not."""
    if operation.get("op") != "test" or operation.get("value", ...) is not None:
        return False
    return jsonpointer.resolve_pointer(doc, operation["path"], None) is None
