"""A quick answer for most bodies: nothing to refuse, drop or rewrite.

`decoding` walks a body in Python; a compiled JSON Schema that accepts only bodies which that walk
would leave as they are says the same an order of magnitude faster. What it does not accept need
not be wrong: it is walked. So the patterns below may be narrower than the formats they stand for,
never wider.
"""

from collections.abc import Mapping
from functools import cached_property

import jsonschema_rs

from shoal.api.resource import JsonObject
from shoal.apiserver.schema.definitions import definitions

_APIEXTENSIONS = "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1."
_META = "io.k8s.apimachinery.pkg.apis.meta.v1."
_DATE = r"[12][0-9]{3}-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])"
_CLOCK = r"([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]"
_TIME: JsonObject = {"type": "string", "pattern": rf"^{_DATE}T{_CLOCK}Z$"}
_PROPS: JsonObject = {"$ref": f"#/definitions/{_APIEXTENSIONS}JSONSchemaProps"}
_INT32: JsonObject = {"type": "integer", "minimum": -(2**31), "maximum": 2**31 - 1}
_INT64: JsonObject = {"type": "integer", "minimum": -(2**63), "maximum": 2**63 - 1}
_ANYTHING: JsonObject = {"type": ["array", "boolean", "number", "object", "string"]}
_BASE64 = "^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/][AQgw]==|[A-Za-z0-9+/]{2}[AEIMQUYcgkosw048]=)?$"

_SPECIAL: Mapping[str, JsonObject] = {
    # Canonical ones only: `500m`, `2`, `512Mi`.
    "io.k8s.apimachinery.pkg.api.resource.Quantity": {
        "type": "string",
        "pattern": "^(0|([1-9]0{0,2}|[1-9][0-9]{0,9}[1-9]0{0,2})[mkMGT]?|[1-9][0-9]{0,2}[KMGT]i)$",
    },
    "io.k8s.apimachinery.pkg.util.intstr.IntOrString": {"anyOf": [{"type": "string"}, _INT32]},
    "io.k8s.apimachinery.pkg.runtime.RawExtension": _ANYTHING,
    _META + "FieldsV1": _ANYTHING,
    _META + "Patch": _ANYTHING,
    _META + "Time": _TIME,
    _META + "MicroTime": {
        "type": "string",
        "pattern": rf"^{_DATE}T{_CLOCK}\.[0-9]{{6}}Z$",
    },
    _APIEXTENSIONS + "JSON": _ANYTHING,
    _APIEXTENSIONS + "JSONSchemaPropsOrArray": _PROPS,
    _APIEXTENSIONS + "JSONSchemaPropsOrBool": {"anyOf": [{"type": "boolean"}, _PROPS]},
    _APIEXTENSIONS + "JSONSchemaPropsOrStringArray": _PROPS,
}


class Tidiness:
    """Of one definition. Compiled when first asked; that takes milliseconds."""

    def __init__(self, name: str) -> None:
        self._name = name

    @cached_property
    def _validator(self) -> jsonschema_rs.Validator:
        reached: dict[str, JsonObject] = {}
        root = _strict({"$ref": self._name}, reached)
        return jsonschema_rs.Draft4Validator(
            {**root, "definitions": reached},
            pattern_options=jsonschema_rs.RegexOptions(),
            offline=True,
        )

    def holds(self, obj: JsonObject) -> bool:
        return self._validator.is_valid(obj)


def _strict(schema: JsonObject, reached: dict[str, JsonObject]) -> JsonObject:
    """A place in a definition as JSON Schema; definitions on the way are put into `reached`."""
    reference: str = schema.get("$ref", "")
    if reference:
        return _strict_definition(reference, reached)
    match schema.get("type"), schema.get("format"):
        case "integer", "int32":
            return _INT32
        case "integer", _:
            return _INT64
        case "string", "byte":
            return {"type": "string", "pattern": _BASE64}
        case "string", "date-time":
            return _TIME
        case "array", _:
            return {"type": "array", "items": _strict(schema["items"], reached)}
        case "object", _ if "additionalProperties" in schema:
            inner = _strict(schema["additionalProperties"], reached)
            return {"type": "object", "additionalProperties": inner}
        case (str(name), _) if name != "object":
            return {"type": name}
        case _:
            return _ANYTHING


def _strict_definition(name: str, reached: dict[str, JsonObject]) -> JsonObject:
    if name in _SPECIAL:
        if "JSONSchemaPropsOr" in name:
            _strict_definition(_APIEXTENSIONS + "JSONSchemaProps", reached)
        return _SPECIAL[name]
    if name not in reached:
        reached[name] = {}
        properties = definitions()[name].get("properties", {})
        reached[name] = {
            "type": "object",
            "properties": {field: _strict(inner, reached) for field, inner in properties.items()},
            "additionalProperties": False,
        }
    return {"$ref": f"#/definitions/{name}"}
