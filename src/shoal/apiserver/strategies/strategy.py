"""`Strategy`, which is also what a plain kind does."""

from shoal.api.resource import JsonObject
from shoal.apiserver.core import Core
from shoal.apiserver.requests import Target


class Strategy:
    """A plain built-in kind; others override what they do differently.

    The verbs call these with objects in the version of the request, already pruned and
    defaulted, not yet validated; `obj` and `new` are edited in place.
    """

    has_generation = False
    """Whether metadata.generation counts the changes of `desired`."""
    default_propagation = ""
    """What becomes of dependents where a delete does not say; empty for Background."""
    is_written_in_turn = False
    """Whether creates and changes of the kind come one after the other: for kinds of which each
    object has something that no other may have."""
    allows_unconditional_update = True
    """Whether a PUT may leave out metadata.resourceVersion."""

    def prepare_create(self, core: Core, target: Target, obj: JsonObject) -> None:
        if "status" in target.served.subresources:
            obj["status"] = {}

    def prepare_update(self, core: Core, target: Target, new: JsonObject, old: JsonObject) -> None:
        """After what is the server's or another subresource's has been taken from `old`."""

    def desired(self, obj: JsonObject) -> object:
        """The part of an object that people ask for."""
        return obj.get("spec")

    def grace_period_s(self, obj: JsonObject, wanted_s: int | None) -> int:
        """How long a deleted object may go on; 0 for kinds that just go."""
        return 0

    def check_delete(self, target: Target) -> None:
        """Raises ApiError where an object may never be deleted."""

    def mark_deleted(self, core: Core, obj: JsonObject) -> None:
        """When deletionTimestamp is set and something still has to be cleaned up."""

    def holds_deletion(self, obj: JsonObject) -> bool:
        """Whether more than metadata.finalizers keeps a deleted object."""
        return False
