"""How far extenders are trusted over https: certificates of a configuration as an SSL context.

Source of the rules: Kubernetes v1.36, pkg/scheduler/extender.go (makeTransport).
"""

import ssl
import tempfile
from pathlib import Path

from shoal.scheduler.config.configuration import ExtenderSection, ExtenderTls


def tls_context(section: ExtenderSection) -> ssl.SSLContext:
    """`enableHTTPS` without an authority trusts any server. Raises OSError where a file cannot be
    used."""
    tls = section.tls_config or ExtenderTls()
    authority = (tls.ca_data or _read(tls.ca_file)).decode()
    context = ssl.create_default_context(cadata=authority or None)
    if tls.insecure or (section.enable_https and not authority):
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    certificate = tls.cert_data or _read(tls.cert_file)
    key = tls.key_data or _read(tls.key_file)
    if certificate:
        # The library takes a key from files only.
        with tempfile.NamedTemporaryFile() as file:
            file.write(certificate + b"\n" + key)
            file.flush()
            context.load_cert_chain(file.name)
    return context


def _read(path: str) -> bytes:
    return Path(path).read_bytes() if path else b""
