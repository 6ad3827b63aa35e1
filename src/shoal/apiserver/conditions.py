"""Conditions of objects that are read as plain JSON; `api.meta` has the typed ones."""

from shoal.api.resource import JsonObject


def is_true(status: JsonObject | None, type: str) -> bool:
    """Whether a status has the condition, with the status True."""
    return any(
        condition.get("type") == type and condition.get("status") == "True"
        for condition in (status or {}).get("conditions") or ()
    )
