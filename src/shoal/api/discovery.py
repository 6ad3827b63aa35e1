"""EndpointSlices. Source of the fields: Kubernetes v1.36, discovery/v1."""

from shoal.api.meta import Object
from shoal.api.resource import JsonObject, Resource

SERVICE_NAME_LABEL = "kubernetes.io/service-name"


class EndpointSlice(Object):
    """`endpoints` and `ports` are whole and untyped: they are only compared."""

    address_type: str = "IPv4"
    endpoints: list[JsonObject] | None = None
    ports: list[JsonObject] | None = None


ENDPOINT_SLICES: Resource[EndpointSlice] = Resource(
    "discovery.k8s.io", "v1", "endpointslices", "EndpointSlice", EndpointSlice
)
