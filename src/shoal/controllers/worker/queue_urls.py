"""What the URL of a work source means to the control plane: the same server as to pods.

Pods look names up in their hosts files; the control plane of one machine has none of those. So the
names of Services, and that of the machine, are replaced by what they lead to. Pure.
Source of PostgreSQL's parameters: libpq 17, section "Parameter Key Words"; of Redis': redis-py 8.
"""

from collections.abc import Callable
from urllib.parse import SplitResult, parse_qsl, quote, urlsplit, urlunsplit

from shoal.api.cluster_names import CLUSTER_DOMAIN, HOST_NAME
from shoal.api.core import Endpoints, Service
from shoal.api.meta import ObjectKey

_DOMAINS = (f".svc.{CLUSTER_DOMAIN}", ".svc")
_FILE_SCHEME = "sqlite"
_POSTGRESQL = ("postgresql", "postgres")
_REDIS_TLS = "rediss"
_FILE_PARAMETERS = frozenset(
    {"passfile", "service", "servicefile", "sslcert", "sslcrl", "sslcrldir", "sslkey"}
    | {"sslkeylogfile", "sslrootcert"}
)
"""By which a URL would make the control plane open files of its own."""
_REDIS_FILE_PARAMETERS = frozenset({"ssl_ca_certs", "ssl_ca_path", "ssl_certfile", "ssl_keyfile"})
_NO_FILE = "system"
"""Of sslrootcert: the certificates that the machine trusts."""


def opens_files(url: str) -> bool:
    """Whether the control plane would read files, or local sockets, for this URL."""
    try:
        parts = urlsplit(url)
        parameters = parse_qsl(parts.query, keep_blank_values=True)
    except ValueError:
        return False
    if parts.scheme == _FILE_SCHEME:
        return True
    if parts.scheme == _REDIS_TLS:
        return any(key in _REDIS_FILE_PARAMETERS for key, _ in parameters)
    if parts.scheme not in _POSTGRESQL:
        return False
    hosts = [parts.netloc.rpartition("@")[2], *(v for k, v in parameters if k == "host")]
    is_socket = any(host.startswith(("/", "%2f", "%2F", "@", "%40", ":")) for host in hosts)
    is_socket = is_socket or not any(hosts)
    return is_socket or any(
        key in _FILE_PARAMETERS and value != _NO_FILE for key, value in parameters
    )


class ServiceDirectory:
    """What names lead to, as the informers have it now."""

    def __init__(
        self,
        service: Callable[[ObjectKey], Service | None],
        endpoints: Callable[[ObjectKey], Endpoints | None],
        machine_address: str,
    ) -> None:
        self._service = service
        self._endpoints = endpoints
        self._machine_address = machine_address

    def address(self, host: str, namespace: str) -> str:
        """Of what a pod of the namespace means by `host`; empty where that is no name of ours."""
        if host == HOST_NAME:
            return self._machine_address
        for domain in _DOMAINS:
            host = host.removesuffix(domain)
        name, _, of_namespace = host.partition(".")
        key = ObjectKey(of_namespace or namespace, name)
        service = self._service(key)
        if service is None:
            return ""
        if service.spec.cluster_ip not in {"", "None"}:
            return service.spec.cluster_ip
        endpoints = self._endpoints(key)
        subsets = endpoints.subsets if endpoints is not None else []
        return next((each.ip for subset in subsets for each in subset.addresses), "")


def as_pods_see_it(url: str, namespace: str, directory: ServiceDirectory) -> str:
    """The URL with an address in place of a name that only pods know. Where TLS may be used, the
    name stays beside it, which certificates are checked against."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return url
    address = directory.address(host, namespace) if host else ""
    if not address:
        return url
    if parts.scheme in _POSTGRESQL:
        return _with_parameter(parts, "hostaddr", address)
    head, at, place = parts.netloc.rpartition("@")
    parts = parts._replace(netloc=head + at + place.replace(host, address, 1))
    if parts.scheme == _REDIS_TLS:
        return _with_parameter(parts, "server_name", host)
    return urlunsplit(parts)


def _with_parameter(parts: SplitResult, name: str, value: str) -> str:
    extra = f"{name}={quote(value)}"
    return urlunsplit(parts._replace(query=f"{parts.query}&{extra}" if parts.query else extra))
