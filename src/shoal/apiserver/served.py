"""`Served`: all the server knows about one served kind and version.

Built-in kinds get theirs from `builtin`, custom kinds from the CRD's schema (`crds`); the
handlers treat both alike. The seams below keep verbs, schemas and printing apart:

    request -> handlers -> Schema (prune, default, validate) -> store
                        -> Table (print)   -> response
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

import msgspec

from shoal.api.resource import JsonObject, Resource
from shoal.api.status import Cause


class MergeFacts(Protocol):
    """What strategic merge needs to know of one place in a schema."""

    def field(self, name: str) -> "MergeFacts":
        """The place below key `name` of an object or map."""
        ...

    @property
    def item(self) -> "MergeFacts":
        """The place of a list's items."""
        ...

    @property
    def merge_key(self) -> str:
        """Field that identifies items of a merged list; empty where there is none."""
        ...

    @property
    def strategies(self) -> frozenset[str]:
        """Of x-kubernetes-patch-strategy: `merge`, `replace`, `retainKeys`."""
        ...


class Schema(Protocol):
    """What objects of one kind and version look like. Pure; objects are edited in place.

    The handlers call, in this order: `decode_error`, `prune`, `default`, `validate`.
    """

    def decode_error(self, obj: JsonObject) -> str | None:
        """Why a body cannot be read as this kind at all (text where a list belongs): the message
        of the 400 answer. None where it can. Call it before `prune`."""
        ...

    def prune(self, obj: JsonObject) -> list[str]:
        """Drop fields the schema does not know; returns their paths (`spec.foo[0].bar`)."""
        ...

    def default(self, obj: JsonObject) -> None:
        """Fill in what is absent. Doing it twice changes nothing."""
        ...

    def validate(self, obj: JsonObject, old: JsonObject | None) -> list[Cause]:
        """What is wrong: types, required fields, the kind's own rules, and with `old` given
        (an update) what may not change. Covers names, labels and the rest of metadata too;
        what the server itself writes there (uid, resourceVersion, generation) is the handlers'
        business."""
        ...

    @property
    def merge_facts(self) -> MergeFacts | None:
        """None where strategic merge is not supported (custom kinds)."""
        ...


class Column(msgspec.Struct, frozen=True):
    """One column of a table, as meta/v1 describes it."""

    name: str
    type: str = "string"
    format: str = ""
    description: str = ""
    priority: int = 0
    """0 is always shown, higher ones with `-o wide`."""


class Table(Protocol):
    """How objects of one kind are printed."""

    @property
    def columns(self) -> Sequence[Column]: ...

    def cells(self, obj: JsonObject, now: datetime) -> list[object]: ...


class Conversion(Protocol):
    """Between what is stored and what one version shows, where more than `apiVersion` differs."""

    def from_storage(self, obj: JsonObject) -> JsonObject: ...

    def to_storage(self, obj: JsonObject) -> JsonObject: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ScalePaths:
    """Where a kind keeps what the scale subresource shows; JSON paths with a leading dot."""

    spec_replicas: str
    status_replicas: str
    label_selector: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """A kind in one version: all that the server knows of it."""

    resource: Resource[JsonObject]
    singular: str
    schema: Schema
    table: Table
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    list_kind: str = ""
    subresources: frozenset[str] = frozenset()
    """Of status, scale, log, binding, eviction, token, finalize."""
    storage_version: str = "v1"
    """The version objects are stored under; other versions differ in `apiVersion` only."""
    scale: ScalePaths | None = None
    is_custom: bool = False
    openapi: JsonObject | None = None
    """The schema as OpenAPI v3, for documents; None leaves it open."""
    selectable_fields: Mapping[str, str] | None = None
    """Field selectors beyond metadata.name and metadata.namespace: label -> default value."""
    conversion: Conversion | None = None
    stored_as: str = ""
    """Bucket of another resource whose objects these are; empty for its own."""

    @property
    def bucket(self) -> str:
        """Where the store keeps it: one bucket for all versions."""
        return self.stored_as or self.resource.group_resource
