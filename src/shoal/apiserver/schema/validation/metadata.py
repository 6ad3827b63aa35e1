"""Rules for metadata, the same for every kind but for the form of names."""

from collections.abc import Iterator, Mapping
from typing import Any

from shoal.api import causes
from shoal.api.names import (
    NameRule,
    dns_subdomain,
    label_value,
    qualified_name,
)
from shoal.api.resource import JsonObject
from shoal.api.status import Cause

_ANNOTATIONS_BYTES_MAX = 256 * 1024
_OWNER_FIELDS = ("kind", "name", "uid")
_IMMUTABLE = ("name", "namespace", "uid", "creationTimestamp")


def validate_metadata(
    obj: JsonObject, old: JsonObject | None, name_rule: NameRule = dns_subdomain
) -> list[Cause]:
    """Of one object; with `old`, what may not change as well."""
    metadata: JsonObject = obj.get("metadata") or {}
    found: list[Cause] = []
    name: str = metadata.get("name", "")
    if not name:
        found.append(causes.required("metadata.name", "name or generateName is required"))
    elif old is None:
        found += causes.of_form("metadata.name", name, name_rule)
    if "labels" in metadata:
        found += validate_labels(metadata["labels"], "metadata.labels")
    if "annotations" in metadata:
        found += _annotations(metadata["annotations"])
    if "ownerReferences" in metadata:
        found += _owner_references(metadata["ownerReferences"])
    if "finalizers" in metadata:
        found += _finalizers(metadata["finalizers"])
    if old is not None:
        before: JsonObject = old.get("metadata") or {}
        for field in _IMMUTABLE:
            if field in metadata and metadata[field] != before.get(field, metadata[field]):
                found += [causes.invalid(f"metadata.{field}", metadata[field], causes.IMMUTABLE)]
    return found


def validate_labels(labels: Mapping[str, str], path: str) -> Iterator[Cause]:
    for key, value in labels.items():
        yield from causes.of_form(path, key, qualified_name)
        yield from causes.of_form(path, value, label_value)


def _annotations(annotations: Mapping[str, str]) -> Iterator[Cause]:
    for key in annotations:
        for text in qualified_name(key.lower()):
            yield causes.invalid("metadata.annotations", key, text)
    # Characters are at least one byte each, so most objects are told small without encoding.
    size = sum(len(key) + len(value) for key, value in annotations.items())
    if size * 4 > _ANNOTATIONS_BYTES_MAX:
        size = sum(len(k.encode()) + len(v.encode()) for k, v in annotations.items())
        if size > _ANNOTATIONS_BYTES_MAX:
            yield causes.too_long("metadata.annotations", _ANNOTATIONS_BYTES_MAX)


def _owner_references(references: list[Any]) -> Iterator[Cause]:
    path = "metadata.ownerReferences"
    controllers: list[str] = []
    for reference in references:
        if not reference.get("apiVersion"):
            text = "version must not be empty"
            yield causes.invalid(f"{path}.apiVersion", reference.get("apiVersion", ""), text)
        for field in _OWNER_FIELDS:
            if not reference.get(field):
                yield causes.invalid(f"{path}.{field}", "", "must not be empty")
        if reference.get("controller"):
            controllers.append(f"{reference.get('kind')}/{reference.get('name')}")
    if len(controllers) > 1:
        yield causes.invalid(
            path,
            references,
            'Only one reference can have Controller set to true. Found "true" in references '
            f"for {controllers[0]} and {controllers[1]}",
        )


def _finalizers(finalizers: list[str]) -> Iterator[Cause]:
    path = "metadata.finalizers"
    for finalizer in finalizers:
        yield from causes.of_form(path, finalizer, qualified_name)
    if "orphan" in finalizers and "foregroundDeletion" in finalizers:
        text = "finalizer orphan and foregroundDeletion cannot be both set"
        yield causes.invalid(path, finalizers, text)
