"""What changes one object into another, as a JSON merge patch (RFC 7396)."""

from typing import cast

from shoal.api.resource import JsonObject


def merge_patch(before: JsonObject, after: JsonObject) -> JsonObject:
    """Empty where they are equal. What is gone becomes None, so `after` must hold no None."""
    patch: JsonObject = dict.fromkeys(before.keys() - after.keys())
    for name, value in after.items():
        present = before.get(name)
        if isinstance(value, dict) and isinstance(present, dict):
            inner = merge_patch(cast(JsonObject, present), cast(JsonObject, value))
            if inner:
                patch[name] = inner
        elif value != present:
            patch[name] = value
    return patch
