"""The kubeconfig that lets clients in: the server's address, its authority, and a token."""

from base64 import b64encode
from pathlib import Path

import yaml

from shoal.apiserver.private_files import write_private

NAME = "shoal"


def write_kubeconfig(path: Path, server: str, authority_pem: bytes, token: str) -> None:
    """`server` is a URL. Mode 0600: whoever can read it owns the cluster."""
    data = _kubeconfig(server, authority_pem, token).encode()
    # A new file would come out from under the mounts that hide this one from pods that run.
    if not _holds(path, data):
        write_private(path, data)


def _holds(path: Path, data: bytes) -> bool:
    try:
        return path.read_bytes() == data and not path.stat().st_mode & 0o077
    except OSError:
        return False


def _kubeconfig(server: str, authority_pem: bytes, token: str) -> str:
    cluster = {
        "certificate-authority-data": b64encode(authority_pem).decode(),
        "server": server,
    }
    return yaml.safe_dump(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": NAME, "cluster": cluster}],
            "users": [{"name": NAME, "user": {"token": token}}],
            "contexts": [{"name": NAME, "context": {"cluster": NAME, "user": NAME}}],
            "current-context": NAME,
        },
        sort_keys=False,
    )
