"""The patch that `shoal apply` sends: what the new manifest asks for, minus what it dropped.

As kubectl's client-side apply it compares three documents: the manifest that was applied last
(kept in an annotation that both tools share), the new one, and the live object. The result is a
JSON merge patch, so lists are replaced whole; the server fills in their defaults again.
"""

import json

from shoal.api.resource import JsonObject

LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


def with_last_applied(manifest: JsonObject) -> JsonObject:
    """The manifest with itself in the annotation."""
    metadata = manifest.get("metadata", {})
    annotations = {
        k: v for k, v in (metadata.get("annotations") or {}).items() if k != LAST_APPLIED
    }
    bare = {**manifest, "metadata": {**metadata, "annotations": annotations}}
    text = json.dumps(bare, separators=(",", ":"), sort_keys=True) + "\n"
    return {
        **manifest,
        "metadata": {**metadata, "annotations": {**annotations, LAST_APPLIED: text}},
    }


def last_applied(live: JsonObject) -> JsonObject:
    """Empty where nothing was applied before, or somebody broke the annotation."""
    text = (live.get("metadata", {}).get("annotations") or {}).get(LAST_APPLIED)
    try:
        manifest = json.loads(text or "{}")
    except json.JSONDecodeError:
        return {}
    return manifest if isinstance(manifest, dict) else {}


def touched(obj: JsonObject, patch: JsonObject) -> JsonObject:
    """The part of an object that a merge patch speaks of."""
    part: JsonObject = {}
    for key, change in patch.items():
        value = obj.get(key)
        if isinstance(change, dict) and isinstance(value, dict):
            part[key] = touched(value, change)
        elif key in obj:
            part[key] = value
    return part


def patch(original: JsonObject, modified: JsonObject, live: JsonObject) -> JsonObject:
    """A merge patch that brings `live` to `modified` and removes what only `original` has."""
    result: JsonObject = {}
    for key, wanted in modified.items():
        actual = live.get(key)
        if isinstance(wanted, dict) and isinstance(actual, dict):
            before = original.get(key)
            nested = patch(before if isinstance(before, dict) else {}, wanted, actual)
            if nested:
                result[key] = nested
        elif wanted != actual:
            result[key] = wanted
    for key in original:
        if key not in modified and key in live:
            result[key] = None
    return result
