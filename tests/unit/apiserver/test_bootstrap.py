"""What exists before anyone creates it."""

from shoal.api.core import ENDPOINTS, SERVICES
from shoal.apiserver.bootstrap import publish_server
from shoal.client.protocol import Client


async def test_the_service_kubernetes_leads_to_where_the_server_is_this_time(client: Client):
    await publish_server(client, "127.0.0.1", 1001)
    before = await client.get(SERVICES, "kubernetes", "default")
    await publish_server(client, "127.0.0.1", 1002)

    service = await client.get(SERVICES.untyped(), "kubernetes", "default")
    assert service["metadata"]["uid"] == before.metadata.uid
    assert service["spec"]["clusterIP"] == "10.96.0.1"
    assert [(p["port"], p["targetPort"]) for p in service["spec"]["ports"]] == [(443, 1002)]
    endpoints = await client.get(ENDPOINTS, "kubernetes", "default")
    (subset,) = endpoints.subsets
    assert [address.ip for address in subset.addresses] == ["127.0.0.1"]
    assert [(port.name, port.port) for port in subset.ports] == [("https", 1002)]
