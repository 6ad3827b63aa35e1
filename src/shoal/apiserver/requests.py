"""What a verb is asked: the object it points at and its options, free of any transport.

The HTTP application reads these from paths and queries (`routing`, `query`); the local client
makes them directly.
"""

from enum import StrEnum

import msgspec

from shoal.api.selectors import EVERYTHING, FieldRequirement, Selector
from shoal.apiserver.served import Served


class Target(msgspec.Struct, frozen=True):
    """A collection (no name), an object, or a subresource of one."""

    served: Served
    namespace: str = ""
    name: str = ""
    subresource: str = ""

    @property
    def key(self) -> str:
        """Where the store keeps the object."""
        return self.key_of(self.name)

    def key_of(self, name: str) -> str:
        if self.served.resource.namespaced:
            return f"{self.served.bucket}/{self.namespace}/{name}"
        return f"{self.served.bucket}/{name}"

    @property
    def prefix(self) -> str:
        """What the keys of the collection start with; no namespace means all of them."""
        if self.served.resource.namespaced and self.namespace:
            return f"{self.served.bucket}/{self.namespace}/"
        return f"{self.served.bucket}/"

    @property
    def group_resource(self) -> str:
        return self.served.resource.group_resource


class FieldValidation(StrEnum):
    STRICT = "Strict"
    WARN = "Warn"
    IGNORE = "Ignore"


class WriteOptions(msgspec.Struct, frozen=True):
    dry_run: bool = False
    field_validation: FieldValidation = FieldValidation.WARN


class Written(msgspec.Struct, frozen=True):
    """An object after a write, in the version that was asked for."""

    value: bytes
    is_new: bool = False
    warnings: tuple[str, ...] = ()


class Selection(msgspec.Struct, frozen=True):
    """Which objects of a collection, by labels and fields."""

    labels: Selector = EVERYTHING
    fields: tuple[FieldRequirement, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.labels.requirements or self.fields)

    @property
    def name(self) -> str:
        """The one name that can match, where `metadata.name=` says so."""
        for requirement in self.fields:
            if requirement.path == "metadata.name" and not requirement.is_negated:
                return requirement.value
        return ""


class ListOptions(msgspec.Struct, frozen=True):
    selection: Selection = Selection()
    limit: int = 0
    continue_token: str = ""
    resource_version: str = ""
    resource_version_match: str = ""


class WatchOptions(msgspec.Struct, frozen=True):
    selection: Selection = Selection()
    resource_version: str = ""
    timeout_s: int | None = None
    allow_bookmarks: bool = False
    send_initial_events: bool = False


class Deletion(msgspec.Struct, frozen=True):
    """DeleteOptions."""

    grace_period_s: int | None = None
    propagation: str = ""
    """Background, Foreground or Orphan; empty for the default."""
    uid: str = ""
    resource_version: str = ""
    dry_run: bool = False
