"""What an object of any kind counts as in a quota."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from types import MappingProxyType

import msgspec

from shoal.api.core import Service
from shoal.api.meta import Object
from shoal.api.pod import Pod
from shoal.api.quota.amounts import ONE, Amount, Usage, read_amount
from shoal.api.quota.pods import end_of_grace, scopes_of_pod, usage_of_pod
from shoal.api.storage import STORAGE, PersistentVolumeClaim

PODS = "pods"
SERVICES = "services"
CLAIMS = "persistentvolumeclaims"
READ_AS: Mapping[str, type[Object]] = MappingProxyType(
    {PODS: Pod, SERVICES: Service, CLAIMS: PersistentVolumeClaim}
)
"""Kinds of which more than the number counts, by group resource."""
_NUMBERED = frozenset(
    (PODS, SERVICES, CLAIMS, "configmaps", "secrets", "resourcequotas", "replicationcontrollers")
)
"""Kinds whose number has a name without `count/`, too."""
NEVER_COUNTED = frozenset(("events", "events.events.k8s.io"))

_COUNT = "count/"
_OF_CLASS = ".storageclass.storage.k8s.io/"
_REQUESTS_STORAGE = "requests.storage"


class Counted(msgspec.Struct, frozen=True):
    """One object, as far as quotas see it."""

    usage: Usage
    scopes: dict[str, str | None]
    """The scopes that its kind knows; None where the object is not in it, else its value."""
    changes_at: datetime | None = None
    """When it counts as less by time alone."""


def kind_counted_as(name: str) -> str:
    """The group resource of the objects that a name in a quota is about: `pods` for `limits.cpu`,
    `jobs.batch` for `count/jobs.batch`."""
    if name.startswith(_COUNT):
        return name.removeprefix(_COUNT)
    if name in _NUMBERED:
        return name
    if name.startswith(f"{SERVICES}."):
        return SERVICES
    if name == _REQUESTS_STORAGE or _OF_CLASS in name:
        return CLAIMS
    return PODS


def count(group_resource: str, obj: Object, now: datetime) -> Counted:
    """`obj` is of the type that `READ_AS` says, `Object` for other kinds. Raises QuantityError."""
    if isinstance(obj, Pod):
        end = end_of_grace(obj)
        changes_at = end if end is not None and end >= now and not obj.is_finished else None
        return Counted(usage_of_pod(obj, now), scopes_of_pod(obj), changes_at)
    usage: Usage = {f"{_COUNT}{group_resource}": ONE}
    if group_resource in _NUMBERED:
        usage[group_resource] = ONE
    if isinstance(obj, Service):
        usage |= _of_service(obj)
    elif isinstance(obj, PersistentVolumeClaim):
        usage |= _of_claim(obj)
        attributes = obj.spec.volume_attributes_class_name or None
        return Counted(usage, {"VolumeAttributesClass": attributes})
    return Counted(usage, {})


def _of_service(service: Service) -> Usage:
    """A load balancer needs node ports, too, unless it says that it does not."""
    spec = service.spec
    is_balancer = spec.type == "LoadBalancer"
    ports = 0
    if spec.type == "NodePort" or (is_balancer and spec.allocate_load_balancer_node_ports):
        ports = len(spec.ports)
    elif is_balancer:
        ports = sum(1 for port in spec.ports if port.node_port)
    return {
        "services.nodeports": Amount(Decimal(ports)),
        "services.loadbalancers": Amount(Decimal(is_balancer)),
    }


def _of_claim(claim: PersistentVolumeClaim) -> Usage:
    usage: Usage = {}
    prefix = f"{claim.class_name}{_OF_CLASS}" if claim.class_name else ""
    if prefix:
        usage[f"{prefix}{CLAIMS}"] = ONE
    requested = claim.spec.resources.requests.get(STORAGE)
    if requested is not None:
        usage[_REQUESTS_STORAGE] = read_amount(requested)
        if prefix:
            usage[f"{prefix}{_REQUESTS_STORAGE}"] = usage[_REQUESTS_STORAGE]
    return usage
