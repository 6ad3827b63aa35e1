"""The CRDs of all kinds that ship with Shoal, made from their structs. The embedded server has
them from the start."""

from shoal.api import ploto, scv, worker
from shoal.api.custom_kind import CustomKind
from shoal.api.resource import JsonObject
from shoal.api.volcano import kinds as volcano

KINDS: tuple[CustomKind, ...] = (
    *ploto.KINDS,
    *scv.KINDS,
    *volcano.KINDS,
    worker.KIND,
)


def all_crds() -> list[JsonObject]:
    """Manifests, in the order they should be applied."""
    return [kind.to_crd() for kind in KINDS]
