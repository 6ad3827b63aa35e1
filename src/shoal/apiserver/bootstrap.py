"""The objects that exist before anyone creates them.

Bootstrap goes through the handlers, as any other writer, and may run again: what is there stays,
definitions are brought up to date.
"""

from collections.abc import Iterable
from typing import Any

from shoal.api.core import ENDPOINTS, NAMESPACES, PRIORITY_CLASSES, SERVICE_ACCOUNTS, SERVICES
from shoal.api.resource import JsonObject, Resource
from shoal.api.status import ApiError
from shoal.api.storage import (
    DEFAULT_CLASS,
    LOCAL_FOLDER,
    STORAGE_CLASSES,
    WAIT_FOR_FIRST_CONSUMER,
)
from shoal.api.volcano.queue import QUEUES, built_in_queues
from shoal.apiserver.schema.defaults.services import SERVICE_NETWORK
from shoal.client.protocol import Client

CRDS: Resource[JsonObject] = Resource(
    "apiextensions.k8s.io",
    "v1",
    "customresourcedefinitions",
    "CustomResourceDefinition",
    JsonObject,
    namespaced=False,
)
_NAMESPACES = ("default", "kube-system", "kube-public", "kube-node-lease")
_PRIORITY_CLASSES = (
    (
        "system-cluster-critical",
        2_000_000_000,
        "Used for system critical pods that must run in the cluster, but can be moved to another"
        " node if necessary.",
    ),
    (
        "system-node-critical",
        2_000_001_000,
        "Used for system critical pods that must not be moved from their current node.",
    ),
)

_STANDARD: JsonObject = {
    "metadata": {"name": "standard", "annotations": {DEFAULT_CLASS: "true"}},
    "provisioner": LOCAL_FOLDER,
    "reclaimPolicy": "Delete",
    "volumeBindingMode": WAIT_FOR_FIRST_CONSUMER,
}
"""The class of claims that name none: folders of this machine, made when a pod needs them."""


async def bootstrap(client: Client, crds: Iterable[JsonObject] = ()) -> None:
    """Makes the must-exist objects, and definitions as `crds` has them. Where queues are among
    them, so are the built-in ones."""
    crds = list(crds)
    for name in _NAMESPACES:
        await _ensure(client, NAMESPACES, {"metadata": {"name": name}})
    await _ensure(client, SERVICE_ACCOUNTS, {"metadata": {"name": "default"}}, "default")
    for name, value, description in _PRIORITY_CLASSES:
        body = {"metadata": {"name": name}, "value": value, "description": description}
        await _ensure(client, PRIORITY_CLASSES, body)
    await _ensure(client, STORAGE_CLASSES, _STANDARD)
    for crd in crds:
        await apply_crd(client, crd)
    if any(crd["metadata"]["name"] == QUEUES.group_resource for crd in crds):
        for queue in built_in_queues():
            await _ensure_untouched(client, QUEUES, queue)


async def publish_server(
    client: Client, host: str, port: int, cluster_ip: str = str(SERVICE_NETWORK[1])
) -> None:
    """The Service `kubernetes`. It has no selector: its Endpoints are written here, and say where
    the server is to be found this time."""
    target: JsonObject = {"name": "https", "port": port, "protocol": "TCP"}
    service: JsonObject = {
        "metadata": {
            "name": "kubernetes",
            "labels": {"component": "apiserver", "provider": "kubernetes"},
        },
        "spec": {
            "clusterIP": cluster_ip,
            "ports": [{**target, "port": 443, "targetPort": port}],
        },
    }
    endpoints: JsonObject = {
        "metadata": {
            "name": "kubernetes",
            "labels": {"endpointslice.kubernetes.io/skip-mirror": "true"},
        },
        "subsets": [{"addresses": [{"ip": host}], "ports": [target]}],
    }
    await _apply(client, SERVICES, service, service, "default")
    await _apply(client, ENDPOINTS, endpoints, endpoints, "default")


async def apply_crd(client: Client, crd: JsonObject) -> None:
    """Creates a definition, or makes the one that is there like it."""
    await _apply(client, CRDS, crd, {"spec": crd["spec"]})


async def _apply(
    client: Client,
    resource: Resource[Any],
    body: JsonObject,
    patch: JsonObject,
    namespace: str = "",
) -> None:
    try:
        await client.create(resource, body, namespace)
    except ApiError as error:
        if not error.is_already_exists:
            raise
        await client.patch(resource, body["metadata"]["name"], patch, namespace)


async def _ensure_untouched(client: Client, resource: Resource[Any], body: JsonObject) -> None:
    """As `_ensure`; does not ask for the creation of what is there, which rules might refuse."""
    try:
        await client.get(resource, body["metadata"]["name"])
    except ApiError as error:
        if not error.is_not_found:
            raise
        await _ensure(client, resource, body)


async def _ensure(
    client: Client, resource: Resource[Any], body: JsonObject, namespace: str = ""
) -> None:
    try:
        await client.create(resource, body, namespace)
    except ApiError as error:
        if not error.is_already_exists:
            raise
