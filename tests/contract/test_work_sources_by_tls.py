"""Servers that are known by an address, and their certificates by a name, as those of Services are
to the control plane of one machine."""

from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from redis import Redis

from shoal.testing.databases import DatabaseServer, free_port
from shoal.work.protocol import SourceUnavailable
from shoal.work.sources import open_source
from tests.servers import redis

__all__ = ["redis"]

NAME = "orders.team.svc"
QUEUE = "team/orders"


def write_certificate(folder: Path) -> None:
    """Of its own authority, for NAME, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, NAME)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(NAME)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "cert.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    kind, none = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    (folder / "key.pem").write_bytes(key.private_bytes(serialization.Encoding.PEM, kind, none))


@pytest.fixture
def url(redis: DatabaseServer, tmp_path: Path) -> str:
    """Of an address, by TLS, with a certificate for NAME."""
    write_certificate(tmp_path)
    port = free_port()
    with Redis.from_url(redis.url) as client:
        client.config_set(
            "tls-cert-file",
            str(tmp_path / "cert.pem"),
            *("tls-key-file", str(tmp_path / "key.pem")),
            *("tls-auth-clients", "no"),
            *("tls-port", port),
        )
    parts = urlsplit(redis.url)._replace(scheme="rediss")
    host = f"{parts.netloc.rpartition('@')[0]}@127.0.0.1:{port}"
    return parts._replace(netloc=host, query=f"ssl_ca_certs={tmp_path}/cert.pem").geturl()


def test_a_server_at_an_address_shows_the_certificate_of_its_name(url: str) -> None:
    with closing(open_source(f"{url}&server_name={NAME}")) as source:
        assert source.put(QUEUE, ["a"]) == 1
        assert source.purge(QUEUE) == 1


@pytest.mark.parametrize("said", ["", "&server_name=other.team.svc"])
def test_a_server_with_the_certificate_of_another_name_is_refused(url: str, said: str) -> None:
    with (
        closing(open_source(url + said)) as source,
        pytest.raises(SourceUnavailable, match="certificate verify failed"),
    ):
        source.size(QUEUE)
