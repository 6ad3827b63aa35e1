"""What the pods and claims of a StatefulSet look like: names that stay, a place in the order.

Pure. Source of names, labels and rules: Kubernetes v1.36,
pkg/controller/statefulset/stateful_set_utils.go.
"""

import re
from collections.abc import Sequence

import msgspec

from shoal.api.apps import STATEFUL_SETS, StatefulSet
from shoal.api.meta import ObjectMeta
from shoal.api.owners import controller_reference
from shoal.api.pod import PODS, Pod
from shoal.api.resource import JsonObject
from shoal.api.storage import CLAIMS, PersistentVolumeClaim
from shoal.controllers.kube.revisions import POD_HASH

POD_NAME = "statefulset.kubernetes.io/pod-name"
POD_INDEX = "apps.kubernetes.io/pod-index"
_NUMBERED = re.compile(r"(.+)-(0|[1-9][0-9]*)")
_DELETE = "Delete"


def reference_of(stateful_set: StatefulSet) -> JsonObject:
    return controller_reference(
        STATEFUL_SETS.api_version, STATEFUL_SETS.kind, stateful_set.metadata
    )


def pod_name(stateful_set: StatefulSet, ordinal: int) -> str:
    return f"{stateful_set.metadata.name}-{ordinal}"


def ordinal_of(stateful_set: StatefulSet, name: str) -> int | None:
    """None for names that no pod of the set has."""
    found = _NUMBERED.fullmatch(name)
    if found is None or found[1] != stateful_set.metadata.name:
        return None
    return int(found[2])


def ordinals(stateful_set: StatefulSet) -> range:
    """Of the pods that there should be."""
    start = stateful_set.spec.ordinals.start
    return range(start, start + stateful_set.spec.replicas)


def pod_body(
    stateful_set: StatefulSet, ordinal: int, template: JsonObject, revision: str
) -> JsonObject:
    """The pod with this ordinal, made from the template of a revision."""
    name = pod_name(stateful_set, ordinal)
    metadata: JsonObject = template.get("metadata") or {}
    kept = {k: metadata[k] for k in ("annotations", "finalizers") if metadata.get(k)}
    labels = {
        **(metadata.get("labels") or {}),
        POD_NAME: name,
        POD_INDEX: str(ordinal),
        POD_HASH: revision,
    }
    spec: JsonObject = {**(template.get("spec") or {}), "hostname": name}
    if stateful_set.spec.service_name:
        spec["subdomain"] = stateful_set.spec.service_name
    claims = {_template_name(t): claim for t, claim in _claims(stateful_set, ordinal)}
    if claims:
        spec["volumes"] = [
            *(
                {"name": volume, "persistentVolumeClaim": {"claimName": claim}}
                for volume, claim in claims.items()
            ),
            *(each for each in spec.get("volumes") or () if each["name"] not in claims),
        ]
    return {
        "apiVersion": PODS.api_version,
        "kind": PODS.kind,
        "metadata": {
            "name": name,
            "generateName": f"{stateful_set.metadata.name}-",
            "labels": labels,
            "ownerReferences": [reference_of(stateful_set)],
            **kept,
        },
        "spec": spec,
    }


def _template_name(template: JsonObject) -> str:
    """Empty where it has none: the API server refuses the claim, and says so."""
    return (template.get("metadata") or {}).get("name", "")


def _claims(stateful_set: StatefulSet, ordinal: int) -> list[tuple[JsonObject, str]]:
    """The templates, and the names of their claims for a pod."""
    pod = pod_name(stateful_set, ordinal)
    templates = stateful_set.spec.volume_claim_templates
    return [(each, f"{_template_name(each)}-{pod}") for each in templates]


def claim_names(stateful_set: StatefulSet, ordinal: int) -> list[str]:
    return [name for _, name in _claims(stateful_set, ordinal)]


def claim_bodies(stateful_set: StatefulSet, ordinal: int) -> list[JsonObject]:
    """The claims of the pod with this ordinal, also where they exist already."""
    bodies: list[JsonObject] = []
    for template, name in _claims(stateful_set, ordinal):
        metadata: JsonObject = template.get("metadata") or {}
        labels = {
            **(metadata.get("labels") or {}),
            **stateful_set.spec.selector.match_labels,
        }
        kept = {k: metadata[k] for k in ("annotations", "finalizers") if metadata.get(k)}
        bodies.append(
            {
                "apiVersion": CLAIMS.api_version,
                "kind": CLAIMS.kind,
                "metadata": {"name": name, "labels": labels, **kept},
                "spec": template.get("spec") or {},
            }
        )
    return bodies


def is_stale(stateful_set: StatefulSet, ordinal: int, claim: PersistentVolumeClaim) -> bool:
    """Whether a claim is on its way out, so that a new pod must wait until it has gone. Claims
    that are kept when the set shrinks are never stale."""
    if claim.metadata.deletion_timestamp is not None:
        return True
    if stateful_set.spec.persistent_volume_claim_retention_policy.when_scaled != _DELETE:
        return False
    name = pod_name(stateful_set, ordinal)
    return any(
        ref.kind == PODS.kind and ref.name == name for ref in claim.metadata.owner_references
    )


def is_controlled_by_others(stateful_set: StatefulSet, pod: Pod, claim: ObjectMeta) -> bool:
    """Whether somebody else manages the claim although the set has a say in when it goes: there is
    room for one controller only."""
    policy = stateful_set.spec.persistent_volume_claim_retention_policy
    if _DELETE not in (policy.when_scaled, policy.when_deleted):
        return False
    controller = claim.controller
    ours = (stateful_set.metadata.uid, pod.metadata.uid)
    return controller is not None and controller.uid not in ours


def claim_owners(stateful_set: StatefulSet, pod: Pod, claim: ObjectMeta) -> list[JsonObject] | None:
    """Owners that make a claim go with its set, or with a pod that is one too many, as the
    retention policy says. None where they are right already."""
    policy = stateful_set.spec.persistent_volume_claim_retention_policy
    ordinal = ordinal_of(stateful_set, pod.metadata.name)
    is_condemned = ordinal not in ordinals(stateful_set)
    is_free = not is_controlled_by_others(stateful_set, pod, claim)
    goes_with_pod = is_free and policy.when_scaled == _DELETE and is_condemned
    goes_with_set = is_free and policy.when_deleted == _DELETE and not goes_with_pod
    wanted: list[tuple[JsonObject, bool]] = [
        (reference_of(stateful_set), goes_with_set),
        (controller_reference(PODS.api_version, PODS.kind, pod.metadata), goes_with_pod),
    ]
    ours = {reference["uid"] for reference, _ in wanted}
    before: Sequence[JsonObject] = msgspec.to_builtins(claim.owner_references)
    held = {reference["uid"] for reference in before} & ours
    if held == {reference["uid"] for reference, is_wanted in wanted if is_wanted}:
        return None
    return [
        *(reference for reference in before if reference["uid"] not in ours),
        *(reference for reference, is_wanted in wanted if is_wanted),
    ]
