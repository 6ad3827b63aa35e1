"""CustomResourceDefinitions: their names are accepted, or not, with the write itself.

The real server's naming and establishing controllers write the status a moment later; here a
definition is served from the moment its creation is answered.
"""

from collections.abc import Iterator

import orjson

from shoal.api.meta import timestamp
from shoal.api.resource import JsonObject
from shoal.apiserver.conditions import is_true
from shoal.apiserver.core import Core
from shoal.apiserver.registry import CRD_BUCKET
from shoal.apiserver.requests import Target
from shoal.apiserver.strategies.strategy import Strategy

CLEANUP_FINALIZER = "customresourcecleanup.apiextensions.k8s.io"


class CrdStrategy(Strategy):
    has_generation = True
    allows_unconditional_update = False

    def prepare_create(self, core: Core, target: Target, obj: JsonObject) -> None:
        obj["status"] = {"conditions": [], "acceptedNames": {}, "storedVersions": []}
        _settle_status(core, obj)

    def prepare_update(self, core: Core, target: Target, new: JsonObject, old: JsonObject) -> None:
        if not target.subresource:
            status = orjson.loads(orjson.dumps(old.get("status") or {}))
            new["status"] = status
            _settle_status(core, new)

    def mark_deleted(self, core: Core, obj: JsonObject) -> None:
        finalizers: list[str] = obj["metadata"].setdefault("finalizers", [])
        if CLEANUP_FINALIZER not in finalizers:
            finalizers.append(CLEANUP_FINALIZER)
        _set_condition(
            core,
            obj["status"],
            "Terminating",
            True,
            "InstanceDeletionPending",
            "CustomResourceDefinition marked for deletion; CustomResource deletion will begin soon",
        )


def _settle_status(core: Core, crd: JsonObject) -> None:
    """acceptedNames, storedVersions and conditions of a definition's spec."""
    spec, status = crd.get("spec") or {}, crd["status"]
    wanted: JsonObject = dict(spec.get("names") or {})
    wanted.setdefault("singular", str(wanted.get("kind", "")).lower())
    wanted.setdefault("listKind", f"{wanted.get('kind', '')}List")
    accepted: JsonObject = status.setdefault("acceptedNames", {})
    problem = _conflict(core, crd, wanted)
    if problem is None:
        status["acceptedNames"] = wanted
        _set_condition(core, status, "NamesAccepted", True, "NoConflicts", "no conflicts found")
        if not is_true(status, "Established"):
            _set_condition(
                core,
                status,
                "Established",
                True,
                "InitialNamesAccepted",
                "the initial names have been accepted",
            )
    else:
        accepted.setdefault("plural", "")
        accepted.setdefault("kind", "")
        _set_condition(core, status, "NamesAccepted", False, *problem)
        if not is_true(status, "Established"):
            _set_condition(
                core, status, "Established", False, "NotAccepted", "not all names are accepted"
            )
    stored: list[str] = status.setdefault("storedVersions", [])
    for version in spec.get("versions") or []:
        if version.get("storage") and version.get("name") not in stored:
            stored.append(version["name"])


def _conflict(core: Core, crd: JsonObject, wanted: JsonObject) -> tuple[str, str] | None:
    """Reason and message where another kind of the group has one of the names."""
    spec = crd.get("spec") or {}
    resources: set[str] = set()
    kinds: set[str] = set()
    for names in _names_of_others(core, str(spec.get("group", "")), crd["metadata"].get("name")):
        resources |= {names.get("plural", ""), names.get("singular", "")}
        resources |= set(names.get("shortNames") or [])
        kinds |= {names.get("kind", ""), names.get("listKind", "")}
    checks: list[tuple[str, str, set[str]]] = [
        ("PluralConflict", wanted.get("plural", ""), resources),
        ("SingularConflict", wanted["singular"], resources),
        *(("ShortNamesConflict", name, resources) for name in wanted.get("shortNames") or []),
        ("KindConflict", wanted.get("kind", ""), kinds),
        ("ListKindConflict", wanted["listKind"], kinds),
    ]
    for reason, name, taken in checks:
        if name and name in taken:
            return reason, f'"{name}" is already in use'
    return None


def _names_of_others(core: Core, group: str, name: str | None) -> Iterator[JsonObject]:
    for entry in core.store.list(f"{CRD_BUCKET}/").entries:
        other: JsonObject = orjson.loads(entry.value)
        if other["metadata"]["name"] != name and other["spec"]["group"] == group:
            yield (other.get("status") or {}).get("acceptedNames") or {}


def _set_condition(
    core: Core, status: JsonObject, type: str, value: bool, reason: str, message: str
) -> None:
    conditions: list[JsonObject] = status.setdefault("conditions", [])
    wanted = "True" if value else "False"
    found = next((c for c in conditions if c["type"] == type), None)
    if found is None:
        found = {"type": type}
        conditions.append(found)
    if found.get("status") != wanted:
        found["lastTransitionTime"] = timestamp(core.clock.now())
    found |= {"status": wanted, "reason": reason, "message": message}
