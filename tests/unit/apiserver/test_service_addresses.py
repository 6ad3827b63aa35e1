"""Addresses of Services: of one range, each for one Service, whoever chose them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from ipaddress import IPv4Network
from pathlib import Path

import pytest

from shoal.api.core import SERVICES
from shoal.api.resource import JsonObject
from shoal.api.status import ApiError
from shoal.apiserver.bootstrap import publish_server
from shoal.apiserver.service_addresses import ServiceAddresses
from shoal.base.clock import SystemClock
from shoal.client.protocol import Client
from shoal.store.sqlite import SqliteStore
from shoal.testing.cluster import MemoryCluster, memory_cluster

NETWORK = IPv4Network("10.9.0.0/29")


def service(name: str, **spec: object) -> JsonObject:
    return {"metadata": {"name": name}, "spec": {"ports": [{"port": 80}], **spec}}


async def address_of(client: Client, name: str) -> str:
    return (await client.get(SERVICES, name, "default")).spec.cluster_ip


def test_a_range_gives_what_is_free_but_the_address_of_the_server() -> None:
    addresses = ServiceAddresses(NETWORK)
    assert addresses.of_server == "10.9.0.1"
    chosen: set[str] = set()
    while (address := addresses.choose(chosen, 0)) is not None:
        chosen.add(address)
    assert chosen == {f"10.9.0.{last}" for last in range(2, 7)}


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


@pytest.fixture
async def durable(tmp_path: Path) -> AsyncIterator[Client]:
    """A client of a server whose writes take time, as they do on a disk."""
    store = await SqliteStore.open(tmp_path / "shoal.db", clock=SystemClock())
    async with memory_cluster(store=store) as cluster:
        yield cluster.client


async def test_of_services_made_at_once_one_gets_the_address_that_all_want(
    durable: Client,
) -> None:
    wanted = [service(f"s{n}", clusterIP="10.96.7.7") for n in range(4)]
    made = await asyncio.gather(
        *(durable.create(SERVICES, body, "default") for body in wanted), return_exceptions=True
    )
    refused = [str(each) for each in made if isinstance(each, ApiError)]
    assert len(refused) == 3
    assert all("provided IP is already allocated" in text for text in refused)


async def test_services_made_at_once_have_node_ports_and_addresses_of_their_own(
    durable: Client,
) -> None:
    bodies = [service(f"s{n}", type="NodePort") for n in range(100)]
    await asyncio.gather(*(durable.create(SERVICES, body, "default") for body in bodies))
    made = (await durable.list(SERVICES, "default")).items
    assert len({each.spec.ports[0].node_port for each in made}) == 100
    assert len({each.spec.cluster_ip for each in made}) == 100


@pytest.mark.parametrize("turns", range(6))
async def test_the_address_of_a_writer_who_gives_up_is_taken_where_it_is_written_all_the_same(
    durable: Client, turns: int
) -> None:
    wanted = {"clusterIP": "10.96.7.7"}
    giving_up = asyncio.ensure_future(durable.create(SERVICES, service("a", **wanted), "default"))
    for _ in range(turns):
        await asyncio.sleep(0)
    giving_up.cancel()
    with suppress(ApiError):
        await durable.create(SERVICES, service("b", **wanted), "default")
    made = (await durable.list(SERVICES, "default")).items
    assert [each.spec.cluster_ip for each in made] == ["10.96.7.7"]


def node_port(number: int, protocol: str = "TCP") -> JsonObject:
    name = protocol.lower()
    return {"name": name, "port": 80, "nodePort": number, "protocol": protocol}


async def test_a_node_port_is_given_to_one_service_only(client: Client) -> None:
    await client.create(
        SERVICES, service("a", type="NodePort", ports=[node_port(30080)]), "default"
    )
    again = service("b", type="NodePort", ports=[node_port(30081), node_port(30080, "UDP")])
    text = r"spec.ports\[1\].nodePort: Invalid value: 30080: provided port is already allocated"
    with pytest.raises(ApiError, match=text):
        await client.create(SERVICES, again, "default")


async def test_ports_of_a_service_share_a_node_port_under_other_protocols_only(
    client: Client,
) -> None:
    shared = [node_port(30080), node_port(30080, "UDP")]
    await client.create(SERVICES, service("a", type="NodePort", ports=shared), "default")
    twice = [node_port(30081), node_port(30081) | {"name": "b", "port": 81}]
    with pytest.raises(ApiError, match=r"spec.ports\[1\].nodePort: Duplicate value: 30081"):
        await client.create(SERVICES, service("b", type="NodePort", ports=twice), "default")


async def test_a_type_without_node_ports_lets_go_of_them(client: Client) -> None:
    await client.create(SERVICES, service("a", type="NodePort"), "default")
    changed = await client.patch(SERVICES, "a", {"spec": {"type": "ClusterIP"}}, "default")
    assert [port.node_port for port in changed.spec.ports] == [0]


async def test_node_ports_that_the_new_type_has_no_use_for_are_refused_where_named(
    client: Client,
) -> None:
    await client.create(SERVICES, service("a", type="NodePort"), "default")
    change = {"type": "ClusterIP", "ports": [{"port": 80, "nodePort": 30099}]}
    with pytest.raises(ApiError, match="may not be used when `type` is 'ClusterIP'"):
        await client.patch(SERVICES, "a", {"spec": change}, "default")


async def test_an_external_name_lets_go_of_the_address_and_refuses_one(client: Client) -> None:
    await client.create(SERVICES, service("a"), "default")
    change = {"type": "ExternalName", "externalName": "x.example"}
    with pytest.raises(ApiError, match="may not be set when `type` is 'ExternalName'"):
        other = change | {"clusterIP": "10.96.9.9", "clusterIPs": ["10.96.9.9"]}
        await client.patch(SERVICES, "a", {"spec": other}, "default")
    changed = await client.patch(SERVICES, "a", {"spec": change}, "default")
    assert changed.spec.cluster_ip == ""


async def test_a_load_balancer_that_wants_no_node_ports_gets_none(client: Client) -> None:
    body = service("a", type="LoadBalancer", allocateLoadBalancerNodePorts=False)
    made = await client.create(SERVICES, body, "default")
    assert [port.node_port for port in made.spec.ports] == [0]
