"""The kubeconfig that lets clients in: the server's address, its authority, and a token."""

from base64 import b64encode
from pathlib import Path

import yaml

from shoal.apiserver.private_files import write_private

NAME = "shoal"


def kubeconfig_text(server: str, authority_pem: bytes, token: str, namespace: str = "") -> str:
    """`server` is a URL. `namespace` is the context's own, empty for `default`."""
    context = {"cluster": NAME, "user": NAME} | ({"namespace": namespace} if namespace else {})
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
            "contexts": [{"name": NAME, "context": context}],
            "current-context": NAME,
        },
        sort_keys=False,
    )


def write_kubeconfig(
    path: Path, server: str, authority_pem: bytes, token: str, namespace: str = ""
) -> None:
    """Mode 0600: whoever can read it owns the cluster."""
    write_private(path, kubeconfig_text(server, authority_pem, token, namespace).encode())
