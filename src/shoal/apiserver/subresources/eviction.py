"""Evicting a pod: a polite delete that a PodDisruptionBudget may refuse.

The budget's status is the gate: one disruption fewer is allowed, and the pod's name is noted in
it, by one compare-and-set, before the pod is touched. So of evictions at the same time no more get
through than the budget allows; a pod that is not deleted after all is counted again by the
controller after two minutes.

Source of rules and texts: Kubernetes v1.36, pkg/registry/core/pod/storage/eviction.go.
"""

from collections.abc import Sequence
from typing import Any

import msgspec

from shoal.api.meta import find_condition, timestamp
from shoal.api.pod import Pod
from shoal.api.policy import BUDGETS, DISRUPTION_ALLOWED, SYNC_FAILED, PodDisruptionBudget
from shoal.api.resource import JsonObject
from shoal.api.selectors import from_label_selector
from shoal.api.status import ApiError, bad_request, conflict, forbidden
from shoal.apiserver.bodies import read_as
from shoal.apiserver.core import Core
from shoal.apiserver.deleting import delete
from shoal.apiserver.preconditions import check_resource_version, check_uid
from shoal.apiserver.query import deletion as read_deletion
from shoal.apiserver.reading import get_entry
from shoal.apiserver.requests import Deletion, Target
from shoal.apiserver.updating import edit

_SUCCESS: JsonObject = {
    "kind": "Status",
    "apiVersion": "v1",
    "metadata": {},
    "status": "Success",
    "code": 201,
}
_TRIES = 20
_DISRUPTED_MAX = 2000
_GATE = "poddisruptionbudget.policy"
_TERMINAL = ("Succeeded", "Failed")
_VIOLATED = "Cannot evict pod as it would violate the pod's disruption budget."
_SEVERAL = (
    "This pod has more than one PodDisruptionBudget, which the eviction subresource does not "
    "support."
)


class _EvictionMeta(msgspec.Struct):
    name: str = ""


class _Eviction(msgspec.Struct, rename="camel"):
    metadata: _EvictionMeta = msgspec.field(default_factory=_EvictionMeta)
    delete_options: JsonObject | None = None


async def evict(core: Core, target: Target, body: JsonObject, *, dry_run: bool) -> JsonObject:
    """Raises ApiError: 429 where the budget does not allow it now."""
    eviction = read_as(_Eviction, body)
    if eviction.metadata.name not in ("", target.name):
        raise bad_request("name in URL does not match name in Eviction object")
    options = eviction.delete_options or {}
    deletion = read_deletion({"dryRun": "All"} if dry_run else {}, options)
    for attempt in range(_TRIES):
        try:
            await _evict(core, target, deletion)
        except ApiError as error:
            if not error.is_conflict or deletion.resource_version or attempt == _TRIES - 1:
                raise
        else:
            break
    return _SUCCESS


async def _evict(core: Core, target: Target, deletion: Deletion) -> None:
    """Raises a conflict where the pod has changed meanwhile, in a way that matters."""
    entry = get_entry(core, target)
    pod = msgspec.json.decode(entry.value, type=Pod)
    version = str(entry.revision)
    check_uid(target, entry, deletion.uid)
    check_resource_version(target, entry, deletion.resource_version)
    if pod.is_deleting and deletion.grace_period_s is None:
        return
    if pod.is_deleting or pod.status.phase in _TERMINAL:
        await _delete(core, target, deletion, "")
        return
    if pod.status.phase == "Pending":
        # It must not have become ready meanwhile.
        await _delete(core, target, deletion, version)
        return
    budgets = _budgets_of(core, pod)
    if len(budgets) > 1:
        raise ApiError(500, "", _SEVERAL)
    if not budgets:
        await _delete(core, target, deletion, "")
        return
    [budget] = budgets
    if _may_go_unhealthy(pod, budget):
        await _delete_unhealthy(core, target, deletion, version, budget)
        return
    await _take_from(core, budget, target.name, dry_run=deletion.dry_run)
    await _delete(core, target, deletion, "")


async def _delete_unhealthy(
    core: Core, target: Target, deletion: Deletion, version: str, budget: PodDisruptionBudget
) -> None:
    """A pod that is not ready takes nothing from the budget, if it is still not ready."""
    try:
        await _delete(core, target, deletion, version)
    except ApiError as error:
        if error.is_conflict and not deletion.resource_version:
            raise _still_processed(budget) from error
        raise


def _may_go_unhealthy(pod: Pod, budget: PodDisruptionBudget) -> bool:
    if pod.is_ready:
        return False
    if budget.spec.unhealthy_pod_eviction_policy == "AlwaysAllow":
        return True
    status = budget.status
    return status.current_healthy >= status.desired_healthy > 0


async def _delete(core: Core, target: Target, deletion: Deletion, version: str) -> None:
    """Say why on the pod, then delete it. A `version` must be the pod's."""
    uid = deletion.uid
    wanted = deletion.resource_version or version

    def mark(pod: JsonObject) -> None:
        metadata: JsonObject = pod["metadata"]
        if uid and metadata["uid"] != uid:
            why = f"Precondition failed: UID in precondition: {uid}, UID in object meta: "
            raise conflict(target.group_resource, target.name, f"{why}{metadata['uid']}")
        if wanted and metadata["resourceVersion"] != wanted:
            why = f"Precondition failed: ResourceVersion in precondition: {wanted}, "
            found = f"ResourceVersion in object meta: {metadata['resourceVersion']}"
            raise conflict(target.group_resource, target.name, why + found)
        _mark_disrupted(pod, timestamp(core.clock.now()))

    if not deletion.dry_run:
        marked = await edit(core, target, mark)
        wanted = str(marked.revision) if wanted else ""
    await delete(core, target, msgspec.structs.replace(deletion, resource_version=wanted))


def _mark_disrupted(pod: JsonObject, now: str) -> None:
    conditions: list[JsonObject] = pod.setdefault("status", {}).setdefault("conditions", [])
    known = next((each for each in conditions if each.get("type") == "DisruptionTarget"), None)
    if known is not None and known.get("status") == "True":
        return
    if known is not None:
        conditions.remove(known)
    conditions.append(
        {
            "type": "DisruptionTarget",
            "status": "True",
            "reason": "EvictionByEvictionAPI",
            "message": "Eviction API: evicting",
            "lastProbeTime": None,
            "lastTransitionTime": now,
        }
    )


def _budgets_of(core: Core, pod: Pod) -> Sequence[PodDisruptionBudget]:
    prefix = f"{BUDGETS.group_resource}/{pod.metadata.namespace}/"
    found: list[PodDisruptionBudget] = []
    for entry in core.store.list(prefix).entries:
        budget = msgspec.json.decode(entry.value, type=PodDisruptionBudget)
        selector = from_label_selector(budget.spec.selector)
        if selector is not None and selector.matches(pod.metadata.labels):
            found.append(budget)
    return found


async def _take_from(
    core: Core, budget: PodDisruptionBudget, pod_name: str, *, dry_run: bool
) -> None:
    """One disruption fewer is allowed."""
    meta = budget.metadata
    served = core.registry.find(BUDGETS.group, BUDGETS.version, BUDGETS.plural)
    assert served is not None, "the server has budgets"
    now = timestamp(core.clock.now())

    def take(obj: JsonObject) -> None:
        present = msgspec.convert(obj, PodDisruptionBudget)
        _check_allowance(present)
        status: dict[str, Any] = obj["status"]
        status["disruptionsAllowed"] = present.status.disruptions_allowed - 1
        if not status["disruptionsAllowed"]:
            _close(status, present, now)
        status.setdefault("disruptedPods", {})[pod_name] = now

    await edit(core, Target(served, meta.namespace, meta.name), take, dry_run=dry_run)


def _check_allowance(budget: PodDisruptionBudget) -> None:
    name, status = budget.metadata.name, budget.status
    if status.observed_generation < budget.metadata.generation:
        raise _still_processed(budget)
    if status.disruptions_allowed < 0:
        raise forbidden(_GATE, name, "pdb disruptions allowed is negative")
    if len(status.disrupted_pods) > _DISRUPTED_MAX:
        why = "DisruptedPods map too big - too many evictions not confirmed by PDB controller"
        raise forbidden(_GATE, name, why)
    if status.disruptions_allowed:
        return
    condition = find_condition(status.conditions, DISRUPTION_ALLOWED)
    if condition is not None and condition.status == "False" and condition.reason == SYNC_FAILED:
        raise _too_many(
            f"The disruption budget {name} does not allow evicting pods currently because it "
            f"failed sync: {condition.message}"
        )
    raise _too_many(
        f"The disruption budget {name} needs {status.desired_healthy} healthy pods and has "
        f"{status.current_healthy} currently"
    )


def _close(status: JsonObject, budget: PodDisruptionBudget, now: str) -> None:
    """The condition of a budget that has nothing left."""
    rest = [c for c in status.get("conditions") or () if c.get("type") != DISRUPTION_ALLOWED]
    status["conditions"] = [
        *rest,
        {
            "type": DISRUPTION_ALLOWED,
            "status": "False",
            "reason": "InsufficientPods",
            "message": "",
            "observedGeneration": budget.metadata.generation,
            "lastTransitionTime": now,
        },
    ]


def _still_processed(budget: PodDisruptionBudget) -> ApiError:
    text = f"The disruption budget {budget.metadata.name} is still being processed by the server."
    return _too_many(text, retry_after_s=10)


def _too_many(cause: str, retry_after_s: int = 0) -> ApiError:
    details: JsonObject = {"causes": [{"reason": "DisruptionBudget", "message": cause}]}
    if retry_after_s:
        details["retryAfterSeconds"] = retry_after_s
    return ApiError(429, "TooManyRequests", _VIOLATED, details)
