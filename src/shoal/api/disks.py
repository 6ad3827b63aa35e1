"""Disks that a pod may name in its volumes without a claim, as far as schedulers keep them apart.

Source of the fields: Kubernetes v1.36, core/v1.
"""

import msgspec

from shoal.api.meta import ApiStruct


class GceDisk(ApiStruct):
    pd_name: str = ""
    read_only: bool = False


class AwsDisk(ApiStruct):
    volume_id: str = msgspec.field(name="volumeID", default="")
    read_only: bool = False


class IscsiDisk(ApiStruct):
    iqn: str = ""
    read_only: bool = False


class RbdDisk(ApiStruct):
    monitors: list[str] = []
    image: str = ""
    pool: str = "rbd"
    read_only: bool = False
