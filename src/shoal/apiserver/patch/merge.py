"""JSON merge patch (RFC 7396): null removes, objects merge, everything else replaces."""

from typing import Any

from shoal.api.resource import JsonObject
from shoal.apiserver.patch.refusals import malformed


def apply_merge_patch(doc: JsonObject, patch: object) -> JsonObject:
    """The patched object. Raises ApiError 400 where the patch is not an object."""
    if not isinstance(patch, dict):
        raise malformed("map[string]interface {}", patch)
    return _merged(doc, patch)


def _merged(original: object, patch: JsonObject) -> JsonObject:
    result: JsonObject = dict(original) if isinstance(original, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        elif isinstance(value, dict):
            # Also where there is nothing to merge with: nulls inside must not stay.
            result[key] = _merged(result.get(key), _object(value))
        else:
            result[key] = value
    return result


def _object(value: dict[Any, Any]) -> JsonObject:
    return value
