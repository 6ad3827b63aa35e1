"""The published definitions of Kubernetes' own kinds, as compact tables.

`scripts/make_schemas.py` writes the two files; this reads them when first asked. Definitions are
OpenAPI schemas whose `$ref` is the bare name of another definition, for example
`io.k8s.api.core.v1.PodSpec`.
"""

from collections.abc import Mapping
from functools import cache
from pathlib import Path

import orjson

from shoal.api.resource import JsonObject

_DATA = Path(__file__).parent.parent / "data"


@cache
def definitions() -> Mapping[str, JsonObject]:
    """Name -> schema, without descriptions. Read only."""
    return orjson.loads((_DATA / "definitions.json").read_bytes())


@cache
def descriptions() -> Mapping[str, Mapping[str, str]]:
    """Name -> field -> text for people; the definition's own text is under the empty field."""
    return orjson.loads((_DATA / "descriptions.json").read_bytes())


@cache
def _names_by_kind() -> Mapping[tuple[str, str, str], str]:
    return {
        (kind["group"], kind["version"], kind["kind"]): name
        for name, schema in definitions().items()
        for kind in schema.get("x-kubernetes-group-version-kind", ())
    }


def definition_name(group: str, version: str, kind: str) -> str | None:
    """The definition of a kind, or None where the tables have none."""
    return _names_by_kind().get((group, version, kind))


class DefinitionFacts:
    """`MergeFacts` of one place in a definition."""

    __slots__ = ("_place", "_schema")

    def __init__(self, place: JsonObject) -> None:
        """`place` is the schema as written where it is used: its facts and maybe a `$ref`."""
        self._place = place
        reference = place.get("$ref")
        self._schema: JsonObject = definitions()[reference] if reference else place

    def field(self, name: str) -> "DefinitionFacts":
        properties = self._schema.get("properties", {})
        return DefinitionFacts(properties.get(name) or self._schema.get("additionalProperties", {}))

    @property
    def item(self) -> "DefinitionFacts":
        return DefinitionFacts(self._schema.get("items", {}))

    @property
    def merge_key(self) -> str:
        return self._place.get("x-kubernetes-patch-merge-key", "")

    @property
    def strategies(self) -> frozenset[str]:
        text: str = self._place.get("x-kubernetes-patch-strategy", "")
        return frozenset(text.split(",")) if text else frozenset()

    @property
    def list_type(self) -> str:
        """`atomic`, `set`, `map`, or empty where it is not said."""
        return self._place.get("x-kubernetes-list-type", "")

    @property
    def list_map_keys(self) -> tuple[str, ...]:
        """Fields that together identify the items of a list of type `map`."""
        return tuple(self._place.get("x-kubernetes-list-map-keys", ()))
