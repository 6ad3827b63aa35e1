"""`Admission`: who else has a say in what is stored.

Kubernetes asks webhooks; the embedded server asks objects of these protocols, in the same places:
an object is filled in before the rules of its schema are applied, and may be refused after them.
Subresources are nobody's business. `shoal.admission` implements it.
"""

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
