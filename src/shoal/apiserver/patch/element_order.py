"""In which order a merged list comes out.

Items the patch names keep the patch's order, items only the server has keep the live order, and
the two are interleaved by the live order where it can be known. Source of the rules: Kubernetes
v1.36, apimachinery/pkg/util/strategicpatch.

Items are compared by an `Identity`: the value of the merge key, or a primitive itself.
"""

from collections.abc import Callable, Hashable, Sequence
from typing import Any

Identity = Callable[[Any], Hashable]


def arrange(
    merged: Sequence[Any],
    *,
    patch_order: Sequence[Any],
    live_order: Sequence[Any],
    identity: Identity,
) -> list[Any]:
    """`merged`, ordered by a patch's list (or its `$setElementOrder`) and by the live list."""
    patch_rank = _ranks(patch_order, identity)
    live_rank = _ranks(live_order, identity)
    patched = [item for item in merged if identity(item) in patch_rank]
    server_only = [item for item in merged if identity(item) not in patch_rank]
    patched.sort(key=lambda item: patch_rank[identity(item)])
    server_only.sort(key=lambda item: live_rank.get(identity(item), len(live_rank)))
    return _interleaved(server_only, patched, live_rank, identity)


def follows(items: Sequence[Any], order: Sequence[Any], identity: Identity) -> bool:
    """Whether all `items` are in `order`, in the same relative order."""
    remaining = iter([identity(item) for item in order])
    return all(identity(item) in remaining for item in items)


def _ranks(items: Sequence[Any], identity: Identity) -> dict[Hashable, int]:
    ranks: dict[Hashable, int] = {}
    for rank, item in enumerate(items):
        ranks.setdefault(identity(item), rank)
    return ranks


def _interleaved(
    server_only: list[Any],
    patched: list[Any],
    live_rank: dict[Hashable, int],
    identity: Identity,
) -> list[Any]:
    """A server item goes before the next patch item only if it stood before it in the live list;
    patch items that are new come first."""
    result: list[Any] = []
    at_server = at_patched = 0
    while at_server < len(server_only) and at_patched < len(patched):
        server_rank = live_rank.get(identity(server_only[at_server]))
        patched_rank = live_rank.get(identity(patched[at_patched]))
        is_before = (
            server_rank is not None and patched_rank is not None and server_rank < patched_rank
        )
        if is_before:
            result.append(server_only[at_server])
            at_server += 1
        else:
            result.append(patched[at_patched])
            at_patched += 1
    return result + patched[at_patched:] + server_only[at_server:]
