"""The server's own certificate authority, and its certificate for this machine.

kubectl sends tokens only over TLS. The authority is made once and kept, because kubeconfigs hold
it; the server's certificate is made again before it expires, or when it lacks a name.
"""

import ipaddress
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from shoal.apiserver.private_files import write_private

_AUTHORITY_LIFE = timedelta(days=3650)
_SERVER_LIFE = timedelta(days=365)
_RENEW_BEFORE = timedelta(days=30)
_CLOCK_SKEW = timedelta(minutes=5)
_NAMES = (
    "localhost",
    "kubernetes",
    "kubernetes.default",
    "kubernetes.default.svc",
    "kubernetes.default.svc.cluster.local",
)
_ADDRESSES = ("127.0.0.1", "::1")


@dataclass(frozen=True, slots=True, kw_only=True)
class ServingFiles:
    """PEM files of one directory; the keys have mode 0600."""

    authority: Path
    certificate: Path
    key: Path


@dataclass(frozen=True, slots=True)
class _Pair:
    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey


def ensure_certificates(
    directory: Path, now: datetime, addresses: Collection[str] = ()
) -> ServingFiles:
    """Makes what is missing or about to expire. `addresses` are those that the server has beside
    the loopback's."""
    files = ServingFiles(
        authority=directory / "ca.crt",
        certificate=directory / "server.crt",
        key=directory / "server.key",
    )
    authority_key = directory / "ca.key"
    authority = _read(files.authority, authority_key)
    if authority is None or _expires_soon(authority.certificate, now):
        authority = _make_authority(now)
        _write(authority, files.authority, authority_key)
    server = _read(files.certificate, files.key)
    names = _general_names({*_ADDRESSES, *addresses})
    if server is None or not _serves(server.certificate, authority.certificate, names, now):
        _write(_make_server(authority, names, now), files.certificate, files.key)
    return files


def _read(certificate: Path, key: Path) -> _Pair | None:
    """None where a file is missing or damaged."""
    try:
        loaded = serialization.load_pem_private_key(key.read_bytes(), password=None)
        found = x509.load_pem_x509_certificate(certificate.read_bytes())
    except (FileNotFoundError, ValueError):
        return None
    return _Pair(found, loaded) if isinstance(loaded, ec.EllipticCurvePrivateKey) else None


def _write(pair: _Pair, certificate: Path, key: Path) -> None:
    write_private(
        key,
        pair.key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ),
    )
    write_private(certificate, pair.certificate.public_bytes(serialization.Encoding.PEM))


def _expires_soon(certificate: x509.Certificate, now: datetime) -> bool:
    return certificate.not_valid_after_utc - now < _RENEW_BEFORE


def _general_names(addresses: Collection[str]) -> list[x509.GeneralName]:
    names: list[x509.GeneralName] = [x509.DNSName(text) for text in _NAMES]
    return names + [x509.IPAddress(ipaddress.ip_address(text)) for text in sorted(addresses)]


def _serves(
    certificate: x509.Certificate,
    authority: x509.Certificate,
    names: Collection[x509.GeneralName],
    now: datetime,
) -> bool:
    if _expires_soon(certificate, now) or certificate.issuer != authority.subject:
        return False
    served = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return set(served) >= set(names)


def _make_authority(now: datetime) -> _Pair:
    key = ec.generate_private_key(ec.SECP256R1())
    # The serial number makes each authority's name its own, so that a certificate of an
    # earlier one is told apart by its issuer.
    serial = x509.random_serial_number()
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.COMMON_NAME, "shoal-ca"),
            x509.NameAttribute(NameOID.SERIAL_NUMBER, f"{serial:x}"),
        ]
    )
    usage = _key_usage(signs_certificates=True)
    builder = (
        _builder(name, name, key, now, _AUTHORITY_LIFE)
        .serial_number(serial)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
    )
    return _Pair(builder.sign(key, hashes.SHA256()), key)


def _make_server(authority: _Pair, names: list[x509.GeneralName], now: datetime) -> _Pair:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "shoal-apiserver")])
    issuer_key = authority.key.public_key()
    builder = (
        _builder(name, authority.certificate.subject, key, now, _SERVER_LIFE)
        .serial_number(x509.random_serial_number())
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key), critical=False
        )
    )
    return _Pair(builder.sign(authority.key, hashes.SHA256()), key)


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    now: datetime,
    life: timedelta,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .not_valid_before(now - _CLOCK_SKEW)
        .not_valid_after(now + life)
    )


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )
