"""Conditions on the object as it is that a write may carry: its uid and resourceVersion."""

from shoal.api.status import conflict
from shoal.apiserver.encoding import head_of
from shoal.apiserver.requests import Target
from shoal.store.protocol import Entry


def check_uid(target: Target, entry: Entry, uid: str) -> None:
    """Raises ApiError (409); an empty uid demands nothing."""
    actual = head_of(entry.value).uid
    if uid and uid != actual:
        why = f"Precondition failed: UID in precondition: {uid}, UID in object meta: {actual}"
        raise conflict(target.group_resource, target.name, why)


def check_resource_version(target: Target, entry: Entry, resource_version: str) -> None:
    """Raises ApiError (409); an empty version demands nothing."""
    if resource_version and resource_version != str(entry.revision):
        why = (
            f"Precondition failed: ResourceVersion in precondition: {resource_version},"
            f" ResourceVersion in object meta: {entry.revision}"
        )
        raise conflict(target.group_resource, target.name, why)
