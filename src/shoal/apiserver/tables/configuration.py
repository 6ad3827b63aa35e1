"""Kinds that are mostly data: ConfigMap, Secret, ServiceAccount, Namespace, Lease,
PriorityClass, PodDisruptionBudget; and the table of kinds that have none of their own."""

from datetime import datetime

from shoal.api.resource import JsonObject
from shoal.apiserver.served import Column
from shoal.apiserver.tables.age import age_of
from shoal.apiserver.tables.columns import (
    AGE,
    NAME,
    KindTable,
    count,
    items,
    name_of,
    section,
    text,
)


def _config_map(obj: JsonObject, now: datetime) -> list[object]:
    keys = len(section(obj, "data")) + len(section(obj, "binaryData"))
    return [name_of(obj), keys, age_of(obj, now)]


def _secret(obj: JsonObject, now: datetime) -> list[object]:
    return [name_of(obj), obj.get("type", ""), len(section(obj, "data")), age_of(obj, now)]


def _service_account(obj: JsonObject, now: datetime) -> list[object]:
    return [name_of(obj), len(items(obj, "secrets")), age_of(obj, now)]


def _namespace(obj: JsonObject, now: datetime) -> list[object]:
    return [name_of(obj), section(obj, "status").get("phase", ""), age_of(obj, now)]


def _lease(obj: JsonObject, now: datetime) -> list[object]:
    return [name_of(obj), section(obj, "spec").get("holderIdentity") or "", age_of(obj, now)]


def _priority_class(obj: JsonObject, now: datetime) -> list[object]:
    return [
        name_of(obj),
        obj.get("value", 0),
        obj.get("globalDefault", False),
        age_of(obj, now),
        obj.get("preemptionPolicy", ""),
    ]


def _resource_quota(obj: JsonObject, now: datetime) -> list[object]:
    used, hard = section(obj, "status", "used"), section(obj, "status", "hard")
    texts = {name: f"{name}: {used.get(name, 0)}/{hard[name]}" for name in sorted(hard)}
    limits = [text for name, text in texts.items() if name.startswith("limits.")]
    others = [text for name, text in texts.items() if not name.startswith("limits.")]
    return [name_of(obj), ", ".join(others), ", ".join(limits), age_of(obj, now)]


def _disruption_budget(obj: JsonObject, now: datetime) -> list[object]:
    spec = section(obj, "spec")
    return [
        name_of(obj),
        _limit(spec.get("minAvailable")),
        _limit(spec.get("maxUnavailable")),
        section(obj, "status").get("disruptionsAllowed", 0),
        age_of(obj, now),
    ]


def _limit(value: object) -> str:
    return "N/A" if value is None else str(value)


def _created(obj: JsonObject, now: datetime) -> list[object]:
    del now
    return [name_of(obj), obj["metadata"].get("creationTimestamp")]


CONFIG_MAPS = KindTable((NAME, text("Data", "How many entries it has."), AGE), _config_map)
SECRETS = KindTable(
    (NAME, text("Type", "What the data is for."), text("Data", "How many entries it has."), AGE),
    _secret,
)
SERVICE_ACCOUNTS = KindTable(
    (NAME, text("Secrets", "How many secrets it names."), AGE), _service_account
)
NAMESPACES = KindTable((NAME, text("Status", "Phase of the namespace."), AGE), _namespace)
LEASES = KindTable((NAME, text("Holder", "Who holds the lease."), AGE), _lease)
PRIORITY_CLASSES = KindTable(
    (
        NAME,
        count("Value", "The priority."),
        Column(
            "Global-Default",
            type="boolean",
            description="Whether pods without a class get this one.",
        ),
        AGE,
        text("PreemptionPolicy", "Whether pods of this class may displace others."),
    ),
    _priority_class,
)
RESOURCE_QUOTAS = KindTable(
    (
        NAME,
        text("Request", "What is in use of each resource, and how much may be."),
        text("Limit", "The same of the limits of containers."),
        AGE,
    ),
    _resource_quota,
)
POD_DISRUPTION_BUDGETS = KindTable(
    (
        NAME,
        text("Min Available", "Pods that must stay available."),
        text("Max Unavailable", "Pods that may be unavailable."),
        count("Allowed Disruptions", "Pods that may be evicted now."),
        AGE,
    ),
    _disruption_budget,
)
CREATED_AT = KindTable(
    (NAME, Column("Created At", type="date", description="When the object was created.")),
    _created,
)
"""What the server prints for built-in kinds without columns of their own."""
