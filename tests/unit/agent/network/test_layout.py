"""Who gets which address, with a bridge and without."""

from ipaddress import IPv4Address, IPv4Network

from hypothesis import given
from hypothesis import strategies as st

from shoal.agent.network.layout import (
    bridge_name,
    choose_subnet,
    hardware_address,
    on_bridge,
    on_loopback,
    taken_networks,
)

OWNERS = st.text(max_size=80)
NETWORKS = st.builds(
    lambda number, prefix: IPv4Network((number, prefix), strict=False),
    st.integers(int(IPv4Address("10.100.0.0")), int(IPv4Address("10.255.255.255"))),
    st.integers(8, 30),
)
ROUTES = """Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0
eth0\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0
shbold\t0000810A\t00000000\t0001\t0\t0\t0\t0080FFFF\t0\t0\t0
"""


@given(OWNERS)
def test_a_bridge_has_a_name_that_the_kernel_takes(owner: str):
    assert len(bridge_name(owner)) <= 15


@given(OWNERS, st.lists(NETWORKS, max_size=20))
def test_a_subnet_meets_nothing_that_the_machine_has_a_route_to(
    owner: str, taken: list[IPv4Network]
):
    subnet = choose_subnet(owner, taken)
    assert subnet is None or not any(subnet.overlaps(other) for other in taken)


def test_there_is_no_subnet_where_all_are_taken():
    assert choose_subnet("a", [IPv4Network("10.0.0.0/8")]) is None


def test_the_subnet_of_the_last_time_is_kept_while_it_is_free():
    last = IPv4Network("10.77.0.0/16")
    assert choose_subnet("a", [], last) == last
    assert choose_subnet("a", [IPv4Network("10.77.5.0/24")], last) != last


def test_routes_of_others_count_and_the_default_route_does_not():
    assert taken_networks(ROUTES, "") == [
        IPv4Network("192.0.2.0/24"),
        IPv4Network("10.129.0.0/17"),
    ]
    assert taken_networks(ROUTES, "shbold") == [IPv4Network("192.0.2.0/24")]


def test_pods_services_and_the_machine_share_no_address():
    plan = on_bridge("a", IPv4Network("10.200.0.0/16"))
    assert (plan.host, plan.pods) == ("10.200.0.1", IPv4Network("10.200.0.0/17"))
    assert not plan.covers_pod(plan.host)
    assert plan.covers_pod("10.200.0.2") and plan.covers_pod("10.200.127.254")
    assert not any(plan.covers_pod(str(plan.services[i])) for i in (0, 1, -1))


@given(OWNERS)
def test_without_a_bridge_all_addresses_can_be_bound_by_anybody(owner: str):
    plan = on_loopback(owner)
    assert plan.services.subnet_of(IPv4Network("127.0.0.0/8"))
    assert plan.last_pod < plan.services.network_address
    assert plan.services.num_addresses == 4096


def test_an_address_leads_to_the_same_hardware_for_ever():
    assert hardware_address("10.200.0.2") == "02:00:0a:c8:00:02"
