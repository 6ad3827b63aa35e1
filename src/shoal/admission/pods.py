"""Pods: the annotations that bound how many of a job may be disrupted. Source of verdicts and
texts: Volcano v1.15, pkg/webhooks/admission/pods.

Pods are many: one without such an annotation costs two lookups in a dict.
"""

import re

from shoal.admission.texts import bracketed
from shoal.api.resource import JsonObject
from shoal.api.volcano.keys import JDB_MAX_UNAVAILABLE, JDB_MIN_AVAILABLE

SCHEDULER_NAMES = ("volcano", "shoal")
"""Pods of other schedulers are nobody's business here."""

_KEYS = (JDB_MIN_AVAILABLE, JDB_MAX_UNAVAILABLE)
_INTEGER = re.compile(r"[+-]?\d+", re.ASCII)


def refuse_pod(pod: JsonObject) -> str:
    """Why a pod may not be created; empty where it may."""
    annotations: JsonObject = pod["metadata"].get("annotations") or {}
    given = [key for key in _KEYS if key in annotations]
    if not given or (pod.get("spec") or {}).get("schedulerName") not in SCHEDULER_NAMES:
        return ""
    for key in given:
        fault = _amount_fault(key, annotations[key])
        if fault:
            return fault
    if len(given) > 1:
        return f"not allow configure multiple annotations <{bracketed(_KEYS)}> at same time"
    return ""


def _amount_fault(key: str, text: str) -> str:
    """A count, or a share as a percentage."""
    if _INTEGER.fullmatch(text):
        if int(text) <= 0:
            return f'invalid value <"{text}"> for {key}, it must be a positive integer'
        return ""
    number = text.replace("%", "")
    if not _INTEGER.fullmatch(number):
        why = f'strconv.Atoi: parsing "{number}": invalid syntax'
        return f"invalid value {why} for {key}"
    if not 0 < int(number) < 100:
        return (
            f'invalid value <"{text}"> for {key}, it must be a valid percentage which between'
            " 1% ~ 99%"
        )
    return ""
