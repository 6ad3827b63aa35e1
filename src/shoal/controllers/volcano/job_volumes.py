"""The volumes of a job: claims that it makes or finds, mounted into all its containers.

Names end in characters that follow from the job's uid, so that a controller that was killed finds
the claim that it had begun to make. Source of names and texts: Volcano v1.15, pkg/controllers/job/
job_controller_actions.go (createJobIOIfNotExist) and job_controller_util.go.
"""

import base64
import hashlib

import msgspec

from shoal.api.resource import JsonObject
from shoal.api.volcano.job import Job, VolumeSpec

_RANDOM_LENGTH = 12


def claim_name(job: Job, index: int) -> str:
    """Of the claim behind the volume; empty for one that is empty at first and goes with each
    pod."""
    volume = job.spec.volumes[index]
    if volume.volume_claim_name or volume.volume_claim is None:
        return volume.volume_claim_name
    return f"{job.metadata.name}-pvc-{_suffix(job, f'claim {index}')}"


def new_claims(job: Job) -> dict[str, JsonObject]:
    """Name -> spec of the claims that the job brings with it."""
    return {
        claim_name(job, index): volume.volume_claim
        for index, volume in enumerate(job.spec.volumes)
        if volume.volume_claim is not None
    }


def claim_names(job: Job) -> list[str]:
    """All of them, its own and those of others."""
    names = (claim_name(job, index) for index in range(len(job.spec.volumes)))
    return list(dict.fromkeys(name for name in names if name))


def claim_manifest(job: Job, name: str, owner: JsonObject) -> JsonObject:
    """Of one of `new_claims`."""
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {
            "name": name,
            "namespace": job.metadata.namespace,
            "ownerReferences": [owner],
        },
        "spec": new_claims(job)[name],
    }


def named_volumes(job: Job) -> list[JsonObject] | None:
    """`spec.volumes` with the names of new claims written in; None where they are there."""
    named = [
        msgspec.structs.replace(volume, volume_claim_name=claim_name(job, index))
        for index, volume in enumerate(job.spec.volumes)
    ]
    return None if named == job.spec.volumes else msgspec.to_builtins(named)


def missing_text(name: str) -> str:
    return f"pvc {name} is not found, the job will be in the Pending state until the PVC is created"


def add_volumes(spec: JsonObject, job: Job) -> None:
    """Put the job's volumes into the spec of one of its pods. Volumes of one claim are one."""
    by_claim: dict[str, str] = {}
    for index, volume in enumerate(job.spec.volumes):
        claim = claim_name(job, index)
        name = by_claim.get(claim) if claim else None
        if name is None:
            name = f"{job.metadata.name}-{_suffix(job, f'volume {index}')}"
            spec.setdefault("volumes", []).append(_volume(name, claim))
            by_claim[claim] = name
        _mount(spec, volume, name)


def _volume(name: str, claim: str) -> JsonObject:
    if not claim:
        return {"name": name, "emptyDir": {}}
    return {"name": name, "persistentVolumeClaim": {"claimName": claim}}


def _mount(spec: JsonObject, volume: VolumeSpec, name: str) -> None:
    for container in spec.get("containers") or []:
        mounts = container.setdefault("volumeMounts", [])
        mounts.append({"name": name, "mountPath": volume.mount_path})


def _suffix(job: Job, what: str) -> str:
    """Looks random, and is the same whenever it is asked for."""
    digest = hashlib.sha256(f"{job.metadata.uid} {what}".encode()).digest()
    return base64.b32encode(digest).decode().lower()[:_RANDOM_LENGTH]
