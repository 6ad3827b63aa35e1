"""`Admission`: who else has a say in what is stored.

Kubernetes asks webhooks; the embedded server asks objects of these protocols, in the same places:
an object is filled in before the rules of its schema are applied, and may be refused after them.
Subresources are nobody's business. `shoal.admission` implements it, and `limits.limit_ranger`.
"""

from collections.abc import Sequence
from typing import Protocol

from shoal.api.resource import JsonObject
from shoal.api.status import ApiError


class KindAdmission(Protocol):
    """What is asked about one kind."""

    @property
    def sees_deletions(self) -> bool:
        """Whether it is asked when an object goes."""
        ...

    def fill_in(self, obj: JsonObject, old: JsonObject | None) -> None:
        """Edits an object that is created, or is to take the place of `old`."""
        ...

    def refusal(self, obj: JsonObject | None, old: JsonObject | None) -> ApiError | None:
        """Why `old` (None: nothing yet) may not become `obj` (None: gone)."""
        ...


class Admission(Protocol):
    """Everyone who has a say."""

    def of(self, group_resource: str) -> KindAdmission | None:
        """None for a kind that nobody is asked about."""
        ...


class NoAdmission:
    """An `Admission` that lets everything through."""

    def of(self, group_resource: str) -> KindAdmission | None:
        return None


class KindTogether:
    """Several about one kind: each fills in what those before it have made, and the first that
    refuses is heard."""

    def __init__(self, parts: Sequence[KindAdmission]) -> None:
        self._parts = parts

    @property
    def sees_deletions(self) -> bool:
        return any(part.sees_deletions for part in self._parts)

    def fill_in(self, obj: JsonObject, old: JsonObject | None) -> None:
        for part in self._parts:
            part.fill_in(obj, old)

    def refusal(self, obj: JsonObject | None, old: JsonObject | None) -> ApiError | None:
        for part in self._parts:
            if obj is not None or part.sees_deletions:
                error = part.refusal(obj, old)
                if error is not None:
                    return error
        return None


class Together:
    """Several `Admission`s as one, in their order."""

    def __init__(self, *parts: Admission) -> None:
        self._parts = parts

    def of(self, group_resource: str) -> KindAdmission | None:
        found = [kind for part in self._parts if (kind := part.of(group_resource)) is not None]
        if len(found) > 1:
            return KindTogether(found)
        return found[0] if found else None
