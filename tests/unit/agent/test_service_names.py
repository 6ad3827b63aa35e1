"""Which names of a namespace lead to which addresses."""

import asyncio

import msgspec

from shoal.agent.hosts_file import hosts_text
from shoal.agent.service_names import HostEntry, ServiceNames, service_entries
from shoal.api.core import Endpoints, Service
from shoal.api.pod import Pod
from shoal.client.informer import Informer


def service(name, cluster_ip="None"):
    body = {"metadata": {"name": name, "namespace": "ns"}, "spec": {"clusterIP": cluster_ip}}
    return msgspec.convert(body, Service)


def endpoints(name, *addresses, **waiting):
    """`addresses` are (ip, hostname)."""
    subset = {"addresses": [{"ip": ip, "hostname": host} for ip, host in addresses], **waiting}
    body = {"metadata": {"name": name, "namespace": "ns"}, "subsets": [subset]}
    return msgspec.convert(body, Endpoints)


def entries(services, *all_endpoints):
    return service_entries(services, {each.metadata.name: each for each in all_endpoints})


def test_a_pod_behind_a_headless_service_has_its_own_names_and_the_services():
    assert entries([service("job")], endpoints("job", ("127.1.0.1", "w-0"))) == (
        HostEntry(
            "127.1.0.1",
            (
                "w-0.job.ns.svc.cluster.local",
                "w-0.job.ns.svc",
                "w-0.job.ns",
                "w-0.job",
                "w-0",
                "job.ns.svc.cluster.local",
                "job.ns.svc",
                "job.ns",
                "job",
            ),
        ),
    )


def test_a_pod_without_a_hostname_is_found_by_the_services_name_only():
    (entry,) = entries([service("web")], endpoints("web", ("127.1.0.1", "")))
    assert entry.names == ("web.ns.svc.cluster.local", "web.ns.svc", "web.ns", "web")


def test_a_service_with_an_address_of_its_own_gives_its_name_to_that():
    (entry,) = entries([service("web", "10.0.0.1")], endpoints("web", ("127.1.0.1", "a")))
    assert entry == HostEntry(
        "10.0.0.1", ("web.ns.svc.cluster.local", "web.ns.svc", "web.ns", "web")
    )


def test_a_service_without_endpoints_gives_no_names():
    assert entries([service("web")]) == ()


def test_pods_that_are_not_ready_have_no_names():
    waiting = endpoints("job", notReadyAddresses=[{"ip": "127.1.0.2", "hostname": "w-1"}])
    assert entries([service("job")], waiting) == ()


def test_a_bare_hostname_that_two_pods_have_leads_nowhere():
    found = entries(
        [service("a"), service("b")],
        endpoints("a", ("127.1.0.1", "w")),
        endpoints("b", ("127.1.0.2", "w")),
    )
    assert [("w" in entry.names, "w.a" in entry.names) for entry in found] == [
        (False, True),
        (False, False),
    ]


def test_a_services_name_goes_before_a_bare_hostname():
    found = entries(
        [service("a"), service("w")],
        endpoints("a", ("127.1.0.1", "w")),
        endpoints("w", ("127.1.0.2", "")),
    )
    assert [entry.ip for entry in found if "w" in entry.names] == ["127.1.0.2"]


def test_a_pod_in_two_subsets_has_one_line():
    body = {"subsets": [{"addresses": [{"ip": "127.1.0.1"}]}] * 2, "metadata": {"name": "web"}}
    assert len(entries([service("web")], msgspec.convert(body, Endpoints))) == 1


def test_the_hosts_file_ends_with_the_names_of_services():
    body = {
        "metadata": {"name": "m-0", "namespace": "ns"},
        "spec": {"containers": [], "hostname": "m-0", "subdomain": "job"},
    }
    names = [HostEntry("127.1.0.2", ("w-0.job", "w-0"))]
    text = hosts_text(msgspec.convert(body, Pod), "127.1.0.1", names)
    assert "\n127.1.0.1\tm-0.job.ns.svc.cluster.local\tm-0\n" in text
    assert text.endswith("# What a cluster's DNS would answer.\n127.1.0.2\tw-0.job\tw-0\n")


async def test_who_waits_for_a_change_is_told_of_those_of_its_namespace():
    services, found = Informer[Service]("services"), Informer[Endpoints]("endpoints")
    names = ServiceNames(services, found)
    services.replace([service("job")])
    found.replace([])
    await names.wait_synced()
    assert names.entries("ns") == ()
    here, elsewhere = (
        asyncio.ensure_future(names.wait_for_change(namespace)) for namespace in ("ns", "other")
    )
    await asyncio.sleep(0)
    found.replace([endpoints("job", ("127.1.0.1", "w-0"))])
    await here
    assert [entry.ip for entry in names.entries("ns")] == ["127.1.0.1"]
    assert not elsewhere.done()
    elsewhere.cancel()
