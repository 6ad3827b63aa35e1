"""What every object has: metadata, owners, conditions.

Structs are frozen reads: they name the fields that Shoal reads and drop the rest when decoding,
so they are never written back whole. Writes are plain dicts, sent as creates or patches.
Source of the fields: Kubernetes v1.36, meta/v1.
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import dataclass_transform

import msgspec


# Says to type checkers what msgspec does at run time: subclasses stay frozen and keyword-only.
@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(msgspec.field,))
class ApiStruct(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """Base of all reads: camelCase on the wire, unknown fields ignored."""


class OwnerReference(ApiStruct):
    api_version: str
    kind: str
    name: str
    uid: str
    controller: bool | None = None
    block_owner_deletion: bool | None = None


class ObjectMeta(ApiStruct):
    """Names, versions, labels, owners: metadata/v1 as far as it is read."""

    name: str = ""
    generate_name: str = ""
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    generation: int = 0
    creation_timestamp: datetime | None = None
    deletion_timestamp: datetime | None = None
    deletion_grace_period_seconds: int | None = None
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    owner_references: list[OwnerReference] = []
    finalizers: list[str] = []

    @property
    def key(self) -> "ObjectKey":
        return ObjectKey(self.namespace, self.name)

    @property
    def controller(self) -> OwnerReference | None:
        """The one owner that manages this object, if any."""
        return next((ref for ref in self.owner_references if ref.controller), None)


class ObjectKey(msgspec.Struct, frozen=True, order=True):
    """Names an object within its resource; the namespace is empty for cluster-wide kinds."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}" if self.namespace else self.name


class Object(ApiStruct):
    """Base of every kind that is read: also enough by itself where only metadata matters."""

    metadata: ObjectMeta = ObjectMeta()
    kind: str = ""
    api_version: str = ""


class Condition(ApiStruct):
    type: str
    status: str
    reason: str = ""
    message: str = ""
    last_transition_time: datetime | None = None
    last_update_time: datetime | None = None
    last_probe_time: datetime | None = None
    observed_generation: int | None = None


class ObjectReference(ApiStruct):
    kind: str = ""
    namespace: str = ""
    name: str = ""
    uid: str = ""
    api_version: str = ""
    resource_version: str = ""
    field_path: str = ""


class LabelSelectorRequirement(ApiStruct):
    key: str
    operator: str
    values: list[str] = []


class LabelSelector(ApiStruct):
    match_labels: dict[str, str] = {}
    match_expressions: list[LabelSelectorRequirement] = []


def find_condition(conditions: Iterable[Condition], type: str) -> Condition | None:
    """The condition of a type; there is one at most."""
    return next((c for c in conditions if c.type == type), None)


def is_condition_true(conditions: Iterable[Condition], type: str) -> bool:
    """Whether there is one of the type, and its status is True."""
    condition = find_condition(conditions, type)
    return condition is not None and condition.status == "True"


def held_since(before: Condition | None, status: str, now: datetime) -> datetime:
    """`lastTransitionTime` of a condition that has this status now: it stays with the status."""
    if before is None or before.status != status:
        return now
    return before.last_transition_time or now


def timestamp(moment: datetime) -> str:
    """meta/v1 Time: RFC 3339, whole seconds, UTC."""
    # Every create writes one; strftime takes six times as long.
    return moment.astimezone(UTC).isoformat(timespec="seconds")[:-6] + "Z"


def micro_timestamp(moment: datetime) -> str:
    """meta/v1 MicroTime: RFC 3339 with six decimals, UTC."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
