"""Namespaces: some are never deleted, the others not before their content."""

from shoal.api.resource import JsonObject
from shoal.api.status import forbidden
from shoal.apiserver.core import Core
from shoal.apiserver.requests import Target
from shoal.apiserver.strategies.strategy import Strategy

_PROTECTED_NAMESPACES = {"default", "kube-system", "kube-public"}


class NamespaceStrategy(Strategy):
    """A namespace stays until its content is gone: spec.finalizers holds it."""

    def prepare_create(self, core: Core, target: Target, obj: JsonObject) -> None:
        obj["status"] = {"phase": "Active"}
        spec: JsonObject = obj.setdefault("spec", {})
        finalizers: list[str] = spec.setdefault("finalizers", [])
        if "kubernetes" not in finalizers:
            finalizers.append("kubernetes")
        # The name may have been generated after the defaults.
        labels: JsonObject = obj["metadata"].setdefault("labels", {})
        labels["kubernetes.io/metadata.name"] = obj["metadata"].get("name", "")

    def prepare_update(self, core: Core, target: Target, new: JsonObject, old: JsonObject) -> None:
        if target.subresource != "finalize":
            finalizers = (old.get("spec") or {}).get("finalizers") or []
            new["spec"] = (new.get("spec") or {}) | {"finalizers": finalizers}

    def check_delete(self, target: Target) -> None:
        if target.name in _PROTECTED_NAMESPACES:
            raise forbidden(target.group_resource, target.name, "this namespace may not be deleted")

    def mark_deleted(self, core: Core, obj: JsonObject) -> None:
        obj["status"] = (obj.get("status") or {}) | {"phase": "Terminating"}

    def holds_deletion(self, obj: JsonObject) -> bool:
        return bool((obj.get("spec") or {}).get("finalizers"))
