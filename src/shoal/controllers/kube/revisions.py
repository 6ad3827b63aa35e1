"""The history of a StatefulSet's or DaemonSet's template: which revision is which, which may go.

Pure; `revision_history` reads and writes the objects. A revision keeps the template as a strategic
merge patch of its owner, because `kubectl rollout undo` sends that patch as it is.
Source of the format and the rules: Kubernetes v1.36, pkg/controller/history,
pkg/controller/statefulset/stateful_set_utils.go and pkg/controller/daemon/update.go.
"""

from collections.abc import Collection, Sequence
from typing import Any

import msgspec

from shoal.api.apps import CONTROLLER_REVISIONS, ControllerRevision
from shoal.api.meta import ObjectMeta
from shoal.api.resource import JsonObject
from shoal.controllers.kube.rollout import template_hash

POD_HASH = "controller-revision-hash"
"""Label of a pod: the revision it was made from. A StatefulSet writes the revision's name, a
DaemonSet its hash."""
_PREFIX_LENGTH_MAX = 223
_PATCH = "$patch"


def template_patch(template: JsonObject) -> JsonObject:
    """What brings an owner back to this template; keys in order, as kubectl compares bytes."""
    return {"spec": {"template": _in_order({**template, _PATCH: "replace"})}}


def template_of(revision: ControllerRevision) -> JsonObject:
    """The template that a revision keeps."""
    template: JsonObject = revision.data["spec"]["template"]
    return {key: value for key, value in template.items() if key != _PATCH}


def _in_order(value: Any) -> Any:
    return msgspec.json.decode(msgspec.json.encode(value, order="sorted"))


class Naming(msgspec.Struct, frozen=True):
    """A new revision's name, and what the name was made of."""

    name: str
    hash: str


def naming(owner: ObjectMeta, data: JsonObject, collisions: int) -> Naming:
    """`collisions` gives another name to the same template."""
    hashed = template_hash(data, collisions)
    return Naming(f"{owner.name[:_PREFIX_LENGTH_MAX]}-{hashed}", hashed)


def revision_body(
    owner: ObjectMeta, reference: JsonObject, data: JsonObject, number: int, labels: dict[str, str]
) -> JsonObject:
    """A new revision without its name."""
    return {
        "apiVersion": CONTROLLER_REVISIONS.api_version,
        "kind": CONTROLLER_REVISIONS.kind,
        "metadata": {
            "labels": labels,
            "annotations": dict(owner.annotations),
            "ownerReferences": [reference],
        },
        "data": data,
        "revision": number,
    }


def ordered(revisions: Sequence[ControllerRevision]) -> list[ControllerRevision]:
    """Oldest first."""
    return sorted(revisions, key=_age_order)


def _age_order(each: ControllerRevision) -> tuple[int, float, str]:
    created = each.metadata.creation_timestamp
    return each.revision, created.timestamp() if created else 0.0, each.metadata.name


def find_equal(
    revisions: Sequence[ControllerRevision], data: JsonObject
) -> ControllerRevision | None:
    """The newest revision with this template."""
    equal = [each for each in revisions if each.data == data]
    return max(equal, key=_age_order, default=None)


def next_number(revisions: Sequence[ControllerRevision]) -> int:
    """One more than any has."""
    return max((each.revision for each in revisions), default=0) + 1


def expired(
    revisions: Sequence[ControllerRevision], live: Collection[str], limit: int
) -> list[ControllerRevision]:
    """Those beyond the limit, oldest first; revisions that are in use (`live`, by name) neither
    count nor go. A negative limit keeps all."""
    past = [each for each in ordered(revisions) if each.metadata.name not in live]
    if limit < 0:
        return []
    return past[: max(0, len(past) - limit)]
