"""What each volume of a pod is: a directory of its own, a path of the host, or files.

Pure. Texts are those of Kubernetes v1.36, pkg/volume, as they stand in FailedMount events.
"""

from base64 import b64decode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from shoal.agent.downward import DownwardError, NodeFacts, read_field, read_resource
from shoal.agent.references import References, TokenWish
from shoal.api import quantity
from shoal.api.core import ConfigMap, Secret
from shoal.api.downward import DownwardApiFile
from shoal.api.pod import Pod
from shoal.api.pod_claims import claim_name, foreign_claim
from shoal.api.pod_volumes import (
    EmptyDirVolume,
    KeyToPath,
    ProjectedVolume,
    SecretProjection,
    Volume,
    VolumeProjection,
)


class VolumeProblem(Exception):
    """A volume that cannot be made, now or ever; the text is for the event."""

    def __init__(self, volume: str, message: str, waiting_reason: str = "") -> None:
        super().__init__(f'MountVolume.SetUp failed for volume "{volume}" : {message}')
        self.waiting_reason = waiting_reason
        """Not empty: the node can never make it, and the containers should say so."""

    @property
    def message(self) -> str:
        return str(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    data: bytes
    mode: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EmptyDirPlan:
    name: str
    is_in_memory: bool = False
    size_bytes: int | None = None
    """Of one in memory: the kernel holds it to that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HostPathPlan:
    name: str
    path: str
    type: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FilesPlan:
    name: str
    files: Mapping[str, File] = field(default_factory=dict[str, File])
    """By path below the volume."""


VolumePlan = EmptyDirPlan | HostPathPlan | FilesPlan


class _Missing(Exception):
    """What a volume is made of is not there."""


def plan_volumes(
    pod: Pod, volumes: Sequence[Volume], references: References, facts: NodeFacts
) -> list[VolumePlan]:
    """Raises VolumeProblem for the first volume that cannot be made."""
    return [_plan(pod, volume, references, facts) for volume in volumes]


def is_live(volume: Volume) -> bool:
    """Whether the volume's files follow changes of what it is made of."""
    sources = (volume.config_map, volume.secret, volume.downward_api, volume.projected)
    return any(source is not None for source in sources)


def _plan(pod: Pod, volume: Volume, references: References, facts: NodeFacts) -> VolumePlan:
    name = volume.name
    if volume.empty_dir is not None:
        return _empty_dir(name, volume.empty_dir)
    if volume.host_path is not None:
        return HostPathPlan(name=name, path=volume.host_path.path, type=volume.host_path.type)
    claimed = claim_name(pod, volume)
    if claimed:
        return _claimed(pod, volume, claimed, references)
    try:
        files = _files(pod, volume, references, facts)
    except (_Missing, DownwardError) as error:
        raise VolumeProblem(name, str(error)) from error
    if files is None:
        raise VolumeProblem(
            name,
            "this node can mount emptyDir, hostPath, configMap, secret, downwardAPI, projected, "
            "persistentVolumeClaim and ephemeral volumes only; give volume "
            f"{name} one of these types",
            waiting_reason="UnsupportedVolume",
        )
    return FilesPlan(name=name, files=files)


def _claimed(pod: Pod, of: Volume, claimed: str, references: References) -> HostPathPlan:
    """The volume that the claim is bound to."""
    name, claim = of.name, references.claims.get(claimed)
    prefix = f"error processing PVC {pod.metadata.namespace}/{claimed}: "
    if claim is None:
        why = f'failed to fetch PVC from API server: persistentvolumeclaims "{claimed}"'
        raise VolumeProblem(name, f"{prefix}{why} not found")
    if not claim.is_bound:
        raise VolumeProblem(name, f"{prefix}PVC is not bound")
    if of.ephemeral is not None and (why := foreign_claim(pod.metadata, claim.metadata)):
        raise VolumeProblem(name, why)
    volume = references.volumes.get(claim.spec.volume_name)
    if volume is None:
        why = f'failed to fetch PV {claim.spec.volume_name} from API server: persistentvolumes "'
        raise VolumeProblem(name, f'{prefix}{why}{claim.spec.volume_name}" not found')
    spec = volume.spec
    if spec.volume_mode == "Filesystem":
        if spec.host_path is not None:
            return HostPathPlan(name=name, path=spec.host_path.path, type=spec.host_path.type)
        if spec.local is not None:
            return HostPathPlan(name=name, path=spec.local.path, type="Directory")
    raise VolumeProblem(
        name,
        "this node can mount persistent volumes of type hostPath and local with volumeMode "
        f"Filesystem only; give persistent volume {volume.metadata.name} one of these types",
        waiting_reason="UnsupportedVolume",
    )


def _empty_dir(name: str, wanted: EmptyDirVolume) -> EmptyDirPlan:
    if wanted.medium != "Memory":
        return EmptyDirPlan(name=name)
    size = quantity.value(wanted.size_limit) if wanted.size_limit is not None else None
    return EmptyDirPlan(name=name, is_in_memory=True, size_bytes=size or None)


def _files(
    pod: Pod, volume: Volume, references: References, facts: NodeFacts
) -> dict[str, File] | None:
    """None for a source that Shoal does not know."""
    if (config := volume.config_map) is not None:
        projection = SecretProjection(
            name=config.name, items=config.items, optional=config.optional
        )
        return _config_map(references.config_maps, projection, config.default_mode)
    if (secret := volume.secret) is not None:
        projection = SecretProjection(
            name=secret.secret_name, items=secret.items, optional=secret.optional
        )
        return _secret(references.secrets, projection, secret.default_mode)
    if (downward := volume.downward_api) is not None:
        return _downward(pod, downward.items, downward.default_mode, facts)
    if volume.projected is not None:
        return _projected(pod, volume.projected, references, facts)
    return None


def _config_map(
    config_maps: Mapping[str, ConfigMap], source: SecretProjection, mode: int
) -> dict[str, File]:
    config_map = config_maps.get(source.name)
    if config_map is None:
        if source.optional:
            return {}
        raise _Missing(f'configmap "{source.name}" not found')
    data = {key: text.encode() for key, text in config_map.data.items()}
    data |= {key: b64decode(text) for key, text in config_map.binary_data.items()}
    missing = "configmap references non-existent config key: {}"
    return _select(data, source.items, mode, "" if source.optional else missing)


def _secret(secrets: Mapping[str, Secret], source: SecretProjection, mode: int) -> dict[str, File]:
    secret = secrets.get(source.name)
    if secret is None:
        if source.optional:
            return {}
        raise _Missing(f'secret "{source.name}" not found')
    data = {key: b64decode(text) for key, text in secret.data.items()}
    missing = "references non-existent secret key: {}"
    return _select(data, source.items, mode, "" if source.optional else missing)


def _select(
    data: Mapping[str, bytes], items: Sequence[KeyToPath], mode: int, missing: str
) -> dict[str, File]:
    """The keys that are asked for, all without items; `missing` is empty where that is fine."""
    if not items:
        return {key: File(data=content, mode=mode) for key, content in data.items()}
    files: dict[str, File] = {}
    for item in items:
        if item.key in data:
            item_mode = mode if item.mode is None else item.mode
            files[item.path] = File(data=data[item.key], mode=item_mode)
        elif missing:
            raise _Missing(missing.format(item.key))
    return files


def _downward(
    pod: Pod, items: Sequence[DownwardApiFile], mode: int, facts: NodeFacts
) -> dict[str, File]:
    files: dict[str, File] = {}
    for item in items:
        text = ""
        if item.field_ref is not None:
            text = read_field(pod, item.field_ref.field_path, facts)
        elif item.resource_field_ref is not None:
            container = pod.spec.containers[0]
            text = read_resource(pod, container, item.resource_field_ref, facts)
        files[item.path] = File(data=text.encode(), mode=mode if item.mode is None else item.mode)
    return files


def _projected(
    pod: Pod, volume: ProjectedVolume, references: References, facts: NodeFacts
) -> dict[str, File]:
    files: dict[str, File] = {}
    for source in volume.sources:
        files |= _projection(pod, source, volume.default_mode, references, facts)
    return files


def _projection(
    pod: Pod, source: VolumeProjection, mode: int, references: References, facts: NodeFacts
) -> dict[str, File]:
    if source.config_map is not None:
        return _config_map(references.config_maps, source.config_map, mode)
    if source.secret is not None:
        return _secret(references.secrets, source.secret, mode)
    if source.downward_api is not None:
        return _downward(pod, source.downward_api.items, mode, facts)
    if (wish := source.service_account_token) is not None:
        token = references.tokens.get(TokenWish(wish.audience, wish.expiration_seconds))
        if token is None:
            raise _Missing(f"failed to fetch token: no token for audience '{wish.audience}'")
        return {wish.path: File(data=token.encode(), mode=mode)}
    return {}
