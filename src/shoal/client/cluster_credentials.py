"""Connections from kubeconfigs that need more than reading: the official client runs exec
plugins, OIDC refreshes and what else there is.

The `kubernetes` package is an optional dependency and slow to import; this module is the only one
that imports it, and is itself imported on demand.
"""

import ssl
from typing import Any

from shoal.client.connection import NO_TOKEN, Connection, KubeconfigError


class _ReloadedToken:
    """The kubeconfig's token; loaded anew, by running its plugin again, when it is refused."""

    def __init__(self, paths: str, context: str | None, token: str) -> None:
        self._paths = paths
        self._context = context
        self._token = token

    async def token(self, refused: str = "") -> str:
        if refused and refused == self._token:
            self._token = _bearer(await _configuration(self._paths, self._context))
        return self._token


async def load(paths: str, context: str | None) -> Connection:
    """`paths` may be several, as in $KUBECONFIG. Raises KubeconfigError."""
    configuration = await _configuration(paths, context)
    token = _bearer(configuration)
    server = str(configuration.host).rstrip("/")
    return Connection(
        server=server,
        tokens=_ReloadedToken(paths, context, token) if token else NO_TOKEN,
        ssl_context=_ssl_context(configuration) if server.startswith("https:") else None,
        server_name=configuration.tls_server_name,
        proxy=configuration.proxy,
    )


async def _configuration(paths: str, context: str | None) -> Any:
    try:
        from kubernetes.aio import config
        from kubernetes.aio.client import Configuration
    except ImportError as error:
        raise KubeconfigError(
            f"the credentials in {paths} need the official client: pip install shoal[cluster]"
        ) from error
    configuration = Configuration()
    try:
        await config.load_kube_config(
            config_file=paths,
            context=context,
            client_configuration=configuration,
            persist_config=False,
        )
    except config.ConfigException as error:
        raise KubeconfigError(f"{paths}: {error}") from error
    return configuration


def _bearer(configuration: Any) -> str:
    return str(configuration.api_key.get("BearerToken", "")).removeprefix("Bearer ")


def _ssl_context(configuration: Any) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=configuration.ssl_ca_cert)
    if not configuration.verify_ssl:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if configuration.cert_file:
        context.load_cert_chain(configuration.cert_file, configuration.key_file)
    return context
