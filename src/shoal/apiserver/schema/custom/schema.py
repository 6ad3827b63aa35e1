"""`CustomSchema`: the `Schema` of one version of a user-defined kind."""

from collections.abc import Mapping
from typing import Any

from shoal.api.resource import JsonObject
from shoal.api.status import Cause
from shoal.apiserver.schema.custom.checking import Checker
from shoal.apiserver.schema.custom.list_types import list_place
from shoal.apiserver.schema.custom.rules import rule_place
from shoal.apiserver.schema.custom.structural import OBJECT_META, root_place
from shoal.apiserver.schema.definitions import DefinitionFacts
from shoal.apiserver.schema.scalars import UnreadableError
from shoal.apiserver.schema.validation.metadata import validate_metadata

_NOT_CHECKED = Cause(
    "<nil>",
    "Invalid value: null: some validation rules were not checked because the object was "
    "invalid; correct the existing errors to complete validation",
)


class CustomSchema:
    """Structural schema, list types and CEL rules of a version."""

    def __init__(
        self, kind: str, version: str, schema: Mapping[str, Any], keeps_unknown: bool = False
    ) -> None:
        """`schema` is the version's openAPIV3Schema; `keeps_unknown` its preserveUnknownFields."""
        self.kind = kind
        self.version = version
        self._place = root_place(schema, keeps_unknown)
        self._checker = Checker(schema)
        self._lists = list_place(schema)
        self._rules = rule_place(schema)

    @property
    def merge_facts(self) -> DefinitionFacts | None:
        """Custom kinds have no strategic merge."""
        return None

    def decode_error(self, obj: JsonObject) -> str | None:
        """Only the metadata of a custom object has to decode; the rest is the schema's matter."""
        try:
            OBJECT_META.check(obj.get("metadata") or {})
        except UnreadableError as error:
            error.through(self.kind, "metadata")
            return (
                f'{self.kind} in version "{self.version}" cannot be handled as a {self.kind}: '
                f"{error}"
            )
        return None

    def prune(self, obj: JsonObject) -> list[str]:
        dropped: list[str] = []
        self._place.prune(obj, dropped)
        return dropped

    def default(self, obj: JsonObject) -> None:
        if self._place.has_defaults_below:
            self._place.default(obj)

    def validate(self, obj: JsonObject, old: JsonObject | None) -> list[Cause]:
        found = self._checker.check(obj)
        if self._lists is not None:
            found += self._lists.check("", obj)
        if found and old is not None:
            # What was wrong before and has not changed is not held against an update.
            known = [
                *self._checker.check(old),
                *(self._lists.check("", old) if self._lists else ()),
            ]
            found = [cause for cause in found if cause not in known]
        if self._rules is not None:
            if found:
                found.append(_NOT_CHECKED)
            else:
                found += self._rules.check("", _for_rules(obj), old and _for_rules(old))
        return [*validate_metadata(obj, old), *found]


def _for_rules(obj: JsonObject) -> JsonObject:
    """Rules may read of metadata no more than the names."""
    metadata: JsonObject = obj.get("metadata") or {}
    names = {key: metadata[key] for key in ("name", "generateName") if key in metadata}
    return {**obj, "metadata": names}
