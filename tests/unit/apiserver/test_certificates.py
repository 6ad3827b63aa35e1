"""The authority is kept, the server's certificate renewed, keys private."""

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import yaml
from cryptography import x509

from shoal.apiserver.certificates import ServingFiles, ensure_certificates
from shoal.apiserver.kubeconfig import write_kubeconfig
from shoal.apiserver.private_files import read_or_write_private

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def contents(files: ServingFiles) -> tuple[bytes, bytes]:
    return files.authority.read_bytes(), files.certificate.read_bytes()


def test_certificates_are_made_once(tmp_path: Path):
    first = contents(ensure_certificates(tmp_path, NOW))
    assert contents(ensure_certificates(tmp_path, NOW + timedelta(days=300))) == first


def test_a_server_certificate_is_renewed_before_it_ends_and_the_authority_kept(tmp_path: Path):
    authority, certificate = contents(ensure_certificates(tmp_path, NOW))
    later = contents(ensure_certificates(tmp_path, NOW + timedelta(days=340)))
    assert later[0] == authority
    assert later[1] != certificate


def test_damaged_files_are_made_again(tmp_path: Path):
    files = ensure_certificates(tmp_path, NOW)
    files.certificate.write_text("nonsense")
    (tmp_path / "ca.key").unlink()
    authority, certificate = contents(ensure_certificates(tmp_path, NOW))
    issuer = x509.load_pem_x509_certificate(certificate).issuer
    assert issuer == x509.load_pem_x509_certificate(authority).subject


def test_it_is_signed_by_the_authority_for_this_machine(tmp_path: Path):
    files = ensure_certificates(tmp_path, NOW)
    certificate = x509.load_pem_x509_certificate(files.certificate.read_bytes())
    certificate.verify_directly_issued_by(
        x509.load_pem_x509_certificate(files.authority.read_bytes())
    )
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert "localhost" in names.get_values_for_type(x509.DNSName)
    assert "127.0.0.1" in map(str, names.get_values_for_type(x509.IPAddress))
    ssl.create_default_context(cafile=str(files.authority))


def test_keys_and_kubeconfigs_are_for_their_owner_alone(tmp_path: Path):
    files = ensure_certificates(tmp_path, NOW)
    kubeconfig = tmp_path / "sub" / "config"
    kubeconfig.parent.mkdir()
    kubeconfig.write_text("old")
    kubeconfig.chmod(0o644)
    write_kubeconfig(kubeconfig, "https://127.0.0.1:1", b"PEM", "token")
    for path in (files.key, tmp_path / "ca.key", kubeconfig):
        assert path.stat().st_mode & 0o777 == 0o600
    written = yaml.safe_load(kubeconfig.read_text())
    assert written["users"][0]["user"]["token"] == "token"
    assert written["current-context"] == written["contexts"][0]["name"]


def test_a_secret_is_made_once(tmp_path: Path):
    path = tmp_path / "token"
    assert read_or_write_private(path, lambda: b"first") == b"first"
    assert read_or_write_private(path, lambda: b"second") == b"first"
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_kubeconfig_that_says_the_same_stays_the_same_file(tmp_path: Path):
    kubeconfig = tmp_path / "kubeconfig"
    write_kubeconfig(kubeconfig, "https://127.0.0.1:1", b"PEM", "token")
    # Held, so that its number is not used again.
    with kubeconfig.open():
        before = kubeconfig.stat().st_ino
        write_kubeconfig(kubeconfig, "https://127.0.0.1:1", b"PEM", "token")
        assert kubeconfig.stat().st_ino == before
        write_kubeconfig(kubeconfig, "https://127.0.0.1:2", b"PEM", "token")
        assert kubeconfig.stat().st_ino != before
    kubeconfig.chmod(0o644)
    write_kubeconfig(kubeconfig, "https://127.0.0.1:2", b"PEM", "token")
    assert kubeconfig.stat().st_mode & 0o777 == 0o600
