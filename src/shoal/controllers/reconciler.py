"""What a controller does with one key: look, compare, bring nearer.

A reconciler is given the key, not the change: it reads what is there now. It may be called for
nothing and must be idempotent.
"""

from typing import Protocol, TypeVar

import msgspec

K_contra = TypeVar("K_contra", contravariant=True)
"""What names the things that are reconciled, mostly an ObjectKey."""


class Result(msgspec.Struct, frozen=True):
    """The key is done for now."""

    requeue_after_s: float | None = None
    """Look again after this time, whatever happens meanwhile."""


class Reconciler(Protocol[K_contra]):
    """Brings the world nearer to what the object of a key asks for."""

    async def reconcile(self, key: K_contra) -> Result:
        """What it raises is logged, and the key comes back after a back-off."""
        ...
