"""The objects a pod refers to, fetched before anything is decided from them.

ConfigMaps, Secrets and tokens that do not exist are simply absent here; what that means
(waiting, failing, nothing) is for `environment` and `volumes` to say.
"""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from shoal.api.core import (
    CONFIG_MAPS,
    SECRETS,
    SERVICE_ACCOUNTS,
    SERVICES,
    ConfigMap,
    Secret,
    Service,
)
from shoal.api.meta import Object
from shoal.api.pod import Container, Pod, Volume
from shoal.api.resource import JsonObject, Resource
from shoal.api.status import ApiError
from shoal.client.protocol import Client

T = TypeVar("T", bound=Object)


@dataclass(frozen=True, slots=True)
class TokenWish:
    audience: str
    """Empty is the API server's own."""
    expiration_s: int


@dataclass(frozen=True, slots=True, kw_only=True)
class References:
    """By name; what does not exist is absent."""

    config_maps: Mapping[str, ConfigMap] = field(default_factory=dict[str, ConfigMap])
    secrets: Mapping[str, Secret] = field(default_factory=dict[str, Secret])
    tokens: Mapping[TokenWish, str] = field(default_factory=dict[TokenWish, str])


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    config_maps: frozenset[str] = frozenset()
    secrets: frozenset[str] = frozenset()
    tokens: frozenset[TokenWish] = frozenset()


def wanted_by_environment(container: Container) -> Wanted:
    config_maps: set[str] = set()
    secrets: set[str] = set()
    for source in container.env_from:
        if source.config_map_ref is not None:
            config_maps.add(source.config_map_ref.name)
        if source.secret_ref is not None:
            secrets.add(source.secret_ref.name)
    for variable in container.env:
        if (value_from := variable.value_from) is None:
            continue
        if value_from.config_map_key_ref is not None:
            config_maps.add(value_from.config_map_key_ref.name)
        if value_from.secret_key_ref is not None:
            secrets.add(value_from.secret_key_ref.name)
    return Wanted(config_maps=frozenset(config_maps), secrets=frozenset(secrets))


def wanted_by_volumes(volumes: Iterable[Volume]) -> Wanted:
    config_maps: set[str] = set()
    secrets: set[str] = set()
    tokens: set[TokenWish] = set()
    for volume in volumes:
        if volume.config_map is not None:
            config_maps.add(volume.config_map.name)
        if volume.secret is not None:
            secrets.add(volume.secret.secret_name)
        for source in volume.projected.sources if volume.projected is not None else []:
            if source.config_map is not None:
                config_maps.add(source.config_map.name)
            if source.secret is not None:
                secrets.add(source.secret.name)
            if (token := source.service_account_token) is not None:
                tokens.add(TokenWish(token.audience, token.expiration_seconds))
    return Wanted(
        config_maps=frozenset(config_maps), secrets=frozenset(secrets), tokens=frozenset(tokens)
    )


class ReferenceReader:
    """Fetches what pods refer to."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def read(self, pod: Pod, wanted: Wanted) -> References:
        """Raises ApiError and ConnectionFailed; what does not exist is left out."""
        namespace = pod.metadata.namespace
        config_maps, secrets, tokens = await asyncio.gather(
            self._read_all(CONFIG_MAPS, namespace, wanted.config_maps),
            self._read_all(SECRETS, namespace, wanted.secrets),
            self._request_tokens(pod, wanted.tokens),
        )
        return References(config_maps=config_maps, secrets=secrets, tokens=tokens)

    async def services(self, namespace: str) -> list[Service]:
        return list((await self._client.list(SERVICES, namespace)).items)

    async def automounts_token(self, pod: Pod) -> bool:
        """Whether the pod gets its service account's token without asking."""
        if pod.spec.automount_service_account_token is not None:
            return pod.spec.automount_service_account_token
        account = await self._find(
            SERVICE_ACCOUNTS, service_account(pod), namespace=pod.metadata.namespace
        )
        return account is not None and account.automount_service_account_token is not False

    async def _read_all(
        self, resource: Resource[T], namespace: str, names: frozenset[str]
    ) -> dict[str, T]:
        found = await asyncio.gather(
            *(self._find(resource, name, namespace=namespace) for name in names)
        )
        return {obj.metadata.name: obj for obj in found if obj is not None}

    async def _find(self, resource: Resource[T], name: str, *, namespace: str) -> T | None:
        try:
            return await self._client.get(resource, name, namespace)
        except ApiError as error:
            if error.is_not_found:
                return None
            raise

    async def _request_tokens(self, pod: Pod, wishes: frozenset[TokenWish]) -> dict[TokenWish, str]:
        tokens: dict[TokenWish, str] = {}
        for wish in wishes:
            answer = await self._client.call(
                SERVICE_ACCOUNTS,
                service_account(pod),
                "token",
                _token_request(pod, wish),
                pod.metadata.namespace,
            )
            tokens[wish] = answer["status"]["token"]
        return tokens


def service_account(pod: Pod) -> str:
    return pod.spec.service_account_name or "default"


def _token_request(pod: Pod, wish: TokenWish) -> JsonObject:
    spec: JsonObject = {
        "expirationSeconds": wish.expiration_s,
        "boundObjectRef": {
            "apiVersion": "v1",
            "kind": "Pod",
            "name": pod.metadata.name,
            "uid": pod.metadata.uid,
        },
    }
    if wish.audience:
        spec["audiences"] = [wish.audience]
    return {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec}
