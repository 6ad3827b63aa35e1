"""What containers are told of their own pod, in variables and files: which of its fields, which
amounts of a container.

Source of the fields: Kubernetes v1.36, core/v1.
"""

from shoal.api.meta import ApiStruct
from shoal.api.quantity import RawQuantity


class ObjectFieldSelector(ApiStruct):
    field_path: str
    api_version: str = "v1"


class ResourceFieldSelector(ApiStruct):
    resource: str
    container_name: str = ""
    divisor: RawQuantity = "0"


class DownwardApiFile(ApiStruct):
    path: str
    field_ref: ObjectFieldSelector | None = None
    resource_field_ref: ResourceFieldSelector | None = None
    mode: int | None = None


class DownwardApiVolume(ApiStruct):
    items: list[DownwardApiFile] = []
    default_mode: int = 0o644
