"""Volumes of pods: the places from which files come that their containers mount. Volumes that
outlive pods are in `storage`.

Source of the fields: Kubernetes v1.36, core/v1.
"""

import msgspec

from shoal.api.disks import AwsDisk, GceDisk, IscsiDisk, RbdDisk
from shoal.api.downward import DownwardApiVolume
from shoal.api.meta import ApiStruct
from shoal.api.quantity import RawQuantity
from shoal.api.resource import JsonObject


class KeyToPath(ApiStruct):
    key: str
    path: str
    mode: int | None = None


class EmptyDirVolume(ApiStruct):
    medium: str = ""
    size_limit: RawQuantity | None = None


class HostPathVolume(ApiStruct):
    path: str
    type: str = ""


class ConfigMapVolume(ApiStruct):
    name: str = ""
    items: list[KeyToPath] = []
    default_mode: int = 0o644
    optional: bool = False


class SecretVolume(ApiStruct):
    secret_name: str = ""
    items: list[KeyToPath] = []
    default_mode: int = 0o644
    optional: bool = False


class SecretProjection(ApiStruct):
    name: str = ""
    items: list[KeyToPath] = []
    optional: bool = False


class TokenProjection(ApiStruct):
    path: str
    audience: str = ""
    expiration_seconds: int = 3600


class VolumeProjection(ApiStruct):
    secret: SecretProjection | None = None
    config_map: SecretProjection | None = None
    downward_api: DownwardApiVolume | None = msgspec.field(name="downwardAPI", default=None)
    service_account_token: TokenProjection | None = None


class ProjectedVolume(ApiStruct):
    sources: list[VolumeProjection] = []
    default_mode: int = 0o644


class ClaimVolume(ApiStruct):
    claim_name: str
    read_only: bool = False


class EphemeralVolume(ApiStruct):
    """A claim that is made for the pod and goes with it, named `<pod>-<volume>`."""

    volume_claim_template: JsonObject = {}
    """Whole and untyped: it is copied into the claim."""


class ImageVolume(ApiStruct):
    """The files of a container image."""

    reference: str = ""


class Volume(ApiStruct):
    """Exactly one source is set; all None means a source that Shoal does not know."""

    name: str
    empty_dir: EmptyDirVolume | None = None
    host_path: HostPathVolume | None = None
    config_map: ConfigMapVolume | None = None
    secret: SecretVolume | None = None
    downward_api: DownwardApiVolume | None = msgspec.field(name="downwardAPI", default=None)
    projected: ProjectedVolume | None = None
    persistent_volume_claim: ClaimVolume | None = None
    ephemeral: EphemeralVolume | None = None
    image: ImageVolume | None = None
    gce_persistent_disk: GceDisk | None = None
    aws_elastic_block_store: AwsDisk | None = None
    iscsi: IscsiDisk | None = None
    rbd: RbdDisk | None = None
