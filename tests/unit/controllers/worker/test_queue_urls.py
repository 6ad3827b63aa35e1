"""The URL of a work source, as the control plane of one machine has to read it."""

import msgspec
import pytest

from shoal.api.core import Endpoints, Service
from shoal.api.meta import ObjectKey
from shoal.controllers.worker.queue_urls import ServiceDirectory, as_pods_see_it, misuse

SERVICES = {
    ObjectKey("team", "redis"): {"spec": {"clusterIP": "10.9.0.7"}},
    ObjectKey("other", "redis"): {"spec": {"clusterIP": "10.9.0.8"}},
    ObjectKey("team", "db"): {"spec": {"clusterIP": "None"}},
    ObjectKey("team", "empty"): {"spec": {"clusterIP": "None"}},
}
ENDPOINTS = {
    ObjectKey("team", "db"): {"subsets": [{"addresses": [{"ip": "10.8.0.5"}, {"ip": "10.8.0.6"}]}]}
}
DIRECTORY = ServiceDirectory(
    lambda key: msgspec.convert(SERVICES[key], Service) if key in SERVICES else None,
    lambda key: msgspec.convert(ENDPOINTS[key], Endpoints) if key in ENDPOINTS else None,
    "10.8.0.1",
)


@pytest.mark.parametrize(
    ("url", "wanted"),
    [
        ("redis://redis:6379/0", "redis://10.9.0.7:6379/0"),
        ("redis://:redis@redis.other/1", "redis://:redis@10.9.0.8/1"),
        ("redis://redis.other.svc:1/0", "redis://10.9.0.8:1/0"),
        ("redis://redis.team.svc.cluster.local/0", "redis://10.9.0.7/0"),
        ("redis://host.shoal.internal:6379", "redis://10.8.0.1:6379"),
        (
            "rediss://:pw@redis.other.svc:6380/0?ssl_cert_reqs=required",
            "rediss://:pw@10.9.0.8:6380/0?ssl_cert_reqs=required&server_name=redis.other.svc",
        ),
        ("rediss://redis/0", "rediss://10.9.0.7/0?server_name=redis"),
        ("postgresql://u:p@db/shop", "postgresql://u:p@db/shop?hostaddr=10.8.0.5"),
        (
            "postgres://u@host.shoal.internal:5433/shop?sslmode=verify-full",
            "postgres://u@host.shoal.internal:5433/shop?sslmode=verify-full&hostaddr=10.8.0.1",
        ),
    ],
)
def test_names_that_only_pods_know_get_their_addresses(url, wanted):
    assert as_pods_see_it(url, "team", DIRECTORY) == wanted


@pytest.mark.parametrize(
    "url",
    [
        "redis://redis.example.com:6379/0",
        "redis://10.1.2.3:6379/0",
        "postgresql://u@empty/shop",
        "postgresql://[::1/shop",
        "sqlite:///srv/a.db",
    ],
)
def test_other_hosts_are_left_to_whoever_opens_the_source(url):
    assert as_pods_see_it(url, "team", DIRECTORY) == url


@pytest.mark.parametrize(
    "url",
    [
        "sqlite:///srv/a.db",
        "postgresql:///shop",
        "postgresql://%2Fvar%2Frun%2Fpostgresql/shop",
        "postgresql://u@:5432/shop",
        "postgresql:///shop?host=/var/run/postgresql",
        "postgresql://u@db/shop?passfile=/root/.pgpass",
        "postgres://u@db/shop?sslkey=/srv/key.pem",
        "postgresql://u@db/shop?sslrootcert=/srv/ca.pem",
        "postgresql://u@db/shop?service=admin",
        "rediss://redis/0?ssl_certfile=/srv/a.pem&ssl_keyfile=/srv/a.key",
        "rediss://redis/0?ssl_ca_certs=/srv/ca.pem",
        "rediss://redis/0?ssl_ca_path=/srv",
        "postgresql://db,%2Fvar%2Frun%2Fpostgresql/shop",
        "postgresql://db,/shop",
        "postgresql://db/shop?host=db,/var/run/postgresql",
        "postgresql://db/shop?host=db&host=%2Fvar",
        "postgresql://db/shop?host=",
        "postgresql://db/shop?host=%40abstract",
        "postgresql://u@db/shop?%70assfile=/root/.pgpass",
        "postgresql://u@db/shop?krbsrvname=postgres",
        "SQLite:///srv/a.db",
    ],
)
def test_urls_that_would_open_files_of_the_control_plane_are_known(url):
    assert "file" in misuse(url)


@pytest.mark.parametrize(
    "url",
    [
        "no URL at all",
        "",
        "sql\tite:///srv/a.db",
        "PostgreSQL://db/shop",
        "host=/var/run/postgresql",
        "postgresql://db/shop?sslmode=require#&passfile=/root/.pgpass",
        "postgresql://db?x=@%2Fvar%2Frun/shop",
        "redis://:geheim/@db",
    ],
)
def test_urls_that_can_be_read_in_another_way_as_well_are_asked_of_nobody(url):
    assert misuse(url) == "holds no URL of a work source that can be read"


def test_what_is_said_of_a_parameter_holds_no_part_of_a_password():
    said = misuse("postgresql://db/shop?password=geh&eim=x")
    assert "eim" not in said and '"***"' in said


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u:p@db:5432/shop?sslmode=require",
        "postgresql://u@db/shop?sslmode=verify-full&sslrootcert=system",
        "postgresql:///shop?host=db&port=5432",
        "redis://db/0",
        "rediss://:p@db:6380/0",
        "rediss://db/0?ssl_cert_reqs=none&db=2",
        "postgresql://u:p@a:5432,b:5433/shop?target_session_attrs=read-write",
        "postgresql://[::1]:5432/shop",
    ],
)
def test_urls_of_servers_open_no_files(url):
    assert not misuse(url)
