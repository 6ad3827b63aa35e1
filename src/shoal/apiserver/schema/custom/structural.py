"""Structural schemas of custom kinds: drop what they do not name, fill in their defaults.

A schema becomes a tree of `Place`s once; walks touch only what can change. Source of the rules:
Kubernetes v1.36, apiextensions-apiserver/pkg/apiserver/schema/{pruning,defaulting}.
"""

from collections.abc import Mapping
from typing import Any

import orjson

from shoal.api.resource import JsonObject
from shoal.apiserver.schema.decoding import put_in_front, struct

OBJECT_META = struct("io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta")
_TYPE_META = frozenset(("apiVersion", "kind", "metadata"))


class Place:
    """One place in a structural schema."""

    __slots__ = (
        "_default",
        "extra",
        "fields",
        "has_default",
        "has_defaults_below",
        "is_embedded",
        "is_nullable",
        "item",
        "keeps_everything",
        "keeps_unknown",
        "with_defaults",
    )

    def __init__(self, schema: Mapping[str, Any]) -> None:
        self.fields: dict[str, Place] = {
            name: Place(inner) for name, inner in schema.get("properties", {}).items()
        }
        extra = schema.get("additionalProperties")
        self.extra = Place(extra) if isinstance(extra, dict) else None
        items = schema.get("items")
        self.item = Place(items) if isinstance(items, dict) else None
        self.is_embedded = bool(schema.get("x-kubernetes-embedded-resource"))
        self.is_nullable = bool(schema.get("nullable"))
        self.keeps_unknown = (
            bool(schema.get("x-kubernetes-preserve-unknown-fields")) or extra is True
        )
        self.has_default = "default" in schema
        self._default = orjson.dumps(schema["default"]) if self.has_default else b"null"
        inner = [*self.fields.values(), *(p for p in (self.extra, self.item) if p is not None)]
        self.has_defaults_below = any(p.has_default or p.has_defaults_below for p in inner)
        self.with_defaults = tuple(
            (name, place)
            for name, place in self.fields.items()
            if place.has_default or place.has_defaults_below
        )
        self.keeps_everything = (
            self.keeps_unknown
            and not self.is_embedded
            and not any(not p.keeps_everything for p in inner)
        )

    def default_value(self) -> Any:
        """A fresh copy."""
        return orjson.loads(self._default)

    def prune(self, value: Any, dropped: list[str]) -> None:
        """Drop unknown fields in place; their paths go to `dropped`."""
        if self.keeps_everything:
            return
        match value:
            case dict():
                self._prune_object(value, dropped)
            case list() if self.item is not None:
                for index, item in enumerate(value):
                    if isinstance(item, dict | list):
                        known = len(dropped)
                        self.item.prune(item, dropped)
                        if len(dropped) != known:
                            put_in_front(f"[{index}]", dropped, known)
            case _:
                pass

    def _prune_object(self, value: JsonObject, dropped: list[str]) -> None:
        fields, extra = self.fields, self.extra
        gone: list[str] = []
        for key, item in value.items():
            place = fields.get(key, extra)
            if self.is_embedded and key in _TYPE_META:
                if key == "metadata":
                    known = len(dropped)
                    OBJECT_META.tidy(item, dropped)
                    put_in_front(key, dropped, known)
            elif place is None:
                if not self.keeps_unknown:
                    gone.append(key)
                    dropped.append(key)
            elif isinstance(item, dict | list):
                known = len(dropped)
                place.prune(item, dropped)
                if len(dropped) != known:
                    put_in_front(key, dropped, known)
        for key in gone:
            del value[key]

    def default(self, value: Any) -> None:
        """Fill in defaults in place. A null where null is not allowed counts as absent."""
        match value:
            case dict():
                for name, place in self.with_defaults:
                    if place.has_default and (
                        name not in value or (value[name] is None and not place.is_nullable)
                    ):
                        value[name] = place.default_value()
                    if place.has_defaults_below and name in value:
                        place.default(value[name])
                if self.extra is not None and self.extra.has_defaults_below:
                    for key, item in value.items():
                        if key not in self.fields:
                            self.extra.default(item)
            case list() if self.item is not None and self.item.has_defaults_below:
                for item in value:
                    self.item.default(item)
            case _:
                pass


def root_place(schema: Mapping[str, Any], keeps_unknown: bool = False) -> Place:
    """The place of whole objects: type and object metadata are always known."""
    place = Place(schema)
    place.is_embedded = True
    place.keeps_unknown = place.keeps_unknown or keeps_unknown
    place.keeps_everything = False
    return place
