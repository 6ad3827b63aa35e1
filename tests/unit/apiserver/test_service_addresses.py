"""Addresses of Services: of one range, each for one Service, whoever chose them."""

from ipaddress import IPv4Network

import pytest

from shoal.api.core import SERVICES
from shoal.api.resource import JsonObject
from shoal.api.status import ApiError
from shoal.apiserver.bootstrap import publish_server
from shoal.apiserver.service_addresses import ServiceAddresses
from shoal.client.protocol import Client
from shoal.testing.cluster import MemoryCluster

NETWORK = IPv4Network("10.9.0.0/29")


def service(name: str, **spec: object) -> JsonObject:
    return {"metadata": {"name": name}, "spec": {"ports": [{"port": 80}], **spec}}


async def address_of(client: Client, name: str) -> str:
    return (await client.get(SERVICES, name, "default")).spec.cluster_ip


def test_what_was_chosen_a_moment_ago_is_not_chosen_again() -> None:
    addresses = ServiceAddresses(NETWORK)
    assert addresses.of_server == "10.9.0.1"
    chosen = [addresses.choose((), 0) for _ in range(5)]
    assert chosen == [f"10.9.0.{last}" for last in range(2, 7)]
    assert addresses.choose((), 0) is None


@pytest.mark.parametrize("address", ["1.2.3.4", "fd00::1"])
async def test_an_address_of_another_range_or_family_is_refused(
    client: Client, address: str
) -> None:
    with pytest.raises(ApiError, match=rf"the provided IP \({address}\) is not in the valid range"):
        await client.create(SERVICES, service("a", clusterIP=address), "default")


async def test_an_address_is_given_to_one_service_only(client: Client) -> None:
    await client.create(SERVICES, service("a"), "default")
    taken = await address_of(client, "a")
    with pytest.raises(ApiError, match="provided IP is already allocated"):
        await client.create(SERVICES, service("b", clusterIP=taken), "default")


@pytest.mark.parametrize("address", ["1.2.3.4", "fd00::1", ""])
async def test_a_service_that_gets_its_address_later_gets_a_free_one_of_the_range(
    client: Client, address: str
) -> None:
    """An empty `address` stands for that of another Service."""
    await client.create(SERVICES, service("a"), "default")
    body = service("b", type="ExternalName", externalName="b.example")
    await client.create(SERVICES, body, "default")
    wanted = address or await address_of(client, "a")
    change = {"type": "ClusterIP", "externalName": None, "clusterIP": wanted}
    with pytest.raises(ApiError, match=f"failed to allocate IP {wanted}"):
        await client.patch(SERVICES, "b", {"spec": change}, "default")
    await client.patch(SERVICES, "b", {"spec": change | {"clusterIP": None}}, "default")
    assert await address_of(client, "b") not in ("", wanted)


async def test_services_move_when_the_range_does(cluster: MemoryCluster, client: Client) -> None:
    await publish_server(client, "127.0.0.1", 6443)
    await client.create(SERVICES, service("a"), "default")
    await client.create(SERVICES, service("headless", clusterIP="None"), "default")
    await ServiceAddresses(NETWORK).move_services(cluster.core.store)
    assert await address_of(client, "a") in {str(each) for each in NETWORK}
    assert await address_of(client, "kubernetes") == "10.9.0.1"
    assert await address_of(client, "headless") == "None"
    moved = await address_of(client, "a")
    await ServiceAddresses(NETWORK).move_services(cluster.core.store)
    assert await address_of(client, "a") == moved
