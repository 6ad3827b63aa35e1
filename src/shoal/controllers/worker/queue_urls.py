"""What the URL of a work source means to the control plane: the same server as to pods.

Pods look names up in their hosts files; the control plane of one machine has none of those. So the
names of Services, and that of the machine, are replaced by what they lead to. Pure.
"""

from collections.abc import Callable, Collection, Sequence
from urllib.parse import SplitResult, quote, urlsplit, urlunsplit

from shoal.api.cluster_names import CLUSTER_DOMAIN, HOST_NAME
from shoal.api.core import Endpoints, Service
from shoal.api.meta import ObjectKey
from shoal.work.addresses import POSTGRESQL_SCHEMES, address_of, without_secrets
from shoal.work.parameters import POSTGRESQL_WITHOUT_FILES, REDIS, REDIS_TLS

_DOMAINS = (f".svc.{CLUSTER_DOMAIN}", ".svc")
_FILE_SCHEME = "sqlite"
_REDIS_TLS = "rediss"
_FILE = "names a file"
_SYSTEM_CERTIFICATES = ("sslrootcert", "system")
"""No file: the certificates that the machine trusts."""


def misuse(url: str) -> str:
    """Why the control plane does not ask this URL of a Secret, as the rest of a sentence; empty
    where it does. Whoever may write a Secret may not have files, local sockets or credentials of
    the control plane used."""
    scheme = url.partition(":")[0]
    if scheme.isprintable() and scheme.lower() == _FILE_SCHEME:
        return _FILE
    address = address_of(url)
    if address is None:
        return "holds no URL of a work source that can be read"
    parameters = address.parameters
    if address.scheme not in POSTGRESQL_SCHEMES:
        known = REDIS_TLS if address.scheme == _REDIS_TLS else REDIS
        return _strange(known, [key for key, _ in parameters], url)
    named = [value for key, value in parameters if key == "host"]
    hosts = [each for value in named for each in value.split(",")]
    # One that names none after all is the usual socket.
    hosts += address.hosts if any(address.hosts) or not named else []
    if any(not host or host.startswith(("/", "@")) for host in hosts):
        return _FILE
    asked = [key for key, value in parameters if (key, value) != _SYSTEM_CERTIFICATES]
    return _strange(POSTGRESQL_WITHOUT_FILES, asked, url)


def _strange(known: Collection[str], asked: Sequence[str], url: str) -> str:
    unknown = next((key for key in asked if key not in known), "")
    if not unknown:
        return ""
    return (
        f'has the parameter "{without_secrets(unknown, url)}" in its URL, which the control plane '
        "does not use, as it may name a file"
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
    if parts.scheme in POSTGRESQL_SCHEMES:
        return _with_parameter(parts, "hostaddr", address)
    head, at, place = parts.netloc.rpartition("@")
    parts = parts._replace(netloc=head + at + place.replace(host, address, 1))
    if parts.scheme == _REDIS_TLS:
        return _with_parameter(parts, "server_name", host)
    return urlunsplit(parts)


def _with_parameter(parts: SplitResult, name: str, value: str) -> str:
    extra = f"{name}={quote(value)}"
    return urlunsplit(parts._replace(query=f"{parts.query}&{extra}" if parts.query else extra))
