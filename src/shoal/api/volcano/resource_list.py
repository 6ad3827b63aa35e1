"""Resource lists in custom kinds: names to quantities, as core/v1 has them."""

from typing import Any

import msgspec

from shoal.api.custom_kind import described
from shoal.api.pod import ResourceMap
from shoal.api.resource import JsonObject

ResourceList = ResourceMap

SCHEMA: JsonObject = {
    "type": "object",
    "additionalProperties": {
        "anyOf": [{"type": "integer"}, {"type": "string"}],
        "pattern": (
            r"^(\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))"
            r"(([KMGTPE]i)|[numkMGTPE]|([eE](\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))))?$"
        ),
        "x-kubernetes-int-or-string": True,
    },
}


def resources(description: str, **bounds: Any) -> msgspec.Meta:
    """`described` for a field that holds a resource list."""
    return described(description, schema=SCHEMA, **bounds)
