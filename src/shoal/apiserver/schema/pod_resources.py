"""What the containers of a pod that is read as plain JSON ask for together."""

import msgspec

from shoal.api.pod import PodSpec
from shoal.api.quota.amounts import Usage
from shoal.api.quota.pods import of_containers
from shoal.api.resource import JsonObject


def requests_of_containers(spec: JsonObject) -> Usage:
    """As written: what only has a limit counts as nothing. Quantities are known to parse."""
    return of_containers(_containers(spec), lambda requests, _: requests)


def limits_of_containers(spec: JsonObject) -> Usage:
    """As `requests_of_containers`."""
    return of_containers(_containers(spec), lambda _, limits: limits)


def _containers(spec: JsonObject) -> PodSpec:
    """With what matters for amounts; the rest may not have been judged yet."""
    lists = {
        field: [
            {
                "name": "",
                "restartPolicy": container.get("restartPolicy") or "",
                "resources": container.get("resources") or {},
            }
            for container in spec.get(field) or ()
        ]
        for field in ("containers", "initContainers")
    }
    return msgspec.convert(lists, PodSpec)
