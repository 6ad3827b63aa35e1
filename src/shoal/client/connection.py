"""Where an API server is and how to be let in: kubeconfig files and service accounts.

Kubeconfigs with plain tokens or certificates, and the service account that a pod finds in its
file system, are read here. Whatever needs a program or a protocol to get credentials (exec
plugins, OIDC) is left to the official client: `cluster_credentials`.
"""

import base64
import os
import ssl
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import yaml

SERVICE_ACCOUNT_FOLDER = Path("/var/run/secrets/kubernetes.io/serviceaccount")

_PLAIN_USER_FIELDS = {
    "token",
    "tokenFile",
    "client-certificate",
    "client-certificate-data",
    "client-key",
    "client-key-data",
}


class KubeconfigError(Exception):
    """No connection can be made of what was given; the text is for people."""


class TokenSource(Protocol):
    """Where bearer tokens come from."""

    async def token(self, refused: str = "") -> str:
        """A bearer token, empty for none. `refused` is one that the server has just turned
        down; the same again means that there is no better one."""
        ...


class FixedToken:
    """A token that stays; empty for none."""

    def __init__(self, token: str) -> None:
        self._token = token

    async def token(self, refused: str = "") -> str:
        return self._token


NO_TOKEN = FixedToken("")


class FileToken:
    """A token that somebody else renews in a file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read_at_ns = -1
        self._token = ""

    async def token(self, refused: str = "") -> str:
        # A look at the file's time on every request is cheaper than to guess when it changes.
        modified_ns = self._path.stat().st_mtime_ns
        if modified_ns != self._read_at_ns:
            self._token = self._path.read_text("utf-8").strip()
            self._read_at_ns = modified_ns
        return self._token


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    server: str
    """URL without a trailing slash."""
    tokens: TokenSource = NO_TOKEN
    ssl_context: ssl.SSLContext | None = None
    """None for plain http."""
    server_name: str | None = None
    """The name to check the server's certificate against, when not the URL's."""
    proxy: str | None = None
    namespace: str = "default"
    """Where commands look when nothing else is said."""


async def load_connection(
    kubeconfig: Path | None = None,
    context: str | None = None,
    *,
    environment: Mapping[str, str] = os.environ,
    service_account: Path = SERVICE_ACCOUNT_FOLDER,
) -> Connection:
    """From the file given, else from $KUBECONFIG, else from the pod's service account, else from
    ~/.kube/config. Raises KubeconfigError."""
    if kubeconfig is not None:
        return await _from_kubeconfig(str(kubeconfig), context)
    if environment.get("KUBECONFIG"):
        return await _from_kubeconfig(environment["KUBECONFIG"], context)
    if environment.get("KUBERNETES_SERVICE_HOST") and context is None:
        return in_cluster(environment, service_account)
    return await _from_kubeconfig(str(_home_kubeconfig()), context)


def in_cluster(
    environment: Mapping[str, str] = os.environ, service_account: Path = SERVICE_ACCOUNT_FOLDER
) -> Connection:
    """As a pod finds it. Raises KubeconfigError."""
    token_path, ca_path = service_account / "token", service_account / "ca.crt"
    host = environment.get("KUBERNETES_SERVICE_HOST", "")
    port = environment.get("KUBERNETES_SERVICE_PORT", "443")
    if not host or not token_path.is_file():
        raise KubeconfigError(
            "this is no pod with a service account: KUBERNETES_SERVICE_HOST and "
            f"{token_path} must both be there"
        )
    namespace_path = service_account / "namespace"
    return Connection(
        server=f"https://{f'[{host}]' if ':' in host else host}:{port}",
        tokens=FileToken(token_path),
        ssl_context=_ssl_context(ca_path.read_text("ascii") if ca_path.is_file() else ""),
        namespace=namespace_path.read_text("utf-8").strip() if namespace_path.is_file() else "",
    )


def _home_kubeconfig() -> Path:
    return Path("~/.kube/config").expanduser()


async def _from_kubeconfig(paths: str, context: str | None) -> Connection:
    if os.pathsep in paths:
        return await _from_official_client(paths, context)
    path = Path(paths)
    config = _read(path)
    context_name = context or str(config.get("current-context") or "")
    chosen = _named(config, "contexts", context_name, "context", path)
    cluster = _named(config, "clusters", str(chosen.get("cluster", "")), "cluster", path)
    user_name = str(chosen.get("user") or "")
    user = _named(config, "users", user_name, "user", path) if user_name else {}
    if set(user) - _PLAIN_USER_FIELDS:
        return await _from_official_client(paths, context)
    server = str(cluster.get("server", "")).rstrip("/")
    if not server:
        raise KubeconfigError(f"{path} names no server for context {context_name!r}")
    return Connection(
        server=server,
        tokens=_tokens(user, path),
        ssl_context=_tls(cluster, user, path) if server.startswith("https:") else None,
        server_name=cluster.get("tls-server-name"),
        proxy=cluster.get("proxy-url"),
        namespace=chosen.get("namespace") or "default",
    )


async def _from_official_client(paths: str, context: str | None) -> Connection:
    # Imported on demand: half a second, and an optional dependency.
    from shoal.client import cluster_credentials

    return await cluster_credentials.load(paths, context)


def _read(path: Path) -> dict[str, Any]:
    try:
        config = yaml.load(path.read_text("utf-8"), yaml.CSafeLoader)
    except FileNotFoundError as error:
        raise KubeconfigError(
            f"there is no kubeconfig at {path}; start one with `shoal up`, or name another with "
            "--kubeconfig"
        ) from error
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        reason = " ".join(str(error).split())
        raise KubeconfigError(f"the kubeconfig {path} cannot be read: {reason}") from error
    if not isinstance(config, dict):
        raise KubeconfigError(f"{path} is no kubeconfig: it holds no mapping")
    return config


def _named(config: dict[str, Any], plural: str, name: str, kind: str, path: Path) -> dict[str, Any]:
    for each in config.get(plural) or []:
        if each.get("name") == name:
            return each.get(kind) or {}
    raise KubeconfigError(f"{path} has no {kind} named {name!r}")


def _tokens(user: dict[str, Any], path: Path) -> TokenSource:
    if user.get("tokenFile"):
        return FileToken(path.parent / user["tokenFile"])
    return FixedToken(str(user.get("token") or ""))


def _tls(cluster: dict[str, Any], user: dict[str, Any], path: Path) -> ssl.SSLContext:
    try:
        context = _ssl_context(_pem(cluster, "certificate-authority", path))
        if cluster.get("insecure-skip-tls-verify"):
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        certificate = _pem(user, "client-certificate", path)
        if certificate:
            _load_client_certificate(context, certificate, _pem(user, "client-key", path))
    except (OSError, ValueError) as error:
        raise KubeconfigError(f"a certificate or key in {path} cannot be used: {error}") from error
    return context


def _ssl_context(ca_pem: str) -> ssl.SSLContext:
    """An empty `ca_pem` trusts what the machine trusts."""
    return ssl.create_default_context(cadata=ca_pem or None)


def _pem(section: dict[str, Any], field: str, path: Path) -> str:
    """A certificate or key, inline or in a file beside the kubeconfig."""
    if section.get(f"{field}-data"):
        return base64.b64decode(section[f"{field}-data"], validate=True).decode("ascii")
    if section.get(field):
        return (path.parent / section[field]).read_text("ascii")
    return ""


def _load_client_certificate(context: ssl.SSLContext, certificate: str, key: str) -> None:
    # OpenSSL reads keys from files only; mode 0600 is the default here.
    with tempfile.NamedTemporaryFile("w", suffix=".pem") as file:
        file.write(f"{certificate}\n{key}\n")
        file.flush()
        context.load_cert_chain(file.name)
